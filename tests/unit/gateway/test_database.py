"""The gateway's database: URLs, transactions, and what SQLite is set to."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

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
