"""What an engine and the application say to each other: the ABCI 2.0 methods as data.

The embedded engine calls the application directly; the CometBFT engine puts these data
into the frames of the socket protocol. Names follow CometBFT v0.38.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, unique
from typing import Any

from huitong.core.events import Event
from huitong.core.store.view import ProofOp


@dataclass(frozen=True, slots=True, kw_only=True)
class AppInfo:
    """Where the application stands; drives replay after a crash."""

    name: str
    """Software name for the engine's log."""
    version: str
    """Software version."""
    last_block_height: int
    """Height of the last committed block; 0 before the first."""
    last_block_app_hash: bytes
    """App hash after that block, 32 bytes; empty before genesis."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ValidatorUpdate:
    """A validator's new power; 0 removes it. Acts two blocks later."""

    public_key: bytes
    """ed25519, 32 bytes."""
    power: int
    """Voting power, 0 ≤ power."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockParams:
    """How large blocks may be; the part of the consensus parameters that votes change."""

    size_bytes_max: int
    """Size of an encoded block, 1 to 100 MiB."""
    gas_max: int
    """Sum of gas that the transactions of a block may want, at least 1."""


@unique
class MisbehaviourKind(Enum):
    """What a validator is proven to have done; CometBFT's numbers."""

    DUPLICATE_VOTE = 1
    """It signed two blocks at one height and round."""
    LIGHT_CLIENT_ATTACK = 2
    """It signed a header that this chain does not have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Misbehaviour:
    """Evidence against one validator, which the engine has verified."""

    kind: MisbehaviourKind
    """What it did."""
    validator_address: bytes
    """20 bytes."""
    power: int
    """Its voting power then."""
    height: int
    """Height at which it did it."""
    time_ns: int
    """Time of that block, nanoseconds since the epoch, UTC."""
    total_power: int
    """Voting power of all validators then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GenesisRequest:
    """InitChain: the genesis document as the engine read it."""

    chain_id: str
    time_ns: int
    """Genesis time, nanoseconds since the epoch, UTC."""
    initial_height: int
    """Height of the first block, at least 1."""
    validators: tuple[ValidatorUpdate, ...]
    app_state: Mapping[str, Any]
    """One entry for each module that has genesis state."""
    block_gas_max: int
    """Sum of gas that the transactions of a block may want."""
    block_bytes_max: int
    """Size of a block in bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockRequest:
    """FinalizeBlock: one decided block."""

    height: int
    time_ns: int
    """The header's time, nanoseconds since the epoch, UTC."""
    header_hash: bytes
    """32 bytes."""
    proposer_address: bytes
    """20 bytes."""
    next_validators_hash: bytes
    """32 bytes."""
    txs: tuple[bytes, ...]
    misbehaviours: tuple[Misbehaviour, ...] = ()
    """Evidence that the block carries."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TxResult:
    """What a transaction did. ``code``, ``data`` and both gas numbers are consensus data."""

    code: int
    codespace: str
    data: bytes
    log: str
    gas_wanted: int
    gas_used: int
    events: tuple[Event, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckResult:
    """Whether a transaction may wait in the mempool."""

    code: int
    codespace: str
    log: str
    gas_wanted: int
    sender: str
    """Address of the signer; empty if the transaction could not be read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FinalizedBlock:
    """What a block did, before it is committed."""

    tx_results: tuple[TxResult, ...]
    events: tuple[Event, ...]
    """Events of the block hooks, outside of any transaction."""
    validator_updates: tuple[ValidatorUpdate, ...]
    """Powers that change; each key once, in ascending order of the keys."""
    app_hash: bytes
    """32 bytes; stands in the next block's header."""
    block_params: BlockParams | None = None
    """How large blocks may be from the next one on; None if that does not change."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryResult:
    """Answer to a query."""

    code: int
    codespace: str
    log: str
    key: bytes
    value: bytes
    height: int
    """The height whose state was read; its root stands in the next header."""
    proof_ops: tuple[ProofOp, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CallResult:
    """Answer to a method that was asked by its gRPC path."""

    value: bytes
    """The encoded response message."""
    height: int
    """The height whose state was read."""
