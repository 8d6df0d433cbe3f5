"""A database of the gateway: connections, and transactions on them.

SQLite is set so that what was committed survives a loss of power, readers never wait for
the writer, and a writer takes its lock at the start: a transaction that reads first and
writes later could otherwise be refused in the middle.

There are three ways in. ``transaction`` writes. ``reading`` takes no lock, and is for what
an index finds at once: on SQLite it runs in the event loop. ``searching`` is for lists and
whatever else may have to look at many rows: there it runs in a thread.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Final, Self, final

import structlog
from sqlalchemy import Connection, MetaData, Table, event, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.ext.asyncio import (
    AsyncEngine,
    AsyncSession,
    async_sessionmaker,
    create_async_engine,
)

from huitong.gateway.database.errors import DatabaseDownError, DatabaseUrlError
from huitong.gateway.database.sqlite import (
    LOCK_TIMEOUT_S,
    SqliteFile,
    set_up_connection,
)

log = structlog.get_logger("gateway")

SQLITE: Final = "sqlite"
POSTGRESQL: Final = "postgresql"
#: The driver for each kind of database.
_DRIVERS: Final = {SQLITE: "sqlite+aiosqlite", POSTGRESQL: "postgresql+psycopg"}
#: Connections that one process keeps to PostgreSQL, and may open beyond when busy.
POOL_SIZE: Final = 8
POOL_OVERFLOW: Final = 8


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
        self._folder = Path(self.url.database or "").parent
        self._file = SqliteFile(self.url) if self.kind == SQLITE else None
        self._engine = _make_engine(self.url)
        self._sessions = async_sessionmaker(self._engine, expire_on_commit=False)

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
        if self._file is not None:
            await self._file.close()
        await self._engine.dispose()

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncSession]:
        """Give a session that is committed as a whole, or leaves nothing.

        What was written is durable when this returns. On SQLite writers follow one
        another, so nothing slow may be waited for within.

        Raises:
            DatabaseDownError: the database cannot be reached, or went away meanwhile.
        """
        self._check_folder()
        with _told_if_down():
            file = self._file
            begun = self._sessions.begin() if file is None else file.transaction()
            async with begun as session:
                yield session

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncSession]:
        """Give a session that only reads what an index finds, and waits for no writer.

        On SQLite all that it reads is of one moment. What is written into it is dropped.

        Raises:
            DatabaseDownError: the database cannot be reached, or went away meanwhile.
        """
        self._check_folder()
        with _told_if_down():
            file = self._file
            opened = self._sessions() if file is None else file.reading()
            async with opened as session:
                yield session

    @asynccontextmanager
    async def searching(self) -> AsyncIterator[AsyncSession]:
        """Give a session that only reads, however long that takes.

        Raises:
            DatabaseDownError: the database cannot be reached, or went away meanwhile.
        """
        self._check_folder()
        with _told_if_down():
            async with self._sessions() as session:
                yield session

    async def make_tables(
        self, metadata: MetaData, tables: Sequence[Table] | None = None
    ) -> None:
        """Make those tables that are not there, all or some; a gateway migrates instead.

        Raises:
            DatabaseDownError: the database cannot be reached.
        """
        async with self.transaction() as session:
            await session.run_sync(
                lambda plain: metadata.create_all(plain.connection(), tables=tables)
            )

    async def empty_log(self) -> None:
        """Let SQLite forget what was overwritten; PostgreSQL does so when it vacuums.

        Raises:
            DatabaseDownError: others write without end.
        """
        if self._file is None:
            return
        with _told_if_down():
            if not await self._file.empty_log():
                log.warning("log_not_emptied", path=self.url.database)

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
        folder = self._folder
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
        # For searching: all that it does is read.
        engine = create_async_engine(url, connect_args={"timeout": LOCK_TIMEOUT_S})
        event.listen(engine.sync_engine, "connect", set_up_connection)
        event.listen(engine.sync_engine, "begin", _begin_reading)
        return engine
    return create_async_engine(
        url, pool_size=POOL_SIZE, max_overflow=POOL_OVERFLOW, pool_pre_ping=True
    )


def _begin_reading(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN")


def _is_gone(error: DBAPIError) -> bool:
    """Whether the database, not the statement, is at fault."""
    name = type(error.orig).__name__
    return error.connection_invalidated or name in (
        "OperationalError",
        "InterfaceError",
    )
