"""Transactions on SQLite: one writer at a time, statements without threads.

A statement by a key takes some microseconds, far less than to hand it to a thread and
back, so statements run in the event loop itself. A commit, which waits for the disk, has
a thread.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, Final, cast, final

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session

from huitong.gateway.database.commits import JOINS, call_afterwards

#: Seconds that a writer waits for another one before it gives up.
LOCK_TIMEOUT_S: Final = 20
#: Seconds between two looks whether another process has ended its transaction.
_LOCK_LOOK_S: Final = 0.002
#: Seconds between two looks whether readers are out of the way of emptying the log.
_LOG_LOOK_S: Final = 0.01
#: Seconds for which a reader may be held up, by a process that recovers the log.
_READER_WAIT_S: Final = 1
#: The driver that stays in the thread that calls it.
_DRIVER: Final = "sqlite+pysqlite"


class _BoundSession(Session):
    """A session on an engine or connection whose driver never waits.

    ``AsyncSession`` takes an engine with an asynchronous driver only; what it finds by
    ``get_bind`` may be another one, as SQLAlchemy describes for sessions on several.
    """

    def __init__(self, *, place: Engine | Connection, **options: Any) -> None:
        self._place = place
        super().__init__(**options)

    def get_bind(self, *_: Any, **__: Any) -> Engine | Connection:
        """Return where everything is."""
        return self._place


class _InlineSession(AsyncSession):
    """The same for callers that await."""

    async def execute(self, *statement: Any, **options: Any) -> Any:
        """Carry out a statement; there is nothing to wait for."""
        return self.sync_session.execute(*statement, **options)


@final
class SqliteFile:
    """One file, opened for reading and for writing; used by one event loop."""

    def __init__(self, url: URL) -> None:
        """Prepare; nothing is opened yet."""
        self._writer = _inline_engine(url, "BEGIN IMMEDIATE", wait_s=0)
        self._reader = _inline_engine(url, "BEGIN", wait_s=_READER_WAIT_S)
        self._turn = asyncio.Lock()
        self._committer = _make_committer()

    async def close(self) -> None:
        """Close what is open; it is opened anew when needed."""
        self._committer.shutdown()
        self._committer = _make_committer()
        self._writer.dispose()
        self._reader.dispose()

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncSession]:
        """Give a session that sees one moment, and waits for no writer."""
        async with _session(self._reader) as session:
            yield session

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncSession]:
        """Give a session that writes; return once what it wrote is durable.

        Raises:
            TimeoutError: others have written for too long.
            OperationalError: the same in other processes, or the file is unusable.
        """
        async with self._in_turn():
            connection = await _begin(self._writer)
            try:
                async with _session(connection) as session:
                    yield session
                    await session.commit()  # which leaves the commit of the file to us
                await self._commit(connection, session.sync_session)
            finally:
                connection.close()

    async def empty_log(self) -> bool:
        """Write the log into the file and empty it, once no reader is in the way.

        Returns:
            Whether it is empty; readers may have been in the way for too long.

        Raises:
            TimeoutError: writers have.
        """
        deadline_s = time.monotonic() + LOCK_TIMEOUT_S
        while True:
            async with self._in_turn():
                if await asyncio.to_thread(_checkpoint, self._writer):
                    return True
            if time.monotonic() > deadline_s:
                return False
            await asyncio.sleep(_LOG_LOOK_S)  # writers have their turn

    @asynccontextmanager
    async def _in_turn(self) -> AsyncIterator[None]:
        """Wait until no other writer of this process works.

        Raises:
            TimeoutError: one has worked for too long, as in a transaction within another.
        """
        async with asyncio.timeout(LOCK_TIMEOUT_S):
            await self._turn.acquire()
        try:
            yield
        finally:
            self._turn.release()

    async def _commit(self, connection: Connection, session: Session) -> None:
        """Commit in a thread, and call those who asked for it then.

        Nobody else uses the connection until it is done, even if the caller is cancelled.
        """
        committing = self._committer.submit(_commit, connection)
        try:
            await asyncio.wrap_future(committing)
        finally:
            wait([committing])  # at once, unless the caller was cancelled
            if not committing.cancelled() and committing.exception() is None:
                call_afterwards(session)


def _make_committer() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(1, "sqlite-commit")


def _session(place: Engine | Connection) -> AsyncSession:
    """Return a session; on a connection it works in the transaction that is open."""
    return _InlineSession(
        sync_session_class=_BoundSession,
        expire_on_commit=False,
        join_transaction_mode="rollback_only",
        info={JOINS: isinstance(place, Connection)},
        place=place,
    )


async def _begin(writer: Engine) -> Connection:
    """Begin a transaction, once no other process has one.

    Raises:
        OperationalError: another one has had one for too long, or the file is unusable.
    """
    connection = writer.connect()
    deadline_s = time.monotonic() + LOCK_TIMEOUT_S
    try:
        while True:
            try:
                connection.begin()
            except OperationalError as error:
                if not _is_locked(error) or time.monotonic() > deadline_s:
                    raise
            else:
                return connection
            await asyncio.sleep(_LOCK_LOOK_S)
    except BaseException:
        connection.close()
        raise


def _is_locked(error: OperationalError) -> bool:
    code = getattr(error.orig, "sqlite_errorcode", 0)
    return bool(code & 0xFF == sqlite3.SQLITE_BUSY)


def _checkpoint(writer: Engine) -> bool:
    """Empty the log; return False if somebody who reads is in the way."""
    connection = writer.raw_connection()
    try:
        driver = cast(sqlite3.Connection, connection.driver_connection)
        (is_busy, _, _) = driver.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    finally:
        connection.close()
    return not is_busy


def _commit(connection: Connection) -> None:
    """Commit what SQLite has not rolled back by itself, as it does on a full disk.

    Raises:
        OperationalError: nothing was stored.
    """
    driver = cast(sqlite3.Connection, connection.connection.driver_connection)
    if not driver.in_transaction:
        lost = sqlite3.OperationalError("rolled back by SQLite")
        raise OperationalError("COMMIT", None, lost)
    try:
        connection.commit()
    except BaseException:
        driver.rollback()  # the engine takes it for ended
        raise


def _inline_engine(url: URL, begin: str, *, wait_s: int) -> Engine:
    """Return an engine whose statements run where they are called."""
    engine = create_engine(
        url.set(drivername=_DRIVER),
        max_overflow=-1,  # to wait for a connection would hold up everything
        connect_args={"timeout": LOCK_TIMEOUT_S, "check_same_thread": False},
    )
    event.listen(engine, "connect", set_up_connection)
    event.listen(engine, "connect", partial(_set_patience, wait_s))
    event.listen(engine, "begin", lambda connection: connection.exec_driver_sql(begin))
    return engine


def _set_patience(wait_s: int, connection: Any, _: Any) -> None:
    connection.execute(f"PRAGMA busy_timeout = {wait_s * 1000}").close()


def set_up_connection(connection: Any, _: Any) -> None:
    """Set what a new connection needs; transactions are begun by the engines."""
    connection.isolation_level = None  # the driver's own transactions are switched off
    cursor = connection.cursor()
    for setting in (
        "journal_mode = WAL",
        "synchronous = FULL",
        "foreign_keys = ON",
        # What is overwritten or deleted is zeroed: wrapped keys that were destroyed.
        "secure_delete = ON",
    ):
        cursor.execute(f"PRAGMA {setting}")
    cursor.close()
