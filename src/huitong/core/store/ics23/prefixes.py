"""What stands before the children of IAVL and simple Merkle nodes.

ICS-23 alone bounds only the length of a prefix. An IAVL prefix has three numbers, so it
could hide other bytes; parsing it leaves no room for them.
"""

from __future__ import annotations

from typing import Final

from huitong.core.store.ics23.errors import InvalidProofError

_HASH_MARK: Final = 0x20
"""Stands before each child's hash in an IAVL node: the length 32."""
_VARINT_SIZE_MAX: Final = 10


def check_iavl_leaf_prefix(prefix: bytes) -> None:
    """Check the prefix of an IAVL leaf: height 0, size 1, version, nothing else.

    Raises:
        InvalidProofError: it is another.
    """
    height, size, end = _read_numbers(prefix)
    if height != 0 or size != 1:
        raise InvalidProofError(reason=f"IAVL leaf of height {height} and size {size}")
    if end != len(prefix):
        raise InvalidProofError(reason="IAVL leaf prefix has bytes after the version")


def check_iavl_inner_prefix(prefix: bytes, suffix: bytes, layer: int) -> None:
    """Check the prefix of an IAVL inner node.

    After height, size and version comes either the mark of the left child, whose hash
    is the proof's, or mark, left hash and the mark of the right child.

    Args:
        prefix: the bytes before the child.
        suffix: the bytes after the child.
        layer: how many inner nodes stand below, this one included.

    Raises:
        InvalidProofError: it is another.
    """
    height, _, end = _read_numbers(prefix)
    if height < layer:
        raise InvalidProofError(reason=f"IAVL height {height} in layer {layer}")
    rest = len(prefix) - end
    is_left = rest == 1
    is_right = rest == 34 and not suffix and prefix[end + 33] == _HASH_MARK
    if not (is_left or is_right) or prefix[end] != _HASH_MARK:
        raise InvalidProofError(
            reason=f"IAVL prefix has {rest} bytes after the version"
        )


def check_simple_inner(prefix: bytes, suffix: bytes) -> None:
    """Check an inner node of the simple Merkle tree: 0x01 and two hashes of 32 bytes.

    Raises:
        InvalidProofError: it is another.
    """
    sizes = (len(prefix), len(suffix))
    if prefix[:1] != b"\x01" or sizes not in ((1, 32), (33, 0)):
        raise InvalidProofError(reason="not an inner node of the simple Merkle tree")


def _read_numbers(prefix: bytes) -> tuple[int, int, int]:
    """Return height, size and where the bytes after the version begin."""
    try:
        first, second, third = prefix[0], prefix[1], prefix[2]
    except IndexError:
        raise InvalidProofError(reason="IAVL prefix is cut off") from None
    if (
        first < 0x80
        and second < 0x80
        and third < 0x80
        and not (first | second | third) & 1
    ):
        return first >> 1, second >> 1, 3  # the common case, several times faster
    height, at = _read_number(prefix, 0)
    size, at = _read_number(prefix, at)
    _, at = _read_number(prefix, at)
    return height, size, at


def _read_number(prefix: bytes, at: int) -> tuple[int, int]:
    """Read one zig-zag varint, not negative, in its shortest form."""
    value = shift = 0
    for byte in prefix[at : at + _VARINT_SIZE_MAX]:
        value |= (byte & 0x7F) << shift
        at += 1
        if byte < 0x80:
            if value & 1 or value >= 1 << 64 or (not byte and shift):
                break
            return value >> 1, at
        shift += 7
    raise InvalidProofError(reason="IAVL prefix has a number cut off, long or negative")
