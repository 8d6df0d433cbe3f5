"""Append the header hash of every block.

FinalizeBlock is told the hash of the block that it carries out, so the state after a
block of height H holds the hashes up to H, and the header of H + 1 commits to them.
"""

from __future__ import annotations

from typing import Final

from huitong.core.context import Context
from huitong.core.hashing import HASH_SIZE_BYTES
from huitong.core.invariants import invariant
from huitong.modules.history.keys import HEADERS_TABLE, TIMES_TABLE, header_key
from huitong.modules.history.mountain import append
from huitong.modules.history.state import (
    find_accumulator,
    mountains_of,
    save_accumulator,
    save_nodes,
)
from huitong.proto.huitong.history.v1.history_pb2 import Accumulator

_TIME_SIZE_BYTES: Final = 8


def append_header(ctx: Context) -> None:
    """Append this block's header hash. Cost: 1 read, 1 write, about 4 rows beside."""
    height = ctx.block.height.revision_height
    header_hash = ctx.block.header_hash
    invariant(
        len(header_hash) == HASH_SIZE_BYTES,
        "a header hash has 32 bytes",
        height=height,
        header_hash=header_hash,
    )
    known = find_accumulator(ctx) or Accumulator(first_height=height)
    invariant(
        height == known.first_height + known.leaf_count,
        "the history has one header for each height",
        height=height,
        first_height=known.first_height,
        leaf_count=known.leaf_count,
    )
    mountains, nodes = append(mountains_of(known), header_hash)
    save_nodes(ctx, nodes)
    ctx.put_side_row(HEADERS_TABLE, header_key(height), header_hash)
    time = ctx.block.time_ns.to_bytes(_TIME_SIZE_BYTES, "big")
    ctx.put_side_row(TIMES_TABLE, header_key(height), time)
    save_accumulator(
        ctx,
        Accumulator(
            leaf_count=mountains.leaf_count,
            first_height=known.first_height,
            peaks=mountains.peaks,
        ),
    )


def find_block_time_ns(ctx: Context, height: int) -> int | None:
    """Return the time of a block that was carried out here, nanoseconds; else None."""
    row = ctx.find_side_row(TIMES_TABLE, header_key(height))
    return None if row is None else int.from_bytes(row, "big")
