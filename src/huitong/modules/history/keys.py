"""Keys of the store ``history`` and of the rows beside it."""

from __future__ import annotations

from typing import Final

from huitong.modules.history.mountain import Position

#: Name of the module's tree.
STORE: Final = "history"
#: Where the accumulator stands, an encoded ``Accumulator``; the only key of the tree.
ACCUMULATOR_KEY: Final = b"accumulator"
#: Table of the complete nodes, beside the state: they serve proofs and need none.
NODES_TABLE: Final = b"history_nodes"
#: Table of the header hashes by height, beside the state.
HEADERS_TABLE: Final = b"history_headers"
#: Table of the blocks' times by height, beside the state: exports begin with one.
TIMES_TABLE: Final = b"history_times"


def node_key(position: Position) -> bytes:
    """Return the key of a node in its table: level, then index, 8 bytes big-endian."""
    level, index = position
    return level.to_bytes(1, "big") + index.to_bytes(8, "big")


def header_key(height: int) -> bytes:
    """Return the key of a header hash in its table: the height, 8 bytes big-endian."""
    return height.to_bytes(8, "big")
