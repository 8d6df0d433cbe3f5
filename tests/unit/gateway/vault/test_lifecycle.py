"""Keys that are destroyed take their payloads along; keys that are changed do not."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import structlog
from sqlalchemy import select

from huitong.core.hashing import sha256
from huitong.gateway.vault import lifecycle
from huitong.gateway.vault.errors import (
    VaultCorruptError,
    VaultEntryNotFoundError,
    VaultErasedError,
    VaultUnknownKeyError,
)
from huitong.gateway.vault.tables import KeyRow, PayloadRow
from huitong.payload.errors import PayloadSubjectError
from tests.vault_kit import (
    INVOICE,
    KEY,
    OTHER_KEY,
    PUBLIC,
    SUBJECT,
    Room,
    context_of,
    open_room,
    pieces,
    read,
    reception_of,
)

OTHER_SUBJECT = sha256(b"somebody else")


@pytest.fixture
async def room(database_url: str, tmp_path: Path) -> AsyncIterator[Room]:
    """Give a vault in a folder, on each database."""
    async with open_room(tmp_path, url=database_url) as made:
        yield made


async def keys_of(room: Room) -> list[KeyRow]:
    async with room.database.transaction() as session:
        return list((await session.scalars(select(KeyRow))).all())


async def test_erased_payloads_are_unreadable_and_others_stay(room: Room) -> None:
    vault = room.vault
    own = [await vault.put(pieces(INVOICE), subject=SUBJECT) for _ in range(3)]
    other = await vault.put(pieces(INVOICE), subject=OTHER_SUBJECT)
    without = await vault.put(pieces(INVOICE))
    sealed = await vault.seal(own[0].digest, (), PUBLIC, context_of(own[0]))
    reception = reception_of(own[0], sealed.sealed_digest, subject=SUBJECT)
    await vault.receive(await vault.open_sealed(sealed.sealed_digest), reception)
    erasure = await vault.erase_subject(SUBJECT)
    assert (len(erasure.keys), erasure.payloads) == (1, 4)
    for digest, holder in [(one.digest, "") for one in own] + [
        (own[0].digest, "exchange-7")
    ]:
        for again in (vault, room.again()):
            with pytest.raises(VaultErasedError):
                await again.open(digest, holder)
        assert (await vault.describe(digest, holder)).is_erased
    with pytest.raises(VaultErasedError):
        await vault.seal(own[0].digest, (), PUBLIC, context_of(own[0]))
    with pytest.raises(VaultEntryNotFoundError):
        await vault.open_sealed(sealed.sealed_digest)
    for one in (other, without):
        assert await read(vault, one.digest)
    assert len(room.files()) == 2
    again_erased = await vault.erase_subject(SUBJECT)
    assert (again_erased.keys, again_erased.payloads) == ((), 0)


async def test_nothing_recovers_an_erased_payload(room: Room) -> None:
    """Not a backup of the ciphertext, nor that with the rows that are left."""
    stored = await room.vault.put(pieces(INVOICE), subject=SUBJECT)
    backup = room.folder.with_name("backup")
    shutil.copytree(room.folder, backup)
    await room.vault.erase_subject(SUBJECT)
    shutil.copytree(backup, room.folder, dirs_exist_ok=True)
    with pytest.raises(VaultErasedError):
        await room.vault.open(stored.digest)
    (key,) = await keys_of(room)
    assert key.wrapped is None
    assert key.destroyed_ns is not None
    async with room.database.transaction() as session:
        row = (await session.scalars(select(PayloadRow))).one()
    assert row.wrapped_key is None
    (file,) = room.files()
    assert b"Silk" not in file.read_bytes()


async def test_backup_of_the_database_needs_the_key_of_its_time(
    tmp_path: Path,
) -> None:
    """After a rotation and the end of the former key, old backups open nothing."""
    async with open_room(tmp_path) as room:
        stored = await room.vault.put(pieces(INVOICE), subject=SUBJECT)
        await room.database.close()
        backup = tmp_path / "backup"
        backup.mkdir()
        shutil.copytree(room.folder, backup / "vault")
        shutil.copyfile(tmp_path / "gateway.db", backup / "gateway.db")
        await room.vault.erase_subject(SUBJECT)
        await room.again(OTHER_KEY, [KEY]).rotate()
    async with open_room(backup, key=OTHER_KEY) as restored:
        with pytest.raises(VaultUnknownKeyError):
            await restored.vault.open(stored.digest)


async def test_sqlite_forgets_the_bytes_of_a_destroyed_key(tmp_path: Path) -> None:
    async with open_room(tmp_path) as room:
        await room.vault.put(pieces(INVOICE), subject=SUBJECT)
        (key,) = await keys_of(room)
        assert key.wrapped is not None
        await room.vault.erase_subject(SUBJECT)
        for path in tmp_path.glob("gateway.db*"):
            assert key.wrapped not in path.read_bytes()


async def test_erased_subject_may_come_back_under_another_key(room: Room) -> None:
    old = await room.vault.put(pieces(INVOICE), subject=SUBJECT)
    await room.vault.erase_subject(SUBJECT)
    new = await room.vault.put(pieces(INVOICE), subject=SUBJECT)
    assert await read(room.vault, new.digest)
    with pytest.raises(VaultErasedError):
        await room.vault.open(old.digest)


async def test_erased_payload_may_be_received_again(room: Room) -> None:
    vault = room.vault
    own = await vault.put(pieces(INVOICE))
    for _ in range(2):
        sealed = await vault.seal(own.digest, (), PUBLIC, context_of(own))
        reception = reception_of(own, sealed.sealed_digest, subject=SUBJECT)
        stream = await vault.open_sealed(sealed.sealed_digest)
        received = await vault.receive(stream, reception)
        assert not received.is_erased
        assert await read(vault, own.digest, "exchange-7")
        await vault.erase_subject(SUBJECT)
    assert (await vault.describe(own.digest, "exchange-7")).is_erased


async def test_payload_that_arrives_during_an_erasure_is_erased_or_readable(
    room: Room,
) -> None:
    """Never committed under a key that has gone."""

    async def put() -> None:
        stored = await room.again().put(pieces(INVOICE), subject=SUBJECT)
        try:
            assert await read(room.vault, stored.digest)
        except VaultErasedError:
            return

    async def erase() -> None:
        await room.again().erase_subject(SUBJECT)

    await asyncio.gather(*(put() if index % 3 else erase() for index in range(18)))
    for stored in await room.vault.list():
        if not stored.is_erased:
            assert await read(room.vault, stored.digest)


@pytest.mark.parametrize("subject", [b"", b"short", bytes(33)])
async def test_what_is_no_subject_is_not_erased(room: Room, subject: bytes) -> None:
    stored = await room.vault.put(pieces(INVOICE))
    with pytest.raises(PayloadSubjectError):
        await room.vault.erase_subject(subject)
    assert await read(room.vault, stored.digest)


async def test_rotation_keeps_payloads_and_shuts_out_the_old_key(room: Room) -> None:
    stored = [
        await room.vault.put(pieces(INVOICE), subject=sha256(bytes((number,))))
        for number in range(5)
    ]
    before = [file.read_bytes() for file in room.files()]
    moved = room.again(OTHER_KEY, [KEY])
    assert await read(moved, stored[0].digest)
    rotation = await moved.rotate()
    assert (rotation.rewrapped, rotation.key_id) == (5, OTHER_KEY.id)
    assert (await moved.rotate()).rewrapped == 0
    for one in stored:
        assert await read(room.again(OTHER_KEY), one.digest)
        with pytest.raises(VaultUnknownKeyError, match=OTHER_KEY.id):
            await room.vault.open(one.digest)
    assert [file.read_bytes() for file in room.files()] == before


async def test_rotation_without_the_former_key_is_refused(room: Room) -> None:
    stored = await room.vault.put(pieces(INVOICE))
    with pytest.raises(VaultUnknownKeyError, match=KEY.id):
        await room.again(OTHER_KEY).rotate()
    assert await read(room.vault, stored.digest)


class PowerCutError(Exception):
    pass


@pytest.mark.parametrize("step", range(4))
@pytest.mark.parametrize("what", ["key", "subject"])
async def test_rotation_that_was_broken_off_goes_on(
    room: Room, monkeypatch: pytest.MonkeyPatch, what: str, step: int
) -> None:
    """After any number of steps all payloads open; the next call ends the work."""
    monkeypatch.setattr(lifecycle, "BATCH", 2)
    subjects = [sha256(bytes((number,))) for number in range(5)]
    if what == "subject":
        subjects = [SUBJECT] * 5
    stored = [await room.vault.put(pieces(INVOICE), subject=one) for one in subjects]
    moved = room.again(OTHER_KEY, [KEY])
    name = "_rewrap_some" if what == "key" else "_rewrap_some_payloads"
    real, taken = getattr(lifecycle, name), 0

    async def cut(*arguments: object) -> int:
        nonlocal taken
        taken += 1
        count: int = await real(*arguments)
        if taken > step:
            raise PowerCutError
        return count

    async def rotate() -> int:
        rotation = moved.rotate() if what == "key" else moved.rotate_subject(SUBJECT)
        return (await rotation).rewrapped

    with monkeypatch.context() as patch:
        patch.setattr(lifecycle, name, cut)
        with pytest.raises(PowerCutError):
            await rotate()
    for one in stored:
        assert await read(moved, one.digest)
    assert await rotate() == 5 - min(2 * step, 5)
    for one in stored:
        assert await read(moved, one.digest)
    living = [row for row in await keys_of(room) if row.wrapped is not None]
    assert len(living) == (5 if what == "key" else 1)


async def test_subject_gets_a_new_key_and_the_old_one_is_destroyed(room: Room) -> None:
    for subject in (SUBJECT, b""):
        stored = await room.vault.put(pieces(INVOICE), subject=subject)
        before = {row.key_id for row in await keys_of(room) if row.wrapped}
        rotation = await room.vault.rotate_subject(subject)
        assert rotation.rewrapped == 1
        after = {row.key_id for row in await keys_of(room) if row.wrapped}
        assert after - before == {rotation.key_id}
        assert len(after) == len(before)
        assert await read(room.vault, stored.digest)
    assert (await room.vault.erase_subject(SUBJECT)).payloads == 1


async def test_work_goes_on_while_keys_are_rotated(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lifecycle, "BATCH", 1)
    moved = room.again(OTHER_KEY, [KEY])

    async def put() -> None:
        stored = await room.again(KEY, [OTHER_KEY]).put(
            pieces(INVOICE), subject=SUBJECT
        )
        assert await read(moved, stored.digest)

    await asyncio.gather(
        *(put() for _ in range(8)),
        moved.rotate(),
        *(moved.rotate_subject(SUBJECT) for _ in range(2)),
        *(put() for _ in range(8)),
    )
    await moved.rotate()
    for stored in await moved.list():
        assert await read(room.again(OTHER_KEY), stored.digest)


async def test_key_of_another_row_is_refused(room: Room) -> None:
    first = await room.vault.put(pieces(INVOICE), subject=SUBJECT)
    await room.vault.put(pieces(INVOICE), subject=OTHER_SUBJECT)
    async with room.database.transaction() as session:
        keys = (await session.scalars(select(KeyRow))).all()
        keys[0].wrapped, keys[1].wrapped = keys[1].wrapped, keys[0].wrapped
    with pytest.raises(VaultCorruptError):
        await room.vault.open(first.digest)


@pytest.fixture
def all_logs() -> Iterator[None]:
    """Log everything, whatever level a command of another test has set."""
    before = structlog.get_config()
    structlog.reset_defaults()
    yield
    structlog.configure(**before)


@pytest.mark.usefixtures("all_logs")
async def test_logs_name_keys_and_never_show_them(room: Room) -> None:
    with structlog.testing.capture_logs() as logs:
        await room.vault.put(pieces(INVOICE), subject=SUBJECT)
        (key,) = await keys_of(room)
        await room.vault.rotate_subject(SUBJECT)
        await room.again(OTHER_KEY, [KEY]).rotate()
        erasure = await room.again(OTHER_KEY).erase_subject(SUBJECT)
        await room.vault.stage(pieces(INVOICE))
        await room.vault.sweep(before_ns=2**62)
    assert {line["event"] for line in logs} == {
        "vault_subject_key_rotated",
        "vault_keys_rewrapped",
        "vault_subject_erased",
        "vault_swept",
    }
    text = repr(logs)
    assert erasure.keys[0] in text
    assert key.wrapped is not None
    for secret in (bytes(range(32)), bytes(32), key.wrapped):
        assert secret.hex() not in text
        assert repr(secret)[2:-1] not in text
