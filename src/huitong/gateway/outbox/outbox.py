"""Adding steps, carrying them out, and what a person may do with them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Final, final

import structlog
from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from huitong.core.errors import HuitongError
from huitong.gateway.database.engine import Database
from huitong.gateway.outbox.errors import (
    AccountMissingError,
    StepNotFoundError,
    StepStateError,
)
from huitong.gateway.outbox.follower import BlockFollower
from huitong.gateway.outbox.lease import Lease
from huitong.gateway.outbox.ledger import STEPS, Lane, Ledger, select_steps, step_of
from huitong.gateway.outbox.runner import Runner
from huitong.gateway.outbox.settings import OutboxSettings
from huitong.gateway.outbox.steps import (
    Executor,
    NewStep,
    Settled,
    Step,
    StepFilter,
    StepHandler,
    StepState,
)
from huitong.gateway.outbox.writer import ChainWriter

log = structlog.get_logger("gateway")

#: Seconds between two looks for steps that other processes have added, or that are due
#: again.
POLL_S: Final = 0.1
#: The same where no other process adds any.
POLL_ALONE_S: Final = 1.0
LEASE_NAME: Final = "outbox"
#: A step in one of these has ended; a stuck one may be taken up again by a person.
_ENDED: Final = (
    StepState.DONE,
    StepState.STUCK,
    StepState.SKIPPED,
    StepState.CANCELLED,
)
#: A person may change a step in one of these.
_OPEN: Final = (StepState.WAITING, StepState.STUCK)


@final
class Outbox:
    """The steps of one gateway."""

    def __init__(
        self,
        database: Database,
        follower: BlockFollower,
        writers: Sequence[ChainWriter],
        settings: OutboxSettings | None = None,
        *,
        poll_s: float = POLL_S,
    ) -> None:
        """Prepare; nothing is read or started yet.

        Args:
            database: keeps the steps.
            follower: follows the own zone; the outbox runs it.
            writers: one for each account that signs.
            settings: how often steps are tried.
            poll_s: seconds between two looks for what other processes have added.
        """
        settings = settings or OutboxSettings()
        self.database = database
        """Keeps the steps."""
        self.follower = follower
        """Follows the own zone."""
        self._poll_s = poll_s
        self._ledger = Ledger(database, settings)
        self._ledger.due = self._begin
        self._lease = Lease(database, LEASE_NAME, settings.lease_s)
        self._runner = Runner(self._ledger)
        self._writers = {writer.address: writer for writer in writers}
        self._is_leading = False
        for writer in writers:
            writer.bind(self._ledger, follower, self._lease)

    def register(self, kind: str, handler: StepHandler | Executor) -> None:
        """Name who hears of steps of a kind, and carries them out; before ``run``."""
        self._ledger.register(kind, handler)
        if isinstance(handler, Executor):
            self._runner.register(kind, handler)

    def tell_ended(self, told: Callable[[Sequence[Step]], None]) -> None:
        """Name who hears of every step that has ended, whatever its kind."""
        self._ledger.ended = told

    @property
    def accounts(self) -> tuple[str, ...]:
        """Addresses of the accounts that sign."""
        return tuple(self._writers)

    # --- adding -------------------------------------------------------------------------

    async def add(self, session: AsyncSession, *steps: NewStep) -> list[int]:
        """Write steps in the caller's transaction and return their numbers.

        They are begun as soon as it is committed. A step whose key is there already is not written again; its number is returned.

        Raises:
            StepKeyReusedError: the key stands for a step with another content.
            AccountMissingError: a chain step of an account that nobody signs for.
            StepTooLargeError: a message that fits into no transaction.
            HandlerMissingError: nobody hears of steps of this kind.
        """
        for step in steps:
            self._ledger.handler(step.kind)
            if step.is_chain and step.lane not in self._writers:
                raise AccountMissingError(account=step.lane)
        return await self._ledger.add(session, steps)

    def _begin(self, lanes: Iterable[Lane]) -> None:
        """Begin what is due in some lanes."""
        for is_chain, lane in lanes:
            if not is_chain:
                self._runner.wake()
            elif lane in self._writers:
                self._writers[lane].wake()

    # --- running ------------------------------------------------------------------------

    @property
    def is_leading(self) -> bool:
        """Whether this process carries out the steps."""
        return self._is_leading

    async def run(self) -> None:
        """Carry out steps until cancelled.

        Any number of processes may call this: one of them, which holds the lease in the
        database, works; the others wait to take its place within seconds.
        """
        while True:
            if await self._take_lease():
                try:
                    await self._lead()
                finally:
                    self._is_leading = False
            await asyncio.sleep(self._lease.renew_s)

    async def _take_lease(self) -> bool:
        try:
            return await self._lease.take()
        except HuitongError as failure:
            log.warning("lease_not_taken", reason=failure.diagnostics())
            return False

    async def _lead(self) -> None:
        """Work for as long as the lease can be renewed."""
        log.info("outbox_leads")
        self._is_leading = True
        work = asyncio.create_task(self._work())
        try:
            while await self._renew():
                await asyncio.wait([work], timeout=self._lease.renew_s)
                if work.done():
                    break
        finally:
            work.cancel()
            await asyncio.wait([work])
            if not work.cancelled() and (bug := work.exception()):
                log.error("outbox_broken", reason=type(bug).__name__, exc_info=bug)
            with suppress(HuitongError):
                await self._lease.give_back()

    async def _renew(self) -> bool:
        """Renew the lease; a database that is down for a moment takes it from nobody."""
        try:
            return await self._lease.take()
        except HuitongError as failure:
            log.warning("lease_not_renewed", reason=failure.diagnostics())
            return True

    async def _work(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.follower.run())
            tasks.create_task(self._runner.run())
            tasks.create_task(self._poll())
            for writer in self._writers.values():
                tasks.create_task(writer.run())

    async def _poll(self) -> None:
        """Wake whoever has something to do."""
        while True:
            try:
                await self._wake_due()
            except HuitongError as failure:
                log.warning("outbox_not_read", reason=failure.diagnostics())
            await asyncio.sleep(self._poll_s)

    async def _wake_due(self) -> None:
        query = (
            select(STEPS.c.is_chain, STEPS.c.lane)
            .where(STEPS.c.state == StepState.WAITING)
            .where(STEPS.c.next_attempt_ns <= time.time_ns())
            .distinct()
        )
        async with self.database.searching() as session:
            due = await session.execute(query)
            lanes = [(row.is_chain, row.lane) for row in due]
        self._begin(lanes)

    # --- looking ------------------------------------------------------------------------

    async def get(self, step_id: int) -> Step:
        """Return a step.

        Raises:
            StepNotFoundError: there is none.
        """
        async with self.database.reading() as session:
            return await _step(session, step_id)

    async def find(
        self, wanted: StepFilter, *, after: int = 0, limit: int = 100
    ) -> Sequence[Step]:
        """Return steps by ascending number, at most ``limit``, from ``after`` on.

        What waits for a person: ``StepFilter(states=(StepState.STUCK,))``.
        """
        query = select_steps().where(STEPS.c.id > after)
        if wanted.states:
            query = query.where(STEPS.c.state.in_(wanted.states))
        for column, value in (
            (STEPS.c.kind, wanted.kind),
            (STEPS.c.subject, wanted.subject),
            (STEPS.c.lane, wanted.lane),
        ):
            if value:
                query = query.where(column == value)
        async with self.database.searching() as session:
            rows = await session.execute(query.order_by(STEPS.c.id).limit(limit))
            return [step_of(row) for row in rows]

    async def counts(self, lane: str) -> dict[str, int]:
        """Return how many steps of a lane are in each state that any is in."""
        query = (
            select(STEPS.c.state, func.count())
            .where(STEPS.c.lane == lane)
            .group_by(STEPS.c.state)
        )
        async with self.database.searching() as session:
            found = await session.execute(query)
            return {state: int(count) for state, count in found.all()}

    async def wait(self, step_id: int, timeout_s: float) -> Step:
        """Return the step as soon as it has ended, or as it stands after ``timeout_s``.

        Raises:
            StepNotFoundError: there is none.
        """
        deadline_s = time.monotonic() + timeout_s
        with self._ledger.awaited(step_id) as ended:
            while True:
                step = await self.get(step_id)
                left_s = deadline_s - time.monotonic()
                if step.state in _ENDED or left_s <= 0:
                    return step
                # What another process carries out is not told here.
                look_s = POLL_ALONE_S if self._is_leading else POLL_S
                with suppress(TimeoutError):
                    async with asyncio.timeout(min(look_s, left_s)):
                        await ended.wait()
                ended.clear()

    # --- a person's hand ----------------------------------------------------------------

    async def retry(self, step_id: int) -> Step:
        """Try a stuck or waiting step again, now.

        Raises:
            StepNotFoundError: there is none.
            StepStateError: it runs, or is finished.
        """
        async with self.database.transaction() as session:
            step = await self._open(session, step_id, "retry")
            now_ns = time.time_ns()
            await _change(
                session,
                step_id,
                state=StepState.WAITING,
                attempts=0,
                next_attempt_ns=now_ns,
                changed_ns=now_ns,
            )
            self._runner.resume(step.kind, step.lane)
            self._ledger.begin_at(session, step, now_ns)
        return await self.get(step_id)

    async def skip(self, step_id: int) -> Step:
        """Say that a stuck or waiting step is done by other means; what follows goes on.

        Raises:
            StepNotFoundError: there is none.
            StepStateError: it runs, or is finished.
        """
        return await self._end(step_id, "skip", StepState.SKIPPED)

    async def cancel(self, step_id: int) -> Step:
        """Say that a stuck or waiting step shall not be done.

        Raises:
            StepNotFoundError: there is none.
            StepStateError: it is finished, or its message may be in a block already.
        """
        return await self._end(step_id, "cancel", StepState.CANCELLED)

    async def _end(self, step_id: int, action: str, state: StepState) -> Step:
        async with self.database.transaction() as session:
            step = await self._open(session, step_id, action)
            now_ns = time.time_ns()
            await _change(session, step_id, state=state, changed_ns=now_ns)
            step = replace(step, state=state, changed_ns=now_ns)
            await self._ledger.settle(session, [Settled(step=step, outcome=None)])
        return await self.get(step_id)

    @staticmethod
    async def _open(session: AsyncSession, step_id: int, action: str) -> Step:
        step = await _step(session, step_id, for_update=True)
        if step.state not in _OPEN:
            raise StepStateError(step_id=step_id, state=step.state, action=action)
        return step


async def _step(
    session: AsyncSession, step_id: int, *, for_update: bool = False
) -> Step:
    query = select_steps().where(STEPS.c.id == step_id)
    if for_update:
        query = query.with_for_update(of=STEPS)
    row = (await session.execute(query)).first()
    if row is None:
        raise StepNotFoundError(step_id=step_id)
    return step_of(row)


async def _change(session: AsyncSession, step_id: int, **values: object) -> None:
    await session.execute(update(STEPS).where(STEPS.c.id == step_id).values(**values))
