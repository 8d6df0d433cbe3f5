"""Proofs of random trees: honest ones verify, no others do, nothing crashes."""

from __future__ import annotations

import contextlib

import pytest
from google.protobuf.message import DecodeError
from hypothesis import given
from hypothesis import strategies as st

from huitong.core.errors import RejectedError
from huitong.core.store.backend import MemoryBackend
from huitong.core.store.ics23 import (
    IAVL_SPEC,
    SMT_SPEC,
    TENDERMINT_SPEC,
    InvalidProofError,
    check_proof_spec,
    proof_root,
    verify_membership,
    verify_non_membership,
)
from huitong.core.store.ics23.ops import apply_inner, apply_leaf
from huitong.core.store.merkle_path import (
    verify_chained_membership,
    verify_chained_non_membership,
)
from huitong.core.store.multistore import MultiStore
from huitong.proto.cosmos.ics23.v1.proofs_pb2 import (
    CommitmentProof,
    ExistenceProof,
    InnerOp,
    InnerSpec,
    LeafOp,
    NonExistenceProof,
    ProofSpec,
)
from huitong.proto.ibc.core.commitment.v1.commitment_pb2 import MerkleProof

KEYS = st.sets(st.integers(0, 60), min_size=1, max_size=25)


def _key(number: int) -> bytes:
    return b"%02d" % number


def _iavl(numbers: set[int]) -> tuple[bytes, dict[bytes, ExistenceProof]]:
    """Return root and all existence proofs of an IAVL tree."""
    store = MultiStore(MemoryBackend(), ["s"], versions_kept=1)
    rows = [(_key(number), b"v%d" % number) for number in sorted(numbers)]
    store.persist(store.commit_changes(1, {"s": rows}))
    proofs = {}
    with store.at(1) as view:
        for key, _ in rows:
            data = view.prove("s", key).ops[0].data
            proofs[key] = CommitmentProof.FromString(data).exist
    return proof_root(CommitmentProof(exist=proofs[rows[0][0]])), proofs


def _simple(numbers: set[int]) -> tuple[bytes, dict[bytes, ExistenceProof]]:
    """Return root and all existence proofs of a tree of stores."""
    names = [_key(number).decode() for number in sorted(numbers)]
    store = MultiStore(MemoryBackend(), names, versions_kept=1)
    rows = {name: [(b"k", name.encode())] for name in names}
    store.persist(store.commit_changes(1, rows))
    proofs = {}
    with store.at(1) as view:
        for name in names:
            data = view.prove(name, b"k").ops[1].data
            proofs[name.encode()] = CommitmentProof.FromString(data).exist
    return store.root_hash, proofs


@pytest.mark.parametrize(
    ("spec", "grow"), [(IAVL_SPEC, _iavl), (TENDERMINT_SPEC, _simple)]
)
@given(numbers=KEYS, asked=st.integers(0, 60))
def test_absence_is_proven_by_true_neighbours_only(  # type: ignore[no-untyped-def]
    spec, grow, numbers: set[int], asked: int
) -> None:
    root, proofs = grow(numbers)
    key = _key(asked)
    lower = max((k for k in proofs if k < key), default=None)
    upper = min((k for k in proofs if k > key), default=None)
    for left in (None, *proofs):
        for right in (None, *proofs):
            absence = NonExistenceProof(
                key=key,
                left=proofs[left] if left else None,
                right=proofs[right] if right else None,
            )
            proof = CommitmentProof(nonexist=absence)
            if key not in proofs and (left, right) == (lower, upper):
                verify_non_membership(spec, root, proof, key)
            else:
                with pytest.raises(InvalidProofError):
                    verify_non_membership(spec, root, proof, key)


@given(numbers=KEYS, data=st.data())
def test_existence_is_proven_for_its_own_key_and_value_only(
    numbers: set[int], data: st.DataObject
) -> None:
    root, proofs = _iavl(numbers)
    key = data.draw(st.sampled_from(sorted(proofs)))
    other = data.draw(st.sampled_from(sorted(proofs)))
    proof = CommitmentProof(exist=proofs[key])
    verify_membership(IAVL_SPEC, root, proof, key, proofs[key].value)
    if other != key:
        forged = CommitmentProof(exist=proofs[key])
        forged.exist.key, forged.exist.value = other, proofs[other].value
        with pytest.raises(InvalidProofError):
            verify_membership(IAVL_SPEC, root, proof, other, proofs[other].value)
        with pytest.raises(InvalidProofError):
            verify_membership(IAVL_SPEC, root, forged, other, proofs[other].value)


OPS = st.integers(-(2**31), 2**31 - 1) | st.integers(0, 9)
BYTES = st.binary(max_size=70) | st.sampled_from(
    [
        b"\0",
        b"\1",
        b"\0\2\2",
        b"\2\4\2 ",
        b"\2\4\2 " + bytes(32) + b" ",
        b" " + bytes(32),
    ]
)
LEAVES = st.builds(
    LeafOp, hash=OPS, prehash_key=OPS, prehash_value=OPS, length=OPS, prefix=BYTES
) | st.sampled_from(
    [spec.leaf_spec for spec in (IAVL_SPEC, TENDERMINT_SPEC, SMT_SPEC)]
    + [LeafOp(hash=1, prehash_value=1, length=1, prefix=b"\0\2\2")]
)
INNERS = st.builds(InnerOp, hash=st.just(1) | OPS, prefix=BYTES, suffix=BYTES)
EXISTENCES = st.builds(
    ExistenceProof,
    key=BYTES,
    value=BYTES,
    leaf=st.none() | LEAVES,
    path=st.lists(INNERS, max_size=4),
)
ABSENCES = st.builds(
    NonExistenceProof,
    key=BYTES,
    left=st.none() | EXISTENCES,
    right=st.none() | EXISTENCES,
)
PROOFS = (
    st.builds(CommitmentProof, exist=EXISTENCES)
    | st.builds(CommitmentProof, nonexist=ABSENCES)
    | st.just(CommitmentProof())
)
SMALL = st.integers(-3, 70)
SPECS = st.sampled_from([IAVL_SPEC, TENDERMINT_SPEC, SMT_SPEC]) | st.builds(
    ProofSpec,
    leaf_spec=st.none() | LEAVES,
    inner_spec=st.none()
    | st.builds(
        InnerSpec,
        child_order=st.sampled_from([(0, 1), (1, 0), (), (0,), (2, 0, 1), (0, 0)]),
        child_size=st.just(32) | SMALL,
        min_prefix_length=SMALL,
        max_prefix_length=SMALL,
        empty_child=BYTES,
        hash=OPS,
    ),
    max_depth=SMALL,
    min_depth=st.just(0) | SMALL,
    prehash_key_before_comparison=st.booleans(),
)


@given(SPECS, BYTES, PROOFS, BYTES, BYTES)
def test_nothing_but_a_rejection_comes_out_of_any_proof_and_spec(
    spec: ProofSpec, root: bytes, proof: CommitmentProof, key: bytes, value: bytes
) -> None:
    merkle = MerkleProof(proofs=[proof, proof])
    path = [key, key]
    specs = [spec, spec]
    with contextlib.suppress(RejectedError):
        check_proof_spec(spec)
    with contextlib.suppress(RejectedError):
        verify_membership(spec, root, proof, key, value)
    with contextlib.suppress(RejectedError):
        verify_membership(spec, root, proof, proof.exist.key, proof.exist.value)
    with contextlib.suppress(RejectedError):
        verify_non_membership(spec, root, proof, proof.nonexist.key)
    with contextlib.suppress(RejectedError):
        verify_chained_membership(specs, root, merkle, path, value)
    with contextlib.suppress(RejectedError):
        verify_chained_non_membership(specs, root, merkle, path)


@given(SPECS, EXISTENCES, EXISTENCES, BYTES)
def test_neighbour_rules_cope_with_any_two_proofs_of_one_root(
    spec: ProofSpec, left: ExistenceProof, right: ExistenceProof, key: bytes
) -> None:
    """Both sides get the root that the left one calculates, so that all rules run."""
    with contextlib.suppress(RejectedError):
        root = proof_root(CommitmentProof(exist=left))
        for absence in (
            NonExistenceProof(key=key, left=left),
            NonExistenceProof(key=key, right=left),
            NonExistenceProof(key=key, left=left, right=left),
            NonExistenceProof(key=key, left=left, right=right),
        ):
            with contextlib.suppress(RejectedError):
                proof = CommitmentProof(nonexist=absence)
                verify_non_membership(spec, root, proof, key)


@given(LEAVES, INNERS, BYTES, BYTES)
def test_operations_reject_what_they_cannot_do(
    leaf: LeafOp, inner: InnerOp, key: bytes, value: bytes
) -> None:
    with contextlib.suppress(InvalidProofError):
        apply_inner(inner, apply_leaf(leaf, key, value))


@given(st.binary(max_size=400))
def test_any_bytes_that_decode_are_judged(data: bytes) -> None:
    try:
        proof = CommitmentProof.FromString(data)
    except DecodeError:
        return
    with pytest.raises(RejectedError):
        verify_membership(IAVL_SPEC, bytes(32), proof, b"k", b"v")
    with pytest.raises(RejectedError):
        verify_non_membership(IAVL_SPEC, bytes(32), proof, b"k")
