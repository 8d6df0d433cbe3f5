"""Payloads at rest: encrypted, whole, and nobody else's; in a folder and in a bucket."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import update

from huitong.core.commitment import CommitmentInputError, DisclosureMismatchError
from huitong.core.hashing import sha256
from huitong.core.limits import PAYLOAD_FIELDS_SIZE_BYTES_MAX
from huitong.gateway.vault.errors import (
    VaultCorruptError,
    VaultEntryNotFoundError,
    VaultUnknownKeyError,
)
from huitong.gateway.vault.model import ByteStream
from huitong.gateway.vault.settings import VaultSettings
from huitong.gateway.vault.tables import PayloadRow
from huitong.payload.chunks import CHUNK_SIZE_BYTES
from huitong.payload.errors import (
    ContentTypeError,
    PayloadEmptyError,
    PayloadFieldsError,
    PayloadSubjectError,
    PayloadTooLargeError,
    SealedDigestError,
    SealedFormError,
    SealOpenError,
)
from huitong.payload.sealing import SUITE_AES_256_GCM, SUITE_STREAM
from tests.vault_kit import (
    INVOICE,
    OTHER_KEY,
    PUBLIC,
    SUBJECT,
    Room,
    collect,
    context_of,
    pieces,
    read,
    reception_of,
)

PDF = b"%PDF-1.7 " + b"West Lake Silk " * 20
#: Larger than one part of an upload, and than one message.
LARGE = b"%PDF-1.7 " + bytes(range(256)) * 40_000


@pytest.mark.parametrize("document", [INVOICE, PDF, LARGE], ids=["json", "pdf", "10M"])
async def test_stored_payload_comes_back_and_nothing_is_in_clear(
    room: Room, document: bytes
) -> None:
    stored = await room.vault.put(pieces(document), subject=SUBJECT)
    shown = await read(room.vault, stored.digest)
    if document == INVOICE:
        assert b'"total": "113.00"' in shown
        assert stored.fields == stored.given == ("seller", "tax", "total")
    else:
        assert shown == document
        assert stored.fields == ("document",)
        assert stored.size == len(document)
    assert await room.vault.describe(stored.digest) == stored
    assert await room.vault.list() == [stored]
    (file,) = room.files()
    for part in (b"West Lake", b"113.00", b"total", bytes(range(200))):
        assert part not in file.read_bytes()
    await room.vault.check()


async def test_sealed_payload_is_received_checked_and_stored(room: Room) -> None:
    for document, suite in ((INVOICE, SUITE_AES_256_GCM), (LARGE, SUITE_STREAM)):
        stored = await room.vault.put(pieces(document))
        sealed = await room.vault.seal(stored.digest, (), PUBLIC, context_of(stored))
        sent = await collect(await room.vault.open_sealed(sealed.sealed_digest))
        assert sent[0] == suite
        assert (sha256(sent), len(sent)) == (sealed.sealed_digest, sealed.size)
        reception = reception_of(stored, sealed.sealed_digest)
        received = await room.vault.receive(pieces(sent), reception)
        assert received.holder == "exchange-7"
        assert received.given == stored.fields
        assert await read(room.vault, stored.digest, "exchange-7") == await read(
            room.vault, stored.digest
        )
        again = await room.vault.receive(pieces(sent), reception)
        assert again == received
        await room.vault.drop_sealed(sealed.sealed_digest)
        await room.vault.drop_sealed(sealed.sealed_digest)
        with pytest.raises(VaultEntryNotFoundError):
            await room.vault.open_sealed(sealed.sealed_digest)


async def test_all_that_was_sealed_for_one_exchange_is_dropped_and_nothing_else(
    room: Room,
) -> None:
    stored = await room.vault.put(pieces(INVOICE))
    sealed = [
        await room.vault.seal(
            stored.digest, (), PUBLIC, context_of(stored), holder=holder
        )
        for holder in ("exchange-7", "exchange-7", "exchange-8", "")
    ]
    await room.vault.drop_sealed_for("exchange-7")
    for forgotten in sealed[:2]:
        with pytest.raises(VaultEntryNotFoundError):
            await room.vault.open_sealed(forgotten.sealed_digest)
    for kept in sealed[2:]:
        assert await collect(await room.vault.open_sealed(kept.sealed_digest))


async def test_granted_fields_are_given_and_the_others_stay_provable(
    plain: Room,
) -> None:
    vault = plain.vault
    stored = await vault.put(pieces(INVOICE))
    sealed = await vault.seal(stored.digest, ["total"], PUBLIC, context_of(stored))
    reception = reception_of(stored, sealed.sealed_digest, ("total",))
    sent = await vault.open_sealed(sealed.sealed_digest)
    received = await vault.receive(sent, reception)
    assert (received.fields, received.given) == (stored.fields, ("total",))
    assert (
        await read(vault, stored.digest, "exchange-7") == b'{\n  "total": "113.00"\n}\n'
    )
    other = reception_of(stored, sealed.sealed_digest, ("tax",))
    with pytest.raises(PayloadFieldsError, match="tax, total"):
        await vault.stage_received(await vault.open_sealed(sealed.sealed_digest), other)
    with pytest.raises(CommitmentInputError, match="price"):
        await vault.seal(stored.digest, ["price"], PUBLIC, context_of(stored))
    document = await vault.put(pieces(PDF))
    with pytest.raises(CommitmentInputError, match="price"):
        await vault.seal(document.digest, ["price"], PUBLIC, context_of(document))


async def test_what_was_not_handed_over_is_not_received(plain: Room) -> None:
    vault = plain.vault
    for document in (INVOICE, LARGE):
        stored = await vault.put(pieces(document))
        sealed = await vault.seal(stored.digest, (), PUBLIC, context_of(stored))
        sent = await collect(await vault.open_sealed(sealed.sealed_digest))
        before = plain.files()
        changed = bytearray(sent)
        changed[-1] ^= 1
        other = await vault.put(pieces(PDF))
        for bytes_, reception, error in (
            (sent, reception_of(stored, bytes(32)), SealedDigestError),
            (sent, reception_of(other, sealed.sealed_digest), SealOpenError),
            (
                bytes(changed),
                reception_of(stored, sha256(bytes(changed))),
                SealOpenError,
            ),
            (b"", reception_of(stored, sha256(b"")), SealedFormError),
            (
                b"\x09" + sent,
                reception_of(stored, sha256(b"\x09" + sent)),
                SealedFormError,
            ),
        ):
            with pytest.raises(error):
                await vault.receive(pieces(bytes_), reception)
        with pytest.raises(VaultEntryNotFoundError):
            await vault.describe(stored.digest, "exchange-7")
        assert len(plain.files()) == len(before) + 1


async def test_fields_that_the_record_does_not_commit_to_are_not_received(
    plain: Room,
) -> None:
    """The issuer seals another document correctly for this exchange."""
    vault = plain.vault
    stored, forged = await vault.put(pieces(LARGE)), await vault.put(pieces(LARGE))
    sealed = await vault.seal(forged.digest, (), PUBLIC, context_of(stored))
    with pytest.raises(DisclosureMismatchError):
        await vault.receive(
            await vault.open_sealed(sealed.sealed_digest),
            reception_of(stored, sealed.sealed_digest),
        )


async def test_sealed_bytes_that_arrive_are_kept_and_resumed(plain: Room) -> None:
    vault, data = plain.vault, bytes(range(256)) * 20_000
    kept = await vault.keep_sealed(pieces(data))
    assert kept.sealed_digest == sha256(data)
    assert await vault.keep_sealed(pieces(data)) == kept
    assert len(plain.files()) == 1
    for offset in (0, 1, 1_000_000, len(data) - 1, len(data)):
        stream = await vault.open_sealed(kept.sealed_digest, offset=offset)
        assert await collect(stream) == data[offset:]
    with pytest.raises(SealedFormError):
        await vault.keep_sealed(pieces(b""))


async def test_any_changed_byte_of_an_entry_is_found(plain: Room) -> None:
    stored = await plain.vault.put(pieces(b"x"))
    (file,) = plain.files()
    good = file.read_bytes()
    for index in range(len(good)):
        changed = bytearray(good)
        changed[index] ^= 1
        file.write_bytes(changed)
        with pytest.raises(VaultCorruptError):
            await read(plain.vault, stored.digest)
    for cut in (0, 7, 60, len(good) - 1):
        file.write_bytes(good[:cut])
        with pytest.raises(VaultCorruptError):
            await read(plain.vault, stored.digest)
    file.unlink()
    with pytest.raises(VaultCorruptError, match="missing"):
        await read(plain.vault, stored.digest)


@pytest.mark.parametrize("place", [9, 300_000, 1_000_000, -1])
async def test_changed_document_is_never_given_to_its_end(
    plain: Room, place: int
) -> None:
    stored = await plain.vault.put(pieces(LARGE))
    (file,) = plain.files()
    changed = bytearray(file.read_bytes())
    changed[place] ^= 1
    file.write_bytes(changed)
    given: list[int] = []

    async def read_on() -> None:
        async for piece in (await plain.vault.open(stored.digest)).content:
            given.append(len(piece))

    with pytest.raises(VaultCorruptError):
        await read_on()
    assert sum(given) < len(LARGE)


async def test_entry_does_not_stand_for_another(plain: Room) -> None:
    """Rows and objects that are exchanged are refused, by the vault's own keys."""
    first = await plain.vault.put(pieces(PDF))
    (one,) = plain.files()
    second = await plain.vault.put(pieces(PDF + b"2"))
    (two,) = (path for path in plain.files() if path != one)
    swapped = one.read_bytes(), two.read_bytes()
    one.write_bytes(swapped[1])
    two.write_bytes(swapped[0])
    for digest in (first.digest, second.digest):
        with pytest.raises(VaultCorruptError):
            await read(plain.vault, digest)
    one.write_bytes(swapped[0])
    two.write_bytes(swapped[1])
    async with plain.database.transaction() as session:
        await session.execute(
            update(PayloadRow)
            .where(PayloadRow.digest == first.digest)
            .values(digest=bytes(32))
        )
    with pytest.raises(VaultCorruptError, match="wrapped key"):
        await read(plain.vault, bytes(32))


async def test_another_key_does_not_open_the_vault(plain: Room) -> None:
    stored = await plain.vault.put(pieces(b"x"))
    with pytest.raises(VaultUnknownKeyError):
        await plain.again(OTHER_KEY).open(stored.digest)


async def test_document_that_is_not_taken_leaves_nothing(plain: Room) -> None:
    vault = plain.again(settings=VaultSettings(document_size_bytes_max=len(LARGE) - 1))
    for document, content_type, error in (
        (b"", "", PayloadEmptyError),
        (LARGE, "", PayloadTooLargeError),
        (PDF, "image/png", ContentTypeError),
        (INVOICE, "application/pdf", ContentTypeError),
    ):
        with pytest.raises(error):
            await vault.put(pieces(document), content_type=content_type)
    with pytest.raises(PayloadSubjectError):
        await vault.put(pieces(PDF), subject=b"short")
    assert plain.files() == []
    assert await vault.list() == []


async def test_source_that_breaks_off_leaves_nothing(plain: Room) -> None:
    class BrokenOffError(Exception):
        pass

    async def broken() -> ByteStream:
        yield LARGE
        raise BrokenOffError

    for _ in range(2):
        with pytest.raises(BrokenOffError):
            await plain.vault.put(broken())
    assert plain.files() == []


async def test_put_that_is_cancelled_leaves_nothing_to_be_seen(plain: Room) -> None:
    going = asyncio.Event()

    async def endless() -> ByteStream:
        yield LARGE
        going.set()
        await asyncio.Event().wait()

    task = asyncio.create_task(plain.vault.put(endless()))
    await going.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await plain.vault.list() == []


async def test_payload_exists_when_its_transaction_is_committed(plain: Room) -> None:
    staged = await plain.vault.stage(pieces(PDF))
    digest = staged.payload.digest

    async def commit_and_fail() -> None:
        async with plain.database.transaction() as session:
            await plain.vault.commit(session, staged)
            raise KeyError

    with pytest.raises(KeyError):
        await commit_and_fail()
    with pytest.raises(VaultEntryNotFoundError):
        await plain.vault.describe(digest)
    async with plain.database.transaction() as session:
        await plain.vault.commit(session, staged)
    assert await read(plain.vault, digest) == PDF
    other = await plain.vault.stage(pieces(PDF))
    await plain.vault.discard(other)
    assert len(plain.files()) == 1
    assert "data_key" not in repr(other)


async def test_many_put_the_same_document_at_once(room: Room) -> None:
    stored = await asyncio.gather(
        *(room.again().put(pieces(PDF), subject=SUBJECT) for _ in range(8))
    )
    assert len({one.digest for one in stored}) == 8
    for one in stored:
        assert await read(room.vault, one.digest) == PDF


async def test_many_receive_the_same_payload_at_once(room: Room) -> None:
    stored = await room.vault.put(pieces(PDF))
    sealed = await room.vault.seal(stored.digest, (), PUBLIC, context_of(stored))
    sent = await collect(await room.vault.open_sealed(sealed.sealed_digest))
    reception = reception_of(stored, sealed.sealed_digest)
    received = await asyncio.gather(
        *(room.again().receive(pieces(sent), reception) for _ in range(6))
    )
    assert len({one.created_ns for one in received}) == 1
    assert len(await room.vault.list()) == 2
    # The own payload, what was received, and the sealed bytes.
    assert len(room.files()) == 3


async def test_orphans_are_swept_and_nothing_else(room: Room) -> None:
    kept = await room.vault.put(pieces(PDF))
    await room.vault.stage(pieces(PDF))
    sealed = await room.vault.seal(kept.digest, (), PUBLIC, context_of(kept))
    assert (await room.vault.sweep()).objects == 0
    assert (await room.vault.sweep(before_ns=2**62)).objects == 1
    assert await read(room.vault, kept.digest) == PDF
    assert await collect(await room.vault.open_sealed(sealed.sealed_digest))
    assert len(room.files()) == 2


async def test_pages_of_the_list_follow_each_other(plain: Room) -> None:
    stored = [await plain.vault.put(pieces(b"%d" % number)) for number in range(5)]
    first = await plain.vault.list(limit=3)
    last = first[-1]
    rest = await plain.vault.list(after=(last.digest, last.holder), limit=3)
    assert [one.digest for one in first + rest] == sorted(one.digest for one in stored)


@pytest.mark.parametrize(
    ("document", "fields"),
    [
        (b'{"a":1}', ("a",)),
        (b' \n{"a":1}', ("a",)),
        (b'{"document":1}', ("document",)),
        (b'{"a":1}{', ("document",)),
        (b'{"a":1,"a":2}', ("document",)),
        (b'{"a":"' + b"x" * PAYLOAD_FIELDS_SIZE_BYTES_MAX + b'"}', ("document",)),
        (b"[1]", ("document",)),
        (b"{", ("document",)),
        (b"x" * CHUNK_SIZE_BYTES, ("document",)),
    ],
    ids=lambda value: repr(value)[:24],
)
async def test_json_object_is_split_and_anything_else_is_one_field(
    plain: Room, document: bytes, fields: tuple[str, ...]
) -> None:
    stored = await plain.vault.put(pieces(document))
    assert stored.fields == fields
    sealed = await plain.vault.seal(stored.digest, (), PUBLIC, context_of(stored))
    received = await plain.vault.receive(
        await plain.vault.open_sealed(sealed.sealed_digest),
        reception_of(stored, sealed.sealed_digest),
    )
    assert received.given == fields
