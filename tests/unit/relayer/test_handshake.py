"""The next step of a handshake, and the choice of ends to go on with."""

from __future__ import annotations

from itertools import pairwise

import pytest

from huitong.relayer.errors import HandshakeStuckError
from huitong.relayer.handshake import (
    NO_OPENING,
    LinkEnd,
    Opening,
    OpeningState,
    Side,
    Step,
    StepKind,
    pair_ends,
    plan_handshake,
)

NONE, INIT, TRYOPEN, OPEN, CLOSED = OpeningState


def end(connection: OpeningState = NONE, channel: OpeningState = NONE) -> LinkEnd:
    return LinkEnd(
        client_id="07-tendermint-0",
        connection_id="connection-0" if connection else "",
        connection_state=connection,
        channel_id="channel-0" if channel else "",
        channel_state=channel,
    )


def opening(identifier: str, state: OpeningState, counterparty_id: str = "") -> Opening:
    return Opening(identifier=identifier, state=state, counterparty_id=counterparty_id)


def test_missing_clients_are_created_at_the_same_time():
    assert plan_handshake(LinkEnd(), LinkEnd()) == (
        Step(StepKind.CREATE_CLIENT, Side.A),
        Step(StepKind.CREATE_CLIENT, Side.B),
    )


def test_only_the_missing_client_is_created():
    assert plan_handshake(end(), LinkEnd()) == (Step(StepKind.CREATE_CLIENT, Side.B),)


@pytest.mark.parametrize(
    ("on_a", "on_b", "kind", "side"),
    [
        (NONE, NONE, StepKind.CONNECTION_INIT, Side.A),
        (INIT, NONE, StepKind.CONNECTION_TRY, Side.B),
        (INIT, TRYOPEN, StepKind.CONNECTION_ACK, Side.A),
        (OPEN, TRYOPEN, StepKind.CONNECTION_CONFIRM, Side.B),
        (NONE, INIT, StepKind.CONNECTION_TRY, Side.A),
        (TRYOPEN, INIT, StepKind.CONNECTION_ACK, Side.B),
        (TRYOPEN, OPEN, StepKind.CONNECTION_CONFIRM, Side.A),
        (OPEN, OPEN, StepKind.CHANNEL_INIT, Side.A),
    ],
)
def test_connection_step(on_a, on_b, kind, side):
    assert plan_handshake(end(on_a), end(on_b)) == (Step(kind, side),)


@pytest.mark.parametrize(
    ("on_a", "on_b", "kind", "side"),
    [
        (INIT, NONE, StepKind.CHANNEL_TRY, Side.B),
        (INIT, TRYOPEN, StepKind.CHANNEL_ACK, Side.A),
        (OPEN, TRYOPEN, StepKind.CHANNEL_CONFIRM, Side.B),
        (NONE, INIT, StepKind.CHANNEL_TRY, Side.A),
        (TRYOPEN, INIT, StepKind.CHANNEL_ACK, Side.B),
        (TRYOPEN, OPEN, StepKind.CHANNEL_CONFIRM, Side.A),
    ],
)
def test_channel_step(on_a, on_b, kind, side):
    assert plan_handshake(end(OPEN, on_a), end(OPEN, on_b)) == (Step(kind, side),)


def test_open_link_needs_no_step():
    assert plan_handshake(end(OPEN, OPEN), end(OPEN, OPEN)) == ()


@pytest.mark.parametrize(
    ("on_a", "on_b"), [(OPEN, NONE), (TRYOPEN, TRYOPEN), (OPEN, INIT), (INIT, INIT)]
)
def test_contradicting_ends_are_stuck(on_a, on_b):
    with pytest.raises(HandshakeStuckError):
        plan_handshake(end(on_a), end(on_b))


def test_closed_channel_is_stuck():
    with pytest.raises(HandshakeStuckError):
        plan_handshake(end(OPEN, CLOSED), end(OPEN, OPEN))


def test_open_pair_is_chosen_before_a_beginning():
    on_a = [
        opening("connection-0", INIT),
        opening("connection-1", OPEN, "connection-5"),
    ]
    on_b = [opening("connection-5", OPEN, "connection-1")]
    assert pair_ends(on_a, on_b) == (on_a[1], on_b[0])


def test_end_that_was_tried_belongs_to_the_one_that_began():
    on_a = [opening("connection-0", INIT), opening("connection-1", INIT)]
    on_b = [opening("connection-0", TRYOPEN, "connection-1")]
    assert pair_ends(on_a, on_b) == (on_a[1], on_b[0])


def test_lone_beginning_is_continued_on_a_before_b():
    on_a, on_b = [opening("connection-0", INIT)], [opening("connection-3", INIT)]
    assert pair_ends(on_a, on_b) == (on_a[0], NO_OPENING)
    assert pair_ends([], on_b) == (NO_OPENING, on_b[0])


def test_closed_and_foreign_ends_are_not_chosen():
    on_a = [
        opening("channel-0", CLOSED, "channel-0"),
        opening("channel-1", OPEN, "channel-8"),
    ]
    on_b = [opening("channel-0", CLOSED, "channel-0")]
    assert pair_ends(on_a, on_b) == (NO_OPENING, NO_OPENING)


def test_handshake_walks_from_nothing_to_open_in_nine_steps_and_a_restart_at_each():
    """Each step is applied to the model of both ends, and the plan is made anew."""
    states = {Side.A: [NONE, NONE], Side.B: [NONE, NONE]}
    clients = {Side.A: "", Side.B: ""}
    taken = []
    while steps := plan_handshake(*(_view(clients, states, side) for side in Side)):
        step = steps[0]
        taken.append(step.kind)
        _apply(step, clients, states)
    assert len(taken) == 10
    assert all(
        first != second or "client" in first for first, second in pairwise(taken)
    )


def _view(clients, states, side):
    connection, channel = states[side]
    return LinkEnd(
        client_id=clients[side], connection_state=connection, channel_state=channel
    )


def _apply(step, clients, states):
    if step.kind is StepKind.CREATE_CLIENT:
        clients[step.on] = "07-tendermint-0"
        return
    place = 0 if "connection" in step.kind else 1
    after = {"init": INIT, "try": TRYOPEN, "acknowledge": OPEN, "confirm": OPEN}
    states[step.on][place] = after[step.kind.rsplit(" ", 1)[1]]
