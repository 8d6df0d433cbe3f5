"""Lines of the access log: how they are made, and how anybody checks one. Pure."""

from __future__ import annotations

from typing import Final

from huitong.core.codec import DecodeError, decode, encode
from huitong.gateway.reads.errors import ReadFormError
from huitong.gateway.reads.model import AnchoredLine
from huitong.modules.anchors import verify_inclusion
from huitong.proto.huitong.reads.v1.reads_pb2 import AccessLine

SALT_SIZE_BYTES: Final = 16


def encode_line(line: AccessLine) -> bytes:
    """Return the bytes of a line: the leaf that is anchored."""
    return encode(line)


def decode_line(leaf: bytes) -> AccessLine:
    """Return the line that a leaf holds.

    Raises:
        ReadFormError: the bytes are no line.
    """
    try:
        return decode(AccessLine, leaf)
    except DecodeError as error:
        raise ReadFormError(reason=str(error)) from error


def verify_line(anchored: AnchoredLine) -> AccessLine:
    """Check that a line is under an anchored root, and return it.

    The anchor is to be proven by its key in the state of the provider's zone
    (``modules.anchors.anchor_key``); here it is believed.

    Raises:
        NotInAnchorError: the line is not under the root.
        ReadFormError: the bytes are no line.
    """
    verify_inclusion(anchored.anchor, anchored.proof, anchored.leaf)
    return decode_line(anchored.leaf)
