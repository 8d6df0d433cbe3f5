"""Facts in the database."""

from __future__ import annotations

import time

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from huitong.gateway.facts.model import FactEntry, FactPlace, FactProblem, FactState
from huitong.gateway.facts.tables import FactRow
from huitong.modules.facts import fact_id_of


async def find_row(
    session: AsyncSession, fact_id: str, *, for_update: bool = False
) -> FactRow | None:
    """Return the row of a fact, or None."""
    chosen = select(FactRow).where(FactRow.id == fact_id)
    return await session.scalar(chosen.with_for_update() if for_update else chosen)


def new_row(place: FactPlace) -> FactRow:
    """Return the row of a fact that is not ordered yet."""
    now_ns = time.time_ns()
    return FactRow(
        id=fact_id_of(place.source, place.store, place.key).hex(),
        source=place.source,
        store=place.store,
        key=place.key,
        state=FactState.KNOWN,
        is_watched=False,
        step_id=0,
        attempts=0,
        looked_ns=0,
        request_id="",
        created_ns=now_ns,
        changed_ns=now_ns,
        problem_codespace="",
        problem_code=0,
        problem="",
    )


def place_of(row: FactRow) -> FactPlace:
    """Return what a fact is about."""
    return FactPlace(source=row.source, store=row.store, key=row.key)


def move(row: FactRow, state: FactState, problem: FactProblem | None = None) -> None:
    """Let a fact come to a state, with or without a problem."""
    row.state, row.changed_ns = state, time.time_ns()
    row.problem_codespace = problem.codespace if problem else ""
    row.problem_code = problem.code if problem else 0
    row.problem = problem.text if problem else ""


def entry_of(row: FactRow) -> FactEntry:
    """Return a fact as callers see it."""
    problem = None
    if row.problem_codespace:
        problem = FactProblem(
            codespace=row.problem_codespace, code=row.problem_code, text=row.problem
        )
    return FactEntry(
        id=bytes.fromhex(row.id),
        place=place_of(row),
        state=FactState(row.state),
        is_watched=row.is_watched,
        step_id=row.step_id,
        looked_ns=row.looked_ns,
        request_id=row.request_id,
        problem=problem,
    )
