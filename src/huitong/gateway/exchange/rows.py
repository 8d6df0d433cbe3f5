"""Exchanges in the database, and as callers see them."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from huitong.core.errors import HuitongError
from huitong.gateway.exchange import subscription_events
from huitong.gateway.exchange.errors import ExchangeUnknownError, NotSkippableError
from huitong.gateway.exchange.events import tell_stage, tell_stuck
from huitong.gateway.exchange.orders import ExchangeView, Problem, Side, Stage
from huitong.gateway.exchange.tables import ExchangeRow, MayBeStuck, SubscriptionRow
from huitong.gateway.outbox.steps import Step, StepState
from huitong.gateway.outbox.tables import StepRow
from huitong.proto.huitong.exchange.v1.exchange_pb2 import (
    OUTCOME_GRANTED,
    OUTCOME_REFUSED,
    Decision,
    RequestPacket,
)

_OUTCOMES = {OUTCOME_GRANTED: "granted", OUTCOME_REFUSED: "refused"}


def new_id(now_ns: int) -> str:
    """Return a fresh id; later ones are greater."""
    return f"{now_ns:016x}{os.urandom(8).hex()}"


async def get_row(
    session: AsyncSession, exchange_id: str, *, for_update: bool = False
) -> ExchangeRow:
    """Return an exchange.

    Raises:
        ExchangeUnknownError: there is none.
    """
    row = await session.get(ExchangeRow, exchange_id, with_for_update=for_update)
    if row is None:
        raise ExchangeUnknownError(exchange_id=exchange_id)
    return row


async def rows_of(
    session: AsyncSession, steps: Sequence[Step], *, for_update: bool = False
) -> dict[str, ExchangeRow]:
    """Return the exchanges that steps belong to, by id."""
    ids = {step.subject for step in steps}
    query = select(ExchangeRow).where(ExchangeRow.id.in_(ids))
    if for_update:
        query = query.order_by(ExchangeRow.id).with_for_update()
    return {row.id: row for row in await session.scalars(query)}


def request_of(row: ExchangeRow) -> RequestPacket:
    """Return what was asked for."""
    return RequestPacket.FromString(row.request)


def decision_of(row: ExchangeRow) -> Decision:
    """Return what was decided; empty before."""
    return Decision.FromString(row.decision)


def move(row: ExchangeRow, stage: Stage) -> None:
    """Let an exchange come to a stage; a problem on the way there is over."""
    is_new = row.stage != stage
    row.stage = stage
    row.changed_ns = time.time_ns()
    clear_problem(row)
    if is_new:
        tell_stage(row)


def note_problem(row: ExchangeRow | SubscriptionRow, step: Step) -> None:
    """Note that a step of an exchange or a subscription is stuck."""
    now_ns = time.time_ns()
    row.problem_step_id = step.id
    row.problem_codespace, row.problem_code = step.error_codespace, step.error_code
    row.problem = step.error
    row.problem_since_ns = row.changed_ns = now_ns
    _tell_stuck(row)


def note_fault(row: ExchangeRow | SubscriptionRow, fault: HuitongError) -> None:
    """Note that an exchange or a subscription stands still without a step to try again."""
    row.problem_step_id = 0
    row.problem_codespace, row.problem_code = fault.codespace, fault.code
    row.problem = str(fault)[:4_000]
    row.problem_since_ns = row.changed_ns = time.time_ns()
    _tell_stuck(row)


def _tell_stuck(row: ExchangeRow | SubscriptionRow) -> None:
    if isinstance(row, ExchangeRow):
        tell_stuck(row)
    else:
        subscription_events.tell_stuck(row)


def note_stopped(row: ExchangeRow, step: Step) -> None:
    """Note that a step did not succeed: it is stuck, or a person has ended it."""
    if step.state == StepState.STUCK:
        note_problem(row, step)
        return
    move(row, Stage.CANCELLED)
    if step.state == StepState.SKIPPED:
        note_fault(row, NotSkippableError(exchange_id=row.id, kind=step.kind))


def clear_problem(row: MayBeStuck) -> None:
    """Note that an exchange or a subscription goes on."""
    row.problem_step_id = row.problem_code = row.problem_since_ns = 0
    row.problem_codespace = row.problem = ""


async def views_of(
    session: AsyncSession, rows: Sequence[ExchangeRow]
) -> list[ExchangeView]:
    """Return exchanges as callers see them."""
    attempts = await attempts_of(session, rows)
    return [_view(row, attempts.get(row.problem_step_id, 0)) for row in rows]


async def attempts_of(
    session: AsyncSession, rows: Sequence[MayBeStuck]
) -> dict[int, int]:
    """Return how often the steps were tried that rows are stuck with, by step."""
    ids = [row.problem_step_id for row in rows if row.problem_step_id]
    if not ids:
        return {}
    found = await session.execute(
        select(StepRow.id, StepRow.attempts).where(StepRow.id.in_(ids))
    )
    return {step.id: step.attempts for step in found}


def _view(row: ExchangeRow, attempts: int) -> ExchangeView:
    request, decision = request_of(row), decision_of(row)
    return ExchangeView(
        id=row.id,
        side=Side(row.side),
        stage=Stage(row.stage),
        key=row.key or "",
        channel_id=row.channel_id,
        sequence=row.sequence or 0,
        peer=row.peer,
        issuer=request.issuer,
        requester=request.requester,
        record_id=row.record_id,
        record_type=row.record_type or "",
        version=decision.version or request.version,
        purpose=request.purpose,
        legal_basis=request.legal_basis,
        consent_id=request.consent_id,
        fields=tuple(decision.fields) or tuple(request.fields),
        term_until=request.term_until,
        outcome=_OUTCOMES.get(decision.outcome, ""),
        reason_code=decision.reason_code,
        reason=decision.reason or row.failure,
        grant_id=decision.grant_id,
        decided_by=decision.decided_by,
        decided_height=decision.decided_height,
        decided_ns=decision.decided_time,
        deadline_ns=row.deadline_ns,
        payload_digest=row.payload_digest or decision.payload_digest,
        sealed_digest=row.sealed_digest,
        sealed_size=row.sealed_size,
        grade=row.grade,
        minimum_grade=row.minimum_grade,
        checked_height=row.checked_height,
        request_id=row.request_id,
        created_ns=row.created_ns,
        changed_ns=row.changed_ns,
        problem=problem_of(row, attempts),
        subscription_id=row.subscription_id or "",
        push_number=row.push_number or 0,
    )


def problem_of(row: MayBeStuck, attempts: int) -> Problem | None:
    """Return why something does not go on."""
    if not row.problem_codespace:
        return None
    return Problem(
        codespace=row.problem_codespace,
        code=row.problem_code,
        text=row.problem,
        since_ns=row.problem_since_ns,
        attempts=attempts,
        step_id=row.problem_step_id,
    )
