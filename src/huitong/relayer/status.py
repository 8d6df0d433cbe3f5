"""How a link stands: what ``huitong relay status`` and the metrics show. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from huitong.light.tendermint.client_state import ClientState
from huitong.relayer.handshake import Side
from huitong.relayer.lane import Lane
from huitong.relayer.tracker import Tracker, target_of

#: Stuck packets that a status lists of one link; their number is told besides.
STUCK_LISTED_MAX: Final = 20
_NS_PER_S: Final = 1_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientReport:
    """The light client on one side of a link."""

    client_id: str
    """Its id."""
    status: str
    """``active``, ``expired``, ``frozen`` or ``unknown``; empty before it was asked."""
    height: int
    """Newest height of the other zone that it knows."""
    expires_s: int
    """Seconds until it expires unless it is refreshed; negative once it has."""
    trusting_period_s: int
    """How long it trusts a header."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectionReport:
    """The packets that one side sends."""

    pending: int = 0
    """Sent and not settled."""
    to_receive: int = 0
    """Of them: not received by the other side yet."""
    to_acknowledge: int = 0
    """Of them: answered, and the answer is not back yet."""
    undecided: int = 0
    """Of them: received, and the application has not answered yet."""
    missing: int = 0
    """Of them: cannot be relayed, because no node shows their contents."""
    settled: int = 0
    """Acknowledged or timed out since the relayer started."""
    last_settled_s: int = 0
    """When a packet was settled last, seconds since the epoch; 0 if none was."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StuckReport:
    """One packet that does not get through."""

    sent_by: str
    """Chain id of the zone that sent it."""
    channel_id: str
    """Its channel there."""
    sequence: int
    """Its number."""
    stage: str
    """What fails: ``receive``, ``acknowledge``, ``time out`` or ``time out on close``."""
    reason: str
    """What was said last."""
    since_s: int
    """Seconds since it first failed."""
    attempts: int
    """How often it was tried."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkStatus:
    """How a link stands."""

    ready: bool
    """Whether both zones are followed."""
    pending_a_to_b: int
    """Packets sent by a and not settled."""
    pending_b_to_a: int
    """Packets sent by b and not settled."""
    settled: int
    """Packets settled since the worker started."""
    resting: int
    """Items left alone because they failed."""
    missing: int
    """Packets that cannot be relayed, because no node has their contents."""
    sent_txs: int
    """Transactions sent since the worker started."""
    failed_txs: int
    """Those of them that were refused."""
    problem: str = ""
    """Why the link is not served, or not wholly; empty if all is well."""
    problem_s: int = 0
    """For how many seconds."""
    clients: Mapping[str, ClientReport] = field(default_factory=dict)
    """Light clients by the side they live on, ``a`` and ``b``."""
    directions: Mapping[str, DirectionReport] = field(default_factory=dict)
    """Packets by the side that sends them, ``a`` and ``b``."""
    stuck: tuple[StuckReport, ...] = ()
    """Packets that do not get through, the oldest first; at most ``STUCK_LISTED_MAX``."""
    stuck_count: int = 0
    """How many they are."""
    failures: Mapping[str, int] = field(default_factory=dict)
    """Refused transactions since the start, by ``codespace/code``."""


def status_of_problem(problem: str, problem_s: int = 0) -> LinkStatus:
    """Return the status of a link of which nothing but its problem is known."""
    return LinkStatus(
        ready=False,
        pending_a_to_b=0,
        pending_b_to_a=0,
        settled=0,
        resting=0,
        missing=0,
        sent_txs=0,
        failed_txs=0,
        problem=problem,
        problem_s=problem_s,
    )


def direction_report(tracker: Tracker, side: Side) -> DirectionReport:
    """Return how the packets stand that ``side`` sends."""
    lane: Lane = tracker.lanes[side]
    received = sum(1 for sequence in lane.sent if sequence in lane.received)
    answered = sum(1 for sequence in lane.sent if sequence in lane.answers)
    missing = len(tracker.missing.get(side, ()))
    return DirectionReport(
        pending=len(lane.sent) + missing,
        to_receive=len(lane.sent) - received,
        to_acknowledge=answered,
        undecided=received - answered,
        missing=missing,
        settled=tracker.counts[side, "acknowledge_packet"]
        + tracker.counts[side, "timeout_packet"],
        last_settled_s=tracker.last_settled_ns.get(side, 0) // _NS_PER_S,
    )


def client_report(
    tracker: Tracker, side: Side, state: ClientState | None, status: str
) -> ClientReport:
    """Return how the client on ``side`` stands, by that side's own time."""
    period_ns = state.trusting_period_ns if state else 0
    known_ns = tracker.client_times_ns.get(side, 0)
    head = tracker.heads.get(side)
    expires_ns = known_ns + period_ns - head.time_ns if head and known_ns else 0
    return ClientReport(
        client_id=tracker.client_on(side),
        status=status,
        height=tracker.client_heights.get(side, 0),
        expires_s=expires_ns // _NS_PER_S,
        trusting_period_s=period_ns // _NS_PER_S,
    )


def stuck_reports(tracker: Tracker, now_s: float) -> tuple[StuckReport, ...]:
    """Return the packets that do not get through, the oldest first."""
    link = tracker.link
    chains = {Side.A: link.chain_a, Side.B: link.chain_b}
    return tuple(
        StuckReport(
            sent_by=chains[item.lane],
            channel_id=tracker.end(item.lane).channel_id,
            sequence=item.action.sequence,
            stage=f"{item.action.stage} on {chains[target_of(item)]}",
            reason=failure.reason,
            since_s=int(now_s - failure.first_s),
            attempts=failure.count,
        )
        for item, failure in tracker.stuck()[:STUCK_LISTED_MAX]
    )


def failures_by_code(counted: Mapping[tuple[str, int], int]) -> dict[str, Any]:
    """Return counts of refusals with their codes as text."""
    return {f"{space}/{code}": count for (space, code), count in counted.items()}
