"""Fills an empty database from a snapshot, chunk by chunk.

While chunks are written the database carries a mark; ``MultiStore`` empties a database
that has it. Only when the app hash is the trusted one and all that came beside the state
fits it, one last batch makes the rows a state and takes the mark away.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from huitong.core.store.backend import Batch, NodeBackend
from huitong.core.store.roots import encode_roots
from huitong.core.store.snapshot_layout import SideRows
from huitong.core.store.snapshot_reader import SnapshotReader
from huitong.core.store.tables import (
    FORMAT,
    FORMAT_KEY,
    LATEST_KEY,
    META,
    NODES,
    OLDEST_KEY,
    ORPHANS,
    RESTORED_KEY,
    RESTORING_KEY,
    ROOTS,
    flat_table,
    version_key,
)


class Restoring:
    """One snapshot on its way into one database."""

    def __init__(
        self,
        backend: NodeBackend,
        *,
        version: int,
        app_hash: bytes,
        store_names: Collection[str],
        sides: Sequence[SideRows],
        initial_height: int,
    ) -> None:
        """Empty the database and mark it.

        Args:
            backend: where the state is to be.
            version: which version the snapshot is of.
            app_hash: the app hash that it must have, 32 bytes.
            store_names: the stores that this software knows.
            sides: what must come along beside the state.
            initial_height: height of the zone's first block.

        Raises:
            StorageFullError, StorageCorruptError: the database cannot be written.
        """
        self._backend = backend
        self._key = version_key(version)
        self._reader = SnapshotReader(
            version=version,
            app_hash=app_hash,
            store_names=store_names,
            sides=sides,
            initial_height=initial_height,
        )
        names = sorted(store_names)
        backend.declare_tables([META, NODES, ORPHANS, ROOTS, *map(flat_table, names)])
        backend.clear()
        batch = Batch()
        batch.write(META, [(RESTORING_KEY, self._key)])
        backend.apply_batch(batch)

    def take(self, chunk: bytes) -> None:
        """Write what the next chunk holds.

        Raises:
            SnapshotInvalidError: the snapshot is of no use; ``abandon`` it.
            StorageFullError, StorageCorruptError: the database cannot be written.
        """
        batch = self._reader.feed(chunk)
        self._backend.declare_tables(batch.rows)
        self._backend.apply_batch(batch)

    def finish(self) -> None:
        """Make a state of what was taken, after the last chunk.

        Raises:
            SnapshotInvalidError: the snapshot is of no use; ``abandon`` it.
            StorageFullError, StorageCorruptError: the database cannot be written.
        """
        self._reader.finish(self._find_value)
        batch = Batch()
        batch.write(ROOTS, [(self._key, encode_roots(self._reader.roots))])
        batch.write(
            META,
            [
                (FORMAT_KEY, FORMAT),
                (LATEST_KEY, self._key),
                (OLDEST_KEY, self._key),
                (RESTORED_KEY, self._key),
                (RESTORING_KEY, None),
            ],
        )
        self._backend.apply_batch(batch)

    def abandon(self) -> None:
        """Empty the database again.

        Raises:
            StorageFullError, StorageCorruptError: the database cannot be written; it
                stays marked, and is emptied when it is next opened.
        """
        self._backend.clear()

    def _find_value(self, store: str, key: bytes) -> bytes | None:
        return self._backend.latest().get(flat_table(store), key)
