"""The store's backend on LMDB."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

import lmdb

from huitong.core.invariants import invariant
from huitong.core.store.backend import Batch, Row, TableReader
from huitong.storage.environment import DatabaseUsage, LmdbEnvironment, translate

#: LMDB refuses longer keys, also when it only looks for one.
_KEY_SIZE_MAX: Final = 511


class LmdbBackend:
    """Tables of one LMDB environment; keeps the rules of ``NodeBackend``."""

    def __init__(self, environment: LmdbEnvironment) -> None:
        self._environment = environment
        self._latest = _LmdbLatest(environment)
        self.path = environment.path

    def declare_tables(self, tables: Iterable[bytes]) -> None:
        """Make the tables known, empty where they are new."""
        self._environment.declare_tables(tables)
        self._latest.renew()  # a reader sees the tables known when it began

    def latest(self) -> TableReader:
        """Return the reader of the newest batch boundary, for the writing thread."""
        return self._latest

    def snapshot(self) -> TableReader:
        """Return a reader of the present batch boundary; close it soon."""
        return _LmdbReader(self._environment)

    def apply_batch(self, batch: Batch) -> None:
        """Write the batch in one transaction, wholly or not at all.

        Raises:
            StorageFullError: the disk is full, or the map is and cannot grow.
            StorageCorruptError: the database is damaged.
        """
        try:
            while not self._try_batch(batch):
                self._latest.close()
                self._environment.grow()
        finally:
            self._latest.renew()

    def _try_batch(self, batch: Batch) -> bool:
        try:
            with self._environment.begin_write() as txn:
                for table, pairs in batch.appended.items():
                    _append(txn, self._environment.handle(table), pairs)
                for table, rows in batch.rows.items():
                    _write(txn, self._environment.handle(table), rows)
        except lmdb.MapFullError:
            return False
        return True

    def usage(self) -> DatabaseUsage:
        """Tell what the database takes up; from any thread."""
        return self._environment.usage()

    def clear(self) -> None:
        """Remove every row of every table, declared or not, in one transaction.

        Raises:
            StorageFullError: there is no room for the change; nothing was removed.
            StorageCorruptError: the database is damaged.
        """
        try:
            self._environment.clear_tables()
        finally:
            self._latest.renew()

    def close(self) -> None:
        """Let go of the reader and close the environment."""
        self._latest.close()
        self._environment.close()


class _LmdbReader:
    """Reads one batch boundary."""

    __slots__ = ("_environment", "_txn")

    def __init__(self, environment: LmdbEnvironment) -> None:
        self._environment = environment
        self._txn = environment.begin_read()

    def get(self, table: bytes, key: bytes) -> bytes | None:
        try:
            value: bytes | None = self._txn.get(
                key, None, self._environment.handle(table)
            )
        except lmdb.BadValsizeError:
            return None  # no stored key is empty or as long as this one
        except lmdb.Error as error:
            raise translate(error, self._environment.path) from error
        return value

    def iterate(
        self, table: bytes, start: bytes, end: bytes | None, *, reverse: bool = False
    ) -> Iterator[tuple[bytes, bytes]]:
        # The generator holds the cursor, and the cursor its transaction.
        walk = _walk_down if reverse else _walk_up
        try:
            cursor = self._txn.cursor(self._environment.handle(table))
            first = _place(cursor, start, end, reverse)
        except lmdb.Error as error:
            raise translate(error, self._environment.path) from error
        return walk(self._environment, cursor, start, end) if first else iter(())

    def count(self, table: bytes) -> int:
        with self._environment.translated():
            entries: int = self._txn.stat(self._environment.handle(table))["entries"]
        return entries

    def close(self) -> None:
        self._environment.end_read(self._txn)


class _LmdbLatest(_LmdbReader):
    """Reads the newest batch boundary, renewed after each batch."""

    __slots__ = ()

    def renew(self) -> None:
        """Move on to the newest boundary; walks that have begun keep theirs."""
        self._txn = self._environment.begin_read()


def _place(cursor: Any, start: bytes, end: bytes | None, reverse: bool) -> bool:
    """Put the cursor where a walk begins, or just outside; False if nothing is there."""
    if not reverse:
        found = cursor.set_range(start[:_KEY_SIZE_MAX]) if start else cursor.first()
    elif end == b"":
        found = False
    else:
        is_inside = end is not None and cursor.set_range(end[:_KEY_SIZE_MAX])
        found = is_inside or cursor.last()
    return bool(found)


def _walk_up(
    environment: LmdbEnvironment, cursor: Any, start: bytes, end: bytes | None
) -> Iterator[tuple[bytes, bytes]]:
    with environment.translated():
        for key, value in cursor.iternext(keys=True, values=True):
            if end is not None and key >= end:
                return
            if key >= start:
                yield key, value


def _walk_down(
    environment: LmdbEnvironment, cursor: Any, start: bytes, end: bytes | None
) -> Iterator[tuple[bytes, bytes]]:
    with environment.translated():
        for key, value in cursor.iterprev(keys=True, values=True):
            if key < start:
                return
            if end is None or key < end:
                yield key, value


def _append(txn: Any, handle: Any, pairs: Sequence[tuple[bytes, bytes]]) -> None:
    with txn.cursor(handle) as cursor:
        _, added = cursor.putmulti(pairs, append=True)
    invariant(added == len(pairs), "appended keys lie behind all others")


def _write(txn: Any, handle: Any, rows: Sequence[Row]) -> None:
    if all(value is not None for _, value in rows):
        with txn.cursor(handle) as cursor:
            cursor.putmulti(rows)
        return
    for key, value in rows:
        if value is None:
            txn.delete(key, db=handle)
        else:
            txn.put(key, value, db=handle)
