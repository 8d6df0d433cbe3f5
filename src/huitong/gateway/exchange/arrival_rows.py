"""What the database knows of sealed bytes that a peer brings, by what was asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncSession

from huitong.core.errors import HuitongError
from huitong.gateway.exchange.errors import (
    DeliveryDiffersError,
    NotAskedForError,
    RequestNotKnownYetError,
)
from huitong.gateway.exchange.orders import Side, Stage
from huitong.gateway.exchange.subscription_errors import PushNotKnownYetError
from huitong.gateway.exchange.subscription_orders import SubscriptionStage
from huitong.gateway.exchange.tables import ExchangeRow, SubscriptionRow

#: Stages in which sealed bytes are waited for, or may replace bytes that did not pass.
_AWAITING = (Stage.REQUESTED, Stage.GRANTED, Stage.ARRIVED)
#: Stages of a permission in which a version may be on the zone that is not known here.
_PUSHED_IN = (
    SubscriptionStage.REQUESTED,
    SubscriptionStage.ACTIVE,
    SubscriptionStage.ENDED,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """What a peer says that it brings."""

    peer: str
    """The member that brings it, by its certificate."""
    chain_id_of_a: str
    """The zone of the member that brings it."""
    channel_on_b: str
    """Channel of the request on our zone."""
    sequence: int
    """Of the request."""
    push_number: int = 0
    """Of a version that was pushed under that request; 0 for none."""
    sealed_digest: bytes
    """SHA-256 of the bytes."""


#: What is known of an arrival: True if these very bytes are here, False if they are
#: wanted, and else why they are not.
Verdict: TypeAlias = bool | HuitongError
#: Sequence of the request, and number of the version that was pushed under it.
Place: TypeAlias = tuple[int, int]


class FoundRow(NamedTuple):
    """What is needed of the row of an exchange."""

    stage: str
    sealed_digest: bytes
    problem_codespace: str


def place_of(arrival: Arrival) -> Place:
    """Return where an arrival belongs within its channel."""
    return arrival.sequence, arrival.push_number


async def find_rows(
    session: AsyncSession, arrivals: Sequence[Arrival]
) -> dict[Place, FoundRow]:
    """Return what is needed of the rows of arrivals of one peer and channel."""
    found = await session.execute(
        _asked_at(arrivals).with_only_columns(
            ExchangeRow.sequence,
            ExchangeRow.push_number,
            ExchangeRow.stage,
            ExchangeRow.sealed_digest,
            ExchangeRow.problem_codespace,
        )
    )
    return {
        (sequence or 0, push_number or 0): FoundRow(stage, digest, codespace)
        for sequence, push_number, stage, digest, codespace in found.all()
    }


async def lock_rows(
    session: AsyncSession, arrivals: Sequence[Arrival]
) -> dict[Place, ExchangeRow]:
    """Return the rows of arrivals, locked in one order."""
    query = _asked_at(arrivals).order_by(ExchangeRow.id).with_for_update()
    return {
        (row.sequence or 0, row.push_number or 0): row
        for row in await session.scalars(query)
    }


def _asked_at(arrivals: Sequence[Arrival]) -> Select[ExchangeRow]:
    """Select the rows of some places, and perhaps of others that mix their numbers."""
    query = _asked_of(arrivals[0].peer, arrivals[0].channel_on_b)
    return query.where(
        ExchangeRow.sequence.in_({one.sequence for one in arrivals}),
        ExchangeRow.push_number.in_({one.push_number for one in arrivals}),
    )


def _asked_of(peer: str, channel_id: str) -> Select[ExchangeRow]:
    """Select what this gateway asked of a peer."""
    return (
        select(ExchangeRow)
        .where(ExchangeRow.channel_id == channel_id)
        .where(ExchangeRow.side == Side.REQUESTER, ExchangeRow.peer == peer)
    )


async def reasons_of_absence(
    session: AsyncSession, absent: Sequence[Arrival]
) -> dict[Place, HuitongError]:
    """Say why deliveries belong to no request.

    The provider may learn from its zone of a request whose block this gateway has not
    seen yet, above all after a restart: then the delivery is to come again. That may be
    where a request to this peer waits for its sequence, or for a version where the
    permission is there.
    """
    pushes = [one for one in absent if one.push_number]
    permitted = await _permitted(session, pushes) if pushes else set()
    is_any_waiting = len(pushes) < len(absent) and await _is_any_waiting(
        session, absent[0]
    )
    reasons: dict[Place, HuitongError] = {}
    for one in absent:
        if one.push_number and one.sequence in permitted:
            reasons[place_of(one)] = PushNotKnownYetError(
                channel_id=one.channel_on_b,
                sequence=one.sequence,
                number=one.push_number,
            )
        elif not one.push_number and is_any_waiting:
            reasons[place_of(one)] = RequestNotKnownYetError(
                channel_id=one.channel_on_b, sequence=one.sequence
            )
        else:
            reasons[place_of(one)] = not_asked_for(one)
    return reasons


async def _is_any_waiting(session: AsyncSession, arrival: Arrival) -> bool:
    """Tell whether a request to a peer waits for its sequence."""
    waiting = await session.scalar(
        _asked_of(arrival.peer, arrival.channel_on_b)
        .where(ExchangeRow.stage == Stage.ORDERED)
        .with_only_columns(ExchangeRow.id)
        .limit(1)
    )
    return waiting is not None


async def _permitted(session: AsyncSession, pushes: Sequence[Arrival]) -> set[int]:
    """Return the sequences of permissions under which versions may come."""
    found = await session.scalars(
        select(SubscriptionRow.sequence)
        .where(SubscriptionRow.channel_id == pushes[0].channel_on_b)
        .where(SubscriptionRow.sequence.in_({one.sequence for one in pushes}))
        .where(SubscriptionRow.side == Side.REQUESTER)
        .where(SubscriptionRow.peer == pushes[0].peer)
        .where(SubscriptionRow.stage.in_(_PUSHED_IN))
    )
    return {sequence for sequence in found if sequence is not None}


def not_asked_for(arrival: Arrival) -> NotAskedForError:
    """Return the refusal of something that was not asked of this peer."""
    return NotAskedForError(channel_id=arrival.channel_on_b, sequence=arrival.sequence)


def verdict_on(row: ExchangeRow | FoundRow, arrival: Arrival) -> Verdict:
    """Tell whether these bytes came before.

    Other bytes replace those that came before only while these do not pass.
    """
    if row.sealed_digest == arrival.sealed_digest:
        return True
    has_failed = row.stage == Stage.ARRIVED and bool(row.problem_codespace)
    is_free = not row.sealed_digest and row.stage in _AWAITING
    if not is_free and not has_failed:
        return DeliveryDiffersError(
            channel_id=arrival.channel_on_b, sequence=arrival.sequence, stage=row.stage
        )
    return False


def reason_of(verdict: Verdict) -> HuitongError | None:
    """Return why bytes are not wanted; None where they are, or are here already."""
    return verdict if isinstance(verdict, HuitongError) else None
