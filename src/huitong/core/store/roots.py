"""The roots of all stores at one version, and the app hash over them.

The app hash is the root of CometBFT's simple Merkle tree over the stores by name; the
leaf of a store is ``uvarint(len(name)) name 0x20 sha256(store root)`` (Cosmos SDK,
``rootmulti``), so that an ICS-23 proof by the Tendermint spec leads to it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from huitong.core.codec import delimited
from huitong.core.hashing import merkle_proof, merkle_root, sha256
from huitong.core.store.iavl.node import EMPTY_ROOT_HASH, LINK_HASH, LINK_SIZE
from huitong.proto.cosmos.ics23.v1.proofs_pb2 import (
    CommitmentProof,
    ExistenceProof,
    HashOp,
    InnerOp,
    LeafOp,
    LengthOp,
)

_NO_LINK: Final = bytes(LINK_SIZE)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreRoot:
    """One store at one version."""

    name: str
    """Name of the store, 1 to 255 bytes of UTF-8."""
    hash: bytes
    """Root hash of its tree, 32 bytes."""
    link: bytes
    """Link of the root (``iavl.node``); empty for the empty tree."""


def app_hash(roots: Sequence[StoreRoot]) -> bytes:
    """Return the app hash over the roots, which are sorted by name."""
    return merkle_root([_leaf(root) for root in roots])


def prove_store(roots: Sequence[StoreRoot], index: int) -> CommitmentProof:
    """Prove that the root at ``index`` stands under the app hash over ``roots``."""
    proof = merkle_proof([_leaf(root) for root in roots], index)
    leaf = LeafOp(
        hash=HashOp.SHA256,
        prehash_value=HashOp.SHA256,
        length=LengthOp.VAR_PROTO,
        prefix=b"\0",
    )
    existence = ExistenceProof(
        key=roots[index].name.encode(),
        value=roots[index].hash,
        leaf=leaf,
        path=_path(proof.aunts, index, len(roots)),
    )
    return CommitmentProof(exist=existence)


def _path(aunts: Sequence[bytes], index: int, count: int) -> list[InnerOp]:
    """Turn the hashes beside the way up into operations."""
    path: list[InnerOp] = []
    last = count - 1
    for aunt in aunts:
        while not index % 2 and index == last:
            index, last = index // 2, last // 2  # a single last node is carried up
        if index % 2:
            path.append(InnerOp(hash=HashOp.SHA256, prefix=b"\x01" + aunt))
        else:
            path.append(InnerOp(hash=HashOp.SHA256, prefix=b"\x01", suffix=aunt))
        index, last = index // 2, last // 2
    return path


def _leaf(root: StoreRoot) -> bytes:
    return delimited(root.name.encode()) + delimited(sha256(root.hash))


def encode_roots(roots: Sequence[StoreRoot]) -> bytes:
    """Return the row that keeps the roots of a version.

    Per store: 1 byte length of the name, name, link of 45 bytes; for the empty tree a
    link of zeros.
    """
    out = bytearray()
    for root in roots:
        name = root.name.encode()
        out.append(len(name))
        out += name + (root.link or _NO_LINK)
    return bytes(out)


def decode_roots(row: bytes) -> tuple[StoreRoot, ...]:
    """Return the roots that a row keeps.

    Raises:
        ValueError, IndexError: the row is damaged.
    """
    roots: list[StoreRoot] = []
    at = 0
    while at < len(row):
        name_end = at + 1 + row[at]
        link = row[name_end : name_end + LINK_SIZE]
        if len(link) < LINK_SIZE:
            raise ValueError("the last root is cut off")
        name = row[at + 1 : name_end].decode()
        if link == _NO_LINK:
            roots.append(StoreRoot(name=name, hash=EMPTY_ROOT_HASH, link=b""))
        else:
            roots.append(StoreRoot(name=name, hash=link[LINK_HASH], link=link))
        at = name_end + LINK_SIZE
    return tuple(roots)
