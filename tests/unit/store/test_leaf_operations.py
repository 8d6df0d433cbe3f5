"""A proof may not choose how its leaf is hashed: the operations of the spec alone count.

Each forgery here keeps the root of a true proof and shows a pair that is not in the tree,
by doing in the claim what the leaf operation leaves out.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from huitong.core.codec import encode_uvarint
from huitong.core.hashing import sha256
from huitong.core.store.ics23 import (
    IAVL_SPEC,
    SMT_SPEC,
    TENDERMINT_SPEC,
    InvalidProofError,
    verify_membership,
)
from huitong.core.store.ics23.specs import rules_of
from huitong.core.store.ics23.verify import check_leaf, proof_root
from huitong.proto.cosmos.ics23.v1.proofs_pb2 import (
    CommitmentProof,
    ExistenceProof,
    HashOp,
    LengthOp,
    ProofSpec,
)

KEY, VALUE = b"records/INV-1", b"total=113"
SPECS = {"iavl": IAVL_SPEC, "tendermint": TENDERMINT_SPEC, "smt": SMT_SPEC}
#: What the leaf of an IAVL tree begins with: height 0, size 1, version 5.
_IAVL_PREFIX = b"\x00\x02\x0a"


def _proof(tree: str) -> ExistenceProof:
    """Return the proof of a tree that holds one pair."""
    proof = ExistenceProof(key=KEY, value=VALUE, leaf=SPECS[tree].leaf_spec)
    if tree == "iavl":
        proof.leaf.prefix = _IAVL_PREFIX
    return proof


def _verify(tree: str, root: bytes, proof: ExistenceProof) -> None:
    verify_membership(
        SPECS[tree], root, CommitmentProof(exist=proof), proof.key, proof.value
    )


def _value_is_its_hash(proof: ExistenceProof) -> None:
    proof.leaf.prehash_value = HashOp.NO_HASH
    proof.value = sha256(VALUE)


def _key_is_its_hash(proof: ExistenceProof) -> None:
    proof.leaf.prehash_key = HashOp.NO_HASH
    proof.key = sha256(KEY)


def _lengths_are_content(proof: ExistenceProof) -> None:
    proof.leaf.length = LengthOp.NO_PREFIX
    proof.leaf.prehash_value = HashOp.NO_HASH
    proof.key = encode_uvarint(len(KEY)) + KEY
    proof.value = encode_uvarint(32) + sha256(VALUE)


@pytest.mark.parametrize(
    ("tree", "forge"),
    [
        ("iavl", _value_is_its_hash),
        ("iavl", _lengths_are_content),
        ("tendermint", _value_is_its_hash),
        ("tendermint", _lengths_are_content),
        ("smt", _value_is_its_hash),
        ("smt", _key_is_its_hash),
    ],
)
def test_leaf_operations_of_the_proof_make_no_other_pair_true(
    tree: str, forge: Callable[[ExistenceProof], None]
) -> None:
    proof = _proof(tree)
    root = proof_root(CommitmentProof(exist=proof))
    _verify(tree, root, proof)
    forge(proof)
    assert (proof.key, proof.value) != (KEY, VALUE)
    assert proof_root(CommitmentProof(exist=proof)) == root
    with pytest.raises(InvalidProofError, match="leaf operations"):
        _verify(tree, root, proof)


@pytest.mark.parametrize("tree", SPECS)
@pytest.mark.parametrize(
    ("field", "other"),
    [
        ("hash", HashOp.SHA512),
        ("prehash_key", HashOp.KECCAK256),
        ("prehash_value", HashOp.SHA512),
        ("length", LengthOp.VAR_RLP),
    ],
)
def test_each_leaf_operation_is_the_spec_s(tree: str, field: str, other: Any) -> None:
    spec: ProofSpec = SPECS[tree]
    leaf = _proof(tree).leaf
    check_leaf(rules_of(spec), leaf)
    setattr(leaf, field, other)
    with pytest.raises(InvalidProofError, match="leaf operations"):
        check_leaf(rules_of(spec), leaf)
