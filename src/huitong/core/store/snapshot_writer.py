"""Writes one version of the state as a snapshot (``snapshot_layout``)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

from huitong.core.store.iavl.node import LEAF_HEAD, LEAF_KEY_AT, REFERENCE_VERSION
from huitong.core.store.snapshot_layout import (
    COUNT,
    END_OF_ITEMS,
    HEAD,
    INNER,
    ITEM,
    LEAF,
    MAGIC,
    PARTS,
    SideRows,
)
from huitong.core.store.view import ReadView

#: Nodes that are joined before they are handed on.
_NODES_PER_PIECE = 1_000


def write_snapshot(view: ReadView, sides: Sequence[SideRows]) -> Iterator[bytes]:
    """Return the stream for a version, piece by piece.

    Args:
        view: the version, kept open until the last piece.
        sides: what goes along beside the state, in this order.

    Raises:
        StorageCorruptError: a node is missing or damaged.

    Cost: about 5 µs per node; memory does not grow with the state.
    """
    names = view.store_names
    yield HEAD.pack(MAGIC, view.version, len(names))
    for name in names:
        yield _name(name)
        yield COUNT.pack(view.leaf_count(name))
        nodes = view.iterate_nodes(name)
        while piece := b"".join(map(_node, islice(nodes, _NODES_PER_PIECE))):
            yield piece
    yield PARTS.pack(len(sides))
    for side in sides:
        yield _name(side.name)
        for item in side.items(view):
            yield ITEM.pack(len(item)) + item
        yield END_OF_ITEMS


def cut_chunks(pieces: Iterable[bytes], size_bytes: int) -> Iterator[bytes]:
    """Return the stream in chunks of ``size_bytes``; only the last may be shorter."""
    held = bytearray()
    for piece in pieces:
        held += piece
        while len(held) >= size_bytes:
            yield bytes(held[:size_bytes])
            del held[:size_bytes]
    if held:
        yield bytes(held)


def _name(name: str) -> bytes:
    encoded = name.encode()
    return bytes((len(encoded),)) + encoded


def _node(node: tuple[bytes, bytes]) -> bytes:
    ref, record = node
    if record[0]:
        return INNER.pack(1, ref[REFERENCE_VERSION])
    key_size = LEAF_HEAD.unpack_from(record)[1]
    pair = record[LEAF_KEY_AT:]
    version = ref[REFERENCE_VERSION]
    return LEAF.pack(0, version, key_size, len(pair) - key_size) + pair
