"""Removing old blocks with the rows that lead to them, a bounded slice with every block.

The lowest row of ``block_meta`` says which block is the oldest that there is. What
belongs to a block as a whole goes with that row; transactions can be many, so what is
below the oldest block in ``txs`` is the queue of those still to be removed. It survives
restarts, and nothing that reads by height sees it.

The votes for a block stand in the next one, so those for the block before the oldest
stay; and so do the validators and limits that bind at the oldest, wherever they stand.
"""

from __future__ import annotations

from itertools import islice

from huitong.core.hashing import sha256
from huitong.core.limits import BLOCKS_PRUNED_SLICE_MAX, TXS_PRUNED_SLICE_MIN
from huitong.core.store.backend import TableReader
from huitong.storage.blocks import (
    BLOCK_EVIDENCE,
    BLOCK_HASHES,
    BLOCK_META,
    BLOCK_PARAMS,
    BLOCK_RESULTS,
    COMMITS,
    TX_HASHES,
    TX_RESULTS,
    TXS,
    VALIDATORS,
    ExtraRow,
    StoredTx,
    find_block,
    find_hook_results,
    find_result,
    height_key,
    place_of_key,
)
from huitong.storage.index import block_index_rows, tx_index_rows


def find_lowest(reader: TableReader) -> int | None:
    """Return the height of the oldest block that is kept, or None before the first."""
    for key, _ in reader.iterate(BLOCK_META, b"", None):
        return int.from_bytes(key, "big")
    return None


class BlockPruner:
    """Spreads the removal of old blocks over the new ones."""

    __slots__ = ("_blocks_kept", "_lowest_after", "lowest")

    lowest: int
    """Height of the oldest block that is kept."""

    def __init__(self, blocks_kept: int, lowest: int) -> None:
        """Begin where the database stands.

        Args:
            blocks_kept: how many newest blocks stay; 0 for all.
            lowest: height of the oldest one; of the first before there is any.
        """
        self._blocks_kept = blocks_kept
        self.lowest = self._lowest_after = lowest

    def plan(self, reader: TableReader, height: int, tx_count: int) -> list[ExtraRow]:
        """Return the removals to be written with a block, before its own rows.

        Args:
            reader: the rows before the block.
            height: the block's height.
            tx_count: how many transactions it has. The slice is at least twice that, so
                that a backlog shrinks however large the blocks are.
        """
        if not self._blocks_kept:
            return []
        due = height - self._blocks_kept + 1
        lowest = max(self.lowest, min(due, self.lowest + BLOCKS_PRUNED_SLICE_MAX))
        rows: list[ExtraRow] = []
        for gone in range(self.lowest, lowest):
            rows += _block_removals(reader, gone)
        self._lowest_after = lowest
        count = max(TXS_PRUNED_SLICE_MIN, 2 * tx_count)
        old = reader.iterate(TXS, b"", height_key(lowest))
        for place, raw in islice(old, count):
            rows += _tx_removals(reader, place, raw)
        return rows

    def written(self) -> None:
        """Count what was planned as done, after it was written."""
        self.lowest = self._lowest_after


def _block_removals(reader: TableReader, height: int) -> list[ExtraRow]:
    key = height_key(height)
    rows: list[ExtraRow] = [
        (BLOCK_META, key, None),
        (COMMITS, height_key(height - 1), None),
        (BLOCK_RESULTS, key, None),
        (BLOCK_EVIDENCE, key, None),
    ]
    block = find_block(reader, height)
    if block is not None:
        rows.append((BLOCK_HASHES, block.block_id.hash, None))
    hooks = find_hook_results(reader, height)
    if hooks is not None:
        indexed = block_index_rows(height, hooks.events)
        rows += [(table, index_key, None) for table, index_key, _ in indexed]
    return rows + _set_removals(reader, height) + _params_removals(reader, height)


def _set_removals(reader: TableReader, height: int) -> list[ExtraRow]:
    """Remove a height's validators, but for a set that later heights refer to."""
    key, after = height_key(height), height_key(height + 1)
    row = reader.get(VALIDATORS, key)
    is_reference = row is not None and len(row) == len(key)
    rows: list[ExtraRow] = [(VALIDATORS, key, None)] if is_reference else []
    following = reader.get(VALIDATORS, after)
    if following is not None and len(following) != len(key):  # it stands for itself
        rows.append((VALIDATORS, row if is_reference and row else key, None))
    return rows


def _params_removals(reader: TableReader, height: int) -> list[ExtraRow]:
    """Remove the limits that bound up to this height, if others bind after it."""
    after = height_key(height + 1)
    if reader.get(BLOCK_PARAMS, after) is None:
        return []
    return [
        (BLOCK_PARAMS, key, None) for key, _ in reader.iterate(BLOCK_PARAMS, b"", after)
    ]


def _tx_removals(reader: TableReader, place: bytes, raw: bytes) -> list[ExtraRow]:
    rows: list[ExtraRow] = [(TXS, place, None), (TX_RESULTS, place, None)]
    tx_hash = sha256(raw)
    if reader.get(TX_HASHES, tx_hash) == place:  # a later block may have it as well
        rows.append((TX_HASHES, tx_hash, None))
    result = find_result(reader, place)
    if result is not None:
        height, index = place_of_key(place)
        tx = StoredTx(height=height, index=index, hash=tx_hash, raw=raw, result=result)
        rows += [(table, key, None) for table, key, _ in tx_index_rows([tx])]
    return rows
