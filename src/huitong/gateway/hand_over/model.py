"""What hand-overs take and give."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum, unique
from typing import Final

from huitong.gateway.exchange.orders import Problem
from huitong.proto.huitong.exchange.v1.handover_pb2 import (
    HandOverDecision,
    HandOverPacket,
)


@unique
class HandOverSide(StrEnum):
    """Which end of a hand-over this gateway is."""

    GIVER = "giver"
    RECEIVER = "receiver"


@unique
class HandOverStage(StrEnum):
    """How far a hand-over has come."""

    ORDERED = "ordered"
    """Giver: stored; the payload is being sealed."""
    SEALED = "sealed"
    """Giver: the offer goes to the zone."""
    OFFERED = "offered"
    """On chain. Giver: the record is locked. Receiver: the payload is awaited."""
    DELIVERED = "delivered"
    """Giver: the receiver's gateway has the payload."""
    ARRIVED = "arrived"
    """Receiver: the payload is here and is being checked."""
    CHECKED = "checked"
    """Receiver: every check passed; an officer decides."""
    ACCEPTED = "accepted"
    """The receiver has the record. Giver: the end. Receiver: the payload is kept next."""
    KEPT = "kept"
    """Receiver: the payload lies among the own ones."""
    RETURNED = "returned"
    """An officer of the receiver, or the deadline, returned it."""
    TIMED_OUT = "timed-out"
    """Giver: the offer did not arrive in time, proven."""
    FAILED = "failed"
    """Giver: the other zone refused the offer itself."""
    CANCELLED = "cancelled"
    """Giver: a person gave it up before it was on chain."""


#: Nothing more happens on either side.
ENDED: Final = frozenset(
    {
        HandOverStage.KEPT,
        HandOverStage.RETURNED,
        HandOverStage.TIMED_OUT,
        HandOverStage.FAILED,
        HandOverStage.CANCELLED,
    }
)


def is_ended(side: HandOverSide, stage: HandOverStage) -> bool:
    """Tell whether nothing more happens at this end."""
    accepted = stage is HandOverStage.ACCEPTED and side is HandOverSide.GIVER
    return accepted or stage in ENDED


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferOrder:
    """A record that is to be handed over."""

    key: str
    """The caller's own; the same order under the same key is carried out once."""
    channel_id: str
    """Channel on the own zone that leads to the receiver's."""
    receiver: str
    """Member there."""
    record_id: str
    reason: str
    """Why, for people; needed."""
    timeout_s: int = 0
    """How long the offer may be on its way; 0 for the setting."""
    request_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class HandOverDecisionOrder:
    """What an officer decides about a record that is offered."""

    key: str
    is_accepted: bool
    reason: str = ""
    """Needed to return it."""
    record_id: str = ""
    """Accepted: its id here; empty keeps the one it had."""
    request_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class HandOverFilter:
    """Which hand-overs to list; all conditions hold together."""

    side: HandOverSide | None = None
    stages: Sequence[HandOverStage] = ()
    peer: str = ""
    record_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class HandOverView:
    """A hand-over as this gateway knows it."""

    id: str
    side: HandOverSide
    stage: HandOverStage
    channel_id: str
    """On the own zone."""
    sequence: int
    """Of the offer's packet; 0 until it is on chain."""
    peer: str
    """Member at the other end."""
    record_id: str
    """As the giver calls it."""
    reason: str
    offer: HandOverPacket | None
    """As the own zone has it; None before it is on chain."""
    decision: HandOverDecision | None
    deadline_ns: int
    """Receiver: until when an officer may decide; 0 if nobody waits."""
    failure: str
    sealed_digest: bytes
    sealed_size: int
    request_id: str
    created_ns: int
    changed_ns: int
    problem: Problem | None
