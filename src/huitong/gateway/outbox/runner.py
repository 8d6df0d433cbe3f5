"""Carrying out the steps that are no messages of the chain.

Steps of one lane, such as one peer, never wait for those of another. What attempts came
to is written for many at once, because each commit waits for the disk.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, final

import structlog
from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError

from huitong.core.errors import HuitongError
from huitong.gateway.outbox.ledger import Ledger, failure_of, steps_of
from huitong.gateway.outbox.steps import Executor, Step, StepOutcome, StepState
from huitong.gateway.outbox.tables import StepRow

log = structlog.get_logger("gateway")

#: Attempts whose outcomes are written in one transaction.
WRITTEN_AT_ONCE_MAX: Final = 500
#: Seconds until outcomes are written again that the database did not take.
PAUSE_S: Final = 0.5


@dataclass(frozen=True, slots=True)
class _Attempted:
    step: Step
    outcome: StepOutcome


@final
class Runner:
    """Carries out local steps of all kinds."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._executors: dict[str, Executor] = {}
        self._running: dict[tuple[str, str], set[int]] = {}
        self._calls: Counter[tuple[str, str]] = Counter()
        self._attempted: asyncio.Queue[_Attempted] = asyncio.Queue()
        self._wake = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()

    def register(self, kind: str, executor: Executor) -> None:
        """Name who carries out steps of a kind."""
        self._executors[kind] = executor

    def wake(self) -> None:
        """Look at once for steps that are due."""
        self._wake.set()

    async def run(self) -> None:
        """Carry out what is due until cancelled."""
        self._running.clear()
        self._calls.clear()
        self._attempted = asyncio.Queue()
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._write_all())
                tasks.create_task(self._start_all())
        finally:
            for task in self._tasks:
                task.cancel()

    async def _start_all(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            try:
                await self._start_due()
            except HuitongError as failure:
                log.warning("runner_broken", reason=failure.diagnostics())
                await asyncio.sleep(PAUSE_S)

    async def _start_due(self) -> None:
        """Begin what is due in each lane that has room."""
        # Looked at before the database, whose view is of the moment when it is asked
        # first: what ends meanwhile is due there still.
        running_before = {lane: set(ids) for lane, ids in self._running.items()}
        async with self._ledger.database.reading() as session:
            lanes = await session.execute(
                select(StepRow.kind, StepRow.lane, func.count())
                .where(*_is_due())
                .group_by(StepRow.kind, StepRow.lane)
            )
            found: list[tuple[Executor, list[Step]]] = []
            for kind, lane, _ in lanes.all():
                executor = self._executors.get(kind)
                if executor is None:
                    continue
                running = running_before.get((kind, lane), set())
                # Whole calls are counted, so that batches grow while all are under way.
                calls = executor.parallel_max - self._calls[kind, lane]
                room = calls * executor.batch_max
                if room <= 0:
                    continue
                rows = await session.scalars(
                    select(StepRow)
                    .where(*_is_due(), StepRow.kind == kind, StepRow.lane == lane)
                    .where(StepRow.id.not_in(running))
                    .order_by(StepRow.id)
                    .limit(room)
                )
                found.append((executor, await steps_of(session, rows.all())))
        for executor, steps in found:
            for start in range(0, len(steps), executor.batch_max):
                self._start(executor, steps[start : start + executor.batch_max])

    def _start(self, executor: Executor, steps: Sequence[Step]) -> None:
        for step in steps:
            self._running.setdefault((step.kind, step.lane), set()).add(step.id)
        self._calls[steps[0].kind, steps[0].lane] += 1
        task = asyncio.create_task(self._execute(executor, steps))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _execute(self, executor: Executor, steps: Sequence[Step]) -> None:
        try:
            outcomes = await executor.execute(steps)
        except Exception as failure:
            if not isinstance(failure, HuitongError):
                log.error("step_broken", kind=steps[0].kind, exc_info=failure)
            outcomes = [failure_of(failure, steps[0].kind)] * len(steps)
        lane = steps[0].kind, steps[0].lane
        self._calls[lane] -= 1
        if self._calls[lane] == executor.parallel_max - 1:
            self.wake()  # what has come meanwhile has room now
        for step, outcome in zip(steps, outcomes, strict=True):
            self._attempted.put_nowait(_Attempted(step, outcome))

    async def _write_all(self) -> None:
        while True:
            batch = [await self._attempted.get()]
            while len(batch) < WRITTEN_AT_ONCE_MAX and not self._attempted.empty():
                batch.append(self._attempted.get_nowait())
            await self._write(batch)
            for done in batch:
                self._running[done.step.kind, done.step.lane].discard(done.step.id)
            self._ledger.tell_changed()

    async def _write(self, batch: Sequence[_Attempted]) -> None:
        """Write outcomes; what a person changed meanwhile stays as it is."""
        by_id = {attempted.step.id: attempted.outcome for attempted in batch}
        while True:
            try:
                async with self._ledger.database.transaction() as session:
                    rows = await session.scalars(
                        select(StepRow)
                        .where(StepRow.id.in_(by_id))
                        .where(StepRow.state == StepState.WAITING)
                        .order_by(StepRow.id)
                    )
                    await self._ledger.note(
                        session, [(row, by_id[row.id]) for row in rows]
                    )
                return
            except (HuitongError, SQLAlchemyError) as failure:
                log.warning("outcomes_not_written", reason=str(failure))
                await asyncio.sleep(PAUSE_S)


def _is_due() -> tuple[Any, ...]:
    return (
        StepRow.state == StepState.WAITING,
        StepRow.is_chain.is_(False),
        StepRow.next_attempt_ns <= time.time_ns(),
    )
