"""The Merkle mountain range against a naive one, and forged proofs."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from huitong.modules.history.mountain import (
    EMPTY,
    Mountains,
    Position,
    Step,
    append,
    is_well_formed,
    mountain_of,
    prove,
    verify,
)


def naive_root(items: list[bytes]) -> bytes:
    if len(items) == 1:
        return hashlib.sha256(b"\0" + items[0]).digest()
    half = len(items) // 2
    return hashlib.sha256(
        b"\1" + naive_root(items[:half]) + naive_root(items[half:])
    ).digest()


def naive_peaks(items: list[bytes]) -> tuple[bytes, ...]:
    peaks, start = [], 0
    for level in range(len(items).bit_length() - 1, -1, -1):
        if len(items) >> level & 1:
            peaks.append(naive_root(items[start : start + (1 << level)]))
            start += 1 << level
    return tuple(peaks)


def grown(count: int) -> tuple[list[bytes], list[Mountains], dict[Position, bytes]]:
    items = [
        hashlib.sha256(bytes([index % 256, index // 256])).digest()
        for index in range(count)
    ]
    ranges, nodes = [EMPTY], {}
    for item in items:
        mountains, made = append(ranges[-1], item)
        ranges.append(mountains)
        nodes.update(dict(made))
    return items, ranges, nodes


ITEMS, RANGES, NODES = grown(300)


@pytest.mark.parametrize("count", [*range(18), 31, 32, 33, 63, 64, 127, 255, 256, 300])
def test_peaks_are_those_of_the_naive_range(count: int) -> None:
    assert RANGES[count].leaf_count == count
    assert RANGES[count].peaks == naive_peaks(ITEMS[:count])
    assert is_well_formed(RANGES[count])


def test_each_node_is_told_once_when_it_is_complete() -> None:
    mountains, seen = EMPTY, set()
    for index, item in enumerate(ITEMS):
        mountains, made = append(mountains, item)
        positions = {position for position, _ in made}
        assert not positions & seen
        assert positions == {
            (level, index >> level)
            for level in range(10)
            if (index + 1) % (1 << level) == 0
        }
        seen |= positions


def test_every_leaf_of_small_ranges_is_proven_and_at_no_other_place() -> None:
    for count in range(1, 18):
        mountains = RANGES[count]
        for index in range(count):
            steps = prove(count, index, NODES.get)
            assert steps is not None
            for place in range(count + 1):
                ok = verify(mountains, place, ITEMS[index], steps)
                assert ok is (place == index)
            assert not verify(mountains, index, ITEMS[count], steps)


@given(st.integers(1, 300), st.data())
def test_any_leaf_of_any_range_is_proven_with_nodes_of_a_later_one(
    count: int, data: st.DataObject
) -> None:
    index = data.draw(st.integers(0, count - 1))
    steps = prove(count, index, NODES.get)
    assert steps is not None
    assert len(steps) <= count.bit_length()
    assert verify(RANGES[count], index, ITEMS[index], steps)


@given(st.data())
def test_any_change_of_a_proof_is_refused(data: st.DataObject) -> None:
    count = data.draw(st.integers(2, 300))
    index = data.draw(st.integers(0, count - 1))
    steps = prove(count, index, NODES.get)
    assert steps is not None
    forged = list(steps)
    kinds = ["more"] + (["flip", "side", "drop", "short"] if steps else [])
    kind = data.draw(st.sampled_from(kinds))
    place = data.draw(st.integers(0, max(len(steps) - 1, 0)))
    if kind == "more":
        forged.insert(place, Step(sibling=bytes(32), sibling_is_left=False))
    elif kind == "drop":
        del forged[place]
    elif kind == "side":
        step = forged[place]
        forged[place] = replace(step, sibling_is_left=not step.sibling_is_left)
    elif kind == "short":
        forged[place] = replace(forged[place], sibling=forged[place].sibling[:-1])
    else:
        sibling = bytearray(forged[place].sibling)
        sibling[data.draw(st.integers(0, 31))] ^= data.draw(st.integers(1, 255))
        forged[place] = replace(forged[place], sibling=bytes(sibling))
    assert not verify(RANGES[count], index, ITEMS[index], tuple(forged))


def test_an_inner_node_does_not_pass_for_a_leaf() -> None:
    pair = NODES[0, 0] + NODES[0, 1]
    steps = prove(4, 0, NODES.get)
    assert steps is not None
    assert not verify(RANGES[4], 0, pair, steps[1:])
    assert not verify(RANGES[2], 0, pair, ())


def test_missing_nodes_give_no_proof() -> None:
    assert prove(4, 0, lambda position: None) is None
    assert prove(1, 0, lambda position: None) == ()


def test_malformed_ranges_verify_nothing() -> None:
    steps = prove(3, 0, NODES.get)
    assert steps is not None
    good = RANGES[3]
    for bad in (
        replace(good, peaks=good.peaks[:1]),
        replace(good, peaks=(*good.peaks, bytes(32))),
        replace(good, peaks=(good.peaks[0], b"")),
    ):
        assert not is_well_formed(bad)
        assert not verify(bad, 0, ITEMS[0], steps)
    assert not verify(EMPTY, 0, ITEMS[0], ())
    assert not verify(good, -1, ITEMS[0], steps)


def test_mountain_of_a_leaf_outside_is_a_mistake_of_the_caller() -> None:
    assert mountain_of(7, 6) == (2, 0)
    assert mountain_of(2**64 - 1, 2**64 - 2) == (63, 0)
    with pytest.raises(IndexError):
        mountain_of(7, 7)
