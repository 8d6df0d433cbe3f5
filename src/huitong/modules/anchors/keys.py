"""Keys of the store ``anchors``.

Each anchor stands alone under its key, so each is provable alone; beside it a pointer to
the newest one of each stream, and how many a member had in the newest block.
"""

from __future__ import annotations

from typing import Final

#: Name of the module's tree.
STORE: Final = "anchors"
#: Prefix of ``anchor_key``.
ANCHOR_PREFIX: Final = b"\x01"
#: Prefix of ``newest_key``.
NEWEST_PREFIX: Final = b"\x02"
#: Prefix of ``block_count_key``.
BLOCK_COUNT_PREFIX: Final = b"\x03"


def anchor_key(member_id: str, kind: int, stream: str, sequence: int) -> bytes:
    """Return the key of an anchor; its value is an encoded ``Anchor``."""
    return anchor_prefix(member_id, kind, stream) + sequence.to_bytes(8, "big")


def anchor_prefix(member_id: str, kind: int, stream: str) -> bytes:
    """Return the prefix of ``anchor_key`` for one stream."""
    return ANCHOR_PREFIX + _stream(member_id, kind, stream)


def newest_key(member_id: str, kind: int, stream: str) -> bytes:
    """Return the key of a stream's newest sequence: 8 bytes, big-endian."""
    return NEWEST_PREFIX + _stream(member_id, kind, stream)


def newest_prefix(member_id: str) -> bytes:
    """Return the prefix of ``newest_key`` for one member."""
    return b"%b%b/" % (NEWEST_PREFIX, member_id.encode())


def parts_of_newest_key(key: bytes) -> tuple[str, int, str]:
    """Return member, kind and stream in a ``newest_key``."""
    member_id, rest = key[len(NEWEST_PREFIX) :].split(b"/", 1)
    return member_id.decode(), rest[0], rest[1:-1].decode()


def block_count_key(member_id: str) -> bytes:
    """Return the key of a member's newest height and how many anchors it had there."""
    return BLOCK_COUNT_PREFIX + member_id.encode()


def _stream(member_id: str, kind: int, stream: str) -> bytes:
    return b"%b/%b%b/" % (member_id.encode(), bytes((kind,)), stream.encode())
