"""Payloads of many exchanges: sealed, committed and dropped for a constant number of calls."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import event, func, select
from sqlalchemy.engine import Engine

from huitong.core.commitment import CommitmentInputError
from huitong.core.hashing import sha256
from huitong.gateway.vault.errors import (
    VaultEntryNotFoundError,
    VaultErasedError,
    VaultStoreError,
)
from huitong.gateway.vault.model import SealedPayload, SealOrder, StagedPayload
from huitong.gateway.vault.object_files import write_files
from huitong.gateway.vault.tables import PayloadRow, SealedRow
from huitong.gateway.vault.together import TOGETHER_MAX, Together
from huitong.payload.errors import SealingKeyError
from tests.vault_kit import (
    INVOICE,
    PUBLIC,
    SUBJECT,
    Room,
    collect,
    context_of,
    pieces,
    read,
    reception_of,
)

OTHER_SUBJECT = sha256(b"somebody else")


@contextmanager
def statements() -> Iterator[list[str]]:
    """Give the statements that reach a database meanwhile."""
    seen: list[str] = []

    def note(_c: object, _u: object, statement: str, *_: object) -> None:
        if not statement.startswith(("BEGIN", "PRAGMA")):
            seen.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(Engine, "before_cursor_execute", note)


def order_of(digest: bytes, holder: str = "", names: tuple[str, ...] = ()) -> SealOrder:
    stored = PayloadOf(digest)
    return SealOrder(
        digest=digest,
        names=names,
        reader_key=PUBLIC,
        context=context_of(stored),  # type: ignore[arg-type]
        holder=holder,
    )


class PayloadOf:
    def __init__(self, digest: bytes) -> None:
        self.digest = digest


async def put_many(room: Room, count: int) -> list[bytes]:
    """Store documents; return their digests."""
    documents = (b"document %d" % number for number in range(count))
    stored = await asyncio.gather(
        *(room.vault.put(pieces(one), subject=SUBJECT) for one in documents)
    )
    return [one.digest for one in stored]


async def sealed_rows(room: Room) -> int:
    async with room.database.reading() as session:
        return await session.scalar(select(func.count()).select_from(SealedRow)) or 0


async def stage_received(room: Room, count: int) -> list[StagedPayload]:
    """Receive documents up to the commit."""
    digests = await put_many(room, count)
    staged = []
    for number, digest in enumerate(digests):
        sealed = await room.vault.seal(digest, (), PUBLIC, order_of(digest).context)
        stored = await room.vault.describe(digest)
        reception = replace(
            reception_of(stored, sealed.sealed_digest), holder=f"exchange-{number}"
        )
        stream = await room.vault.open_sealed(sealed.sealed_digest)
        staged.append(await room.vault.stage_received(stream, reception))
    return staged


async def test_each_order_of_a_batch_is_sealed_or_fails_for_itself(room: Room) -> None:
    vault = room.vault
    first, second = await put_many(room, 2)
    invoice = (await vault.put(pieces(INVOICE))).digest
    erased = (await vault.put(pieces(b"gone"), subject=OTHER_SUBJECT)).digest
    await vault.erase_subject(OTHER_SUBJECT)
    before = len(room.files())
    sealed = await vault.seal_many(
        [
            order_of(first, "exchange-1"),
            order_of(bytes(32)),
            order_of(invoice, "exchange-2", ("total",)),
            order_of(invoice, "exchange-3", ("price",)),
            replace(order_of(second), reader_key=bytes(32)),
            order_of(erased),
            order_of(first, "exchange-4"),
        ]
    )
    assert [type(one) for one in sealed] == [
        SealedPayload,
        VaultEntryNotFoundError,
        SealedPayload,
        CommitmentInputError,
        SealingKeyError,
        VaultErasedError,
        SealedPayload,
    ]
    assert await sealed_rows(room) == 3
    assert len(room.files()) == before + 3
    for one, digest in ((sealed[0], first), (sealed[6], first)):
        assert isinstance(one, SealedPayload)
        stored = await vault.describe(digest)
        stream = await vault.open_sealed(one.sealed_digest)
        received = await vault.receive(stream, reception_of(stored, one.sealed_digest))
        assert await read(vault, digest, received.holder) == b"document 0"
    assert await vault.seal_many([]) == []


async def test_what_is_erased_while_a_batch_is_sealed_leaves_no_sealed_bytes(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    stays = (await room.vault.put(pieces(b"stays"))).digest
    goes = (await room.vault.put(pieces(b"goes"), subject=SUBJECT)).digest
    put = room.objects.put

    async def erasing(kind: str, sealed: AsyncIterator[bytes]) -> tuple[str, int]:
        made = await put(kind, sealed)
        await room.vault.erase_subject(SUBJECT)
        return made

    monkeypatch.setattr(room.objects, "put", erasing)
    kept, gone = await room.vault.seal_many([order_of(stays), order_of(goes)])
    assert isinstance(kept, SealedPayload)
    assert isinstance(gone, VaultErasedError)
    assert len(room.files()) == 2
    assert await sealed_rows(room) == 1


async def test_statements_of_sealing_do_not_grow_with_the_batch(room: Room) -> None:
    digests = await put_many(room, 12)
    counts = []
    for some in (digests[:1], digests):
        with statements() as seen:
            await room.vault.seal_many([order_of(digest) for digest in some])
        counts.append(len(seen))
    assert counts[0] == counts[1] <= 5


async def test_many_are_committed_in_one_statement_and_known_ones_stay(
    room: Room,
) -> None:
    staged = await stage_received(room, 12)
    async with room.database.transaction() as session:
        (first,) = await room.vault.commit_many(session, staged[:1])
    again = replace(staged[0], object_name="payload/00/other")
    twice = replace(staged[1], object_name="payload/00/twice")
    with statements() as seen:
        async with room.database.transaction() as session:
            stored = await room.vault.commit_many(session, [again, *staged[2:]])
    assert len(seen) == 3  # one key, one insert, and what stood there already
    assert stored == [first, *(one.payload for one in staged[2:])]
    async with room.database.transaction() as session:
        one, other = await room.vault.commit_many(session, [staged[1], twice])
        assert await room.vault.commit_many(session, []) == []
    assert one == other == staged[1].payload
    for number, item in enumerate(staged):
        if (
            number != 1
        ):  # of two in one batch either may stay, and one was never written
            payload = item.payload
            shown = await read(room.vault, payload.digest, payload.holder)
            assert shown == b"document %d" % number


async def test_erased_payload_of_a_batch_gives_way(room: Room) -> None:
    staged = [replace(one, owner="issuer") for one in await stage_received(room, 2)]
    async with room.database.transaction() as session:
        await room.vault.commit_many(session, staged)
        row = await session.scalar(
            select(PayloadRow).where(PayloadRow.holder == "exchange-0")
        )
        assert row is not None
        row.wrapped_key = None
    async with room.database.transaction() as session:
        await room.vault.commit_many(session, staged)
    for number, one in enumerate(staged):
        shown = await read(room.vault, one.payload.digest, one.payload.holder)
        assert shown == b"document %d" % number


async def test_batch_of_several_subjects_gets_the_key_of_each(room: Room) -> None:
    staged = [
        await room.vault.stage(pieces(b"of %d" % number), subject=subject)
        for number, subject in enumerate((SUBJECT, b"", OTHER_SUBJECT, SUBJECT))
    ]
    async with room.database.transaction() as session:
        stored = await room.vault.commit_many(session, staged)
    assert (await room.vault.erase_subject(SUBJECT)).payloads == 2
    for number in (1, 2):
        assert await read(room.vault, stored[number].digest) == b"of %d" % number
    for number in (0, 3):
        with pytest.raises(VaultErasedError):
            await room.vault.open(stored[number].digest)


async def test_sealed_bytes_of_many_are_dropped_in_one_statement(room: Room) -> None:
    digests = await put_many(room, 8)
    before = room.files()
    sealed = await room.vault.seal_many(
        [order_of(one, f"exchange-{at}") for at, one in enumerate(digests)]
    )
    done = [one for one in sealed if isinstance(one, SealedPayload)]
    with statements() as seen:
        async with room.database.transaction() as session:
            gone = await room.vault.forget_sealed(
                session,
                digests=[one.sealed_digest for one in done[:4]],
                holders=["exchange-3", "exchange-4", "exchange-99"],
            )
        await room.vault.remove_objects(gone)
    assert (len(gone), len(seen)) == (5, 1)
    assert await sealed_rows(room) == 3
    assert len(room.files()) == len(before) + 3
    for one in done[5:]:
        assert await collect(await room.vault.open_sealed(one.sealed_digest))


async def test_what_a_stop_leaves_behind_a_dropped_row_is_swept(room: Room) -> None:
    (digest,) = await put_many(room, 1)
    before = room.files()
    sealed = await room.vault.seal(digest, (), PUBLIC, order_of(digest).context)
    async with room.database.transaction() as session:
        await room.vault.forget_sealed(session, digests=[sealed.sealed_digest])
    assert len(room.files()) == len(before) + 1
    assert (await room.vault.sweep(before_ns=2**62)).objects == 1
    assert room.files() == before


async def test_document_is_found_in_one_statement(room: Room) -> None:
    (digest,) = await put_many(room, 1)
    with statements() as seen:
        assert await read(room.vault, digest) == b"document 0"
    assert len(seen) == 1


# --- trips to a thread ------------------------------------------------------------------


async def test_what_is_asked_for_at_once_goes_in_one_trip() -> None:
    trips: list[int] = []

    def work(items: Sequence[int]) -> list[int | OSError]:
        trips.append(len(items))
        return [OSError(item) if item % 10 == 3 else -item for item in items]

    together = Together(work)
    count = TOGETHER_MAX + 6
    results = await asyncio.gather(
        *(together.do(item) for item in range(count)), return_exceptions=True
    )
    for item, result in enumerate(results):
        assert isinstance(result, OSError) if item % 10 == 3 else result == -item
    assert sorted(trips) == [6, TOGETHER_MAX]
    assert await together.do(1) == -1


async def test_work_that_breaks_is_told_to_all_who_wait_and_to_nobody_later() -> None:
    calls: list[int] = []

    def work(items: Sequence[int]) -> list[int | OSError]:
        calls.append(len(items))
        if len(calls) == 1:
            raise ZeroDivisionError
        return list(items)

    together = Together(work)
    results = await asyncio.gather(
        *(together.do(item) for item in range(3)), return_exceptions=True
    )
    assert all(isinstance(result, ZeroDivisionError) for result in results)
    assert await together.do(5) == 5


async def test_caller_who_goes_away_keeps_nobody_from_the_rest() -> None:
    together: Together[int, int] = Together(list)
    first = asyncio.create_task(together.do(1))
    second = asyncio.create_task(together.do(2))
    await asyncio.sleep(0)
    first.cancel()
    assert await second == 2
    with pytest.raises(asyncio.CancelledError):
        await first


async def test_file_that_cannot_be_written_fails_alone(tmp_path: Path) -> None:
    (tmp_path / "taken").write_bytes(b"no folder")
    failures = write_files(
        tmp_path, [("a/1", b"one"), ("taken/2", b"two"), ("a/3", b"three")]
    )
    assert [type(one) for one in failures] == [
        type(None),
        NotADirectoryError,
        type(None),
    ]
    assert (tmp_path / "a/1").read_bytes() == b"one"
    assert (tmp_path / "a/3").read_bytes() == b"three"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "taken"]


async def test_many_objects_come_back_whole(plain: Room) -> None:
    contents = [bytes([number]) * (number * 1_000) for number in range(1, 90)]
    made = await asyncio.gather(
        *(plain.objects.put("payload", pieces(one)) for one in contents)
    )
    assert len({name for name, _ in made}) == len(contents)
    shown = await asyncio.gather(*(plain.objects.get(name) for name, _ in made))
    assert [await collect(stream) for stream in shown] == contents
    await plain.objects.delete_many([name for name, _ in made])
    await plain.objects.delete_many([name for name, _ in made])
    assert plain.files() == []


async def test_folder_that_lets_nothing_go_is_told(plain: Room) -> None:
    plain.folder.mkdir(exist_ok=True)
    (plain.folder / "payload").write_bytes(b"in the way")
    with pytest.raises(VaultStoreError):
        await plain.objects.delete_many(["payload/00/one"])
