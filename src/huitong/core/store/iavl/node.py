"""Nodes of the IAVL tree: in memory, as records of the node table, and hashed.

Hash rules (cosmos/iavl v1, ``node.go``): a node hashes to
``sha256(zz(height) zz(size) zz(version) body)`` with ``zz`` the zig-zag varint. The body
of a leaf is ``uvarint(len(key)) key 0x20 sha256(value)``, that of an inner node
``0x20 left_hash 0x20 right_hash``. ``version`` is the block that made the node.

A record is found under its *reference*: 8 bytes version, 4 bytes position, both
big-endian. The position tells the nodes of one version apart in this database; no hash
covers it, and a database that began from a snapshot has others. A *link* is all that a
parent knows of a child: reference (12), hash (32), height (1). Records:

* leaf: ``0x00``, 2 bytes length of the key, key, value;
* inner: height (1), size (8), links of both children (45 + 45), key.

So neither hashing nor balancing nor proving loads a sibling.
"""

from __future__ import annotations

from functools import lru_cache
from hashlib import sha256
from struct import Struct
from typing import Final

REFERENCE_SIZE: Final = 12
REFERENCE_VERSION: Final = slice(8)
POSITION_SIZE: Final = 4
HASH_SIZE: Final = 32
LINK_SIZE: Final = REFERENCE_SIZE + HASH_SIZE + 1
LINK_HASH: Final = slice(REFERENCE_SIZE, REFERENCE_SIZE + HASH_SIZE)
LINK_HEIGHT_AT: Final = REFERENCE_SIZE + HASH_SIZE
EMPTY_ROOT_HASH: Final = sha256(b"").digest()
"""Root hash of a tree without a leaf."""

INNER_HEAD: Final = Struct(">BQ")
LEFT_AT: Final = INNER_HEAD.size
RIGHT_AT: Final = LEFT_AT + LINK_SIZE
INNER_KEY_AT: Final = RIGHT_AT + LINK_SIZE
LEFT_HASH: Final = slice(LEFT_AT + REFERENCE_SIZE, LEFT_AT + LINK_HEIGHT_AT)
RIGHT_HASH: Final = slice(RIGHT_AT + REFERENCE_SIZE, RIGHT_AT + LINK_HEIGHT_AT)
LEAF_HEAD: Final = Struct(">BH")
LEAF_KEY_AT: Final = LEAF_HEAD.size

#: Sizes of subtrees and heights that are mostly met.
_VARINTS_CACHED: Final = 8192


def uvarint(value: int) -> bytes:
    """Encode ``value >= 0`` in groups of seven bits, the lowest first.

    Of any size, unlike ``core.codec.encode_uvarint``: the numbers of a damaged record are
    hashed like others, and the hash tells.
    """
    if value < 0x80:
        return bytes((value,))
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


ZIGZAGS: Final = tuple(uvarint(value << 1) for value in range(_VARINTS_CACHED))
"""Encodings of the small numbers; nearly all heights and sizes are among them."""


def zigzag(value: int) -> bytes:
    """Encode ``value >= 0`` as Go's ``binary.PutVarint`` does."""
    return ZIGZAGS[value] if value < _VARINTS_CACHED else uvarint(value << 1)


@lru_cache(maxsize=4096)
def version_of(ref_head: bytes) -> bytes:
    """Return the encoded version from the first 8 bytes of a reference."""
    return uvarint(int.from_bytes(ref_head, "big") << 1)


class Node:
    """A node of the newest version, changed in place until it is saved.

    A node is *saved* when it has a link, and *fresh* while it has none. A saved child
    that nobody needed yet is present in its parent as its link only.
    """

    __slots__ = ("height", "key", "left", "link", "right", "size", "value")

    key: bytes
    """Key of the leaf, or the smallest key of the right subtree."""
    value: bytes | None
    """Value of a fresh leaf; None otherwise, since nothing needs it again."""
    height: int
    """0 for a leaf, one more than the higher child for an inner node."""
    size: int
    """Number of leaves below; 1 for a leaf."""
    link: bytes | None
    """What the parent keeps of a saved node; None while fresh."""
    left: Node | bytes
    """Left child of an inner node, or its link; empty for a leaf."""
    right: Node | bytes
    """Right child of an inner node, or its link; empty for a leaf."""

    def __init__(self, key: bytes, value: bytes | None) -> None:
        self.key = key
        self.value = value
        self.height = 0
        self.size = 1
        self.link = None
        self.left = self.right = b""


def load_node(link: bytes, record: bytes) -> Node:
    """Return the saved node behind ``link`` from its record, children as links."""
    if record[0] == 0:
        key_end = LEAF_KEY_AT + LEAF_HEAD.unpack_from(record)[1]
        node = Node(record[LEAF_KEY_AT:key_end], None)
    else:
        node = Node(record[INNER_KEY_AT:], None)
        node.height, node.size = INNER_HEAD.unpack_from(record)
        node.left = record[LEFT_AT:RIGHT_AT]
        node.right = record[RIGHT_AT:INNER_KEY_AT]
    node.link = link
    return node


def is_record_of(record: bytes, link: bytes) -> bool:
    """Tell whether ``record`` is that of the node that ``link`` describes."""
    version = version_of(link[:8])
    if record[:1] != b"\0":
        if len(record) <= INNER_KEY_AT:
            return False
        height, size = INNER_HEAD.unpack_from(record)
        left, right = record[LEFT_HASH], record[RIGHT_HASH]
        parts = (zigzag(height), zigzag(size), version, b" ", left, b" ", right)
        found = sha256(b"".join(parts)).digest()
        return height == link[LINK_HEIGHT_AT] and found == link[LINK_HASH]
    if len(record) <= LEAF_KEY_AT:
        return False
    key_end = LEAF_KEY_AT + LEAF_HEAD.unpack_from(record)[1]
    key, value = record[LEAF_KEY_AT:key_end], record[key_end:]
    return hash_leaf(version, key, value) == link[LINK_HASH]


def hash_leaf(version: bytes, key: bytes, value: bytes) -> bytes:
    """Hash a leaf; ``version`` comes encoded."""
    value_hash = sha256(value).digest()
    parts = (b"\0\2", version, uvarint(len(key)), key, b" ", value_hash)
    return sha256(b"".join(parts)).digest()
