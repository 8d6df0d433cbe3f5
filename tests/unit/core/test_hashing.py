"""Merkle trees against the definition of RFC 6962 and against recorded headers."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from huitong.core.hashing import (
    MerkleProofError,
    merkle_proof,
    merkle_proofs,
    merkle_root,
    sha256,
    verify_merkle_proof,
)

ITEMS = st.lists(st.binary(max_size=8), max_size=40)


def root_by_definition(items: list[bytes]) -> bytes:
    """RFC 6962 section 2.1, word by word."""
    if not items:
        return hashlib.sha256(b"").digest()
    if len(items) == 1:
        return hashlib.sha256(b"\x00" + items[0]).digest()
    split = 1
    while split * 2 < len(items):
        split *= 2
    left, right = root_by_definition(items[:split]), root_by_definition(items[split:])
    return hashlib.sha256(b"\x01" + left + right).digest()


@given(ITEMS)
def test_root_is_that_of_the_definition(items: list[bytes]) -> None:
    assert merkle_root(items) == root_by_definition(items)


def test_root_of_nothing_is_the_hash_of_nothing() -> None:
    expected = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert merkle_root([]).hex() == expected
    assert merkle_proofs([]) == (sha256(b""), ())


@given(ITEMS.filter(bool))
def test_every_item_has_a_proof(items: list[bytes]) -> None:
    root, proofs = merkle_proofs(items)
    assert root == merkle_root(items)
    for index, (item, proof) in enumerate(zip(items, proofs, strict=True)):
        assert (proof.index, proof.total) == (index, len(items))
        verify_merkle_proof(proof, root=root, item=item)


@given(ITEMS.filter(bool), st.data())
def test_a_proof_holds_for_no_other_place_item_or_root(
    items: list[bytes], data: st.DataObject
) -> None:
    index = data.draw(st.integers(0, len(items) - 1))
    proof, root = merkle_proof(items, index), merkle_root(items)
    wrong_hash = sha256(b"other")
    forgeries = [replace(proof, index=other) for other in range(-1, len(items) + 1)]
    forgeries.remove(proof)
    forgeries += [
        replace(proof, aunts=(*proof.aunts, wrong_hash)),
        replace(proof, leaf_hash=wrong_hash),
        *(
            replace(proof, aunts=(*proof.aunts[:i], changed, *proof.aunts[i + 1 :]))
            for i in range(len(proof.aunts))
            for changed in (wrong_hash, b"short")
        ),
    ]
    if proof.aunts:
        forgeries.append(replace(proof, aunts=proof.aunts[:-1]))
    for forged in forgeries:
        # Equal neighbours make two places provable with the same hashes.
        if items.count(items[index]) > 1 and forged.aunts == proof.aunts:
            continue
        with pytest.raises(MerkleProofError):
            verify_merkle_proof(forged, root=root, item=items[index])
    with pytest.raises(MerkleProofError, match="another hash"):
        verify_merkle_proof(proof, root=root, item=items[index] + b"x")
    with pytest.raises(MerkleProofError, match="expected"):
        verify_merkle_proof(proof, root=wrong_hash, item=items[index])
