"""Hand-overs in the database, and as callers see them."""

from __future__ import annotations

import time
from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from huitong.core.errors import HuitongError
from huitong.gateway.exchange.orders import Problem
from huitong.gateway.exchange.rows import new_id
from huitong.gateway.hand_over.errors import (
    HandOverSkippedError,
    HandOverUnknownError,
)
from huitong.gateway.hand_over.model import (
    HandOverSide,
    HandOverStage,
    HandOverView,
    is_ended,
)
from huitong.gateway.hand_over.tables import HandOverRow
from huitong.gateway.outbox.steps import Step, StepState
from huitong.proto.huitong.exchange.v1.handover_pb2 import (
    HandOverDecision,
    HandOverPacket,
)


def new_row(
    side: HandOverSide, *, channel_id: str, peer: str, record_id: str
) -> HandOverRow:
    """Return a hand-over at its beginning."""
    now_ns = time.time_ns()
    is_giver = side is HandOverSide.GIVER
    return HandOverRow(
        id=new_id(now_ns),
        side=side,
        stage=HandOverStage.ORDERED if is_giver else HandOverStage.OFFERED,
        key=None,
        order_digest=b"",
        channel_id=channel_id,
        sequence=None,
        peer=peer,
        record_id=record_id,
        reason="",
        timeout_s=0,
        reader_key=b"",
        offer=b"",
        decision=b"",
        deadline_ns=0,
        failure="",
        sealed_digest=b"",
        sealed_size=0,
        holds_payload=False,
        keeps_sealed=False,
        request_id="",
        created_ns=now_ns,
        changed_ns=now_ns,
        problem_step_id=0,
        problem_codespace="",
        problem_code=0,
        problem="",
        problem_since_ns=0,
    )


async def get_row(
    session: AsyncSession, hand_over_id: str, *, for_update: bool = False
) -> HandOverRow:
    """Return a hand-over.

    Raises:
        HandOverUnknownError: there is none.
    """
    row = await session.get(HandOverRow, hand_over_id, with_for_update=for_update)
    if row is None:
        raise HandOverUnknownError(hand_over_id=hand_over_id)
    return row


async def rows_of(
    session: AsyncSession, steps: Sequence[Step]
) -> dict[str, HandOverRow]:
    """Return the hand-overs that steps belong to, by id."""
    ids = {step.subject for step in steps}
    rows = await session.scalars(select(HandOverRow).where(HandOverRow.id.in_(ids)))
    return {row.id: row for row in rows}


def has_ended(row: HandOverRow) -> bool:
    """Tell whether nothing more happens at this end."""
    return is_ended(HandOverSide(row.side), HandOverStage(row.stage))


def offer_of(row: HandOverRow) -> HandOverPacket:
    """Return the offer as the own zone has it."""
    return HandOverPacket.FromString(row.offer)


def move(row: HandOverRow, stage: HandOverStage) -> None:
    """Let a hand-over come to a stage; a problem on the way there is over."""
    row.stage, row.changed_ns = stage, time.time_ns()
    clear_problem(row)


def clear_problem(row: HandOverRow) -> None:
    """Note that a hand-over goes on."""
    row.problem_step_id = row.problem_code = row.problem_since_ns = 0
    row.problem_codespace = row.problem = ""


def note_problem(row: HandOverRow, step: Step) -> None:
    """Note that a step of a hand-over is stuck."""
    row.problem_step_id = step.id
    row.problem_codespace, row.problem_code = step.error_codespace, step.error_code
    row.problem, row.problem_since_ns = step.error, time.time_ns()


def note_stopped(row: HandOverRow, step: Step) -> None:
    """Note that a step did not succeed: it is stuck, or a person has ended it.

    Before its offer is on chain a hand-over ends with its step; later the zones decide.
    """
    if step.state == StepState.STUCK:
        note_problem(row, step)
        return
    if row.side == HandOverSide.GIVER and row.sequence is None:
        move(row, HandOverStage.CANCELLED)
    if step.state == StepState.SKIPPED:
        _note_fault(row, HandOverSkippedError(hand_over_id=row.id, kind=step.kind))


def _note_fault(row: HandOverRow, fault: HuitongError) -> None:
    row.problem_step_id = 0
    row.problem_codespace, row.problem_code = fault.codespace, fault.code
    row.problem, row.problem_since_ns = str(fault)[:4_000], time.time_ns()


def view_of(row: HandOverRow) -> HandOverView:
    """Return a hand-over as callers see it."""
    problem = None
    if row.problem_codespace:
        problem = Problem(
            codespace=row.problem_codespace,
            code=row.problem_code,
            text=row.problem,
            since_ns=row.problem_since_ns,
            attempts=0,
            step_id=row.problem_step_id,
        )
    return HandOverView(
        id=row.id,
        side=HandOverSide(row.side),
        stage=HandOverStage(row.stage),
        channel_id=row.channel_id,
        sequence=row.sequence or 0,
        peer=row.peer,
        record_id=row.record_id,
        reason=row.reason,
        offer=offer_of(row) if row.offer else None,
        decision=HandOverDecision.FromString(row.decision) if row.decision else None,
        deadline_ns=row.deadline_ns,
        failure=row.failure,
        sealed_digest=row.sealed_digest,
        sealed_size=row.sealed_size,
        request_id=row.request_id,
        created_ns=row.created_ns,
        changed_ns=row.changed_ns,
        problem=problem,
    )
