"""Specs that a stranger may choose, and those that are refused before any proof."""

from __future__ import annotations

from typing import Any

import pytest

from huitong.core.store.ics23 import (
    IAVL_SPEC,
    SMT_SPEC,
    TENDERMINT_SPEC,
    InvalidProofSpecError,
    check_proof_spec,
    verify_membership,
)
from huitong.core.store.ics23.specs import rules_of
from huitong.proto.cosmos.ics23.v1.proofs_pb2 import (
    CommitmentProof,
    ExistenceProof,
    HashOp,
    LengthOp,
    ProofSpec,
)


def _changed(leaf: dict[str, Any], inner: dict[str, Any], **top: Any) -> ProofSpec:
    spec = ProofSpec()
    spec.CopyFrom(TENDERMINT_SPEC)
    for name, value in leaf.items():
        setattr(spec.leaf_spec, name, value)
    for name, value in inner.items():
        if name == "child_order":
            spec.inner_spec.child_order[:] = value
        else:
            setattr(spec.inner_spec, name, value)
    for name, value in top.items():
        setattr(spec, name, value)
    return spec


def _without(field: str) -> ProofSpec:
    spec = _changed({}, {})
    spec.ClearField(field)
    return spec


@pytest.mark.parametrize("spec", [IAVL_SPEC, TENDERMINT_SPEC, SMT_SPEC])
def test_known_specs_are_accepted(spec: ProofSpec) -> None:
    check_proof_spec(spec)


@pytest.mark.parametrize(
    "spec",
    [
        _changed({}, {}, max_depth=64),
        _changed({}, {}, min_depth=1, max_depth=1),
        _changed({}, {}, max_depth=256),
        _changed(
            {"prefix": b"JMT::LeafNode"},
            {"min_prefix_length": 16, "max_prefix_length": 16},
        ),
        _changed({}, {"child_order": [1, 0]}),
        _changed({}, {"child_order": range(16)}),
        _changed({}, {"max_prefix_length": 32}),
        _changed({}, {"empty_child": bytes(32)}),
    ],
)
def test_other_sound_specs_are_accepted(spec: ProofSpec) -> None:
    check_proof_spec(spec)


UNSHAPED = [
    ProofSpec(),
    _without("leaf_spec"),
    _without("inner_spec"),
    _changed({}, {"child_order": []}),
    _changed({}, {"child_order": [0, 0]}),
    _changed({}, {"child_order": [1, 2]}),
    _changed({}, {"child_order": [-1, 0]}),
    _changed({}, {"child_order": range(17)}),
    _changed({}, {"child_size": 0}),
    _changed({}, {"child_size": -32}),
    _changed({}, {"child_size": 2**31 - 1}),
    _changed({}, {"min_prefix_length": -1}),
    _changed({}, {"min_prefix_length": 2}),
    _changed({}, {"max_prefix_length": 33}),
    _changed({}, {"empty_child": bytes(31)}),
    _changed({}, {}, max_depth=257),
    _changed({}, {}, max_depth=-1),
    _changed({}, {}, min_depth=-1),
    _changed({}, {}, min_depth=5, max_depth=4),
    _changed({}, {}, min_depth=129),
]


@pytest.mark.parametrize("spec", UNSHAPED)
def test_senseless_specs_are_refused_everywhere(spec: ProofSpec) -> None:
    with pytest.raises(InvalidProofSpecError):
        check_proof_spec(spec)
    proof = CommitmentProof(exist=ExistenceProof(key=b"k", value=b"v"))
    with pytest.raises(InvalidProofSpecError):
        verify_membership(spec, b"root", proof, b"k", b"v")


@pytest.mark.parametrize(
    "spec",
    [
        _changed({"prefix": b""}, {}),
        _changed({"hash": HashOp.NO_HASH}, {}),
        _changed({"hash": HashOp.KECCAK256}, {}),
        _changed({}, {"hash": HashOp.NO_HASH}),
        _changed({}, {"hash": HashOp.BLAKE3}),
        _changed({}, {"hash": HashOp.SHA512}),
        _changed({"prehash_key": 77}, {}),
        _changed({"prehash_value": HashOp.KECCAK256}, {}),
        _changed({"length": LengthOp.VAR_RLP}, {}),
        _changed({"length": 99}, {}),
        _changed({"length": LengthOp.NO_PREFIX}, {}),
        _changed({}, {"child_size": 31}),
        _changed({}, {"child_order": [0]}),
        _changed({}, {}, prehash_key_before_comparison=True),
    ],
)
def test_specs_that_could_be_abused_are_refused_for_a_new_client(
    spec: ProofSpec,
) -> None:
    with pytest.raises(InvalidProofSpecError):
        check_proof_spec(spec)


def test_iavl_is_recognised_whatever_its_depths_say() -> None:
    spec = ProofSpec()
    spec.CopyFrom(IAVL_SPEC)
    spec.min_depth, spec.max_depth = 1, 200
    assert rules_of(spec).is_iavl
    assert rules_of(TENDERMINT_SPEC).is_tendermint
    assert not rules_of(TENDERMINT_SPEC).is_iavl
    assert rules_of(SMT_SPEC).has_exact_leaf_prefix
