"""What names a block: its hash, and the parts it was sent in (CometBFT ``types/block``)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from huitong.core.hashing import HASH_SIZE_BYTES
from huitong.light.tendermint.errors import InvalidHeaderError
from huitong.light.tendermint.wire import bytes_field, present_field, varint_field
from huitong.proto.tendermint.types import types_pb2

ADDRESS_SIZE_BYTES: Final = 20

Refusal = Callable[[str, object, str], InvalidHeaderError]


@dataclass(frozen=True, slots=True, kw_only=True)
class PartSetHeader:
    """Commitment to the parts of a block as they travel between validators."""

    total: int = 0
    """Number of parts of 64 KiB, at least 1; 0 for no block."""
    hash: bytes = b""
    """Merkle root over the parts, 32 bytes; empty for no block."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockId:
    """Name of a block, as votes and the next header carry it."""

    hash: bytes = b""
    """Header hash, 32 bytes; empty for no block."""
    parts: PartSetHeader = PartSetHeader()
    """The block's part set."""


#: What the header at the initial height has as its predecessor.
NO_BLOCK: Final = BlockId()


def invalid_header(field: str, actual: object, reason: str) -> InvalidHeaderError:
    """Make the error of a malformed field of a header."""
    return InvalidHeaderError(field=field, actual=actual, reason=reason)


def check_hash(field: str, value: bytes, refuse: Refusal = invalid_header) -> None:
    """Raise unless ``value`` is empty or 32 bytes long (CometBFT ``ValidateHash``)."""
    if len(value) not in (0, HASH_SIZE_BYTES):
        raise refuse(field, value, "needs 32 bytes")


def check_block_id(
    field: str, value: BlockId, refuse: Refusal = invalid_header
) -> None:
    """Raise unless both hashes are empty or 32 bytes long."""
    check_hash(f"{field}.hash", value.hash, refuse)
    check_hash(f"{field}.parts.hash", value.parts.hash, refuse)


def block_id_from_proto(
    field: str, message: types_pb2.BlockID, refuse: Refusal = invalid_header
) -> BlockId:
    """Return the frozen form; raises what ``refuse`` makes if it is malformed."""
    if not message.HasField("part_set_header"):
        raise refuse(f"{field}.parts", "absent", "needs to be present")
    parts = message.part_set_header
    block_id = BlockId(
        hash=message.hash,
        parts=PartSetHeader(total=parts.total, hash=parts.hash),
    )
    check_block_id(field, block_id, refuse)
    return block_id


def set_block_id(message: types_pb2.BlockID, block_id: BlockId) -> None:
    """Write into a field that is on the wire even if it names no block."""
    message.SetInParent()
    message.hash = block_id.hash
    message.part_set_header.SetInParent()
    message.part_set_header.total = block_id.parts.total
    message.part_set_header.hash = block_id.parts.hash


def encode_block_id(block_id: BlockId) -> bytes:
    """Return the bytes of ``tendermint.types.BlockID``; its canonical form is the same."""
    parts = varint_field(1, block_id.parts.total) + bytes_field(2, block_id.parts.hash)
    return bytes_field(1, block_id.hash) + present_field(2, parts)
