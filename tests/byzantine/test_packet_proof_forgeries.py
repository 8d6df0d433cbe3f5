"""Proofs in packet messages: every byte flipped, layers and steps cut, doubled, swapped."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from huitong.core.codec import encode
from huitong.core.errors import HuitongError
from huitong.proto.ibc.core.commitment.v1 import commitment_pb2
from tests.byzantine.packet_attacks import (
    Attack,
    acknowledging,
    closing,
    receiving,
    timing_out,
)

# --- every byte of every proof ------------------------------------------------------------

PROOFS = [
    (receiving, "proof_commitment"),
    (acknowledging, "proof_acked"),
    (timing_out, "proof_unreceived"),
    (closing, "proof_unreceived"),
    (closing, "proof_close"),
]


@pytest.mark.slow
@pytest.mark.parametrize(("begin", "name"), PROOFS)
@pytest.mark.parametrize("mask", [0x01, 0x80, 0xFF])
def test_no_changed_byte_of_a_proof_is_accepted(
    begin: Callable[[], Attack], name: str, mask: int
) -> None:
    attack = begin()
    real = getattr(attack.message, name)
    route = attack.end.zone.route(attack.message)
    ctx = attack.end.zone.context()
    for index in range(len(real)):
        forged = bytearray(real)
        forged[index] ^= mask
        setattr(attack.message, name, bytes(forged))
        with pytest.raises(HuitongError):
            route.check(ctx, attack.message)
    setattr(attack.message, name, real)
    route.check(ctx, attack.message)


def _reshaped(real: bytes) -> list[bytes]:
    """Return the proof with its layers and steps cut, doubled and swapped."""
    whole = commitment_pb2.MerkleProof.FromString(real)
    layers = list(whole.proofs)
    forged = [
        real[:-1],
        real + b"\x00",
        real + real,
        b"\x0a\x00",
        encode(commitment_pb2.MerkleProof()),
        encode(commitment_pb2.MerkleProof(proofs=layers[:1])),
        encode(commitment_pb2.MerkleProof(proofs=layers[1:])),
        encode(commitment_pb2.MerkleProof(proofs=layers[::-1])),
        encode(commitment_pb2.MerkleProof(proofs=[*layers, layers[-1]])),
    ]
    for index in range(len(layers)):
        forged += [_edited(whole, index, edit) for edit in _EDITS]
    return [data for data in forged if data != real]


def _drop_step(proof: Any) -> None:
    if proof.path:
        del proof.path[0]


def _double_step(proof: Any) -> None:
    proof.path.extend(proof.path[:1])


def _swap_steps(proof: Any) -> None:
    steps = list(proof.path)[::-1]
    del proof.path[:]
    proof.path.extend(steps)


def _lengthen(proof: Any) -> None:
    steps = list(proof.path) or [proof.path.add()]
    proof.path.extend(steps[:1] * 200)


def _other_value(proof: Any) -> None:
    proof.value = proof.value + b"\x00"


def _empty_value(proof: Any) -> None:
    proof.value = b""


def _other_key(proof: Any) -> None:
    proof.key = proof.key + b"0"


def _empty_key(proof: Any) -> None:
    proof.key = b""


_EDITS = (
    _drop_step,
    _double_step,
    _swap_steps,
    _lengthen,
    _other_value,
    _empty_value,
    _other_key,
    _empty_key,
)


def _edited(
    whole: commitment_pb2.MerkleProof, index: int, edit: Callable[[Any], None]
) -> bytes:
    forged = commitment_pb2.MerkleProof()
    forged.CopyFrom(whole)
    proof = forged.proofs[index]
    kind = proof.WhichOneof("proof")
    target = proof.nonexist.left if kind == "nonexist" else proof.exist
    edit(target)
    return encode(forged)


@pytest.mark.parametrize(("begin", "name"), PROOFS)
def test_no_reshaped_proof_is_accepted(begin: Callable[[], Attack], name: str) -> None:
    attack = begin()
    real = getattr(attack.message, name)
    route = attack.end.zone.route(attack.message)
    ctx = attack.end.zone.context()
    for forged in _reshaped(real):
        setattr(attack.message, name, forged)
        with pytest.raises(HuitongError):
            route.check(ctx, attack.message)
