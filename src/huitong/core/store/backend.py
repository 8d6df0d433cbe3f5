"""Where the state is kept: named tables of ordered keys, written in whole batches.

The rules that every backend keeps, and that one conformance suite checks:

* A batch is applied wholly or not at all, and is durable when ``apply_batch`` returns.
* A snapshot shows one batch boundary for ever, whatever is applied meanwhile.
* The latest reader shows the newest batch boundary; a walk that has begun keeps its own.
* One thread writes; any number of threads read through snapshots of their own.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol
from weakref import WeakSet

Row = tuple[bytes, bytes | None]
"""A key and its new value; None removes the key."""


class Batch:
    """The rows that one block writes, table by table."""

    __slots__ = ("appended", "rows")

    def __init__(self) -> None:
        self.rows: dict[bytes, list[Row]] = {}
        self.appended: dict[bytes, Sequence[tuple[bytes, bytes]]] = {}

    def write(self, table: bytes, rows: Iterable[Row]) -> None:
        """Add rows of ``table``; of two rows with one key the later one counts."""
        self.rows.setdefault(table, []).extend(rows)

    def append(self, table: bytes, rows: Sequence[tuple[bytes, bytes]]) -> None:
        """Add new rows of ``table`` whose keys ascend and lie behind all present ones.

        A table that is appended to in a batch is appended to once, before other rows.
        """
        self.appended[table] = rows


class TableReader(Protocol):
    """Reads the tables as they stand at one batch boundary."""

    def get(self, table: bytes, key: bytes) -> bytes | None:
        """Return the value under ``key``, or None if there is none."""
        ...

    def iterate(
        self, table: bytes, start: bytes, end: bytes | None, *, reverse: bool = False
    ) -> Iterator[tuple[bytes, bytes]]:
        """Walk over the pairs with ``start <= key < end`` in the order of the keys."""
        ...

    def count(self, table: bytes) -> int:
        """Return the number of pairs in a table."""
        ...

    def close(self) -> None:
        """Let go of what the reader holds; reading afterwards is an error."""
        ...


class NodeBackend(Protocol):
    """A database of named tables."""

    path: str
    """Where it lies, for people to read."""

    def declare_tables(self, tables: Iterable[bytes]) -> None:
        """Make the tables known, empty where they are new; to be done before use."""
        ...

    def latest(self) -> TableReader:
        """Return the one reader that always shows the newest batch boundary.

        It belongs to the thread that writes.
        """
        ...

    def snapshot(self) -> TableReader:
        """Return a reader of the present batch boundary; close it soon."""
        ...

    def apply_batch(self, batch: Batch) -> None:
        """Write the batch, wholly or not at all.

        Raises:
            StorageFullError: there is no room; nothing was written.
            StorageCorruptError: the database is damaged.
        """
        ...

    def clear(self) -> None:
        """Remove every row of every table, declared or not, wholly or not at all.

        Raises:
            StorageFullError: there is no room for the change; nothing was removed.
            StorageCorruptError: the database is damaged.
        """
        ...

    def close(self) -> None:
        """Release the database."""
        ...


class MemoryBackend:
    """Tables in memory, for tests and simulations."""

    path = "memory"

    def __init__(self) -> None:
        self._tables: dict[bytes, _MemoryTable] = {}
        self._snapshots: WeakSet[_MemorySnapshot] = WeakSet()
        self._latest = _MemoryLatest(self._tables)

    def declare_tables(self, tables: Iterable[bytes]) -> None:
        """Make the tables known, empty where they are new."""
        for table in tables:
            self._tables.setdefault(table, _MemoryTable())

    def latest(self) -> TableReader:
        """Return the reader of the newest batch boundary."""
        return self._latest

    def snapshot(self) -> TableReader:
        """Return a reader of the present batch boundary."""
        snapshot = _MemorySnapshot(self._tables)
        self._snapshots.add(snapshot)
        return snapshot

    def apply_batch(self, batch: Batch) -> None:
        """Write the batch; a row source that fails half-way leaves all as it was."""
        changes: list[tuple[bytes, list[Row]]] = [
            (table, list(rows)) for table, rows in batch.appended.items()
        ]
        changes += [(table, list(rows)) for table, rows in batch.rows.items()]
        for table, _ in changes:
            self._tables[table]  # an undeclared table fails before anything is written
        for snapshot in list(self._snapshots):
            for table, rows in changes:
                snapshot.remember(table, rows)
        for table, rows in changes:
            self._tables[table].apply(rows)

    def clear(self) -> None:
        """Remove every row of every table."""
        for name, table in self._tables.items():
            for snapshot in list(self._snapshots):
                snapshot.remember(name, [(key, None) for key in table.values])
            self._tables[name].clear()

    def close(self) -> None:
        """Nothing is held beyond memory."""


class _MemoryTable:
    __slots__ = ("_keys", "values")

    def __init__(self) -> None:
        self.values: dict[bytes, bytes] = {}
        self._keys: list[bytes] | None = None

    def apply(self, rows: Iterable[Row]) -> None:
        """Write the rows, keeping the sorted keys if somebody walked before."""
        values = self.values
        for key, value in rows:
            if value is None:
                if values.pop(key, None) is not None and self._keys is not None:
                    del self._keys[bisect_left(self._keys, key)]
                continue
            if self._keys is not None and key not in values:
                insort(self._keys, key)
            values[key] = value

    def clear(self) -> None:
        """Remove all rows."""
        self.values.clear()
        self._keys = None

    def keys_between(self, start: bytes, end: bytes | None) -> list[bytes]:
        """Return the keys of the range, ascending."""
        if self._keys is None:
            self._keys = sorted(self.values)
        after = len(self._keys) if end is None else bisect_left(self._keys, end)
        return self._keys[bisect_left(self._keys, start) : after]


class _MemoryLatest:
    __slots__ = ("_tables",)

    def __init__(self, tables: dict[bytes, _MemoryTable]) -> None:
        self._tables = tables

    def get(self, table: bytes, key: bytes) -> bytes | None:
        return self._tables[table].values.get(key)

    def iterate(
        self, table: bytes, start: bytes, end: bytes | None, *, reverse: bool = False
    ) -> Iterator[tuple[bytes, bytes]]:
        source = self._tables[table]
        keys = source.keys_between(start, end)
        if reverse:
            keys.reverse()
        values = source.values
        return iter([(key, values[key]) for key in keys])

    def count(self, table: bytes) -> int:
        return len(self._tables[table].values)

    def close(self) -> None:
        """The latest reader lives as long as its backend."""


class _MemorySnapshot:
    """Shows the tables of now, with what was overwritten since put back in front."""

    __slots__ = ("__weakref__", "_before", "_tables")

    def __init__(self, tables: dict[bytes, _MemoryTable]) -> None:
        self._tables = tables
        self._before: dict[bytes, dict[bytes, bytes | None]] = {}

    def remember(self, table: bytes, rows: Iterable[Row]) -> None:
        """Keep the values that the rows are about to replace."""
        if table not in self._tables:
            return  # closed, or opened before the table was made
        before = self._before.setdefault(table, {})
        values = self._tables[table].values
        for key, _ in rows:
            if key not in before:
                before[key] = values.get(key)

    def get(self, table: bytes, key: bytes) -> bytes | None:
        before = self._before.get(table)
        if before is not None and key in before:
            return before[key]
        return self._tables[table].values.get(key)

    def iterate(
        self, table: bytes, start: bytes, end: bytes | None, *, reverse: bool = False
    ) -> Iterator[tuple[bytes, bytes]]:
        source = self._tables[table]
        before = self._before.get(table, {})
        pairs = {key: source.values[key] for key in source.keys_between(start, end)}
        for key, value in before.items():
            if key < start or (end is not None and key >= end):
                continue
            if value is None:
                pairs.pop(key, None)
            else:
                pairs[key] = value
        return iter(sorted(pairs.items(), reverse=reverse))

    def count(self, table: bytes) -> int:
        return sum(1 for _ in self.iterate(table, b"", None))

    def close(self) -> None:
        self._before = {}
        self._tables = {}
