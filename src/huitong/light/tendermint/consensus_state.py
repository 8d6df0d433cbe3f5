"""What a client remembers of one verified header (ICS-07 ``ConsensusState``)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from huitong.core.codec import decode, encode, type_url_of
from huitong.core.hashing import HASH_SIZE_BYTES
from huitong.core.limits import APP_HASH_SIZE_BYTES_MAX, CLIENT_STATE_SIZE_BYTES_MAX
from huitong.core.time import ns_from_timestamp
from huitong.light.errors import InvalidConsensusError
from huitong.light.tendermint.header import BlockHeader
from huitong.light.tendermint.wire import set_time
from huitong.proto.google.protobuf.any_pb2 import Any
from huitong.proto.ibc.lightclients.tendermint.v1 import tendermint_pb2

TYPE_URL: Final = type_url_of(tendermint_pb2.ConsensusState)
#: Stands for a root where none is known yet, right after an upgrade; proves nothing.
SENTINEL_ROOT: Final = b"sentinel_root"


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsensusState:
    """Time, state root and next validators of one header of the other chain."""

    timestamp_ns: int
    """The header's time, nanoseconds since the epoch, UTC; above 0."""
    root: bytes
    """The header's app hash, 1 to 64 bytes: the root of the other chain's state."""
    next_validators_hash: bytes
    """Hash of the set that signs the height after it, 32 bytes."""


def consensus_state_of(header: BlockHeader) -> ConsensusState:
    """Return what is remembered of a header."""
    return ConsensusState(
        timestamp_ns=header.time_ns,
        root=header.app_hash,
        next_validators_hash=header.next_validators_hash,
    )


def check_consensus_state(state: ConsensusState) -> None:
    """Raise unless a client may start from ``state``.

    Raises:
        InvalidConsensusError: no root, no validators, or not after 1970.
    """
    if not 0 < len(state.root) <= APP_HASH_SIZE_BYTES_MAX:
        raise InvalidConsensusError(reason=f"root of {len(state.root)} bytes")
    if len(state.next_validators_hash) != HASH_SIZE_BYTES:
        size = len(state.next_validators_hash)
        raise InvalidConsensusError(reason=f"next validators hash of {size} bytes")
    if state.timestamp_ns <= 0:
        raise InvalidConsensusError(reason="timestamp not after the year 1970")


def consensus_state_to_any(state: ConsensusState) -> Any:
    """Return the state as it is stored and proven, byte for byte as in Go."""
    message = tendermint_pb2.ConsensusState(
        next_validators_hash=state.next_validators_hash
    )
    set_time(message.timestamp, state.timestamp_ns)
    message.root.SetInParent()
    message.root.hash = state.root
    return Any(type_url=TYPE_URL, value=encode(message))


def consensus_state_from_any(any_message: Any) -> ConsensusState:
    """Return the frozen form.

    Raises:
        InvalidConsensusError: of another kind, or a part is absent.
        DecodeError, InvalidTimeError: not the encoding of a consensus state.
    """
    if any_message.type_url != TYPE_URL:
        raise InvalidConsensusError(reason=f"type {any_message.type_url[:128]!r}")
    return _from_bytes(any_message.value)


def _from_bytes(data: bytes) -> ConsensusState:
    message = decode(
        tendermint_pb2.ConsensusState, data, size_bytes_max=CLIENT_STATE_SIZE_BYTES_MAX
    )
    if not message.HasField("timestamp") or not message.HasField("root"):
        raise InvalidConsensusError(reason="timestamp or root absent")
    return ConsensusState(
        timestamp_ns=ns_from_timestamp(message.timestamp),
        root=message.root.hash,
        next_validators_hash=message.next_validators_hash,
    )
