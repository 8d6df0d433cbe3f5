"""The history module: a header in every block, proofs, genesis."""

from __future__ import annotations

from typing import Any

import pytest

from huitong.core.genesis import GenesisError
from huitong.core.invariants import InvariantBrokenError
from huitong.modules.history import (
    ACCUMULATOR_KEY,
    MODULE,
    STORE,
    errors,
    verify_history_proof,
)
from huitong.proto.huitong.history.v1 import history_pb2 as pb
from huitong.testing.contexts import MemoryZone


def zone_at(height: int, first: int = 1) -> MemoryZone:
    zone = MemoryZone([MODULE], initial_height=first)
    while zone.height < height:
        zone.next_block()
    return zone


def proof_of(zone: MemoryZone, height: int) -> pb.HistoryProof:
    request = pb.QueryHistoryProofRequest(height=height)
    return zone.query("/huitong.history.v1.Query/HistoryProof", request).proof


def accumulator_of(zone: MemoryZone) -> bytes:
    value = zone.state.store(STORE).get(ACCUMULATOR_KEY)
    assert value is not None
    return value


@pytest.mark.parametrize(("first", "last"), [(1, 1), (1, 2), (1, 37), (100, 164)])
def test_every_header_is_proven_against_the_newest_accumulator(
    first: int, last: int
) -> None:
    zone = zone_at(last, first)
    for height in range(first, last + 1):
        proof = proof_of(zone, height)
        assert proof.header_hash == zone.header_hash(height)
        verify_history_proof(
            proof, accumulator_of(zone), header_hash=zone.header_hash(height)
        )
        verify_history_proof(proof, accumulator_of(zone))


def test_state_holds_one_key_whatever_the_height() -> None:
    assert list(zone_at(70).state.dump()[STORE]) == [ACCUMULATOR_KEY]


def test_accumulator_is_answered_and_empty_before_the_first_block() -> None:
    path = "/huitong.history.v1.Query/Accumulator"
    zone = zone_at(5)
    found = zone.query(path, pb.QueryAccumulatorRequest()).accumulator
    assert (found.leaf_count, found.first_height, len(found.peaks)) == (5, 1, 2)
    nothing = MemoryZone([]).context()
    answer = MODULE.queries[0].answer(nothing, pb.QueryAccumulatorRequest())
    assert not answer.HasField("accumulator") or not answer.accumulator.leaf_count


@pytest.mark.parametrize("height", [0, 9, 16, 2**63])
def test_height_outside_of_the_history_is_refused(height: int) -> None:
    with pytest.raises(errors.HeightNotInHistoryError):
        proof_of(zone_at(15, 10), height)


def forged(kind: str) -> tuple[pb.HistoryProof, bytes, bytes | None]:
    zone = zone_at(20, 3)
    proof, accumulator = proof_of(zone, 7), accumulator_of(zone)
    header_hash: bytes | None = None
    if kind == "header":
        proof.header_hash = zone.header_hash(8)
    elif kind == "header at hand":
        header_hash = zone.header_hash(8)
    elif kind == "height":
        proof.height = 8
    elif kind == "height before the first":
        proof.height = 2
    elif kind == "height behind the last":
        proof.height = 21
    elif kind == "step":
        proof.steps[0].sibling = bytes(32)
    elif kind == "fewer steps":
        del proof.steps[-1]
    elif kind == "accumulator of another height":
        accumulator = accumulator_of(zone_at(19, 3))
    elif kind == "accumulator in the proof":
        proof.accumulator.leaf_count += 1
    elif kind == "garbage":
        accumulator = b"\xff"
    elif kind == "malformed":
        del proof.accumulator.peaks[-1]
        accumulator = proof.accumulator.SerializeToString(deterministic=True)
    elif kind == "no first height":
        proof.accumulator.first_height = 0
        accumulator = proof.accumulator.SerializeToString(deterministic=True)
    return proof, accumulator, header_hash


@pytest.mark.parametrize(
    "kind",
    [
        "header",
        "header at hand",
        "height",
        "height before the first",
        "height behind the last",
        "step",
        "fewer steps",
        "accumulator of another height",
        "accumulator in the proof",
        "garbage",
        "malformed",
        "no first height",
    ],
)
def test_forged_proof_is_refused(kind: str) -> None:
    proof, accumulator, header_hash = forged(kind)
    with pytest.raises(errors.HistoryProofError):
        verify_history_proof(proof, accumulator, header_hash=header_hash)


def test_zone_goes_on_with_an_imported_history() -> None:
    zone = zone_at(13)
    exported = zone.export()
    again = MemoryZone([MODULE], genesis=exported, initial_height=14)
    zone.next_block()
    assert again.export() == zone.export()
    assert accumulator_of(again) == accumulator_of(zone)
    with pytest.raises(errors.HistoryNodesMissingError):
        proof_of(again, 3)


@pytest.mark.parametrize(
    "state",
    [
        {"peaks": []},
        {"accumulator": {"leaf_count": 3, "first_height": 1, "peaks": []}},
        {"accumulator": {"leaf_count": 0}},
        {"accumulator": {"first_height": 2}},
    ],
)
def test_genesis_with_a_mistake_is_refused(state: dict[str, Any]) -> None:
    with pytest.raises(GenesisError):
        MemoryZone([MODULE], genesis={"history": state})


def test_block_out_of_order_stops_the_zone() -> None:
    zone = zone_at(3)
    zone.height += 1
    with pytest.raises(InvariantBrokenError, match="one header for each height"):
        zone.next_block()
