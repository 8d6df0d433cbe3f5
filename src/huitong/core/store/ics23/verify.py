"""Verifying one layer of a proof against a spec."""

from __future__ import annotations

from huitong.core.store.ics23.errors import InvalidProofError
from huitong.core.store.ics23.neighbours import (
    is_left_most,
    is_left_neighbour,
    is_right_most,
)
from huitong.core.store.ics23.ops import HASHES, apply_inner, apply_leaf, hash_data
from huitong.core.store.ics23.prefixes import (
    check_iavl_inner_prefix,
    check_iavl_leaf_prefix,
    check_simple_inner,
)
from huitong.core.store.ics23.specs import Rules, rules_of
from huitong.proto.cosmos.ics23.v1.proofs_pb2 import (
    CommitmentProof,
    ExistenceProof,
    LeafOp,
    NonExistenceProof,
    ProofSpec,
)


def verify_membership(
    spec: ProofSpec, root: bytes, proof: CommitmentProof, key: bytes, value: bytes
) -> None:
    """Verify that the tree with this root holds ``value`` under ``key``.

    Raises:
        InvalidProofError: the proof does not show it.
        InvalidProofSpecError: the spec makes no sense.

    Cost: about 2 µs per level.
    """
    if existence_root(spec, proof, key, value) != root:
        raise InvalidProofError(reason="the calculated root is another")


def existence_root(
    spec: ProofSpec, proof: CommitmentProof, key: bytes, value: bytes
) -> bytes:
    """Return the root of every tree of this kind that holds ``value`` under ``key``.

    Raises:
        InvalidProofError: the proof is not one of existence for this key and value.
        InvalidProofSpecError: the spec makes no sense.
    """
    if proof.WhichOneof("proof") != "exist":
        raise InvalidProofError(reason="not an existence proof")
    exist = proof.exist
    if exist.key != key:
        raise InvalidProofError(reason=f"proof of key {exist.key.hex()}")
    if exist.value != value:
        raise InvalidProofError(reason=f"proof of value {exist.value.hex()}")
    return _checked_root(rules_of(spec), exist)


def verify_non_membership(
    spec: ProofSpec, root: bytes, proof: CommitmentProof, key: bytes
) -> None:
    """Verify that the tree with this root holds nothing under ``key``.

    Raises:
        InvalidProofError: the proof does not show it.
        InvalidProofSpecError: the spec makes no sense.
    """
    if proof.WhichOneof("proof") != "nonexist":
        raise InvalidProofError(reason="not an absence proof")
    absence = proof.nonexist
    rules = rules_of(spec)
    place = _order(rules, key)
    if not key or absence.key not in (key, place):  # a sparse tree names the hash
        raise InvalidProofError(reason=f"proof of absence of {absence.key.hex()}")
    has_left, has_right = absence.HasField("left"), absence.HasField("right")
    if not (has_left or has_right):
        raise InvalidProofError(reason="no neighbour is proven")
    for present, side in ((has_left, absence.left), (has_right, absence.right)):
        if present and _checked_root(rules, side) != root:
            raise InvalidProofError(reason="a neighbour has another root")
    if has_left and not _order(rules, absence.left.key) < place:
        raise InvalidProofError(reason="key is not right of its left neighbour")
    if has_right and not place < _order(rules, absence.right.key):
        raise InvalidProofError(reason="key is not left of its right neighbour")
    _check_adjacent(rules, absence, has_left, has_right)


def proof_root(proof: CommitmentProof) -> bytes:
    """Return the root that a proof calculates, checked against no spec at all.

    Raises:
        InvalidProofError: it calculates none.
    """
    kind = proof.WhichOneof("proof")
    if kind == "exist":
        return _bare_root(proof.exist)
    if kind == "nonexist":
        absence = proof.nonexist
        side = absence.left if absence.HasField("left") else absence.right
        return _bare_root(side)
    raise InvalidProofError(reason="neither an existence nor an absence proof")


def check_leaf(rules: Rules, leaf: LeafOp) -> None:
    """Check that a leaf operation is the spec's.

    Raises:
        InvalidProofError: it is not.
    """
    if (leaf.hash, leaf.prehash_key, leaf.prehash_value, leaf.length) != rules.leaf:
        raise InvalidProofError(reason="leaf operations are not the spec's")
    prefix = leaf.prefix
    if rules.is_iavl:
        check_iavl_leaf_prefix(prefix)
    if not prefix.startswith(rules.leaf_prefix):
        raise InvalidProofError(reason=f"leaf prefix {prefix.hex()}")
    if rules.has_exact_leaf_prefix and prefix != rules.leaf_prefix:
        raise InvalidProofError(reason=f"leaf prefix {prefix.hex()}")


def _check_inner(
    rules: Rules, hash_op: int, prefix: bytes, suffix: bytes, layer: int
) -> None:
    if hash_op != rules.inner_hash:
        raise InvalidProofError(reason=f"inner hash operation {hash_op}")
    if rules.is_iavl:
        check_iavl_inner_prefix(prefix, suffix, layer)
    elif rules.is_tendermint:
        check_simple_inner(prefix, suffix)
    if prefix.startswith(rules.leaf_prefix):
        raise InvalidProofError(reason="inner prefix begins like a leaf's")
    longest = rules.prefix_max + (len(rules.order) - 1) * rules.child_size
    if not rules.prefix_min <= len(prefix) <= longest:
        raise InvalidProofError(reason=f"inner prefix of {len(prefix)} bytes")
    if len(suffix) % rules.child_size:
        raise InvalidProofError(reason=f"inner suffix of {len(suffix)} bytes")


def _check_ends(rules: Rules, exist: ExistenceProof) -> None:
    if not exist.HasField("leaf"):
        raise InvalidProofError(reason="existence proof needs a leaf")
    check_leaf(rules, exist.leaf)
    depth = len(exist.path)
    if not rules.depth_min <= depth <= rules.depth_max:
        raise InvalidProofError(reason=f"depth {depth}")


def _checked_root(rules: Rules, exist: ExistenceProof) -> bytes:
    """Check an existence proof and return its root; one pass over the path."""
    _check_ends(rules, exist)
    node = apply_leaf(exist.leaf, exist.key, exist.value)
    hasher = HASHES.get(rules.inner_hash)
    for layer, inner in enumerate(exist.path, start=1):
        prefix, suffix = inner.prefix, inner.suffix
        _check_inner(rules, inner.hash, prefix, suffix, layer)
        if len(node) > rules.child_size:
            raise InvalidProofError(reason="a hash is longer than a child")
        preimage = prefix + node + suffix
        node = hasher(preimage) if hasher else hash_data(rules.inner_hash, preimage)
    return node


def _bare_root(exist: ExistenceProof) -> bytes:
    if not exist.HasField("leaf"):
        raise InvalidProofError(reason="existence proof needs a leaf")
    node = apply_leaf(exist.leaf, exist.key, exist.value)
    for inner in exist.path:
        node = apply_inner(inner, node)
    return node


def _order(rules: Rules, key: bytes) -> bytes:
    """Return what the tree sorts ``key`` by."""
    return hash_data(rules.leaf[1], key) if rules.compares_hashed_keys else key


def _check_adjacent(
    rules: Rules, absence: NonExistenceProof, has_left: bool, has_right: bool
) -> None:
    if not has_left:
        if not is_left_most(rules, absence.right.path):
            raise InvalidProofError(reason="right neighbour is not left-most")
    elif not has_right:
        if not is_right_most(rules, absence.left.path):
            raise InvalidProofError(reason="left neighbour is not right-most")
    elif not is_left_neighbour(rules, absence.left.path, absence.right.path):
        raise InvalidProofError(reason="the neighbours are not side by side")
