"""Removing what no kept version needs, a bounded slice with every block.

A node made in version c and orphaned by version o is part of the versions c to o - 1.
Versions go oldest first, so once o is the oldest kept one, the node is needed no more.
The rows of the orphan table are the queue of that work; it survives restarts.

Removing scattered records would rewrite a page for each of them. So removal waits until
many are due, and takes them in the order of the node table: one page then loses several
records at a time.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import Final

from huitong.core.limits import (
    STORE_PRUNE_ROUND_NODES,
    STORE_PRUNE_ROUND_VERSIONS,
    STORE_PRUNE_SLICE_NODES_MIN,
    STORE_PRUNE_SLICE_VERSIONS_MAX,
)
from huitong.core.store.backend import Batch, Row, TableReader
from huitong.core.store.iavl.node import REFERENCE_SIZE
from huitong.core.store.tables import (
    NODES,
    ORPHANS,
    ROOTS,
    orphans_key,
    version_key,
)

_PER_ROW: Final = 500
_LOOK_EVERY_VERSIONS: Final = 16


def orphan_rows(version: int, orphans: Sequence[bytes]) -> list[Row]:
    """Return the rows that remember what ``version`` made superfluous."""
    chunks = range(0, len(orphans), _PER_ROW)
    return [
        (orphans_key(version, number), b"".join(orphans[at : at + _PER_ROW]))
        for number, at in enumerate(chunks)
    ]


class Pruner:
    """Spreads the removal of old nodes over the blocks."""

    __slots__ = ("_look_at", "_planned", "_refs", "_round_nodes", "_rows")

    def __init__(self, *, round_nodes: int = STORE_PRUNE_ROUND_NODES) -> None:
        """Begin with nothing to do; ``round_nodes`` is how many to gather first."""
        self._round_nodes = round_nodes
        self._refs: list[bytes] = []
        self._rows: list[bytes] = []
        self._planned = 0
        self._look_at = 0

    def plan(
        self, batch: Batch, latest: TableReader, oldest: int, orphaned: int
    ) -> None:
        """Add to ``batch`` the next slice of removals.

        Args:
            batch: the block's rows.
            latest: the tables before the block.
            oldest: oldest version to be kept.
            orphaned: how many references this block orphans. The slice is at least
                twice that, so that a backlog shrinks however large the blocks are.
        """
        versions = latest.iterate(ROOTS, b"", version_key(oldest))
        gone = islice(versions, STORE_PRUNE_SLICE_VERSIONS_MAX)
        batch.write(ROOTS, [(key, None) for key, _ in gone])
        if not self._refs and oldest >= self._look_at:
            self._gather(latest, oldest, max(self._round_nodes, 2 * orphaned))
        self._planned = min(
            len(self._refs), max(STORE_PRUNE_SLICE_NODES_MIN, 2 * orphaned)
        )
        if self._planned:
            slice_refs = self._refs[: -self._planned - 1 : -1]
            batch.write(NODES, [(ref, None) for ref in slice_refs])
            if self._planned == len(self._refs):
                batch.write(ORPHANS, [(key, None) for key in self._rows])

    def written(self) -> None:
        """Count the planned slice as done, after the batch was written."""
        if self._planned:
            del self._refs[-self._planned :]
            self._planned = 0

    def _gather(self, latest: TableReader, oldest: int, enough: int) -> None:
        """Take a round of references that are due, if there are enough of them."""
        joined: list[bytes] = []
        rows: list[bytes] = []
        size = 0
        end = version_key(oldest + 1)
        for key, refs in latest.iterate(ORPHANS, b"", end):
            rows.append(key)
            joined.append(refs)
            size += len(refs)
            if size >= enough * REFERENCE_SIZE:
                break
        else:
            if len(rows) < STORE_PRUNE_ROUND_VERSIONS:
                self._look_at = oldest + _LOOK_EVERY_VERSIONS
                return
        every = b"".join(joined)
        starts = range(0, size, REFERENCE_SIZE)
        self._refs = sorted(
            (every[at : at + REFERENCE_SIZE] for at in starts), reverse=True
        )
        self._rows = rows
