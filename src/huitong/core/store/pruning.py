"""Removing what no kept version needs, a bounded slice with every block.

A node made in version c and orphaned by version o is part of the versions c to o - 1.
Versions go oldest first, so once o is the oldest kept one, the node is needed no more.
The rows of the orphan table are the queue of that work; it survives restarts.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import Final

from huitong.core.limits import STORE_PRUNED_NODES_MIN, STORE_PRUNED_VERSIONS_MAX
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


def orphan_rows(version: int, orphans: Sequence[bytes]) -> list[Row]:
    """Return the rows that remember what ``version`` made superfluous."""
    chunks = range(0, len(orphans), _PER_ROW)
    return [
        (orphans_key(version, number), b"".join(orphans[at : at + _PER_ROW]))
        for number, at in enumerate(chunks)
    ]


def prune(batch: Batch, latest: TableReader, oldest: int, orphaned: int) -> None:
    """Add to ``batch`` the removal of a slice of what versions below ``oldest`` needed.

    Args:
        batch: the block's rows.
        latest: the tables before the block.
        oldest: oldest version to be kept.
        orphaned: how many references this block orphans. The slice is at least twice
            that, so that a backlog shrinks however large the blocks are.
    """
    versions = latest.iterate(ROOTS, b"", version_key(oldest))
    gone = islice(versions, STORE_PRUNED_VERSIONS_MAX)
    batch.write(ROOTS, [(key, None) for key, _ in gone])
    budget = max(STORE_PRUNED_NODES_MIN, 2 * orphaned)
    rows: list[bytes] = []
    refs: list[bytes] = []
    for key, joined in latest.iterate(ORPHANS, b"", version_key(oldest + 1)):
        if len(refs) >= budget:
            break
        rows.append(key)
        starts = range(0, len(joined), REFERENCE_SIZE)
        refs += [joined[at : at + REFERENCE_SIZE] for at in starts]
    batch.write(ORPHANS, [(key, None) for key in rows])
    batch.write(NODES, [(ref, None) for ref in sorted(refs)])
