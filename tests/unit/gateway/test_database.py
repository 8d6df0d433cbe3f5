"""The gateway's database: URLs, transactions, and what SQLite is set to."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session

from huitong.gateway.database.commits import after_commit
from huitong.gateway.database.engine import Database, read_url
from huitong.gateway.database.errors import DatabaseDownError, DatabaseUrlError


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/gateway.db"


@pytest.mark.parametrize(
    ("given", "driver"),
    [
        ("sqlite:///gateway.db", "sqlite+aiosqlite"),
        ("postgresql://gateway@db.example/gateway", "postgresql+psycopg"),
    ],
)
def test_url_gets_the_driver_that_we_use(given: str, driver: str) -> None:
    assert read_url(given).drivername == driver


@pytest.mark.parametrize(
    "given",
    ["", "gateway.db", "sqlite://", "mysql://db/gateway", "sqlite+pysqlite:///x"],
)
def test_url_of_no_known_database_is_refused(given: str) -> None:
    with pytest.raises(DatabaseUrlError):
        read_url(given)


async def _insert_and_fail(database: Database) -> None:
    async with database.transaction() as session:
        await session.execute(text("INSERT INTO seen VALUES (1)"))
        raise KeyError


async def test_failed_transaction_leaves_nothing(url: str) -> None:
    async with Database(url) as database:
        async with database.transaction() as session:
            await session.execute(text("CREATE TABLE seen (id INTEGER)"))
        with pytest.raises(KeyError):
            await _insert_and_fail(database)
        async with database.transaction() as session:
            assert (
                await session.execute(text("SELECT count(*) FROM seen"))
            ).scalar() == 0


async def test_sqlite_survives_a_loss_of_power_and_lets_readers_through(
    url: str,
) -> None:
    async with Database(url) as database, database.transaction() as session:
        modes = [
            (await session.execute(text(f"PRAGMA {name}"))).scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys")
        ]
    assert modes == ["wal", 2, 1]


async def test_database_that_cannot_be_opened_is_down(tmp_path: Path) -> None:
    async with Database(f"sqlite:///{tmp_path}/absent/gateway.db") as database:
        with pytest.raises(DatabaseDownError):
            await database.check()


async def test_statement_that_the_database_refuses_is_not_called_down(url: str) -> None:
    async with Database(url) as database:
        async with database.transaction() as session:
            await session.execute(text("CREATE TABLE seen (id INTEGER PRIMARY KEY)"))
            await session.execute(text("INSERT INTO seen VALUES (1)"))
        with pytest.raises(IntegrityError):
            await _insert_and_fail(database)


async def _make_table(database: Database, rows: int = 0) -> None:
    async with database.transaction() as session:
        await session.execute(text("CREATE TABLE seen (id INTEGER)"))
        for number in range(rows):
            await session.execute(text("INSERT INTO seen VALUES (:n)"), {"n": number})


async def _count(session: AsyncSession) -> int:
    return int(await session.scalar(text("SELECT count(*) FROM seen")) or 0)


async def test_who_reads_waits_for_no_writer_and_sees_one_moment(url: str) -> None:
    async with Database(url) as database, asyncio.timeout(10):
        await _make_table(database)
        async with database.reading() as reader:
            async with database.transaction() as writer:
                await writer.execute(text("INSERT INTO seen VALUES (1)"))
                assert await _count(reader) == 0
            assert await _count(reader) == 0
        async with database.reading() as reader:
            assert await _count(reader) == 1


async def test_what_is_written_while_reading_is_dropped(url: str) -> None:
    async with Database(url) as database:
        await _make_table(database)
        async with database.reading() as session:
            await session.execute(text("INSERT INTO seen VALUES (1)"))
        async with database.reading() as session:
            assert await _count(session) == 0


async def test_writers_of_one_process_follow_one_another(url: str) -> None:
    async def add(database: Database) -> None:
        async with database.transaction() as session:
            count = await _count(session)
            await asyncio.sleep(0)
            await session.execute(text("INSERT INTO seen VALUES (:n)"), {"n": count})

    async with Database(url) as database, asyncio.timeout(30):
        await _make_table(database)
        await asyncio.gather(*(add(database) for _ in range(100)))
        async with database.reading() as session:
            found = await session.scalars(text("SELECT id FROM seen ORDER BY id"))
            assert list(found) == list(range(100))


async def test_failing_writer_takes_nothing_from_those_before_and_behind(
    url: str,
) -> None:
    async def add(database: Database, number: int) -> None:
        async with database.transaction() as session:
            await session.execute(text("INSERT INTO seen VALUES (:n)"), {"n": number})
            await asyncio.sleep(0)
            if number % 3 == 0:
                raise KeyError(number)

    async with Database(url) as database, asyncio.timeout(30):
        await _make_table(database)
        ended = await asyncio.gather(
            *(add(database, number) for number in range(30)), return_exceptions=True
        )
        failed = [number for number, error in enumerate(ended) if error is not None]
        assert failed == list(range(0, 30, 3))
        async with database.reading() as session:
            found = set(await session.scalars(text("SELECT id FROM seen")))
    assert found == set(range(30)) - set(failed)


async def test_commit_that_fails_is_told_to_all_whose_work_is_in_it(
    url: str,
) -> None:
    async def add(database: Database, number: int) -> None:
        async with database.transaction() as session:
            await session.execute(
                text("INSERT INTO child VALUES (:n)"), {"n": 7 if number == 2 else 1}
            )

    async with Database(url) as database, asyncio.timeout(30):
        async with database.transaction() as session:
            await session.execute(text("CREATE TABLE parent (id INTEGER PRIMARY KEY)"))
            await session.execute(text("INSERT INTO parent VALUES (1)"))
            await session.execute(
                text(
                    "CREATE TABLE child (id INTEGER REFERENCES parent(id) "
                    "DEFERRABLE INITIALLY DEFERRED)"
                )
            )
        ended = await asyncio.gather(
            *(add(database, number) for number in range(4)), return_exceptions=True
        )
        async with database.reading() as session:
            count = await session.scalar(text("SELECT count(*) FROM child"))
        assert count == sum(error is None for error in ended) < 4
        await add(database, 1)  # and it goes on


async def test_no_writer_returns_before_what_it_wrote_lasts(
    url: str, tmp_path: Path
) -> None:
    other = sqlite3.connect(tmp_path / "gateway.db", isolation_level=None)

    async def add(database: Database, number: int) -> None:
        async with database.transaction() as session:
            await session.execute(text("INSERT INTO seen VALUES (:n)"), {"n": number})
        found = other.execute("SELECT 1 FROM seen WHERE id = ?", (number,)).fetchone()
        assert found == (1,)

    async with Database(url) as database, asyncio.timeout(30):
        await _make_table(database)
        await asyncio.gather(*(add(database, number) for number in range(50)))
    other.close()


async def test_writer_waits_for_one_of_another_process(
    url: str, tmp_path: Path
) -> None:
    other = sqlite3.connect(tmp_path / "gateway.db", isolation_level=None)
    async with Database(url) as database, asyncio.timeout(20):
        await _make_table(database)
        other.execute("BEGIN IMMEDIATE")
        adding = asyncio.create_task(_insert_and_fail(database))
        async with database.reading() as session:  # nobody else is held up
            assert await _count(session) == 0
        assert not adding.done()
        other.execute("COMMIT")
        with pytest.raises(KeyError):
            await adding
    other.close()


async def test_writer_that_is_cancelled_lets_others_write(url: str) -> None:
    async def hold(database: Database, begun: asyncio.Event) -> None:
        async with database.transaction() as session:
            await session.execute(text("INSERT INTO seen VALUES (1)"))
            begun.set()
            await asyncio.Event().wait()

    async with Database(url) as database, asyncio.timeout(10):
        await _make_table(database)
        begun = asyncio.Event()
        tasks = [asyncio.create_task(hold(database, begun)) for _ in range(3)]
        await begun.wait()
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        async with database.transaction() as session:
            await session.execute(text("INSERT INTO seen VALUES (2)"))
        async with database.reading() as session:
            assert await session.scalar(text("SELECT id FROM seen")) == 2


async def test_long_search_holds_up_nobody(url: str) -> None:
    endless = text(
        "SELECT count(*) FROM (WITH RECURSIVE n(i) AS "
        "(SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000000) SELECT i FROM n)"
    )
    turns = 0

    async def take_turns() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0.001)

    async with Database(url) as database:
        async with database.searching() as session:
            other = asyncio.create_task(take_turns())
            await asyncio.sleep(0)
            before = turns
            assert await session.scalar(endless) == 3_000_000
            assert turns > before
        other.cancel()


async def _add(database: Database, number: int) -> None:
    async with database.transaction() as session:
        await session.execute(text("INSERT INTO seen VALUES (:n)"), {"n": number})


def _roll_back_below(session: Session) -> None:
    driver = session.connection().connection.driver_connection
    assert driver is not None
    driver.rollback()


async def test_work_that_sqlite_rolled_back_by_itself_is_told_to_be_lost(
    url: str,
) -> None:
    """A full disk ends a transaction, and not only a statement."""

    async def roll_back(database: Database) -> None:
        async with database.transaction() as session:
            await session.execute(text("INSERT INTO seen VALUES (1)"))
            await session.run_sync(_roll_back_below)

    async with Database(url) as database, asyncio.timeout(30):
        await _make_table(database)
        with pytest.raises(DatabaseDownError):
            await roll_back(database)
        await _add(database, 2)
        async with database.reading() as session:
            assert list(await session.scalars(text("SELECT id FROM seen"))) == [2]


async def test_cancelled_writer_takes_nothing_from_others(
    url: str,
) -> None:
    async with Database(url) as database, asyncio.timeout(30):
        await _make_table(database)
        tasks = [asyncio.create_task(_add(database, number)) for number in range(20)]
        while not any(task.done() for task in tasks):
            await asyncio.sleep(0)
            for task in tasks[::3]:
                task.cancel()
        ended = await asyncio.gather(*tasks, return_exceptions=True)
        async with database.reading() as session:
            found = set(await session.scalars(text("SELECT id FROM seen")))
        kept = {number for number, error in enumerate(ended) if error is None}
        assert len(kept) >= 13
        assert kept <= found
        await _add(database, 20)


async def test_log_is_emptied_as_soon_as_no_reader_is_in_the_way(
    url: str, tmp_path: Path
) -> None:
    log = tmp_path / "gateway.db-wal"
    async with Database(url) as database, asyncio.timeout(15):
        await _make_table(database, rows=1)
        async with database.searching() as reader:
            assert await _count(reader) == 1
            await _add(database, 2)
            emptying = asyncio.create_task(database.empty_log())
            await _add(database, 3)  # nobody else is held up
            assert log.stat().st_size
            assert not emptying.done()
        await emptying
        assert log.stat().st_size == 0


async def test_writer_that_is_cancelled_while_it_commits_has_its_calls_made(
    url: str,
) -> None:
    called: list[int] = []

    async def write(database: Database) -> None:
        async with database.transaction() as session:
            await session.execute(text("INSERT INTO seen VALUES (1)"))
            after_commit(session, lambda: called.append(1))

    async with Database(url) as database, asyncio.timeout(15):
        await _make_table(database)
        task = asyncio.create_task(write(database))
        while not task.done():
            await asyncio.sleep(0)
            async with database.reading() as session:
                if await _count(session):
                    task.cancel()
        async with database.reading() as session:
            assert await _count(session) == len(called) == 1
