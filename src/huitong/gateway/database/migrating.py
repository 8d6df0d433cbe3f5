"""Brings a database to the form that this software knows, and says which form it has.

A migration runs in one transaction: it is carried out wholly or not at all, on both
databases, and of several processes that start at once one does it and the others wait.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import AsyncSession

from huitong.gateway.database.engine import POSTGRESQL, Database
from huitong.gateway.database.errors import DatabaseNewerError, DatabaseOlderError
from huitong.gateway.database.schema import METADATA

ResultT = TypeVar("ResultT")

_FOLDER: Final = Path(__file__).parent / "migrations"
_NEWEST: Final = "head"
#: Number of the lock that a migrating process holds in PostgreSQL, for nothing else.
_LOCK: Final = 0x68756974


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """The form of a database."""

    found: str | None
    """What the database has; None before the first migration."""
    newest: str
    """What this software knows."""

    @property
    def is_newest(self) -> bool:
        """Whether nothing is to be done."""
        return self.found == self.newest


async def migrate(database: Database) -> Version:
    """Bring a database to the newest form; return what it had before.

    Raises:
        DatabaseDownError: it does not answer.
        DatabaseNewerError: newer software has been at work.
    """
    async with database.transaction() as session:
        if database.kind == POSTGRESQL:
            await session.execute(
                text("SELECT pg_advisory_xact_lock(:number)"), {"number": _LOCK}
            )
        before = await _version(session)
        if not before.is_newest:
            await _run(session, _upgrade)
    return before


async def check_version(database: Database) -> None:
    """Check that a database has the newest form.

    Raises:
        DatabaseDownError: it does not answer.
        DatabaseOlderError: it has to be migrated first.
        DatabaseNewerError: newer software has been at work.
    """
    version = await find_version(database)
    if not version.is_newest:
        raise DatabaseOlderError(found=version.found or "none", newest=version.newest)


async def find_version(database: Database) -> Version:
    """Return which form a database has.

    Raises:
        DatabaseDownError: it does not answer.
        DatabaseNewerError: one that this software does not know.
    """
    async with database.reading() as session:
        return await _version(session)


async def find_differences(database: Database) -> list[Any]:
    """Return how the tables differ from what the code declares; empty if they do not."""

    def compare(connection: Connection) -> list[Any]:
        context = MigrationContext.configure(connection)
        return list(compare_metadata(context, METADATA))

    async with database.reading() as session:
        return await _run(session, compare)


async def _version(session: AsyncSession) -> Version:
    scripts = ScriptDirectory.from_config(_config())
    newest = scripts.get_current_head()
    assert newest is not None
    found = await _run(
        session,
        lambda connection: MigrationContext.configure(
            connection
        ).get_current_revision(),
    )
    known = {script.revision for script in scripts.walk_revisions()}
    if found is not None and found not in known:
        raise DatabaseNewerError(found=found)
    return Version(found=found, newest=newest)


def _upgrade(connection: Connection) -> None:
    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, _NEWEST)


async def _run(session: AsyncSession, work: Callable[[Connection], ResultT]) -> ResultT:
    return await session.run_sync(lambda plain: work(plain.connection()))


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(_FOLDER).replace("%", "%%"))
    return config
