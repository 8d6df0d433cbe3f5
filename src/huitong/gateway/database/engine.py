"""A database of the gateway: connections, and transactions on them.

SQLite is set so that what was committed survives a loss of power, readers never wait for
the writer, and a writer takes its lock at the start: a transaction that reads first and
writes later could otherwise be refused in the middle. Whoever only reads says so
(``Database.reading``) and takes no lock. Writers of one process queue for it, so that
each has its turn; against those of other processes SQLite looks again and again.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self, final

from sqlalchemy import Connection, event, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.ext.asyncio import (
    AsyncEngine,
    AsyncSession,
    async_sessionmaker,
    create_async_engine,
)

from huitong.gateway.database.errors import DatabaseDownError, DatabaseUrlError

SQLITE: Final = "sqlite"
POSTGRESQL: Final = "postgresql"
#: The driver for each kind of database.
_DRIVERS: Final = {SQLITE: "sqlite+aiosqlite", POSTGRESQL: "postgresql+psycopg"}
#: Seconds that a writer waits for another one before it gives up.
LOCK_TIMEOUT_S: Final = 20
#: Connections that one process keeps to PostgreSQL, and may open beyond when busy.
POOL_SIZE: Final = 8
POOL_OVERFLOW: Final = 8
_READS_ONLY: Final = "huitong_reads_only"


def read_url(given: str) -> URL:
    """Return the URL with the driver that we use.

    Args:
        given: ``sqlite:///relative/path``, ``sqlite:////absolute/path`` or
            ``postgresql://user@host/name``.

    Raises:
        DatabaseUrlError: it is neither, or names a driver of its own.
    """
    try:
        url = make_url(given)
    except ArgumentError as error:
        raise DatabaseUrlError(reason="it is not a URL") from error
    driver = _DRIVERS.get(url.drivername)
    if driver is None:
        raise DatabaseUrlError(reason=f"{url.drivername!r} is not known")
    if url.drivername == SQLITE and not url.database:
        raise DatabaseUrlError(reason="a path is missing")
    return url.set(drivername=driver)


@final
class Database:
    """One database, by its URL; used by one event loop."""

    def __init__(self, url: str) -> None:
        """Prepare; nothing is opened yet.

        Raises:
            DatabaseUrlError: see ``read_url``.
        """
        self.url = read_url(url)
        self.kind = self.url.get_backend_name()
        """``sqlite`` or ``postgresql``."""
        self.engine = _make_engine(self.url)
        self._sessions = async_sessionmaker(self.engine, expire_on_commit=False)
        reading = self.engine.execution_options(**{_READS_ONLY: True})
        self._readers = async_sessionmaker(reading, expire_on_commit=False)
        self._turn = asyncio.Lock()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        await self.engine.dispose()

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncSession]:
        """Give a session that is committed as a whole, or leaves nothing.

        Raises:
            DatabaseDownError: the database cannot be reached, or went away meanwhile.
        """
        self._check_folder()
        with _told_if_down():
            async with self._in_turn(), self._sessions.begin() as session:
                yield session

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncSession]:
        """Give a session that only reads, and waits for no writer.

        On SQLite all that it reads is of one moment. What is written into it is dropped.

        Raises:
            DatabaseDownError: the database cannot be reached, or went away meanwhile.
        """
        self._check_folder()
        with _told_if_down():
            async with self._readers() as session:
                yield session

    @asynccontextmanager
    async def _in_turn(self) -> AsyncIterator[None]:
        """Wait until no other writer of this process works, where there can be one only.

        Raises:
            TimeoutError: one has worked for too long, as in a transaction within another.
        """
        if self.kind != SQLITE:
            yield
            return
        async with asyncio.timeout(LOCK_TIMEOUT_S):
            await self._turn.acquire()
        try:
            yield
        finally:
            self._turn.release()

    async def check(self) -> None:
        """Ask for something small.

        Raises:
            DatabaseDownError: the database does not answer.
        """
        async with self.reading() as session:
            await session.execute(text("SELECT 1"))

    def _check_folder(self) -> None:
        """Refuse a file that cannot be opened before a thread is started for it.

        The driver ends that thread by way of the event loop, which may be closed by then.
        """
        folder = Path(self.url.database or "").parent
        if self.kind == SQLITE and not os.access(folder, os.W_OK | os.X_OK):
            raise DatabaseDownError(reason=f"{folder} is missing or not writable")


@contextmanager
def _told_if_down() -> Iterator[None]:
    """Tell failures of the database from those of a statement."""
    try:
        yield
    except (OSError, DBAPIError) as error:
        if isinstance(error, OSError) or _is_gone(error):
            raise DatabaseDownError(reason=type(error).__name__) from error
        raise


def _make_engine(url: URL) -> AsyncEngine:
    if url.get_backend_name() == SQLITE:
        engine = create_async_engine(url, connect_args={"timeout": LOCK_TIMEOUT_S})
        event.listen(engine.sync_engine, "connect", _set_up_sqlite)
        event.listen(engine.sync_engine, "begin", _begin_sqlite)
        return engine
    return create_async_engine(
        url, pool_size=POOL_SIZE, max_overflow=POOL_OVERFLOW, pool_pre_ping=True
    )


def _set_up_sqlite(connection: Any, _: Any) -> None:
    # The driver's own transactions are switched off: ``_begin_sqlite`` opens them.
    connection.isolation_level = None
    cursor = connection.cursor()
    for setting in (
        "journal_mode = WAL",
        "synchronous = FULL",
        "foreign_keys = ON",
        # What is overwritten or deleted is zeroed: wrapped keys that were destroyed.
        "secure_delete = ON",
        f"busy_timeout = {LOCK_TIMEOUT_S * 1000}",
    ):
        cursor.execute(f"PRAGMA {setting}")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    reads_only = connection.get_execution_options().get(_READS_ONLY)
    connection.exec_driver_sql("BEGIN" if reads_only else "BEGIN IMMEDIATE")


def _is_gone(error: DBAPIError) -> bool:
    """Whether the database, not the statement, is at fault."""
    name = type(error.orig).__name__
    return error.connection_invalidated or name in (
        "OperationalError",
        "InterfaceError",
    )
