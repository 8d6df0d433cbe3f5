"""Block headers: fourteen fields whose Merkle root is the block's hash.

Rules (CometBFT ``types/block``): block protocol 11; a chain id of at most 50 bytes;
height above zero; every hash empty or 32 bytes; a proposer of 20 bytes. The hash leaves
an empty field's leaf empty. Not here: who signed it (``commit``, ``verify``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from huitong.core.hashing import merkle_root
from huitong.core.height import Height
from huitong.core.ids import revision_of_chain_id
from huitong.core.limits import APP_HASH_SIZE_BYTES_MAX, CHAIN_ID_SIZE_BYTES_MAX
from huitong.core.time import GO_ZERO_TIME_NS, TIME_NS_MAX, ns_from_timestamp
from huitong.light.tendermint.block_types import (
    ADDRESS_SIZE_BYTES,
    BlockId,
    block_id_from_proto,
    check_block_id,
    check_hash,
    encode_block_id,
    invalid_header,
    set_block_id,
)
from huitong.light.tendermint.wire import (
    bytes_field,
    encode_timestamp,
    set_time,
    varint_field,
)
from huitong.proto.tendermint.types import types_pb2

#: The block protocol of CometBFT 0.34 to 0.38.
BLOCK_PROTOCOL: Final = 11


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockHeader:
    """The header of a CometBFT block; checked when it is made."""

    block_version: int = BLOCK_PROTOCOL
    """Block protocol, 11."""
    app_version: int = 0
    """Version of the application's own protocol, unsigned 64 bits."""
    chain_id: str
    """The chain it belongs to, for example ``hangzhou-1``."""
    height: int
    """Block height, 1 ≤ height < 2^63."""
    time_ns: int
    """BFT time of the block, nanoseconds since the epoch, UTC."""
    last_block_id: BlockId
    """The block before; names none at the initial height."""
    last_commit_hash: bytes
    """Merkle root over the votes for the block before, 32 bytes."""
    data_hash: bytes
    """Merkle root over the hashes of the transactions, 32 bytes."""
    validators_hash: bytes
    """Hash of the set that signs this block, 32 bytes."""
    next_validators_hash: bytes
    """Hash of the set that signs the next block, 32 bytes."""
    consensus_hash: bytes
    """Hash of the consensus parameters, 32 bytes."""
    app_hash: bytes
    """Root of the state after the block *before* this one, at most 64 bytes."""
    last_results_hash: bytes
    """Merkle root over the results of the block before, 32 bytes."""
    evidence_hash: bytes
    """Merkle root over evidence of misbehaviour in this block, 32 bytes."""
    proposer_address: bytes
    """Address of the validator that proposed the block, 20 bytes."""

    def __post_init__(self) -> None:
        _check_header(self)


def _check_header(header: BlockHeader) -> None:
    if header.block_version != BLOCK_PROTOCOL:
        raise invalid_header("version.block", header.block_version, "needs to be 11")
    if not 0 <= header.app_version < 2**64:
        raise invalid_header("version.app", header.app_version, "needs 64 bits")
    if len(header.chain_id.encode()) > CHAIN_ID_SIZE_BYTES_MAX:
        raise invalid_header("chain_id", header.chain_id, "is over 50 bytes long")
    if not 0 < header.height < 2**63:
        raise invalid_header("height", header.height, "needs to be above 0")
    if not GO_ZERO_TIME_NS <= header.time_ns <= TIME_NS_MAX:
        raise invalid_header("time", header.time_ns, "is outside the years 1 to 9999")
    check_block_id("last_block_id", header.last_block_id)
    for field, value in (
        ("last_commit_hash", header.last_commit_hash),
        ("data_hash", header.data_hash),
        ("validators_hash", header.validators_hash),
        ("next_validators_hash", header.next_validators_hash),
        ("consensus_hash", header.consensus_hash),
        ("last_results_hash", header.last_results_hash),
        ("evidence_hash", header.evidence_hash),
    ):
        check_hash(field, value)
    if len(header.app_hash) > APP_HASH_SIZE_BYTES_MAX:
        raise invalid_header("app_hash", header.app_hash, "is over 64 bytes long")
    if len(header.proposer_address) != ADDRESS_SIZE_BYTES:
        raise invalid_header(
            "proposer_address", header.proposer_address, "needs 20 bytes"
        )


def header_hash(header: BlockHeader) -> bytes:
    """Return the block's hash, 32 bytes; empty where no validators are named.

    Cost: 27 SHA-256. Source: CometBFT ``types/block.go``, ``Header.Hash``.
    """
    if not header.validators_hash:
        return b""
    version = varint_field(1, header.block_version) + varint_field(
        2, header.app_version
    )
    return merkle_root(
        [
            version,
            bytes_field(1, header.chain_id.encode()),
            varint_field(1, header.height),
            encode_timestamp(header.time_ns),
            encode_block_id(header.last_block_id),
            bytes_field(1, header.last_commit_hash),
            bytes_field(1, header.data_hash),
            bytes_field(1, header.validators_hash),
            bytes_field(1, header.next_validators_hash),
            bytes_field(1, header.consensus_hash),
            bytes_field(1, header.app_hash),
            bytes_field(1, header.last_results_hash),
            bytes_field(1, header.evidence_hash),
            bytes_field(1, header.proposer_address),
        ]
    )


def header_height(header: BlockHeader) -> Height:
    """Return the height together with the revision that the chain id carries."""
    return Height(revision_of_chain_id(header.chain_id), header.height)


def header_from_proto(message: types_pb2.Header) -> BlockHeader:
    """Return the checked, frozen form.

    Raises:
        InvalidHeaderError: a part is absent or malformed.
        InvalidTimeError: the time is none.
    """
    for field in ("version", "time", "last_block_id"):
        if not message.HasField(field):
            raise invalid_header(field, "absent", "needs to be present")
    return BlockHeader(
        block_version=message.version.block,
        app_version=message.version.app,
        chain_id=message.chain_id,
        height=message.height,
        time_ns=ns_from_timestamp(message.time),
        last_block_id=block_id_from_proto("last_block_id", message.last_block_id),
        last_commit_hash=message.last_commit_hash,
        data_hash=message.data_hash,
        validators_hash=message.validators_hash,
        next_validators_hash=message.next_validators_hash,
        consensus_hash=message.consensus_hash,
        app_hash=message.app_hash,
        last_results_hash=message.last_results_hash,
        evidence_hash=message.evidence_hash,
        proposer_address=message.proposer_address,
    )


def header_to_proto(header: BlockHeader) -> types_pb2.Header:
    """Return the message whose encoding equals Go's, byte for byte."""
    message = types_pb2.Header(
        chain_id=header.chain_id,
        height=header.height,
        last_commit_hash=header.last_commit_hash,
        data_hash=header.data_hash,
        validators_hash=header.validators_hash,
        next_validators_hash=header.next_validators_hash,
        consensus_hash=header.consensus_hash,
        app_hash=header.app_hash,
        last_results_hash=header.last_results_hash,
        evidence_hash=header.evidence_hash,
        proposer_address=header.proposer_address,
    )
    message.version.block = header.block_version
    message.version.app = header.app_version
    set_time(message.time, header.time_ns)
    set_block_id(message.last_block_id, header.last_block_id)
    return message


def chain_id_at_revision(chain_id: str, revision: int) -> str:
    """Return the id of the same chain in another revision (ibc-go ``SetRevisionNumber``).

    A chain id that carries no revision is the same in all.
    """
    if revision_of_chain_id(chain_id) == 0:
        return chain_id
    return f"{chain_id.rpartition('-')[0]}-{revision}"
