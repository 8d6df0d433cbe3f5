"""Proofs recorded from two running chains verify; anything changed in them does not."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from huitong.core.codec import decode, encode
from huitong.core.errors import RejectedError
from huitong.core.store.ics23 import IAVL_SPEC, TENDERMINT_SPEC
from huitong.core.store.ics23.errors import (
    InvalidMerkleProofError,
    InvalidProofError,
)
from huitong.core.store.merkle_path import (
    verify_chained_membership,
    verify_chained_non_membership,
)
from huitong.proto.cosmos.ics23.v1.proofs_pb2 import (
    BatchEntry,
    BatchProof,
    CommitmentProof,
    CompressedBatchProof,
    ExistenceProof,
    HashOp,
    InnerOp,
)
from huitong.proto.ibc.core.commitment.v1.commitment_pb2 import MerkleProof
from tests.vectors import load_vector

SPECS = (IAVL_SPEC, TENDERMINT_SPEC)
FILES = ("abci_query_proofs", "abci_query_proofs_b")


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    root: bytes
    key: bytes
    value: bytes
    proof: MerkleProof


def _recorded() -> list[Recorded]:
    rows: list[Recorded] = []
    for name in FILES:
        file: dict[str, Any] = load_vector(f"simd-v8.8.0/{name}.json")
        root = bytes.fromhex(file["header_next"]["app_hash"])
        for row in file["rows"]:
            answer = row["answer"]
            ops = [b64decode(op["data"]) for op in answer["proofOps"]["ops"]]
            proofs = [decode(CommitmentProof, data) for data in ops]
            rows.append(
                Recorded(
                    root=root,
                    key=b64decode(answer["key"]),
                    value=b64decode(answer["value"] or ""),
                    proof=MerkleProof(proofs=proofs),
                )
            )
    return rows


ROWS = _recorded()
PRESENT = [row for row in ROWS if row.value]
ABSENT = [row for row in ROWS if not row.value]


def _verify(row: Recorded, proof: MerkleProof, **other: Any) -> None:
    root = other.get("root", row.root)
    path = [other.get("store", b"ibc"), other.get("key", row.key)]
    value = other.get("value", row.value)
    specs = other.get("specs", SPECS)
    if value:
        verify_chained_membership(specs, root, proof, path, value)
    else:
        verify_chained_non_membership(specs, root, proof, path)


def test_both_kinds_are_recorded() -> None:
    assert len(PRESENT) >= 10
    assert len(ABSENT) > 2


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.key.decode())
def test_recorded_proof_verifies_and_is_canonical(row: Recorded) -> None:
    _verify(row, row.proof)
    assert decode(MerkleProof, encode(row.proof)) == row.proof


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.key.decode())
def test_claiming_anything_else_is_refused(row: Recorded) -> None:
    claims: list[dict[str, Any]] = [
        {"key": row.key + b"x"},
        {"key": row.key[:-1]},
        {"key": b""},
        {"store": b"bank"},
        {"store": b""},
        {"root": bytes(32)},
        {"root": b""},
        {"root": row.root[:-1]},
        {"specs": SPECS[::-1]},
        {"specs": SPECS[:1]},
        {"specs": ()},
        {"value": b"" if row.value else b"\x01"},
    ]
    claims += (
        [{"value": row.value + b"\0"}, {"value": row.value[1:]}] if row.value else []
    )
    claims += [{"root": other.root} for other in ROWS if other.root != row.root][:1]
    claims += [{"key": other.key} for other in ROWS if other.key != row.key]
    for claim in claims:
        with pytest.raises(RejectedError) as caught:
            _verify(row, row.proof, **claim)
        assert caught.value.codespace == "commitment"


def test_empty_value_never_proves_membership() -> None:
    for row in ROWS:
        path = [b"ibc", row.key]
        with pytest.raises(InvalidProofError):
            verify_chained_membership(SPECS, row.root, row.proof, path, b"")


def _existences(proof: MerkleProof) -> Iterator[ExistenceProof]:
    for layer in proof.proofs:
        if layer.HasField("exist"):
            yield layer.exist
        for side in ("left", "right"):
            if layer.nonexist.HasField(side):
                yield getattr(layer.nonexist, side)


def _flip(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


Mutation = Callable[[ExistenceProof], Iterator[None]]


def _mutations(exist: ExistenceProof) -> Iterator[Callable[[ExistenceProof], None]]:
    """Every single change of one existence proof, as functions that make it."""

    def on_path(at: int, field: str, value: Any) -> Callable[[ExistenceProof], None]:
        return lambda p: setattr(p.path[at], field, value)

    for at, step in enumerate(exist.path):
        for field in ("prefix", "suffix"):
            data = getattr(step, field)
            for byte in range(len(data)):
                yield on_path(at, field, _flip(data, byte))
            yield on_path(at, field, data + b"\0")
            yield on_path(at, field, b"\0" + data)
            yield on_path(at, field, data + b" " + bytes(32))
            if data:
                yield on_path(at, field, data[:-1])
                yield on_path(at, field, b"")
        for op in (HashOp.NO_HASH, HashOp.SHA512, HashOp.KECCAK256, 99):
            yield on_path(at, "hash", op)
        yield lambda p, at=at: p.path.pop(at)  # type: ignore[misc]
        yield lambda p, at=at: p.path.insert(at, p.path[at])  # type: ignore[misc]
    for at in range(len(exist.path) - 1):
        yield lambda p, at=at: p.path.insert(at, p.path.pop(at + 1))  # type: ignore[misc]
    for name in ("prefix", "hash", "prehash_key", "prehash_value", "length"):
        values: tuple[Any, ...] = (0, 2, 3, 99)
        if name == "prefix":
            prefix = exist.leaf.prefix
            flips = [_flip(prefix, at) for at in range(len(prefix))]
            values = (b"", b"\0", prefix + b"\0", b"\x01" + prefix, *flips)
        for value in values:
            if getattr(exist.leaf, name) != value:
                yield lambda p, name=name, value=value: setattr(p.leaf, name, value)  # type: ignore[misc]
    yield lambda p: p.ClearField("leaf")
    for field in ("key", "value"):
        data = getattr(exist, field)
        for value in (b"", data + b"\0", data[:-1], _flip(data, 0)):
            yield lambda p, field=field, value=value: setattr(p, field, value)  # type: ignore[misc]
    extra = InnerOp(hash=HashOp.SHA256, prefix=b"\x01", suffix=bytes(32))
    yield lambda p: p.path.append(extra)
    yield lambda p: p.path.extend([extra] * 300)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.key.decode())
def test_each_single_change_of_a_proof_is_refused(row: Recorded) -> None:
    tried = 0
    for place, exist in enumerate(_existences(row.proof)):
        for change in _mutations(exist):
            changed = MerkleProof()
            changed.CopyFrom(row.proof)
            change(list(_existences(changed))[place])
            assert changed != row.proof
            with pytest.raises(InvalidProofError):
                _verify(row, changed)
            tried += 1
    assert tried > 400


@pytest.mark.parametrize("row", ABSENT, ids=lambda row: row.key.decode())
def test_changed_absence_is_refused(row: Recorded) -> None:
    def changed(change: Callable[[Any], Any]) -> MerkleProof:
        proof = MerkleProof()
        proof.CopyFrom(row.proof)
        change(proof.proofs[0].nonexist)
        return proof

    lower = row.proof.proofs[0].nonexist
    swapped = MerkleProof()
    swapped.CopyFrom(row.proof)
    swapped.proofs[0].nonexist.left.CopyFrom(lower.right)
    swapped.proofs[0].nonexist.right.CopyFrom(lower.left)
    bad = [
        changed(lambda p: p.ClearField("left")),
        changed(lambda p: p.ClearField("right")),
        changed(lambda p: p.left.CopyFrom(lower.right)),
        changed(lambda p: p.right.CopyFrom(lower.left)),
        changed(lambda p: setattr(p, "key", b"")),
        changed(lambda p: setattr(p, "key", lower.left.key)),
        changed(lambda p: (p.ClearField("left"), p.ClearField("right"))),
        swapped,
    ]
    for proof in bad:
        if proof != row.proof:
            with pytest.raises(InvalidProofError):
                _verify(row, proof)


def test_layers_may_not_be_dropped_swapped_doubled_or_absent() -> None:
    for row in ROWS:
        lower, upper = row.proof.proofs
        for layers in ([], [lower], [upper], [lower, upper, upper]):
            with pytest.raises(InvalidMerkleProofError):
                _verify(row, MerkleProof(proofs=layers))
        for layers in ([upper, lower], [lower, lower], [upper, upper]):
            with pytest.raises(InvalidProofError):
                _verify(row, MerkleProof(proofs=layers))


def test_absence_of_the_store_does_not_show_absence_in_it() -> None:
    row = ABSENT[0]
    absent_above = MerkleProof(proofs=[row.proof.proofs[0], row.proof.proofs[0]])
    with pytest.raises(InvalidProofError):
        _verify(row, absent_above)


def test_keys_must_be_as_many_as_layers() -> None:
    row = PRESENT[0]
    for path in ([row.key], [b"ibc", b"ibc", row.key], []):
        with pytest.raises(InvalidProofError):
            verify_chained_membership(SPECS, row.root, row.proof, path, row.value)


def test_batch_and_compressed_proofs_are_refused() -> None:
    for row in ROWS:
        lower, upper = row.proof.proofs
        kind = "exist" if row.value else "nonexist"
        entry = BatchEntry(**{kind: getattr(lower, kind)})
        for packed in (
            CommitmentProof(batch=BatchProof(entries=[entry])),
            CommitmentProof(compressed=CompressedBatchProof()),
            CommitmentProof(),
        ):
            for layers in ([packed, upper], [lower, packed]):
                with pytest.raises(InvalidProofError):
                    _verify(row, MerkleProof(proofs=layers))
