"""Proofs through several trees: the store's tree, then the tree of stores (ICS-23, IBC).

A ``MerkleProof`` has one layer per tree, the lowest first; a path names the same layers
from the top. What a layer proves is the root of the layer below; only the lowest layer
may prove an absence (ibc-go ``23-commitment``).
"""

from __future__ import annotations

from collections.abc import Sequence

from huitong.core.store.ics23.errors import InvalidMerkleProofError, InvalidProofError
from huitong.core.store.ics23.verify import (
    existence_root,
    proof_root,
    verify_non_membership,
)
from huitong.proto.cosmos.ics23.v1.proofs_pb2 import CommitmentProof, ProofSpec
from huitong.proto.ibc.core.commitment.v1.commitment_pb2 import MerkleProof


def verify_chained_membership(
    specs: Sequence[ProofSpec],
    root: bytes,
    proof: MerkleProof,
    path_keys: Sequence[bytes],
    value: bytes,
) -> None:
    """Verify that the state with this root holds ``value`` at a path.

    Args:
        specs: one per layer, the lowest first, as in a client state.
        root: the app hash, from a header that is trusted.
        proof: one proof per layer, the lowest first.
        path_keys: one key per layer, the highest first: store name, key in the store.
        value: what is claimed to stand there.

    Raises:
        InvalidMerkleProofError: layers are missing or do not fit the specs.
        InvalidProofError: the proof does not show it.
        InvalidProofSpecError: a spec makes no sense.
    """
    proofs = _check_layers(specs, root, proof, path_keys)
    if not value:
        raise InvalidProofError(reason="empty value in membership proof")
    _verify_from(0, specs, root, proofs, path_keys, value)


def verify_chained_non_membership(
    specs: Sequence[ProofSpec],
    root: bytes,
    proof: MerkleProof,
    path_keys: Sequence[bytes],
) -> None:
    """Verify that the state with this root holds nothing at a path.

    The store itself exists: the upper layers prove its root. Arguments and errors are
    those of ``verify_chained_membership``.
    """
    proofs = _check_layers(specs, root, proof, path_keys)
    subroot = proof_root(proofs[0])
    verify_non_membership(specs[0], subroot, proofs[0], path_keys[-1])
    _verify_from(1, specs, root, proofs, path_keys, subroot)


def _check_layers(
    specs: Sequence[ProofSpec],
    root: bytes,
    proof: MerkleProof,
    path_keys: Sequence[bytes],
) -> Sequence[CommitmentProof]:
    if not root:
        raise InvalidMerkleProofError(reason="root cannot be empty")
    proofs = proof.proofs
    if not proofs:
        raise InvalidMerkleProofError(reason="proof cannot be empty")
    if len(specs) != len(proofs):
        raise InvalidMerkleProofError(
            reason=f"{len(specs)} specs, {len(proofs)} proofs"
        )
    if len(path_keys) != len(proofs):
        raise InvalidProofError(reason=f"{len(path_keys)} keys, {len(proofs)} proofs")
    return proofs


def _verify_from(
    layer: int,
    specs: Sequence[ProofSpec],
    root: bytes,
    proofs: Sequence[CommitmentProof],
    path_keys: Sequence[bytes],
    value: bytes,
) -> None:
    """Climb from ``layer`` to the root, each layer proving the one below."""
    for at in range(layer, len(proofs)):
        value = existence_root(specs[at], proofs[at], path_keys[-1 - at], value)
    if value != root:
        raise InvalidProofError(reason=f"leads to root {value.hex()}, not {root.hex()}")
