"""What is planned for packets, case by case and over random lives of a lane."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from huitong.relayer.plan import Action, Stage, plan_on_a, plan_on_b
from tests.unit.relayer.models import BLOCK_NS, TwoChains, head, lane, packet


def test_packet_is_received_once_the_header_after_its_sending_is_known():
    found = lane()
    found.add_sent(packet(1), 5)
    assert plan_on_b(found, head_on_a=head(5), head_on_b=head(1)) == []
    assert plan_on_b(found, head_on_a=head(6), head_on_b=head(1)) == [
        Action(Stage.RECEIVE, 1)
    ]


def test_received_packet_without_answer_waits():
    found = lane()
    found.add_sent(packet(1), 5)
    found.add_received(1, 9)
    assert plan_on_b(found, head_on_a=head(50), head_on_b=head(50)) == []
    assert plan_on_a(found, head_on_b=head(50)) == []


def test_answer_is_carried_once_the_header_after_it_is_known():
    found = lane()
    found.add_sent(packet(1), 5)
    found.add_answer(1, b"yes", 9)
    assert plan_on_a(found, head_on_b=head(9)) == []
    assert plan_on_a(found, head_on_b=head(10)) == [Action(Stage.ACKNOWLEDGE, 1)]


@pytest.mark.parametrize(
    ("height", "received", "timed_out"),
    [(8, True, False), (9, False, False), (10, False, True), (11, False, True)],
)
def test_timeout_by_height_10_at_each_height(height, received, timed_out):
    found = lane()
    found.add_sent(packet(1, timeout_height=10), 5)
    planned = plan_on_b(found, head_on_a=head(6), head_on_b=head(height))
    assert bool(planned) is received
    assert bool(plan_on_a(found, head_on_b=head(height))) is timed_out


@pytest.mark.parametrize(
    ("offset_ns", "timed_out"), [(-1, False), (0, True), (1, True)]
)
def test_timeout_by_time_at_each_nanosecond(offset_ns, timed_out):
    found = lane()
    found.add_sent(packet(1, timeout_ns=10 * BLOCK_NS - offset_ns), 5)
    planned = plan_on_b(found, head_on_a=head(6), head_on_b=head(10))
    assert bool(planned) is not timed_out
    assert bool(plan_on_a(found, head_on_b=head(10))) is timed_out


def test_packet_to_a_closed_end_is_timed_out_on_close():
    found = lane()
    found.add_sent(packet(1), 5)
    found.is_closed_on_b = True
    assert plan_on_b(found, head_on_a=head(9), head_on_b=head(9)) == []
    assert plan_on_a(found, head_on_b=head(9)) == [Action(Stage.TIME_OUT_ON_CLOSE, 1)]


def test_answer_from_a_closed_end_is_still_carried():
    found = lane()
    found.add_sent(packet(1), 5)
    found.add_answer(1, b"yes", 6)
    found.is_closed_on_b = True
    assert plan_on_a(found, head_on_b=head(9)) == [Action(Stage.ACKNOWLEDGE, 1)]


def test_busy_actions_are_left_out():
    found = lane()
    for sequence in (1, 2, 3):
        found.add_sent(packet(sequence), 5)
    busy = {Action(Stage.RECEIVE, 2)}
    planned = plan_on_b(found, head_on_a=head(9), head_on_b=head(9), busy=busy)
    assert [action.sequence for action in planned] == [1, 3]


def test_ordered_lane_starts_at_the_sequence_that_b_takes_next():
    found = lane(ordered=True)
    for sequence in (3, 4, 5):
        found.add_sent(packet(sequence), 5)
    found.next_receive_on_b = 4
    planned = plan_on_b(found, head_on_a=head(9), head_on_b=head(9))
    assert [action.sequence for action in planned] == [4, 5]


def test_ordered_lane_stops_at_a_gap():
    found = lane(ordered=True)
    for sequence in (1, 2, 4):
        found.add_sent(packet(sequence), 5)
    planned = plan_on_b(found, head_on_a=head(9), head_on_b=head(9))
    assert [action.sequence for action in planned] == [1, 2]


def test_ordered_lane_acknowledges_in_order():
    found = lane(ordered=True)
    for sequence in (1, 2, 3):
        found.add_sent(packet(sequence), 5)
    found.add_answer(1, b"yes", 6)
    found.add_received(2, 6)
    found.add_answer(3, b"yes", 6)
    planned = plan_on_a(found, head_on_b=head(9))
    assert planned == [Action(Stage.ACKNOWLEDGE, 1)]


def test_ordered_lane_times_out_one_packet_which_closes_it():
    found = lane(ordered=True)
    for sequence in (1, 2):
        found.add_sent(packet(sequence, timeout_height=3), 2)
    assert plan_on_a(found, head_on_b=head(9)) == [Action(Stage.TIME_OUT, 1)]


def test_closed_lane_receives_nothing():
    found = lane()
    found.add_sent(packet(1), 5)
    found.is_closed_on_a = True
    assert plan_on_b(found, head_on_a=head(9), head_on_b=head(9)) == []


@settings(max_examples=150)
@given(seed=st.integers(0, 2**32), ordered=st.booleans())
def test_relayer_killed_anywhere_settles_every_packet_and_repeats_nothing(
    seed, ordered
):
    """Any part of a plan is carried out, then the relayer starts again from the state."""
    rng = random.Random(seed)
    chains = TwoChains(ordered=ordered)
    count = rng.randint(1, 12)
    unsent = list(range(1, count + 1))
    for _ in range(400):
        if unsent and not chains.closed_on_a and rng.random() < 0.5:
            chains.send(_random_packet(rng, unsent.pop(0), chains.height_on_b))
        if rng.random() < 0.02:
            chains.closed_on_b = True
        chains.make_blocks(on_a=rng.randint(0, 2), on_b=rng.randint(0, 2))
        _answer_some(rng, chains)
        planned = chains.plan(chains.read())
        for action in planned[: rng.randint(0, len(planned))]:
            if _still_planned(action, chains):
                chains.apply(action, answers_at_once=rng.random() < 0.7)
    _finish(chains)
    settled = set(chains.fates)
    assert settled | set(unsent) == set(range(1, count + 1)) - set(chains.sent)
    if not chains.closed_on_a:
        assert not chains.sent
    for sequence, fate in chains.fates.items():
        assert (fate is Stage.ACKNOWLEDGE) == (sequence in chains.receipts)


def _random_packet(rng: random.Random, sequence: int, height_on_b: int):
    kind = rng.randint(0, 2)
    if kind == 0:
        return packet(sequence)
    late = height_on_b + rng.randint(1, 30)
    if kind == 1:
        return packet(sequence, timeout_height=late)
    return packet(sequence, timeout_ns=late * BLOCK_NS)


def _answer_some(rng: random.Random, chains: TwoChains) -> None:
    for sequence in sorted(set(chains.receipts) - set(chains.answers)):
        if rng.random() < 0.3:
            chains.answer(sequence)


def _still_planned(action: Action, chains: TwoChains) -> bool:
    """Earlier actions of the same batch may have made this one pointless."""
    return action in chains.plan(chains.read())


def _finish(chains: TwoChains) -> None:
    """Let the chains live on with a relayer that is no longer killed."""
    for _ in range(200):
        chains.make_blocks(on_a=1, on_b=1)
        for sequence in sorted(set(chains.receipts) - set(chains.answers)):
            chains.answer(sequence)
        for action in chains.plan(chains.read()):
            if _still_planned(action, chains):
                chains.apply(action)
