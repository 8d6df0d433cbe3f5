"""One LMDB environment in a folder: opened, checked, grown, its errors translated.

LMDB copies pages on write and switches roots last, so a crash at any moment leaves the
state of the last commit. Readers never wait for the writer. What LMDB leaves open:

* A file that was cut short kills the process that reads past its end; the length is
  checked when the environment is opened.
* The map may only grow while nobody reads, and some readers stay for minutes. So the map
  is larger than the disk from the start: it costs address space, nothing else, and the
  disk is full before the map is. ``grow`` is for disks that were enlarged meanwhile.
* Two processes may open one environment; a lock file refuses the second.
"""

from __future__ import annotations

import errno
import fcntl
import os
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any, Final
from weakref import WeakSet

import lmdb

from huitong.core.store.errors import (
    StorageBusyError,
    StorageCorruptError,
    StorageFullError,
)

#: Least address space for the database. Pages take disk space only once they are used.
MAP_SIZE_BYTES_MIN: Final = 256 * 2**30
#: Most of it: an address space of 47 bits has room for sixteen of these.
MAP_SIZE_BYTES_MAX: Final = 8 * 2**40
#: Named tables: a zone has about forty.
TABLES_MAX: Final = 120
#: Readers at one time: queries, proofs and walks of one process.
READERS_MAX: Final = 1_000
#: How long growing the map waits for readers to finish; a block waits as long.
GROW_WAIT_NS_MAX: Final = 1_000_000_000
_GROW_POLL_SECONDS: Final = 0.005
#: Pages at the end of the file that LMDB may have counted without writing them.
_UNWRITTEN_PAGES_MAX: Final = 64
#: What must be free for a failed write not to be blamed on a full disk.
_ROOM_SIZE_BYTES: Final = 2**20

_FULL: Final = (errno.ENOSPC, errno.EFBIG, errno.EDQUOT)


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseUsage:
    """What a database takes up."""

    used_bytes: int
    """Bytes of the pages that were ever written; freed ones are used again."""
    map_bytes: int
    """Address space; the file may grow up to it before the map has to."""
    readers: int
    """Readers that are open in this process."""


class LmdbEnvironment:
    """An open database folder; one process at a time."""

    path: str
    """The folder."""

    def __init__(
        self,
        folder: Path,
        *,
        map_size_bytes: int = 0,
        durable: bool = True,
    ) -> None:
        """Open the folder, made if it is missing.

        Args:
            folder: where the database lies.
            map_size_bytes: most that it may hold; raised to twice what it holds now. 0
                takes twice the size of the disk.
            durable: wait for the disk at each commit. Without it a power loss, not a
                crash of the process, may lose the database; for throw-away data only.

        Raises:
            StorageBusyError: another process has it open.
            StorageCorruptError: it is damaged.
            StorageFullError: the disk is full.
        """
        self.path = str(folder)
        folder.mkdir(parents=True, exist_ok=True)
        self._data_path = folder / "data.mdb"
        self._lock_file = _lock_folder(folder)
        self._tables: dict[bytes, Any] = {}
        self._readers: WeakSet[Any] = WeakSet()
        self._gate = Lock()
        size = self._data_path.stat().st_size if self._data_path.exists() else 0
        try:
            with self.translated():
                self._env = lmdb.open(
                    self.path,
                    map_size=max(map_size_bytes or _map_size_of(folder), 2 * size),
                    max_dbs=TABLES_MAX,
                    max_readers=READERS_MAX,
                    max_spare_txns=16,
                    sync=durable,
                    metasync=durable,
                    readahead=False,
                    writemap=False,
                    meminit=False,
                )
            self._open_checked()
        except BaseException:
            self._lock_file.close()
            raise

    def close(self) -> None:
        """Release the folder; readers that are still open become unusable."""
        self._env.close()
        self._lock_file.close()

    def declare_tables(self, names: Iterable[bytes]) -> None:
        """Open the tables, made where they are missing."""
        new = [name for name in names if name not in self._tables]
        if not new:
            return
        with self.translated(), self._env.begin(write=True) as txn:
            opened = {name: self._env.open_db(name, txn=txn) for name in new}
        self._tables.update(opened)

    def _open_checked(self) -> None:
        """Check the file, then open the tables that are there, to be read at once."""
        try:
            with self.translated():
                self._check_length()
                self._open_tables()
        except BaseException:
            self._env.close()
            raise

    def _open_tables(self) -> None:
        with self._env.begin() as txn:
            names = list(txn.cursor().iternext(keys=True, values=False))
        for name in names:
            self._tables[name] = self._env.open_db(name, create=False)

    @property
    def map_size_bytes(self) -> int:
        """Most that the database may hold now."""
        size: int = self._env.info()["map_size"]
        return size

    def clear_tables(self) -> None:
        """Remove every row of every table in one transaction."""
        with self.begin_write() as txn:
            for handle in self._tables.values():
                txn.drop(handle, delete=False)

    def handle(self, name: bytes) -> Any:
        """Return LMDB's handle of a declared table."""
        return self._tables[name]

    def begin_read(self) -> Any:
        """Open a reader of the present state; ``end_read`` it, or drop all references.

        Raises:
            StorageBusyError: too many readers are open.
        """
        with self._gate, self.translated():
            txn = self._env.begin()
            self._readers.add(txn)
            return txn

    def end_read(self, txn: Any) -> None:
        """Close a reader; closing it again does nothing."""
        with self._gate:
            self._readers.discard(txn)
            txn.abort()

    @contextmanager
    def begin_write(self) -> Iterator[Any]:
        """Open the one write transaction: committed on leaving, undone on error."""
        with self.translated():
            try:
                with self._env.begin(write=True) as txn:
                    yield txn
            except lmdb.Error as error:
                if getattr(error, "code", 0) == errno.EIO:
                    self._check_room()  # LMDB tells a write that was cut short so
                raise
            self._keep_length()

    def usage(self) -> DatabaseUsage:
        """Tell what the database takes up; from any thread."""
        with self._gate:
            return DatabaseUsage(
                used_bytes=self._length_due(),
                map_bytes=self._env.info()["map_size"],
                readers=len(self._readers),
            )

    def grow(self) -> None:
        """Double the map, once all readers are gone.

        Raises:
            StorageFullError: readers stay open, or there is no more address space.
        """
        size = 2 * self.map_size_bytes
        deadline_ns = time.monotonic_ns() + GROW_WAIT_NS_MAX
        while True:
            with self._gate:
                if not self._readers:
                    with self.translated():
                        self._env.set_mapsize(size)
                    return
            if time.monotonic_ns() > deadline_ns:
                raise StorageFullError(
                    path=self.path,
                    reason="the map is full and readers hold it; starting again "
                    "makes it larger",
                )
            time.sleep(_GROW_POLL_SECONDS)

    @contextmanager
    def translated(self) -> Iterator[None]:
        """Turn LMDB's errors into ours."""
        try:
            yield
        except lmdb.MapFullError:
            raise
        except lmdb.Error as error:
            raise translate(error, self.path) from error
        except OSError as error:
            if error.errno not in _FULL:
                raise
            raise StorageFullError(path=self.path, reason=error.strerror) from error

    def _check_room(self) -> None:
        """Raise the system's error if the file cannot become longer."""
        with self._data_path.open("r+b") as file:
            size = file.seek(0, os.SEEK_END)
            os.posix_fallocate(file.fileno(), size, _ROOM_SIZE_BYTES)

    def _length_due(self) -> int:
        pages: int = self._env.info()["last_pgno"] + 1
        page_size: int = self._env.stat()["psize"]
        return pages * page_size

    def _check_length(self) -> None:
        """Refuse a file that was cut short; see the module."""
        due, actual = self._length_due(), self._data_path.stat().st_size
        if due - actual > _UNWRITTEN_PAGES_MAX * self._env.stat()["psize"]:
            raise StorageCorruptError(
                path=self.path, reason=f"{actual} bytes are left of {due}"
            )
        self._keep_length()

    def _keep_length(self) -> None:
        """Lengthen the file to what LMDB counts: it leaves out pages already free."""
        due = self._length_due()
        if self._data_path.stat().st_size < due:
            os.truncate(self._data_path, due)


def translate(
    error: lmdb.Error, path: str
) -> StorageFullError | StorageCorruptError | StorageBusyError:
    """Return our error for one of LMDB's."""
    if isinstance(error, lmdb.DiskError) or getattr(error, "code", 0) in _FULL:
        return StorageFullError(path=path, reason=str(error))
    if isinstance(error, lmdb.ReadersFullError | lmdb.LockError):
        return StorageBusyError(path=path, reason=str(error))
    return StorageCorruptError(path=path, reason=str(error))


def _map_size_of(folder: Path) -> int:
    """Return twice the size of the disk that the folder is on, within bounds."""
    disk = os.statvfs(folder)
    size_bytes = 2 * disk.f_blocks * disk.f_frsize
    return min(max(size_bytes, MAP_SIZE_BYTES_MIN), MAP_SIZE_BYTES_MAX)


def _lock_folder(folder: Path) -> Any:
    """Hold the folder for this process until the file is closed."""
    file = (folder / "owner.lock").open("w")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        raise StorageBusyError(
            path=str(folder), reason="another process has it open"
        ) from None
    return file
