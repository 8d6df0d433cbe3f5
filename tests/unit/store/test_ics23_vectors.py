"""The ICS-23 project's own vectors: whole proofs, and single operations."""

from __future__ import annotations

from base64 import b64decode
from typing import Any

import pytest
from google.protobuf.json_format import ParseDict

from huitong.core.store.ics23 import (
    IAVL_SPEC,
    SMT_SPEC,
    TENDERMINT_SPEC,
    InvalidProofError,
    verify_membership,
    verify_non_membership,
)
from huitong.core.store.ics23.neighbours import _has_empty_left, _has_empty_right
from huitong.core.store.ics23.ops import apply_inner, apply_leaf, hash_data
from huitong.core.store.ics23.specs import Rules, rules_of
from huitong.core.store.ics23.verify import check_leaf, existence_root, proof_root
from huitong.proto.cosmos.ics23.v1.proofs_pb2 import (
    CommitmentProof,
    ExistenceProof,
    InnerOp,
    LeafOp,
    ProofSpec,
)
from tests.vectors import shared_vector

SPECS = {"iavl": IAVL_SPEC, "tendermint": TENDERMINT_SPEC, "smt": SMT_SPEC}
PLACES = ("left", "middle", "right")
PROOFS = [(tree, place) for tree in SPECS for place in PLACES]


def _proof(tree: str, name: str) -> tuple[bytes, CommitmentProof, bytes, bytes]:
    row = shared_vector(f"ics23/{tree}/{name}.json")
    proof = CommitmentProof.FromString(bytes.fromhex(row["proof"]))
    root, key = bytes.fromhex(row["root"]), bytes.fromhex(row["key"])
    return root, proof, key, bytes.fromhex(row["value"])


def _bytes(text: str | None) -> bytes:
    return b64decode(text) if text else b""


@pytest.mark.parametrize(("tree", "place"), PROOFS)
def test_recorded_existence_proof_verifies(tree: str, place: str) -> None:
    root, proof, key, value = _proof(tree, f"exist_{place}")
    verify_membership(SPECS[tree], root, proof, key, value)


@pytest.mark.parametrize(("tree", "place"), PROOFS)
def test_recorded_absence_proof_verifies(tree: str, place: str) -> None:
    root, proof, key, _ = _proof(tree, f"nonexist_{place}")
    verify_non_membership(SPECS[tree], root, proof, key)


@pytest.mark.parametrize(("tree", "place"), PROOFS)
def test_recorded_proofs_show_nothing_else(tree: str, place: str) -> None:
    spec = SPECS[tree]
    root, exist, key, value = _proof(tree, f"exist_{place}")
    _, absent, absent_key, _ = _proof(tree, f"nonexist_{place}")
    other_root = bytes([root[0] ^ 1]) + root[1:]
    for bad in (
        (root, exist, key, value + b"\0"),
        (root, exist, key + b"\0", value),
        (root, exist, key, b""),
        (other_root, exist, key, value),
        (root, absent, absent_key, value),
    ):
        with pytest.raises(InvalidProofError):
            verify_membership(spec, *bad)
    for bad_absence in (
        (root, exist, key),
        (root, absent, key),
        (root, absent, absent_key + b"\0"),
        (root, absent, b""),
        (other_root, absent, absent_key),
    ):
        with pytest.raises(InvalidProofError):
            verify_non_membership(spec, *bad_absence)


@pytest.mark.parametrize("tree", SPECS)
@pytest.mark.parametrize("other", SPECS)
def test_proof_of_one_kind_of_tree_is_refused_under_another(
    tree: str, other: str
) -> None:
    root, proof, key, value = _proof(tree, "exist_middle")
    if tree == other:
        assert proof_root(proof) == root
        return
    with pytest.raises(InvalidProofError):
        verify_membership(SPECS[other], root, proof, key, value)


def test_existence_proofs_against_specs() -> None:
    for name, row in shared_vector("ics23/TestCheckAgainstSpecData.json").items():
        proof = ParseDict(row["Proof"], ExistenceProof())
        spec = ParseDict(row["Spec"], ProofSpec())
        arguments = (spec, CommitmentProof(exist=proof), proof.key, proof.value)
        if row["Err"]:
            with pytest.raises(InvalidProofError):
                existence_root(*arguments)
        else:
            assert existence_root(*arguments), name


def _leaf_rules(spec: LeafOp) -> Rules:
    """Rules of a spec with only a leaf; the whole would not pass as a spec."""
    return Rules(
        is_iavl=False,
        has_exact_leaf_prefix=False,
        is_tendermint=False,
        leaf=(spec.hash, spec.prehash_key, spec.prehash_value, spec.length),
        leaf_prefix=spec.prefix,
        inner_hash=1,
        order=(0, 1),
        child_size=32,
        prefix_min=1,
        prefix_max=1,
        empty_child=b"",
        depth_min=0,
        depth_max=128,
        compares_hashed_keys=False,
    )


def test_leaf_operations_against_specs() -> None:
    for name, row in shared_vector("ics23/TestCheckLeafData.json").items():
        leaf = ParseDict(row["Leaf"], LeafOp())
        rules = _leaf_rules(ParseDict(row["Spec"], LeafOp()))
        if row["IsErr"]:
            with pytest.raises(InvalidProofError):
                check_leaf(rules, leaf)
        else:
            check_leaf(rules, leaf)
            assert name


def _check_result(row: dict[str, Any], function: Any, *arguments: Any) -> None:
    if row["IsErr"]:
        with pytest.raises(InvalidProofError):
            function(*arguments)
    else:
        assert function(*arguments) == _bytes(row["Expected"])


def test_leaf_operations_hash_as_recorded() -> None:
    for row in shared_vector("ics23/TestLeafOpData.json").values():
        leaf = ParseDict(row["Op"], LeafOp())
        _check_result(row, apply_leaf, leaf, _bytes(row["Key"]), _bytes(row["Value"]))


def test_inner_operations_hash_as_recorded() -> None:
    for row in shared_vector("ics23/TestInnerOpData.json").values():
        inner = ParseDict(row["Op"], InnerOp())
        _check_result(row, apply_inner, inner, _bytes(row["Child"]))


def test_existence_proofs_calculate_as_recorded() -> None:
    for row in shared_vector("ics23/TestExistenceProofData.json").values():
        proof = CommitmentProof(exist=ParseDict(row["Proof"], ExistenceProof()))
        _check_result(row, proof_root, proof)


def test_hashes_are_as_recorded() -> None:
    for row in shared_vector("ics23/TestDoHashData.json").values():
        preimage = row.get("Preimage") or row["PreImage"]
        assert hash_data(row["HashOp"], preimage.encode()).hex() == row["ExpectedHash"]


def test_empty_branches_are_recognised_as_recorded() -> None:
    for row in shared_vector("ics23/TestEmptyBranchData.json"):
        inner = ParseDict(row["Op"], InnerOp())
        rules = rules_of(ParseDict(row["Spec"], ProofSpec()))
        assert _has_empty_left(rules, inner) is row["IsLeft"]
        assert _has_empty_right(rules, inner) is row["IsRight"]
