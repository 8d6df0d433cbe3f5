"""What a relayer should do next: a pure function of what both chains say.

Nothing here remembers, so a relayer that was killed and starts again plans the same, and
an action is never planned when the chains' state shows that it was done.

Rules for packets of a lane from a to b (ICS-04), for a proof of state after block h the
header of h + 1 is needed:

* A packet that b has not received is *received* on b, once a's header after its sending
  is known, while b's next block is still before the timeout and both ends are open.
* A packet that b has answered is *acknowledged* on a, once b's header after the answer
  is known.
* A packet that b has not received is *timed out* on a, once a header of b at or past the
  timeout is known, and *timed out on close* if b's end is closed.
* In an ordered lane only the next sequence, and those right behind it, may be received;
  acknowledgements go in order.
* A packet that b received and has not answered waits: b answers when it has decided.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from enum import StrEnum

from huitong.relayer.lane import Lane, SentPacket


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """The newest header that is known of a chain."""

    revision: int
    """Revision number in the chain id."""
    height: int
    """Height of the header; it proves the state after the block before."""
    time_ns: int
    """Header time, nanoseconds since the epoch, UTC."""


class Stage(StrEnum):
    """What is done to a packet."""

    RECEIVE = "receive"
    """On b, with a proof of a's commitment."""
    ACKNOWLEDGE = "acknowledge"
    """On a, with a proof of b's acknowledgement."""
    TIME_OUT = "time out"
    """On a, with a proof that b did not receive it."""
    TIME_OUT_ON_CLOSE = "time out on close"
    """On a, with proofs that b did not receive it and closed its end."""


@dataclass(frozen=True, slots=True)
class Action:
    """One thing to do for one packet of a lane."""

    stage: Stage
    """What."""
    sequence: int
    """To which packet."""


def plan_on_b(
    lane: Lane, *, head_on_a: Head, head_on_b: Head, busy: Collection[Action] = ()
) -> list[Action]:
    """Return what should be sent to b: packets to receive, in the order of sequences.

    Args:
        lane: what is known of the packets from a to b.
        head_on_a: newest header of a, which proves what a sent.
        head_on_b: newest header of b, which tells what would be too late.
        busy: actions that are on their way or set aside.
    """
    return [
        action
        for action in _receivable(lane, head_on_a, head_on_b)
        if action not in busy
    ]


def plan_on_a(
    lane: Lane, *, head_on_b: Head, busy: Collection[Action] = ()
) -> list[Action]:
    """Return what should be sent to a: acknowledgements and timeouts, in order.

    Args:
        lane: what is known of the packets from a to b.
        head_on_b: newest header of b, which proves what b did and did not do.
        busy: actions that are on their way or set aside.
    """
    return [action for action in _settleable(lane, head_on_b) if action not in busy]


def _receivable(lane: Lane, head_on_a: Head, head_on_b: Head) -> Iterator[Action]:
    if lane.is_closed_on_a or lane.is_closed_on_b:
        return
    expected = lane.next_receive_on_b
    for sequence in sorted(lane.sent):
        sent = lane.sent[sequence]
        if sequence in lane.received or (sequence < expected and lane.is_ordered):
            continue
        if lane.is_ordered and sequence != expected:
            return  # a gap: what follows would be refused
        if sent.height_on_a >= head_on_a.height:
            if lane.is_ordered:
                return
            continue  # the header that proves it is not there yet
        if is_too_late(sent, head_on_b, blocks_ahead=1):
            if lane.is_ordered:
                return
            continue
        expected = sequence + 1
        yield Action(Stage.RECEIVE, sequence)


def _settleable(lane: Lane, head_on_b: Head) -> Iterator[Action]:
    for sequence in sorted(lane.sent):
        answer = lane.answers.get(sequence)
        if answer is not None:
            if answer.height_on_b < head_on_b.height:
                yield Action(Stage.ACKNOWLEDGE, sequence)
            elif lane.is_ordered:
                return
        elif sequence in lane.received:
            if lane.is_ordered:
                return  # a takes acknowledgements in order only
        elif lane.is_ordered and sequence < lane.next_receive_on_b:
            return
        elif lane.is_closed_on_b:
            yield Action(Stage.TIME_OUT_ON_CLOSE, sequence)
        elif is_too_late(lane.sent[sequence], head_on_b):
            yield Action(Stage.TIME_OUT, sequence)
            if lane.is_ordered:
                return  # a closes its end with it


def is_too_late(sent: SentPacket, head_on_b: Head, blocks_ahead: int = 0) -> bool:
    """Return whether b refuses the packet in the block ``blocks_ahead`` after its head.

    The time of a block to come is not known; b's newest time stands for it.
    """
    timeout = sent.timeout_height_on_b
    if not timeout.is_zero():
        here = (head_on_b.revision, head_on_b.height + blocks_ahead)
        if here >= (timeout.revision_number, timeout.revision_height):
            return True
    return 0 < sent.timeout_time_ns <= head_on_b.time_ns
