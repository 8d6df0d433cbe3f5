"""Carrying out the steps that are no messages of the chain.

Steps of one lane, such as one peer, never wait for those of another. What attempts came
to is written for many at once, because each commit waits for the disk.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, final

import structlog
from sqlalchemy import case, func, select, tuple_
from sqlalchemy.exc import SQLAlchemyError

from huitong.core.errors import HuitongError
from huitong.core.time import NS_PER_SECOND
from huitong.gateway.outbox.ledger import (
    STEPS,
    Ledger,
    failure_of,
    select_steps,
    step_of,
)
from huitong.gateway.outbox.steps import Done, Executor, Step, StepOutcome, StepState

log = structlog.get_logger("gateway")

#: Attempts whose outcomes are written in one transaction.
WRITTEN_AT_ONCE_MAX: Final = 500
#: Seconds until outcomes are written again that the database did not take.
PAUSE_S: Final = 0.5
#: Longest pause of a lane whose other end is away.
AWAY_LONGEST_S: Final = 30.0
#: How long the first step waits for company while others are being carried out.
GATHER_S: Final = 0.02


@dataclass(frozen=True, slots=True)
class _Attempted:
    step: Step
    outcome: StepOutcome


@dataclass(slots=True)
class _Away:
    """A lane whose other end did not answer, since it last did."""

    failures: int = 0
    until_s: float = 0.0
    """When it is tried again, on the monotonic clock."""


@final
class Runner:
    """Carries out local steps of all kinds."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._executors: dict[str, Executor] = {}
        self._running: dict[tuple[str, str], set[int]] = {}
        self._calls: Counter[tuple[str, str]] = Counter()
        self._away: dict[tuple[str, str], _Away] = {}
        self._attempted: asyncio.Queue[_Attempted] = asyncio.Queue()
        self._wake = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()

    def register(self, kind: str, executor: Executor) -> None:
        """Name who carries out steps of a kind."""
        self._executors[kind] = executor

    def wake(self) -> None:
        """Look at once for steps that are due."""
        self._wake.set()

    def resume(self, kind: str, lane: str) -> None:
        """Try what waits in a lane even if its other end was away."""
        self._away.pop((kind, lane), None)

    async def run(self) -> None:
        """Carry out what is due until cancelled."""
        self._running.clear()
        self._calls.clear()
        self._away.clear()
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
            if self._tasks:
                await asyncio.sleep(GATHER_S)
            self._wake.clear()
            try:
                await self._start_due()
            except (HuitongError, SQLAlchemyError) as failure:
                log.warning("runner_broken", reason=str(failure))
                await asyncio.sleep(PAUSE_S)

    async def _start_due(self) -> None:
        """Begin what is due in each lane that has room."""
        if not self._executors:
            return
        # Looked at before the database, whose view is of the moment when it is asked
        # first: what ends meanwhile is due there still.
        running_before = {lane: set(ids) for lane, ids in self._running.items()}
        full = [
            (kind, lane)
            for (kind, lane), calls in self._calls.items()
            if calls >= self._executors[kind].parallel_max
        ]
        now_s = time.monotonic()
        away = [lane for lane, end in self._away.items() if end.until_s > now_s]
        found = await self._find_due(running_before, [*full, *away])
        for (kind, lane), due in found.items():
            executor = self._executors[kind]
            # Whole calls are counted, so that batches grow while all are under way. One
            # at a time finds out whether an other end that was away is back.
            calls_max = 1 if (kind, lane) in self._away else executor.parallel_max
            calls_left = max(calls_max - self._calls[kind, lane], 0)
            steps = due[: calls_left * executor.batch_max]
            for start in range(0, len(steps), executor.batch_max):
                self._start(executor, steps[start : start + executor.batch_max])

    def _note_reach(self, lane: tuple[str, str], outcome: StepOutcome) -> None:
        """Remember whether the other end of a lane is away.

        Else hundreds of steps for one that is would be tried each for itself.
        """
        if isinstance(outcome, Done):
            if self._away.pop(lane, None) is not None:
                self.wake()  # it is back: what waits may go
        elif outcome.is_away:
            end, now_s = self._away.setdefault(lane, _Away()), time.monotonic()
            if end.until_s > now_s:
                return  # another that was under way at the same time told so
            end.failures += 1
            pause_s = self._ledger.pause_ns(end.failures) / NS_PER_SECOND
            pause_s = min(pause_s, AWAY_LONGEST_S)
            end.until_s = now_s + pause_s
            asyncio.get_running_loop().call_later(pause_s, self.wake)

    async def _find_due(
        self,
        running: Mapping[tuple[str, str], set[int]],
        passed_over: Sequence[tuple[str, str]],
    ) -> dict[tuple[str, str], list[Step]]:
        """Return the first steps that are due in each lane that has room."""
        known = {step_id for ids in running.values() for step_id in ids}
        rooms = {
            kind: executor.parallel_max * executor.batch_max
            for kind, executor in self._executors.items()
        }
        place = func.row_number().over(
            partition_by=(STEPS.c.kind, STEPS.c.lane), order_by=STEPS.c.id
        )
        due = (
            select(STEPS.c.id, place.label("place"))
            .where(STEPS.c.state == StepState.WAITING, STEPS.c.is_chain.is_(False))
            .where(STEPS.c.next_attempt_ns <= time.time_ns())
            .where(STEPS.c.kind.in_(rooms), STEPS.c.id.not_in(known))
        )
        if passed_over:
            due = due.where(tuple_(STEPS.c.kind, STEPS.c.lane).not_in(passed_over))
        first = due.subquery()
        query = (
            select_steps()
            .join(first, first.c.id == STEPS.c.id)
            .where(first.c.place <= case(rooms, value=STEPS.c.kind))
            .order_by(STEPS.c.id)
        )
        found: dict[tuple[str, str], list[Step]] = {}
        async with self._ledger.database.searching() as session:
            for row in await session.execute(query):
                found.setdefault((row.kind, row.lane), []).append(step_of(row))
        return found

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
            if len(outcomes) != len(steps):
                raise RuntimeError(f"{len(outcomes)} outcomes of {len(steps)} steps")
        except Exception as failure:
            if not isinstance(failure, HuitongError):
                log.error("step_broken", kind=steps[0].kind, exc_info=failure)
            outcomes = [failure_of(failure, steps[0].kind)] * len(steps)
        lane = steps[0].kind, steps[0].lane
        if self._calls[lane] == executor.parallel_max:
            self.wake()  # what has come meanwhile has room now
        self._calls[lane] -= 1
        if not self._calls[lane]:
            del self._calls[lane]
        for step, outcome in zip(steps, outcomes, strict=True):
            self._note_reach(lane, outcome)
            self._attempted.put_nowait(_Attempted(step, outcome))

    async def _write_all(self) -> None:
        while True:
            batch = [await self._attempted.get()]
            while len(batch) < WRITTEN_AT_ONCE_MAX and not self._attempted.empty():
                batch.append(self._attempted.get_nowait())
            await self._write(batch)
            for done in batch:
                lane = done.step.kind, done.step.lane
                self._running[lane].discard(done.step.id)
                if not self._running[lane]:
                    del self._running[lane]

    async def _write(self, batch: Sequence[_Attempted]) -> None:
        """Write outcomes; what a person changed meanwhile stays as it is."""
        waiting = (
            select(STEPS.c.id, STEPS.c.attempts)
            .where(STEPS.c.id.in_([attempted.step.id for attempted in batch]))
            .where(STEPS.c.state == StepState.WAITING)
            .order_by(STEPS.c.id)
            .with_for_update()
        )
        while True:
            try:
                async with self._ledger.database.transaction() as session:
                    rows = await session.execute(waiting)
                    attempts = {row.id: row.attempts for row in rows}
                    outcomes = [
                        (
                            replace(done.step, attempts=attempts[done.step.id]),
                            done.outcome,
                        )
                        for done in batch
                        if done.step.id in attempts
                    ]
                    await self._ledger.note(session, outcomes)
                return
            except (HuitongError, SQLAlchemyError) as failure:
                log.warning("outcomes_not_written", reason=str(failure))
                await asyncio.sleep(PAUSE_S)
