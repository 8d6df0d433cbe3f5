"""Standing permissions in the database, and as callers see them."""

from __future__ import annotations

import time
from collections.abc import Sequence

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from huitong.core.codec import encode
from huitong.gateway.exchange.orders import Side
from huitong.gateway.exchange.rows import (
    attempts_of,
    clear_problem,
    new_id,
    problem_of,
)
from huitong.gateway.exchange.subscription_errors import SubscriptionUnknownError
from huitong.gateway.exchange.subscription_orders import (
    SubscriptionStage,
    SubscriptionView,
)
from huitong.gateway.exchange.tables import ExchangeRow, SubscriptionRow
from huitong.gateway.outbox.steps import Step
from huitong.modules.exchange.keys import PROVIDER
from huitong.proto.huitong.exchange.v1 import exchange_pb2 as pb

_OUTCOMES = {pb.OUTCOME_GRANTED: "granted", pb.OUTCOME_REFUSED: "refused"}


async def get_row(
    session: AsyncSession, subscription_id: str, *, for_update: bool = False
) -> SubscriptionRow:
    """Return a standing permission.

    Raises:
        SubscriptionUnknownError: there is none.
    """
    row = await session.get(
        SubscriptionRow, subscription_id, with_for_update=for_update
    )
    if row is None:
        raise SubscriptionUnknownError(subscription_id=subscription_id)
    return row


async def rows_of(
    session: AsyncSession, steps: Sequence[Step]
) -> dict[str, SubscriptionRow]:
    """Return the standing permissions that steps belong to, by id."""
    return await rows_by_id(session, {step.subject for step in steps})


async def rows_by_id(
    session: AsyncSession, ids: set[str]
) -> dict[str, SubscriptionRow]:
    """Return standing permissions by id."""
    if not ids:
        return {}
    found = await session.scalars(
        select(SubscriptionRow).where(SubscriptionRow.id.in_(ids))
    )
    return {row.id: row for row in found}


async def find_row(
    session: AsyncSession, side: str, channel_id: str, sequence: int
) -> SubscriptionRow | None:
    """Return the standing permission at a place on the own zone, or None."""
    return await session.scalar(
        select(SubscriptionRow)
        .where(SubscriptionRow.channel_id == channel_id)
        .where(SubscriptionRow.sequence == sequence)
        .where(SubscriptionRow.side == side)
    )


def move(row: SubscriptionRow, stage: SubscriptionStage) -> None:
    """Let a standing permission come to a stage; a problem on the way is over."""
    row.stage = stage
    row.changed_ns = time.time_ns()
    clear_problem(row)


def request_of(row: SubscriptionRow) -> pb.RequestPacket:
    """Return what was asked for."""
    return pb.RequestPacket.FromString(row.request)


def decision_of(row: SubscriptionRow) -> pb.Decision:
    """Return what was decided; empty before."""
    return pb.Decision.FromString(row.decision)


def subscription_of(row: SubscriptionRow) -> pb.Subscription:
    """Return a standing permission as the zone's own functions take it."""
    return pb.Subscription(
        channel_id=row.channel_id,
        sequence=row.sequence or 0,
        side=pb.EXCHANGE_SIDE_PROVIDER
        if row.side == Side.PROVIDER
        else pb.EXCHANGE_SIDE_REQUESTER,
        request=request_of(row),
        decision=decision_of(row),
    )


def new_row(exchange: pb.Exchange) -> SubscriptionRow:
    """Return a standing request that others made, or that was made by hand."""
    now_ns = time.time_ns()
    request = exchange.request
    is_provider = exchange.side == PROVIDER
    return SubscriptionRow(
        id=new_id(now_ns),
        side=Side.PROVIDER if is_provider else Side.REQUESTER,
        stage=SubscriptionStage.ORDERED,
        key=None,
        order_digest=b"",
        channel_id=exchange.channel_id,
        sequence=exchange.sequence,
        peer=request.requester if is_provider else request.issuer,
        request=encode(request),
        **named_in(request),
        decision=b"",
        deadline_ns=exchange.deadline,
        failure="",
        minimum_grade="",
        started_height=0,
        started_ns=0,
        ended_ns=0,
        ended_by="",
        reason_code="",
        grant_id=0,
        is_end_known=False,
        ends=0,
        request_id="",
        created_ns=now_ns,
        changed_ns=now_ns,
        problem_step_id=0,
        problem_codespace="",
        problem_code=0,
        problem="",
        problem_since_ns=0,
    )


def named_in(request: pb.RequestPacket) -> dict[str, str | int]:
    """Return the columns that say what a request is for."""
    return {
        "record_id": request.record_id,
        "record_type": request.record_type,
        "consent_id": request.consent_id,
        "count_max": request.count_max,
    }


async def views_of(
    session: AsyncSession, rows: Sequence[SubscriptionRow]
) -> list[SubscriptionView]:
    """Return standing permissions as callers see them."""
    attempts = await attempts_of(session, rows)
    counted = await session.execute(
        select(ExchangeRow.subscription_id, func.count())
        .where(ExchangeRow.subscription_id.in_([row.id for row in rows]))
        .where(ExchangeRow.push_number > 0)
        .group_by(ExchangeRow.subscription_id)
    )
    pushes = {found[0]: found[1] for found in counted}
    return [
        _view(row, attempts.get(row.problem_step_id, 0), pushes.get(row.id, 0))
        for row in rows
    ]


def _view(row: SubscriptionRow, attempts: int, pushes: int) -> SubscriptionView:
    request, decision = request_of(row), decision_of(row)
    return SubscriptionView(
        id=row.id,
        side=Side(row.side),
        stage=SubscriptionStage(row.stage),
        channel_id=row.channel_id,
        sequence=row.sequence or 0,
        issuer=request.issuer,
        requester=request.requester,
        record_id=row.record_id,
        record_type=row.record_type,
        purpose=request.purpose,
        legal_basis=request.legal_basis,
        consent_id=request.consent_id,
        fields=tuple(decision.fields) or tuple(request.fields),
        term_until=request.term_until,
        count_max=request.count_max,
        outcome=_OUTCOMES.get(decision.outcome, ""),
        decision_code=decision.reason_code,
        decision_reason=decision.reason,
        grant_id=decision.grant_id,
        decided_by=decision.decided_by,
        decided_height=decision.decided_height,
        decided_ns=decision.decided_time,
        deadline_ns=row.deadline_ns,
        pushes=pushes,
        started_ns=row.started_ns,
        ended_ns=row.ended_ns,
        ended_by=row.ended_by,
        reason_code=row.reason_code,
        reason=row.failure,
        is_end_known=row.is_end_known,
        minimum_grade=row.minimum_grade,
        request_id=row.request_id,
        created_ns=row.created_ns,
        changed_ns=row.changed_ns,
        problem=problem_of(row, attempts),
    )
