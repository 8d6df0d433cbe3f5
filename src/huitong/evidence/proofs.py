"""Values and transactions of one zone, checked against its headers.

Whether the headers themselves are to be believed is asked elsewhere (``headers``).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from huitong.core.codec import decode
from huitong.core.errors import HuitongError
from huitong.core.hashing import MerkleProofError, sha256, verify_merkle_proof
from huitong.core.store.ics23.specs import IAVL_SPEC, TENDERMINT_SPEC
from huitong.core.store.merkle_path import (
    verify_chained_membership,
    verify_chained_non_membership,
)
from huitong.evidence.errors import StateProofError, TransactionProofError
from huitong.evidence.model import StateProof, TransactionProof
from huitong.light.tendermint.block_hashes import encode_result
from huitong.light.tendermint.header import BlockHeader
from huitong.light.tendermint.signed_header import LightBlock
from huitong.proto.ibc.core.commitment.v1 import commitment_pb2

#: A value lies in its module's tree, and the tree's root in the tree of all modules.
PROOF_SPECS: Final = (IAVL_SPEC, TENDERMINT_SPEC)


def verify_state(
    label: str,
    state: StateProof,
    headers: Mapping[int, LightBlock],
    chain_id: str,
    *,
    absent: bool = False,
) -> None:
    """Verify that the state behind the header of ``height + 1`` holds the value.

    Args:
        label: what it is, for the error.
        state: value and proof.
        headers: by height.
        chain_id: the zone.
        absent: whether nothing must lie there.

    Raises:
        StateProofError: that header is not there, or the proof does not lead to it.
    """
    header = _find_header(headers, state.height + 1)
    if header is None:
        raise StateProofError(
            label=label, zone=chain_id, reason=f"no header {state.height + 1}"
        )
    if absent == bool(state.value):
        reason = "a value, where nothing must lie" if absent else "nothing lies there"
        raise StateProofError(label=label, zone=chain_id, reason=reason)
    try:
        proof = decode(commitment_pb2.MerkleProof, state.proof)
        path = (state.store.encode(), state.key)
        if absent:
            verify_chained_non_membership(PROOF_SPECS, header.app_hash, proof, path)
        else:
            verify_chained_membership(
                PROOF_SPECS, header.app_hash, proof, path, state.value
            )
    except HuitongError as error:
        raise StateProofError(label=label, zone=chain_id, reason=str(error)) from error


def verify_transaction(
    label: str,
    proof: TransactionProof,
    headers: Mapping[int, LightBlock],
    chain_id: str,
) -> None:
    """Verify that the transaction stands in its block and succeeded.

    Raises:
        TransactionProofError: a header is not there, a place is another one, or the
            result is not success.
    """

    def failure(reason: str) -> TransactionProofError:
        return TransactionProofError(label=label, zone=chain_id, reason=reason)

    header = _find_header(headers, proof.height)
    following = _find_header(headers, proof.height + 1)
    if header is None or following is None:
        raise failure(f"no header {proof.height} or {proof.height + 1}")
    if proof.place.index != proof.result_place.index:
        raise failure("the result is that of another transaction")
    if proof.place.total != proof.result_place.total:
        raise failure("the block has another number of results than of transactions")
    result = proof.result
    encoded = encode_result(
        (result.code, result.data, result.gas_wanted, result.gas_used)
    )
    try:
        verify_merkle_proof(proof.place, root=header.data_hash, item=sha256(proof.raw))
        verify_merkle_proof(
            proof.result_place, root=following.last_results_hash, item=encoded
        )
    except MerkleProofError as error:
        raise failure(str(error)) from error
    if result.code != 0:
        raise failure(f"it failed with code {result.code}")


def _find_header(headers: Mapping[int, LightBlock], height: int) -> BlockHeader | None:
    block = headers.get(height)
    return None if block is None else block.signed_header.header
