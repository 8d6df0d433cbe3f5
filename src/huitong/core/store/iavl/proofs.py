"""ICS-23 proofs of a saved version, byte for byte those of cosmos/iavl v1.

An existence proof is the leaf and the inner nodes above it; an absence proof is the
existence proofs of the two neighbours, or of one at the edge of the tree.
"""

from __future__ import annotations

from typing import Final

from huitong.core.store.iavl.node import (
    INNER_HEAD,
    LEFT_HASH,
    RIGHT_HASH,
    version_of,
    zigzag,
)
from huitong.core.store.iavl.reader import (
    GetRecord,
    Step,
    descend,
    descend_beside,
    leaf_pair,
)
from huitong.proto.cosmos.ics23.v1.proofs_pb2 import (
    CommitmentProof,
    ExistenceProof,
    HashOp,
    InnerOp,
    LeafOp,
    LengthOp,
    NonExistenceProof,
)

# Looked up once: a name of an enum takes as long as hashing, and proofs have many.
_SHA256: Final = HashOp.SHA256
_VAR_PROTO: Final = LengthOp.VAR_PROTO


def prove_key(
    get: GetRecord, root: bytes, key: bytes
) -> tuple[bytes | None, CommitmentProof]:
    """Prove what the tree holds under ``key``.

    Args:
        get: returns records of the version.
        root: reference of the root; the empty tree proves nothing.
        key: the key asked for.

    Returns:
        The value with its existence proof, or None with an absence proof.

    Cost: one descent, two where the key is absent.
    """
    path, ref, record = descend(get, root, key)
    leaf_key, value = leaf_pair(record)
    if leaf_key == key:
        return value, CommitmentProof(exist=_existence(path, ref, record))
    here = _existence(path, ref, record)
    is_left = leaf_key < key
    beside = descend_beside(get, path, left=not is_left)
    other = None if beside is None else _existence(*beside)
    left, right = (here, other) if is_left else (other, here)
    absence = NonExistenceProof(key=key, left=left, right=right)
    return None, CommitmentProof(nonexist=absence)


def _existence(path: list[Step], ref: bytes, record: bytes) -> ExistenceProof:
    key, value = leaf_pair(record)
    leaf = LeafOp(
        hash=_SHA256,
        prehash_value=_SHA256,
        length=_VAR_PROTO,
        prefix=b"\0\2" + version_of(ref[:8]),
    )
    steps = [_inner_op(step) for step in reversed(path)]
    return ExistenceProof(key=key, value=value, leaf=leaf, path=steps)


def _inner_op(step: Step) -> InnerOp:
    ref, record, went_left = step
    height, size = INNER_HEAD.unpack_from(record)
    prefix = zigzag(height) + zigzag(size) + version_of(ref[:8]) + b" "
    if went_left:
        suffix = b" " + record[RIGHT_HASH]
        return InnerOp(hash=_SHA256, prefix=prefix, suffix=suffix)
    return InnerOp(hash=_SHA256, prefix=prefix + record[LEFT_HASH] + b" ")
