"""Sealed bytes of many exchanges: written first, entered in one transaction, opened at once."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from sqlalchemy import Engine, event, func, select

from huitong.core.hashing import sha256
from huitong.gateway.vault.errors import VaultEntryNotFoundError
from huitong.gateway.vault.tables import SealedRow
from tests.vault_kit import Room, collect, pieces

MANY = [b"sealed %d" % number for number in range(12)]


async def _write(room: Room, many: list[bytes]) -> list[Any]:
    written = (room.vault.write_sealed(pieces(data)) for data in many)
    return list(await asyncio.gather(*written))


async def _rows(room: Room) -> int:
    async with room.database.reading() as session:
        count = await session.scalar(select(func.count()).select_from(SealedRow))
        return count or 0


async def _enter_in_vain(room: Room, written: list[Any]) -> None:
    async with room.database.transaction() as session:
        await room.vault.enter_sealed(session, written)
        raise ZeroDivisionError


async def test_many_are_entered_and_opened_together(room: Room) -> None:
    written = await _write(room, MANY)
    async with room.database.transaction() as session:
        assert await room.vault.enter_sealed(session, written) == []
        assert await room.vault.enter_sealed(session, []) == []
    wanted = [sha256(data) for data in MANY]
    opened = await room.vault.open_sealed_many([*wanted, bytes(32)])
    assert isinstance(opened.pop(bytes(32)), VaultEntryNotFoundError)
    shown: list[Any] = [opened[digest] for digest in wanted]
    assert [await collect(stream) for stream in shown] == MANY


async def test_bytes_that_are_kept_already_stay_and_the_second_go(room: Room) -> None:
    await room.vault.keep_sealed(pieces(MANY[0]))
    # One that is kept, and one that stands twice among the new ones.
    written = await _write(room, [MANY[0], MANY[1], MANY[1]])
    async with room.database.transaction() as session:
        needless = await room.vault.enter_sealed(session, written)
    assert needless == [written[0], written[2]]
    await room.vault.forget_written(needless)
    await room.vault.forget_written(needless)
    assert len(room.files()) == await _rows(room) == 2
    for data in MANY[:2]:
        stream = await room.vault.open_sealed(sha256(data))
        assert await collect(stream) == data


async def test_bytes_without_rows_are_not_found_and_swept(room: Room) -> None:
    """What a stop leaves between the bytes and their rows."""
    kept = await room.vault.keep_sealed(pieces(b"kept"))
    written = await _write(room, MANY)
    with pytest.raises(ZeroDivisionError):
        await _enter_in_vain(room, written)
    assert await _rows(room) == 1
    with pytest.raises(VaultEntryNotFoundError):
        await room.vault.open_sealed(sha256(MANY[0]))
    assert (await room.vault.sweep()).objects == 0  # they may be on their way still
    assert (await room.vault.sweep(before_ns=2**62)).objects == len(MANY)
    assert len(room.files()) == 1
    assert await collect(await room.vault.open_sealed(kept.sealed_digest)) == b"kept"


async def test_statements_do_not_grow_with_the_batch(room: Room) -> None:
    counts = []
    for many in ([b"one"], MANY):
        written = await _write(room, many)
        seen: list[str] = []

        def note(_c: Any, _u: Any, statement: str, *_: Any, to: Any = seen) -> None:
            to.append(statement)

        event.listen(Engine, "before_cursor_execute", note)
        async with room.database.transaction() as session:
            await room.vault.enter_sealed(session, written)
        await room.vault.open_sealed_many(
            [one.payload.sealed_digest for one in written]
        )
        event.remove(Engine, "before_cursor_execute", note)
        counts.append(len([one for one in seen if not one.startswith("BEGIN")]))
    assert counts == [3, 3]
