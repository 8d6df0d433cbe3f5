"""Proofs of what the other chain's state holds, checked against a verified header.

Rules (ibc-go 07-tendermint ``verifyMembership``): the client has seen a header at least
as high as the proof; the connection's delays, in time and in blocks, have passed since
the header at the proof's height arrived here; the client has the consensus state of that
height; the chained Merkle proof leads from the value, or its absence, to that state's
root, one layer for each proof spec.
"""

from __future__ import annotations

from dataclasses import dataclass

from huitong.core.codec import DecodeError, decode
from huitong.core.height import Height
from huitong.core.limits import PROOF_SIZE_BYTES_MAX
from huitong.core.store.ics23 import InvalidProofError
from huitong.core.store.kv import ReadStore
from huitong.core.store.merkle_path import (
    verify_chained_membership,
    verify_chained_non_membership,
)
from huitong.light.errors import ProofHeightError
from huitong.light.tendermint.client_state import ClientState
from huitong.light.tendermint.client_store import (
    find_processed_height,
    find_processed_time_ns,
    get_consensus_state,
)
from huitong.light.tendermint.errors import (
    DelayPeriodNotPassedError,
    ProcessedHeightNotFoundError,
    ProcessedTimeNotFoundError,
)
from huitong.proto.ibc.core.commitment.v1 import commitment_pb2


@dataclass(frozen=True, slots=True, kw_only=True)
class ProofTerms:
    """When a proof may be used, and what this chain's clock says."""

    proof_height: Height
    """Height of the header whose root the proof leads to."""
    delay_time_ns: int
    """Time that must have passed since that header arrived; 0 for none."""
    delay_blocks: int
    """Blocks that must have passed since that header arrived; 0 for none."""
    now_ns: int
    """This chain's block time, nanoseconds since the epoch, UTC."""
    self_height: Height
    """This chain's height."""


def verify_client_membership(
    store: ReadStore,
    client_id: str,
    client: ClientState,
    terms: ProofTerms,
    *,
    proof: bytes,
    path: tuple[bytes, ...],
    value: bytes,
) -> None:
    """Raise unless the other chain holds ``value`` at ``path``.

    Raises:
        ProofHeightError, ConsensusStateNotFoundError: no header for the proof.
        ProcessedTimeNotFoundError, ProcessedHeightNotFoundError,
        DelayPeriodNotPassedError: too early.
        InvalidProofError: or another of ``core.store``, the proof proves something else.
    """
    root = _root_for(store, client_id, client, terms)
    proofs = decode_merkle_proof(proof)
    verify_chained_membership(client.proof_specs, root, proofs, path, value)


def verify_client_non_membership(
    store: ReadStore,
    client_id: str,
    client: ClientState,
    terms: ProofTerms,
    *,
    proof: bytes,
    path: tuple[bytes, ...],
) -> None:
    """Raise unless the other chain holds nothing at ``path``; raises as above."""
    root = _root_for(store, client_id, client, terms)
    proofs = decode_merkle_proof(proof)
    verify_chained_non_membership(client.proof_specs, root, proofs, path)


def decode_merkle_proof(data: bytes) -> commitment_pb2.MerkleProof:
    """Return a chained proof: one layer for each tree, the lowest first.

    Raises:
        InvalidProofError: not the encoding of one, or too long.
    """
    try:
        return decode(
            commitment_pb2.MerkleProof, data, size_bytes_max=PROOF_SIZE_BYTES_MAX
        )
    except DecodeError as error:
        raise InvalidProofError(reason=str(error)) from None


def _root_for(
    store: ReadStore, client_id: str, client: ClientState, terms: ProofTerms
) -> bytes:
    if client.latest_height < terms.proof_height:
        raise ProofHeightError(latest=client.latest_height, asked=terms.proof_height)
    _check_delay_time(store, client_id, terms)
    _check_delay_blocks(store, client_id, terms)
    return get_consensus_state(store, client_id, terms.proof_height).root


def _check_delay_time(store: ReadStore, client_id: str, terms: ProofTerms) -> None:
    if terms.delay_time_ns == 0:
        return
    arrived_ns = find_processed_time_ns(store, client_id, terms.proof_height)
    if arrived_ns is None:
        raise ProcessedTimeNotFoundError(height=terms.proof_height)
    earliest_ns = arrived_ns + terms.delay_time_ns
    if terms.now_ns < earliest_ns:
        raise DelayPeriodNotPassedError(
            what="time", actual=terms.now_ns, earliest=earliest_ns
        )


def _check_delay_blocks(store: ReadStore, client_id: str, terms: ProofTerms) -> None:
    if terms.delay_blocks == 0:
        return
    arrived_at = find_processed_height(store, client_id, terms.proof_height)
    if arrived_at is None:
        raise ProcessedHeightNotFoundError(height=terms.proof_height)
    earliest = arrived_at.plus(terms.delay_blocks)
    if terms.self_height < earliest:
        raise DelayPeriodNotPassedError(
            what="height", actual=terms.self_height, earliest=earliest
        )
