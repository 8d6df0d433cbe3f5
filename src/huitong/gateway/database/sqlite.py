"""SQLite for an event loop: few trips to threads, and one sync of the disk for many.

**Trips.** SQLAlchemy's adapter for ``aiosqlite`` goes to a thread eight times for a
transaction that looks up one row, and a trip costs more than the lookup. Here what
touches memory only is done at once: small statements, and the end of a transaction that
has changed nothing. What waits for the disk or for another process is done in a thread:
commits, long statements, and the lock while somebody else holds it. A query says by
itself that it is long: it is stopped after some thousand instructions and begun again in
the thread.

**Syncs.** A commit waits for the disk, and SQLite has one writer at a time. All who write
in this process share one connection, one after the other; those who wait while one works
go on in the same transaction of SQLite, each within a savepoint that it may roll back,
and one commit makes all of it last. Nobody returns from its own commit before that.

``SqliteConnection`` has the part of ``aiosqlite.Connection`` that SQLAlchemy's adapter
uses.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, Self, final

#: Begins a transaction that only reads: it takes no lock.
BEGIN_READING: Final = "BEGIN"
#: Begins one that may write, and takes the lock.
BEGIN_WRITING: Final = "BEGIN IMMEDIATE"
#: Instructions of SQLite's machine that a query may take at once; some hundred
#: microseconds.
BRIEF_INSTRUCTIONS: Final = 20_000
#: Statements that change a few rows that are named by their keys, or none.
_BRIEF: Final = ("INSERT", "UPDATE", "SAVEPOINT", "RELEASE", "ROLLBACK TO")
_SAVEPOINT: Final = "huitong_work"

_Work = Callable[[sqlite3.Connection], object]


class SqliteFile:
    """A connection of SQLite's own, and the thread in which it waits."""

    def __init__(self, path: str, *, timeout_s: float, settings: Sequence[str]) -> None:
        """Prepare; nothing is opened yet.

        Args:
            path: the file.
            timeout_s: how long to wait for a writer of another process.
            settings: pragmas, such as ``synchronous = FULL``.
        """
        self._path = path
        self._timeout_s = timeout_s
        self._settings = settings
        self._thread: ThreadPoolExecutor | None = None
        self._connection: sqlite3.Connection | None = None
        self._under_way = 0

    async def open(self) -> None:
        """Open the file, if it is not.

        Raises:
            sqlite3.OperationalError: it cannot be opened.
        """
        if self._connection is not None:
            return
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="sqlite")
        loop = asyncio.get_running_loop()
        try:
            self._connection = await loop.run_in_executor(self._thread, self._connect)
        except BaseException:
            self._thread.shutdown(wait=False)
            raise

    def _connect(self) -> sqlite3.Connection:
        # Transactions are begun in so many words, never by the driver.
        connection = sqlite3.connect(
            self._path,
            timeout=self._timeout_s,
            isolation_level=None,
            check_same_thread=False,
        )
        for setting in self._settings:
            connection.execute(f"PRAGMA {setting}")
        return connection

    @property
    def is_open(self) -> bool:
        """Whether the file is open."""
        return self._connection is not None

    @property
    def opened(self) -> sqlite3.Connection:
        """The connection.

        Raises:
            ValueError: it is closed, in the words that the adapter knows.
        """
        if self._connection is None:
            raise ValueError("no active connection")
        return self._connection

    @property
    def is_busy(self) -> bool:
        """Whether something is under way in the thread, perhaps for nobody any more."""
        return self._under_way > 0

    async def at_rest(self) -> None:
        """Return once nothing is under way in the thread."""
        if self.is_busy:
            await self.run(lambda _: None)

    async def run(self, work: _Work) -> None:
        """Do something in the thread, behind what is under way there.

        Whoever is cancelled while waiting does not stop it.
        """
        connection, thread = self.opened, self._thread
        self._under_way += 1
        loop = asyncio.get_running_loop()
        doing = loop.run_in_executor(thread, lambda: work(connection))
        doing.add_done_callback(self._note_done)
        await asyncio.shield(doing)

    def _note_done(self, done: asyncio.Future[object]) -> None:
        self._under_way -= 1
        if not done.cancelled():
            done.exception()  # it is told to who waits, if somebody still does

    async def run_if_long(self, statement: str, work: _Work) -> None:
        """Do the work of one statement at once, or in the thread if it takes longer."""
        if statement.startswith(_BRIEF):
            work(self.opened)
        elif not (
            statement.startswith("SELECT") and _is_done_at_once(self.opened, work)
        ):
            await self.run(work)

    async def begin_writing(self) -> None:
        """Take the lock; in the thread if another process has it.

        Raises:
            sqlite3.OperationalError: it has it for too long.
        """
        connection = self.opened
        connection.execute("PRAGMA busy_timeout = 0")
        try:
            connection.execute(BEGIN_WRITING)
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY:
                raise
        finally:
            connection.execute(f"PRAGMA busy_timeout = {int(self._timeout_s * 1_000)}")
        await self.run(lambda opened: opened.execute(BEGIN_WRITING))

    async def close(self) -> None:
        """Close, behind what is under way; again does nothing."""
        if (closing := self._submit_close()) is not None:
            await asyncio.wrap_future(closing)

    def stop(self) -> None:
        """Close without waiting, where no event loop is at hand."""
        self._submit_close()

    def _submit_close(self) -> Any:
        connection, self._connection = self._connection, None
        if connection is None or self._thread is None:
            return None
        closing = self._thread.submit(connection.close)
        self._thread.shutdown(wait=False)
        return closing


def _is_done_at_once(connection: sqlite3.Connection, work: _Work) -> bool:
    """Try a query, which changes nothing; return whether it came to its end soon enough."""
    connection.set_progress_handler(_stop, BRIEF_INSTRUCTIONS)
    try:
        work(connection)
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode != sqlite3.SQLITE_INTERRUPT:
            raise
        return False
    finally:
        connection.set_progress_handler(None, 0)
    return True


def _stop() -> int:
    return 1


@final
class SqliteWriter:
    """The one connection over which a process writes; see the module's text."""

    def __init__(self, file: SqliteFile) -> None:
        """Use this file, which nobody else uses."""
        self.file = file
        """The connection."""
        self._turn = asyncio.Lock()
        self._group: list[asyncio.Future[None]] = []
        self._committing: set[asyncio.Task[None]] = set()

    async def begin(self) -> None:
        """Wait for one's turn, and begin.

        Raises:
            sqlite3.OperationalError: another process writes for too long.
        """
        await self._turn.acquire()
        try:
            await self.file.open()
            await self.file.at_rest()
            if not self.file.opened.in_transaction:
                await self.file.begin_writing()
            self.file.opened.execute(f"SAVEPOINT {_SAVEPOINT}")
        except BaseException:
            # Whoever is cancelled while another process writes leaves it to the thread.
            await self._give_up()
            raise

    async def commit(self) -> None:
        """End one's turn, and return once all that one wrote lasts on disk.

        Raises:
            sqlite3.Error: nothing of it does.
        """
        try:
            if not self.file.opened.in_transaction:
                raise sqlite3.OperationalError("the transaction was rolled back")
            self.file.opened.execute(f"RELEASE {_SAVEPOINT}")
        except BaseException:
            await self._give_up()
            raise
        done = asyncio.get_running_loop().create_future()
        self._group.append(done)
        if len(self._group) == 1:
            # Its turn comes behind those who wait now: they go on in this transaction.
            committing = asyncio.create_task(self._commit_group())
            self._committing.add(committing)
            committing.add_done_callback(self._committing.discard)
        self._turn.release()
        await done

    async def rollback(self) -> None:
        """End one's turn; what others wrote in theirs stays."""
        await self._give_up()

    async def _give_up(self) -> None:
        """Undo one's own work, whatever state it is in."""
        try:
            if self.file.is_busy:
                await self.file.run(self._undo)
            elif self.file.is_open:
                self._undo(self.file.opened)
        finally:
            if not self.file.is_open or not self.file.opened.in_transaction:
                self._tell_group(sqlite3.OperationalError("the transaction was lost"))
            self._turn.release()

    def _undo(self, connection: sqlite3.Connection) -> None:
        if not connection.in_transaction:
            return
        if not self._group:
            connection.execute("ROLLBACK")
            return
        try:
            connection.execute(f"ROLLBACK TO {_SAVEPOINT}")
            connection.execute(f"RELEASE {_SAVEPOINT}")
        except sqlite3.OperationalError:
            if connection.in_transaction:  # there is no savepoint: it did not begin
                return

    async def _commit_group(self) -> None:
        async with self._turn:
            if not self._group:
                return  # it was lost
            try:
                await self.file.run(lambda connection: connection.execute("COMMIT"))
            except sqlite3.Error as failure:
                if self.file.opened.in_transaction:
                    await self.file.run(lambda opened: opened.execute("ROLLBACK"))
                self._tell_group(failure)
            else:
                self._tell_group(None)

    def _tell_group(self, failure: sqlite3.Error | None) -> None:
        group, self._group = self._group, []
        for done in group:
            if done.done():
                continue  # whoever waited has gone
            if failure is None:
                done.set_result(None)
            else:
                done.set_exception(sqlite3.OperationalError(str(failure)))

    async def close(self) -> None:
        """Close, once what is under way has ended."""
        async with self._turn:
            await self.file.close()


@final
class SqliteConnection:
    """A connection as SQLAlchemy sees it: it reads by itself, and writes in its turn."""

    isolation_level = None

    def __init__(self, file: SqliteFile, writer: SqliteWriter) -> None:
        """Read over ``file``, which is open and nobody else uses."""
        self._file = file
        self._writer = writer
        self._is_writing = False

    @property
    def _connection(self) -> bool:
        """Whether it is open; the adapter looks at it under this name."""
        return self._file.is_open

    def cursor(self) -> SqliteCursor:
        """Return a cursor; nothing is asked yet."""
        return SqliteCursor(self)

    async def execute(self, statement: str) -> SqliteCursor:
        """Carry out a statement without the adapter."""
        return await self.cursor().execute(statement)

    async def create_function(self, *arguments: Any, **options: Any) -> None:
        """Let queries call a function of Python's."""
        self._file.opened.create_function(*arguments, **options)

    async def carry_out(self, statement: str, work: _Work, *, is_long: bool) -> None:
        """Do the work of one statement."""
        if statement == BEGIN_WRITING:
            await self._writer.begin()
            self._is_writing = True
        elif statement == BEGIN_READING:
            work(self._file.opened)
        else:
            file = self._writer.file if self._is_writing else self._file
            await (file.run(work) if is_long else file.run_if_long(statement, work))

    async def commit(self) -> None:
        """Commit."""
        if self._is_writing:
            self._is_writing = False
            await self._writer.commit()
        else:
            await self._end_reading()

    async def rollback(self) -> None:
        """Roll back."""
        if self._is_writing:
            self._is_writing = False
            await self._writer.rollback()
        else:
            await self._end_reading()

    async def _end_reading(self) -> None:
        def end(connection: sqlite3.Connection) -> None:
            if connection.in_transaction:
                connection.execute("ROLLBACK")

        if self._file.is_busy:
            await self._file.run(end)
        else:
            end(self._file.opened)

    async def close(self) -> None:
        """Close; again does nothing."""
        if self._is_writing:
            await self.rollback()
        await self._file.close()

    def stop(self) -> None:
        """Close without waiting, where no event loop is at hand."""
        self._file.stop()


@final
class SqliteCursor:
    """One statement, with all of its rows."""

    arraysize = 1

    def __init__(self, connection: SqliteConnection) -> None:
        """Belong to a connection."""
        self._connection = connection
        self._rows: list[Any] = []
        self.description: Any = None
        self.rowcount = -1
        self.lastrowid: int | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        return

    async def execute(self, statement: str, parameters: Sequence[Any] = ()) -> Self:
        """Carry out a statement and fetch its rows."""

        def work(connection: sqlite3.Connection) -> None:
            self._take(connection.execute(statement, parameters))

        await self._connection.carry_out(statement, work, is_long=False)
        return self

    async def executemany(
        self, statement: str, parameters: Sequence[Sequence[Any]]
    ) -> Self:
        """Carry out a statement for each set of parameters."""

        def work(connection: sqlite3.Connection) -> None:
            self._take(connection.executemany(statement, parameters))

        await self._connection.carry_out(statement, work, is_long=True)
        return self

    async def fetchall(self) -> list[Any]:
        """Return the rows that were fetched."""
        rows, self._rows = self._rows, []
        return rows

    async def close(self) -> None:
        """Forget the rows."""
        self._rows = []

    def _take(self, cursor: sqlite3.Cursor) -> None:
        try:
            self.description = cursor.description
            self.rowcount, self.lastrowid = cursor.rowcount, cursor.lastrowid
            self._rows = cursor.fetchall() if cursor.description else []
        finally:
            cursor.close()
