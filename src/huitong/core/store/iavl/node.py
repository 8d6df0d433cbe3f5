"""Nodes of the IAVL tree: in memory, as records of the node table, and hashed.

Hash rules (cosmos/iavl v1, ``node.go``): a node hashes to
``sha256(zz(height) zz(size) zz(version) body)`` with ``zz`` the zig-zag varint. The body
of a leaf is ``uvarint(len(key)) key 0x20 sha256(value)``, that of an inner node
``0x20 left_hash 0x20 right_hash``. ``version`` is the block that made the node.

A record is found under its *reference*: 8 bytes version, 4 bytes position within the
version, both big-endian. Records:

* leaf: ``0x00``, 2 bytes length of the key, key, value;
* inner: heights of the node, the left and the right child (1 byte each), size (8),
  references of the children (12 + 12), hashes of the children (32 + 32), key.

An inner record carries its children's heights and hashes, so that neither hashing nor
balancing nor proving loads a sibling.
"""

from __future__ import annotations

from hashlib import sha256
from struct import Struct
from typing import Final

REFERENCE_SIZE: Final = 12
HASH_SIZE: Final = 32
EMPTY_ROOT_HASH: Final = sha256(b"").digest()
"""Root hash of a tree without a leaf."""

INNER_HEAD: Final = Struct(">BBBQ12s12s32s32s")
"""Everything of an inner record but the key."""
INNER_KEY_AT: Final = INNER_HEAD.size
LEAF_HEAD: Final = Struct(">BH")
LEAF_KEY_AT: Final = LEAF_HEAD.size

_VARINTS_CACHED: Final = 4096


def zigzag(value: int) -> bytes:
    """Encode ``value >= 0`` as Go's ``binary.PutVarint`` does."""
    return uvarint(value << 1)


def uvarint(value: int) -> bytes:
    """Encode ``value >= 0`` in groups of seven bits, the lowest first."""
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


ZIGZAGS: Final = tuple(zigzag(value) for value in range(_VARINTS_CACHED))
"""Encodings of the small numbers; nearly all heights and sizes are among them."""


class Node:
    """A node of the newest version, changed in place until it is saved.

    A node is *saved* when it has a reference, and *fresh* while it has none. A saved
    node may be *bare*: its key is None and only reference, hash and height are known;
    the rest is in its record.
    """

    __slots__ = ("hash", "height", "key", "left", "ref", "right", "size", "value")

    key: bytes | None
    """Key of the leaf, or the smallest key of the right subtree; None while bare."""
    value: bytes | None
    """Value of a fresh leaf; None otherwise, since nothing needs it again."""
    height: int
    """0 for a leaf, one more than the higher child for an inner node."""
    size: int
    """Number of leaves below, 1 for a leaf; 0 while bare."""
    ref: bytes | None
    """Reference of the record; None while fresh."""
    hash: bytes
    """Hash of a saved node; empty while fresh."""
    left: Node
    """Left child of an inner node that is not bare; None elsewhere."""
    right: Node
    """Right child of an inner node that is not bare; None elsewhere."""

    def __init__(self, key: bytes | None, value: bytes | None) -> None:
        self.key = key
        self.value = value
        self.height = 0
        self.size = 1
        self.ref = None
        self.hash = b""
        self.left = None  # type: ignore[assignment]  # asked for by height only
        self.right = None  # type: ignore[assignment]


def bare_node(ref: bytes, node_hash: bytes, height: int) -> Node:
    """Return a saved node of which only the record's address is known."""
    node = Node(None, None)
    node.ref = ref
    node.hash = node_hash
    node.height = height
    node.size = 0
    return node


def fill_node(node: Node, record: bytes) -> None:
    """Give a bare node its key, size and bare children from its record."""
    if record[0] == 0:
        _, key_size = LEAF_HEAD.unpack_from(record)
        node.key = record[LEAF_KEY_AT : LEAF_KEY_AT + key_size]
        node.height = 0
        node.size = 1
        return
    node.height, left_height, right_height, node.size, left, right, lhash, rhash = (
        INNER_HEAD.unpack_from(record)
    )
    node.left = bare_node(left, lhash, left_height)
    node.right = bare_node(right, rhash, right_height)
    node.key = record[INNER_KEY_AT:]


def strip_node(node: Node) -> None:
    """Make a saved node bare again; its subtree is forgotten."""
    node.key = None
    node.size = 0
    node.left = None  # type: ignore[assignment]
    node.right = None  # type: ignore[assignment]


def is_record_of(record: bytes, ref: bytes, node_hash: bytes) -> bool:
    """Tell whether ``record`` under ``ref`` is that of the node with this hash."""
    version = zigzag(int.from_bytes(ref[:8], "big"))
    if record[:1] != b"\0":
        if len(record) <= INNER_KEY_AT:
            return False
        height, _, _, size, _, _, left, right = INNER_HEAD.unpack_from(record)
        return hash_inner(height, size, version, left, right) == node_hash
    if len(record) > LEAF_KEY_AT:
        key_end = LEAF_KEY_AT + LEAF_HEAD.unpack_from(record)[1]
        key, value = record[LEAF_KEY_AT:key_end], record[key_end:]
        return hash_leaf(version, key, value) == node_hash
    return False


def hash_leaf(version: bytes, key: bytes, value: bytes) -> bytes:
    """Hash a leaf; ``version`` comes encoded."""
    return sha256(
        b"".join(
            (b"\0\2", version, uvarint(len(key)), key, b" ", sha256(value).digest())
        )
    ).digest()


def hash_inner(
    height: int, size: int, version: bytes, left: bytes, right: bytes
) -> bytes:
    """Hash an inner node from its children's hashes; ``version`` comes encoded."""
    return sha256(
        b"".join((zigzag(height), zigzag(size), version, b" ", left, b" ", right))
    ).digest()
