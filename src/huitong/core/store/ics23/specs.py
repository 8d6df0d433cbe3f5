"""Specs of known trees, and what a spec must satisfy so that its proofs mean something."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from huitong.core.limits import PROOF_CHILDREN_MAX, PROOF_DEPTH_MAX, UINT32_MAX
from huitong.core.store.ics23.errors import InvalidProofSpecError
from huitong.core.store.ics23.ops import HASHES, LENGTHS
from huitong.proto.cosmos.ics23.v1.proofs_pb2 import (
    HashOp,
    InnerSpec,
    LeafOp,
    LengthOp,
    ProofSpec,
)

IAVL_SPEC: Final = ProofSpec(
    leaf_spec=LeafOp(
        prefix=b"\0",
        hash=HashOp.SHA256,
        prehash_value=HashOp.SHA256,
        length=LengthOp.VAR_PROTO,
    ),
    inner_spec=InnerSpec(
        child_order=[0, 1],
        min_prefix_length=4,
        max_prefix_length=12,
        child_size=33,  # a length byte stands before each hash
        hash=HashOp.SHA256,
    ),
)
"""cosmos/iavl: the tree of one store."""

TENDERMINT_SPEC: Final = ProofSpec(
    leaf_spec=LeafOp(
        prefix=b"\0",
        hash=HashOp.SHA256,
        prehash_value=HashOp.SHA256,
        length=LengthOp.VAR_PROTO,
    ),
    inner_spec=InnerSpec(
        child_order=[0, 1],
        min_prefix_length=1,
        max_prefix_length=1,
        child_size=32,
        hash=HashOp.SHA256,
    ),
)
"""CometBFT's simple Merkle tree: the tree of stores."""

SMT_SPEC: Final = ProofSpec(
    leaf_spec=LeafOp(
        prefix=b"\0",
        hash=HashOp.SHA256,
        prehash_key=HashOp.SHA256,
        prehash_value=HashOp.SHA256,
        length=LengthOp.NO_PREFIX,
    ),
    inner_spec=InnerSpec(
        child_order=[0, 1],
        min_prefix_length=1,
        max_prefix_length=1,
        child_size=32,
        empty_child=bytes(32),
        hash=HashOp.SHA256,
    ),
    max_depth=256,
    prehash_key_before_comparison=True,
)
"""The sparse Merkle tree of the Cosmos SDK's authors."""

DEPTH_MAX_DEFAULT: Final = 128
"""Depth limit of a spec that names none, as in ics23."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """A spec as the verifier wants it: plain values, kinds recognised."""

    is_iavl: bool
    """Prefixes are those of IAVL and get parsed."""
    has_exact_leaf_prefix: bool
    """Leaves have exactly the spec's prefix (Tendermint, SMT), not one beginning so."""
    is_tendermint: bool
    """Inner nodes are those of the simple Merkle tree."""
    leaf: tuple[int, int, int, int]
    """Hash, key and value hash before it, and length operation of leaves."""
    leaf_prefix: bytes
    """Every leaf's prefix begins so, and no inner node's does."""
    inner_hash: int
    """Hash operation of inner nodes."""
    order: tuple[int, ...]
    """Order in which the children are hashed, a permutation from 0."""
    child_size: int
    """Bytes of one child within an inner node, at least 1."""
    prefix_min: int
    """Fewest bytes of an inner node's prefix before all children."""
    prefix_max: int
    """Most bytes of it; less than one child more than the fewest."""
    empty_child: bytes
    """What stands for a missing child; empty where none can miss."""
    depth_min: int
    """Fewest inner nodes above a leaf."""
    depth_max: int
    """Most inner nodes above a leaf."""
    compares_hashed_keys: bool
    """Keys are ordered by their hashes."""


def check_proof_spec(spec: ProofSpec) -> None:
    """Refuse a spec under which proofs would be ambiguous, endless or unverifiable.

    For specs that strangers choose, such as those of a new client.

    Raises:
        InvalidProofSpecError: what is wrong with it.
    """
    rules = rules_of(spec)
    leaf = spec.leaf_spec
    if not leaf.prefix:
        raise InvalidProofSpecError(reason="leaf prefix is empty")
    if leaf.hash not in HASHES or spec.inner_spec.hash not in HASHES:
        raise InvalidProofSpecError(reason="hash operation is not supported")
    for prehash in (leaf.prehash_key, leaf.prehash_value):
        if prehash != HashOp.NO_HASH and prehash not in HASHES:
            raise InvalidProofSpecError(reason="prehash operation is not supported")
    if leaf.length not in LENGTHS:
        raise InvalidProofSpecError(reason="length operation is not supported")
    are_hashed = HashOp.NO_HASH not in (leaf.prehash_key, leaf.prehash_value)
    if leaf.length == LengthOp.NO_PREFIX and not are_hashed:
        # The border between key and value could be moved.
        raise InvalidProofSpecError(reason="neither lengths nor hashes divide the leaf")
    if rules.child_size < len(HASHES[rules.inner_hash](b"")):
        raise InvalidProofSpecError(reason="children are smaller than hashes")
    if len(rules.order) < 2:
        raise InvalidProofSpecError(reason="inner nodes have fewer than two children")
    if rules.compares_hashed_keys and leaf.prehash_key == HashOp.NO_HASH:
        raise InvalidProofSpecError(reason="keys are compared by a hash not given")


def rules_of(spec: ProofSpec) -> Rules:
    """Return the rules of a spec.

    Raises:
        InvalidProofSpecError: the spec makes no sense.

    Cost: about 2 µs for a spec seen before.
    """
    return _rules_of(spec.SerializeToString(deterministic=True))


@lru_cache(maxsize=64)
def _rules_of(spec_bytes: bytes) -> Rules:
    spec = ProofSpec.FromString(spec_bytes)
    _check_shape(spec)
    inner, leaf = spec.inner_spec, spec.leaf_spec
    is_tendermint = _is_kind(spec, TENDERMINT_SPEC)
    return Rules(
        is_iavl=_is_kind(spec, IAVL_SPEC),
        is_tendermint=is_tendermint,
        has_exact_leaf_prefix=is_tendermint or _is_kind(spec, SMT_SPEC),
        leaf=(leaf.hash, leaf.prehash_key, leaf.prehash_value, leaf.length),
        leaf_prefix=leaf.prefix,
        inner_hash=inner.hash,
        order=tuple(inner.child_order),
        child_size=inner.child_size,
        prefix_min=inner.min_prefix_length,
        prefix_max=inner.max_prefix_length,
        empty_child=inner.empty_child,
        depth_min=spec.min_depth,
        depth_max=spec.max_depth or DEPTH_MAX_DEFAULT,
        compares_hashed_keys=spec.prehash_key_before_comparison,
    )


def _check_shape(spec: ProofSpec) -> None:
    inner = spec.inner_spec
    children = len(inner.child_order)
    if not spec.HasField("leaf_spec") or not spec.HasField("inner_spec"):
        raise InvalidProofSpecError(reason="leaf or inner spec is missing")
    if not 1 <= children <= PROOF_CHILDREN_MAX:
        raise InvalidProofSpecError(reason=f"{children} children")
    if sorted(inner.child_order) != list(range(children)):
        raise InvalidProofSpecError(reason="child order is not a permutation")
    if not 0 < inner.child_size <= UINT32_MAX // PROOF_CHILDREN_MAX:
        raise InvalidProofSpecError(reason="child size is not positive, or huge")
    if not 0 <= inner.min_prefix_length <= inner.max_prefix_length:
        raise InvalidProofSpecError(reason="prefix lengths are negative or crossed")
    if inner.max_prefix_length >= inner.min_prefix_length + inner.child_size:
        # A child could be taken for a part of the prefix.
        raise InvalidProofSpecError(reason="prefix lengths leave room for a child")
    if inner.empty_child and len(inner.empty_child) != inner.child_size:
        raise InvalidProofSpecError(reason="empty child is not of the child size")
    depth_max = spec.max_depth or DEPTH_MAX_DEFAULT
    if not 0 <= spec.min_depth <= depth_max <= PROOF_DEPTH_MAX:
        raise InvalidProofSpecError(reason="depths are negative, crossed or huge")


def _is_kind(spec: ProofSpec, known: ProofSpec) -> bool:
    """Tell whether ``spec`` is ``known`` but for depths, as ics23 compares them."""
    mine, others = ProofSpec(), ProofSpec()
    mine.CopyFrom(spec)
    others.CopyFrom(known)
    for copy in (mine, others):
        copy.min_depth = copy.max_depth = 0
    return mine == others
