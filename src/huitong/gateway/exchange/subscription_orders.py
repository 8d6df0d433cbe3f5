"""What callers order of standing permissions, and what they are shown."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum, unique

from huitong.gateway.exchange.orders import Problem, Side


@unique
class SubscriptionStage(StrEnum):
    """How far a standing permission has come, as this gateway knows it."""

    ORDERED = "ordered"
    """Requester: the request is stored and goes to the zone."""
    REQUESTED = "requested"
    """It is on chain and undecided; a provider's officer may have to decide."""
    ACTIVE = "active"
    """Granted: each new version is pushed."""
    ENDED = "ended"
    """Over: by either side, or its term or count is over."""
    WITHDRAWN = "withdrawn"
    """Over: what it rested on is gone, such as the consent or the grant."""
    REFUSED = "refused"
    TIMED_OUT = "timed-out"
    FAILED = "failed"
    CANCELLED = "cancelled"
    """A person gave the request up before it was on chain."""


#: Nobody has decided yet.
UNDECIDED = frozenset({SubscriptionStage.ORDERED, SubscriptionStage.REQUESTED})
#: Nothing more is given under it.
OVER = frozenset(SubscriptionStage) - UNDECIDED - {SubscriptionStage.ACTIVE}


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscribeOrder:
    """A record, or every record of a type, of which each new version is wanted."""

    key: str
    """The caller's own; the same order under the same key is carried out once."""
    channel_id: str
    """Channel on the own zone that leads to the issuer's zone."""
    issuer: str
    purpose: str
    term_until: int
    """Until when, seconds since the epoch."""
    record_id: str = ""
    record_type: str = ""
    """In place of ``record_id``: every record of this type."""
    count_max: int = 0
    """How many versions at most; 0 for any number."""
    legal_basis: str = ""
    consent_id: int = 0
    fields: tuple[str, ...] = ()
    """Empty means every field."""
    timeout_s: int = 0
    """How long the request may be on its way; 0 for the setting."""
    minimum_grade: str = ""
    """Empty for the setting."""
    request_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class EndOrder:
    """The end of a standing permission, from this side."""

    key: str
    reason: str = ""
    request_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriptionView:
    """A standing permission as this gateway knows it."""

    id: str
    side: Side
    stage: SubscriptionStage
    channel_id: str
    """On the own zone."""
    sequence: int
    """Of the standing request; 0 until it is on chain."""
    issuer: str
    requester: str
    record_id: str
    record_type: str
    purpose: str
    legal_basis: str
    consent_id: int
    fields: tuple[str, ...]
    """Asked for; after a grant, granted."""
    term_until: int
    count_max: int
    outcome: str
    """``granted``, ``refused`` or empty."""
    decision_code: str
    decision_reason: str
    grant_id: int
    decided_by: str
    decided_height: int
    decided_ns: int
    deadline_ns: int
    """Provider: until when an officer may decide; 0 if nobody waits."""
    pushes: int
    """Versions that were pushed under it, as far as this gateway knows."""
    started_ns: int
    """0 before."""
    ended_ns: int
    """0 before."""
    ended_by: str
    """``provider``, ``requester`` or empty."""
    reason_code: str
    """Why it is over, for programs."""
    reason: str
    """Why it is over, or why it failed, for people."""
    is_end_known: bool
    """Whether the other zone knows that it is over."""
    minimum_grade: str
    request_id: str
    created_ns: int
    changed_ns: int
    problem: Problem | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriptionFilter:
    """Which standing permissions to list; all conditions hold together."""

    side: Side | None = None
    stages: tuple[SubscriptionStage, ...] = ()
    peer: str = ""
    record_id: str = ""
    record_type: str = ""
    stuck: bool | None = None
    """Whether it has a problem."""
