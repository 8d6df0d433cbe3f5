"""The next step of a link's handshakes: a pure function of what both chains say.

A link is a client on each chain, a connection over them and a channel over that (ICS-02,
ICS-03, ICS-04). The opening of a connection and of a channel go through the same states::

    a: none → INIT ──────────→ OPEN              a asks (init), b tries,
    b: none ─────→ TRYOPEN ──────→ OPEN          a acknowledges, b confirms

A handshake that somebody else began, or that was interrupted, is continued from where it
stands, on whichever side it began.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import Final

from huitong.relayer.errors import HandshakeStuckError


class Side(StrEnum):
    """Which of a link's two chains."""

    A = "a"
    B = "b"

    @property
    def other(self) -> Side:
        """The chain across."""
        return Side.B if self is Side.A else Side.A


class OpeningState(IntEnum):
    """State of an end of a connection or channel, numbered as on the wire."""

    NONE = 0
    INIT = 1
    TRYOPEN = 2
    OPEN = 3
    CLOSED = 4


class StepKind(StrEnum):
    """What to do."""

    CREATE_CLIENT = "create client"
    CONNECTION_INIT = "open connection, init"
    CONNECTION_TRY = "open connection, try"
    CONNECTION_ACK = "open connection, acknowledge"
    CONNECTION_CONFIRM = "open connection, confirm"
    CHANNEL_INIT = "open channel, init"
    CHANNEL_TRY = "open channel, try"
    CHANNEL_ACK = "open channel, acknowledge"
    CHANNEL_CONFIRM = "open channel, confirm"


@dataclass(frozen=True, slots=True)
class Step:
    """One message of a handshake."""

    kind: StepKind
    """What."""
    on: Side
    """On which chain."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkEnd:
    """One chain's part of a link, as its state shows it."""

    client_id: str = ""
    """Client of the other chain, on this one; empty if there is none that works."""
    connection_id: str = ""
    """Connection over that client; empty if there is none."""
    connection_state: OpeningState = OpeningState.NONE
    """State of the connection's end."""
    channel_id: str = ""
    """Channel over that connection; empty if there is none."""
    channel_state: OpeningState = OpeningState.NONE
    """State of the channel's end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """One end of a connection or of a channel, as its chain's state shows it."""

    identifier: str
    """Its id on its chain."""
    state: OpeningState
    """How far it is."""
    counterparty_id: str
    """The other end's id as this end knows it; empty until it does."""


NO_OPENING: Final = Opening(identifier="", state=OpeningState.NONE, counterparty_id="")


def pair_ends(
    on_a: Sequence[Opening], on_b: Sequence[Opening]
) -> tuple[Opening, Opening]:
    """Choose the two ends to go on with; ``NO_OPENING`` where there is none.

    Open pairs come first, then pairs in the middle of a handshake, then a lone beginning,
    on a rather than on b. Among equals the oldest end on a is chosen, so that every
    relayer chooses the same. Closed ends are never chosen.
    """
    pairs = [
        (end_on_a, end_on_b)
        for end_on_a in on_a
        for end_on_b in on_b
        if _belong_together(end_on_a, end_on_b)
    ]
    if pairs:
        return max(pairs, key=lambda pair: pair[0].state + pair[1].state)
    for end_on_a in on_a:
        if end_on_a.state is OpeningState.INIT:
            return end_on_a, NO_OPENING
    for end_on_b in on_b:
        if end_on_b.state is OpeningState.INIT:
            return NO_OPENING, end_on_b
    return NO_OPENING, NO_OPENING


def _belong_together(one: Opening, other: Opening) -> bool:
    if OpeningState.CLOSED in (one.state, other.state):
        return False
    names = (one.counterparty_id, other.counterparty_id)
    if names == (other.identifier, one.identifier):
        return True
    # An end in INIT does not know the other's id yet; the other must know its.
    if one.state is OpeningState.INIT:
        return names == ("", one.identifier)
    if other.state is OpeningState.INIT:
        return names == (other.identifier, "")
    return False


#: (a's state, b's state) → (number of the step in ``_CONNECTION`` / ``_CHANNEL``, where).
_NEXT: Final = {
    (OpeningState.NONE, OpeningState.NONE): (0, Side.A),
    (OpeningState.INIT, OpeningState.NONE): (1, Side.B),
    (OpeningState.NONE, OpeningState.INIT): (1, Side.A),
    (OpeningState.INIT, OpeningState.TRYOPEN): (2, Side.A),
    (OpeningState.TRYOPEN, OpeningState.INIT): (2, Side.B),
    (OpeningState.OPEN, OpeningState.TRYOPEN): (3, Side.B),
    (OpeningState.TRYOPEN, OpeningState.OPEN): (3, Side.A),
}
_CONNECTION: Final = (
    StepKind.CONNECTION_INIT,
    StepKind.CONNECTION_TRY,
    StepKind.CONNECTION_ACK,
    StepKind.CONNECTION_CONFIRM,
)
_CHANNEL: Final = (
    StepKind.CHANNEL_INIT,
    StepKind.CHANNEL_TRY,
    StepKind.CHANNEL_ACK,
    StepKind.CHANNEL_CONFIRM,
)


def plan_handshake(end_on_a: LinkEnd, end_on_b: LinkEnd) -> tuple[Step, ...]:
    """Return the steps that can be taken now; none if the link is open.

    Raises:
        HandshakeStuckError: the two ends contradict each other or are closed.
    """
    missing = tuple(
        Step(StepKind.CREATE_CLIENT, side)
        for side, end in ((Side.A, end_on_a), (Side.B, end_on_b))
        if not end.client_id
    )
    if missing:
        return missing
    step = _next_step(
        "connection",
        end_on_a.connection_state,
        end_on_b.connection_state,
        _CONNECTION,
    ) or _next_step("channel", end_on_a.channel_state, end_on_b.channel_state, _CHANNEL)
    return (step,) if step else ()


def _next_step(
    what: str,
    state_on_a: OpeningState,
    state_on_b: OpeningState,
    kinds: tuple[StepKind, ...],
) -> Step | None:
    if state_on_a == state_on_b == OpeningState.OPEN:
        return None
    found = _NEXT.get((state_on_a, state_on_b))
    if found is None:
        raise HandshakeStuckError(
            what=what, state_on_a=state_on_a.name, state_on_b=state_on_b.name
        )
    number, side = found
    return Step(kinds[number], side)
