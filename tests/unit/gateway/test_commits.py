"""What goes along with a commit, and writes that share one."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from huitong.gateway.database.commits import after_commit, gather
from huitong.gateway.database.engine import Database
from huitong.gateway.database.joint_writes import JointWriter

_INSERT = text("INSERT INTO seen VALUES (:id)")


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    async with Database(f"sqlite:///{tmp_path}/gateway.db") as opened:
        async with opened.transaction() as session:
            await session.execute(text("CREATE TABLE seen (id INTEGER UNIQUE)"))
        yield opened


async def _seen(database: Database) -> list[int]:
    async with database.reading() as session:
        return list(await session.scalars(text("SELECT id FROM seen ORDER BY id")))


class _Base(DeclarativeBase):
    pass


class _Seen(_Base):
    __tablename__ = "seen"
    id: Mapped[int] = mapped_column(primary_key=True)


class Rows:
    """Writes rows that were gathered, and remembers how many at once."""

    def __init__(self) -> None:
        self.written: list[int] = []

    def __call__(self, session: Session, values: list[dict[str, Any]]) -> None:
        self.written.append(len(values))
        session.execute(_INSERT, values)


async def test_gathered_values_are_written_at_once_with_the_commit(
    database: Database,
) -> None:
    rows = Rows()
    async with database.transaction() as session:
        for number in (1, 2, 3):
            gather(session, rows, {"id": number})
        assert rows.written == []
    assert rows.written == [3]
    assert await _seen(database) == [1, 2, 3]


async def test_calls_come_behind_the_commit(database: Database) -> None:
    called: list[str] = []
    async with database.transaction() as session:
        after_commit(session, lambda: called.append("outer"))
        async with session.begin_nested():
            after_commit(session, lambda: called.append("inner"))
        assert called == []
    assert called == ["outer", "inner"]


async def _ask_and_fail(session: AsyncSession, rows: Rows, called: list[str]) -> None:
    gather(session, rows, {"id": 2})
    after_commit(session, lambda: called.append("lost"))
    raise KeyError


async def test_who_is_called_finds_what_was_committed(
    database: Database, tmp_path: Path
) -> None:
    other = sqlite3.connect(tmp_path / "gateway.db")
    found: list[Any] = []
    async with database.transaction() as session:
        await session.execute(_INSERT, {"id": 1})
        after_commit(session, lambda: found.extend(other.execute("SELECT * FROM seen")))
    other.close()
    assert found == [(1,)]


async def test_commit_that_fails_calls_nobody(database: Database) -> None:
    called: list[int] = []
    child = "CREATE TABLE child (id REFERENCES seen(id) DEFERRABLE INITIALLY DEFERRED)"
    async with database.transaction() as session:
        await session.execute(text(child))

    async def write() -> None:
        async with database.transaction() as session:
            await session.execute(text("INSERT INTO child VALUES (7)"))
            after_commit(session, lambda: called.append(7))

    with pytest.raises(IntegrityError):
        await write()
    assert called == []


async def test_failed_flush_in_a_savepoint_takes_nothing_from_what_is_around(
    database: Database,
) -> None:
    rows, called = Rows(), []

    async def fail(session: AsyncSession) -> None:
        async with session.begin_nested():
            gather(session, rows, {"id": 3})
            session.add(_Seen(id=1))  # is there already: the flush fails
            await session.flush()

    async with database.transaction() as session:
        await session.execute(_INSERT, {"id": 1})
        gather(session, rows, {"id": 2})
        after_commit(session, lambda: called.append("outer"))
        with pytest.raises(IntegrityError):
            await fail(session)
    assert called == ["outer"]
    assert await _seen(database) == [1, 2]


async def test_what_a_released_savepoint_gathered_is_written_with_the_commit(
    database: Database,
) -> None:
    rows = Rows()
    async with database.transaction() as session:
        gather(session, rows, {"id": 1})
        async with session.begin_nested():
            gather(session, rows, {"id": 2})
        assert rows.written == []
    assert rows.written == [2]
    assert await _seen(database) == [1, 2]


async def test_what_a_savepoint_asked_for_goes_with_it(database: Database) -> None:
    rows, called = Rows(), list[str]()
    async with database.transaction() as session:
        gather(session, rows, {"id": 1})
        after_commit(session, lambda: called.append("kept"))
        with pytest.raises(KeyError):
            async with session.begin_nested():
                await _ask_and_fail(session, rows, called)
        async with session.begin_nested():
            gather(session, rows, {"id": 3})
    assert await _seen(database) == [1, 3]
    assert called == ["kept"]


async def test_release_within_a_savepoint_that_is_rolled_back_calls_nobody(
    database: Database,
) -> None:
    called: list[str] = []

    async def release_and_fail(session: AsyncSession) -> None:
        async with session.begin_nested():
            after_commit(session, lambda: called.append("lost"))
        raise KeyError

    async with database.transaction() as session:
        with pytest.raises(KeyError):
            async with session.begin_nested():
                await release_and_fail(session)
    assert called == []


async def test_rolled_back_transaction_writes_and_calls_nothing(
    database: Database,
) -> None:
    rows, called = Rows(), list[str]()
    with pytest.raises(KeyError):
        async with database.transaction() as session:
            await _ask_and_fail(session, rows, called)
    assert (rows.written, called) == ([], [])
    assert await _seen(database) == []


class Numbers:
    """A kind of writes: rows with these numbers, 0 is refused."""

    def __init__(self) -> None:
        self.calls: list[list[int]] = []

    async def write(
        self, session: AsyncSession, items: Sequence[int]
    ) -> list[int | Exception]:
        self.calls.append(list(items))
        wanted = [{"id": item} for item in items if item]
        if wanted:
            await session.execute(_INSERT, wanted)
        return [item or ValueError("zero") for item in items]


async def test_writes_of_all_kinds_share_a_transaction(database: Database) -> None:
    writer, some, others = JointWriter(database), Numbers(), Numbers()
    kinds = [writer.kind(some.write), writer.kind(others.write)]
    transactions = 0
    begin = database.transaction

    def counted() -> Any:
        nonlocal transactions
        transactions += 1
        return begin()

    database.transaction = counted  # type: ignore[method-assign]
    answers = await asyncio.gather(
        *(kinds[number % 2].do(number) for number in range(1, 9))
    )
    assert answers == list(range(1, 9))
    assert await _seen(database) == list(range(1, 9))
    assert transactions == 1
    assert [len(some.calls), len(others.calls)] == [1, 1]


async def test_write_that_is_refused_keeps_no_other_back(database: Database) -> None:
    kind = JointWriter(database).kind(Numbers().write)
    answers = await asyncio.gather(
        *(kind.do(number) for number in (1, 0, 2)), return_exceptions=True
    )
    assert [type(answer) for answer in answers] == [int, ValueError, int]
    assert await _seen(database) == [1, 2]


async def test_write_that_breaks_the_transaction_breaks_no_other(
    database: Database,
) -> None:
    writer = JointWriter(database)
    kind, other = writer.kind(Numbers().write), writer.kind(Numbers().write)
    await kind.do(1)
    answers = await asyncio.gather(
        kind.do(2), kind.do(1), other.do(3), return_exceptions=True
    )
    assert [answers[0], answers[2]] == [2, 3]
    assert isinstance(answers[1], Exception)
    assert await _seen(database) == [1, 2, 3]


async def test_last_kind_writes_behind_the_others(database: Database) -> None:
    order: list[str] = []

    def of(name: str) -> Any:
        async def write(session: AsyncSession, items: Sequence[int]) -> Sequence[int]:
            order.append(name)
            return items

        return write

    writer = JointWriter(database)
    last = writer.kind(of("last"), is_last=True)
    first = writer.kind(of("first"))
    await asyncio.gather(last.do(1), first.do(1))
    assert order == ["first", "last"]


async def test_write_that_nobody_waits_for_any_more_is_not_begun(
    database: Database,
) -> None:
    kind = JointWriter(database).kind(Numbers().write)
    gone = asyncio.create_task(kind.do(1))
    await asyncio.sleep(0)
    gone.cancel()
    await kind.do(2)
    assert await _seen(database) == [2]
