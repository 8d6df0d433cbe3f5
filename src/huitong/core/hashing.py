"""SHA-256 and the Merkle trees of CometBFT, which are those of RFC 6962.

A leaf is hashed behind a zero byte, a pair of nodes behind a one byte, so that neither
can stand for the other. The tree of ``n`` items splits at the largest power of two below
``n``, which is the same as pairing neighbours level by level and carrying a single last
node up unchanged. The root of no items is the hash of no bytes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from huitong.core.errors import RejectedError

HASH_SIZE_BYTES: Final = 32
_LEAF: Final = b"\x00"
_INNER: Final = b"\x01"


class MerkleProofError(
    RejectedError, codespace="core", code=4, text="Merkle proof: {reason}"
):
    """A proof that does not connect the item to the root."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MerkleProof:
    """That an item stands at a place of a list with a known root (CometBFT ``Proof``)."""

    total: int
    """Items in the list, at least 1."""
    index: int
    """Place of the item, counted from 0."""
    leaf_hash: bytes
    """32 bytes, SHA-256 of a zero byte and the item."""
    aunts: tuple[bytes, ...]
    """Hashes of 32 bytes beside the way up, the lowest first."""


def sha256(data: bytes) -> bytes:
    """Return the 32 bytes of SHA-256 over ``data``."""
    return hashlib.sha256(data).digest()


def leaf_hash(item: bytes) -> bytes:
    """Return the hash of a leaf that holds ``item``."""
    return hashlib.sha256(_LEAF + item).digest()


def inner_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of a node with these two children."""
    return hashlib.sha256(_INNER + left + right).digest()


def merkle_root(items: Iterable[bytes]) -> bytes:
    """Return the root over ``items`` in their order.

    Cost: two hashes per item, about 1 µs each.
    """
    digest = hashlib.sha256
    level = [digest(_LEAF + item).digest() for item in items]
    if not level:
        return digest(b"").digest()
    while len(level) > 1:
        level = _level_above(level)
    return level[0]


def merkle_proof(items: Sequence[bytes], index: int) -> MerkleProof:
    """Return the proof for the item at ``index``, which must exist.

    Cost: that of the root. For all items of a list use ``merkle_proofs``.
    """
    return merkle_proofs(items)[1][index]


def merkle_proofs(items: Sequence[bytes]) -> tuple[bytes, tuple[MerkleProof, ...]]:
    """Return the root over ``items`` and the proof for each of them.

    Cost: one pass over the tree and ``log2 n`` steps per item.
    """
    leaves = [leaf_hash(item) for item in items]
    levels = [leaves]
    while len(levels[-1]) > 1:
        levels.append(_level_above(levels[-1]))
    root = levels[-1][0] if leaves else sha256(b"")
    proofs = (
        MerkleProof(
            total=len(leaves), index=index, leaf_hash=leaf, aunts=_aunts(levels, index)
        )
        for index, leaf in enumerate(leaves)
    )
    return root, tuple(proofs)


def verify_merkle_proof(proof: MerkleProof, *, root: bytes, item: bytes) -> None:
    """Check that ``item`` stands where ``proof`` says in the list with this ``root``.

    Raises:
        MerkleProofError: it does not, or the proof has another shape than its place needs.
    """
    if not 0 <= proof.index < proof.total:
        raise MerkleProofError(reason=f"index {proof.index} of {proof.total}")
    if leaf_hash(item) != proof.leaf_hash:
        raise MerkleProofError(reason="the item has another hash")
    node, index, last = proof.leaf_hash, proof.index, proof.total - 1
    aunts = iter(proof.aunts)
    used = 0
    while last > 0:
        if index % 2 or index < last:  # otherwise the single last node is carried up
            aunt = next(aunts, None)
            if aunt is None or len(aunt) != HASH_SIZE_BYTES:
                raise MerkleProofError(reason="an aunt is missing or not 32 bytes")
            node = inner_hash(aunt, node) if index % 2 else inner_hash(node, aunt)
            used += 1
        index, last = index // 2, last // 2
    if used != len(proof.aunts):
        raise MerkleProofError(reason=f"{len(proof.aunts)} aunts, expected {used}")
    if node != root:
        raise MerkleProofError(reason=f"leads to {node.hex()}, expected {root.hex()}")


def _level_above(level: list[bytes]) -> list[bytes]:
    digest, inner = hashlib.sha256, _INNER
    pairs = zip(level[::2], level[1::2], strict=False)
    above = [digest(inner + left + right).digest() for left, right in pairs]
    if len(level) % 2:
        above.append(level[-1])
    return above


def _aunts(levels: list[list[bytes]], index: int) -> tuple[bytes, ...]:
    aunts = []
    for level in levels[:-1]:
        beside = index ^ 1
        if beside < len(level):
            aunts.append(level[beside])
        index //= 2
    return tuple(aunts)
