"""Adding steps, carrying them out, and what a person may do with them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final, final

import structlog
from sqlalchemy import func, select
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
from huitong.gateway.outbox.ledger import Ledger, free, steps_of
from huitong.gateway.outbox.runner import Runner
from huitong.gateway.outbox.settings import OutboxSettings
from huitong.gateway.outbox.steps import (
    Executor,
    NewStep,
    Step,
    StepFilter,
    StepHandler,
    StepState,
)
from huitong.gateway.outbox.tables import StepRow
from huitong.gateway.outbox.writer import ChainWriter

log = structlog.get_logger("gateway")

#: Seconds between two looks for steps that other processes have added, or that are due
#: again.
POLL_S: Final = 0.1
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
    ) -> None:
        """Prepare; nothing is read or started yet.

        Args:
            database: keeps the steps.
            follower: follows the own zone; the outbox runs it.
            writers: one for each account that signs.
            settings: how often steps are tried.
        """
        settings = settings or OutboxSettings()
        self.database = database
        """Keeps the steps."""
        self.follower = follower
        """Follows the own zone."""
        self._ledger = Ledger(database, settings)
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

        A step whose key is there already is not written again; its number is returned.

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

    def wake(self) -> None:
        """Look at once for steps that are due; call after the commit that added some."""
        self._runner.wake()
        for writer in self._writers.values():
            writer.wake()

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
            await asyncio.sleep(POLL_S)

    async def _wake_due(self) -> None:
        async with self.database.reading() as session:
            due = await session.execute(
                select(StepRow.is_chain, StepRow.lane)
                .where(StepRow.state == StepState.WAITING)
                .where(StepRow.next_attempt_ns <= time.time_ns())
                .distinct()
            )
            lanes = due.all()
        for is_chain, lane in lanes:
            if not is_chain:
                self._runner.wake()
            elif lane in self._writers:
                self._writers[lane].wake()

    # --- looking ------------------------------------------------------------------------

    async def get(self, step_id: int) -> Step:
        """Return a step.

        Raises:
            StepNotFoundError: there is none.
        """
        async with self.database.reading() as session:
            row = await _get(session, step_id)
            (step,) = await steps_of(session, [row])
        return step

    async def find(
        self, wanted: StepFilter, *, after: int = 0, limit: int = 100
    ) -> Sequence[Step]:
        """Return steps by ascending number, at most ``limit``, from ``after`` on.

        What waits for a person: ``StepFilter(states=(StepState.STUCK,))``.
        """
        query = select(StepRow).where(StepRow.id > after)
        if wanted.states:
            query = query.where(StepRow.state.in_(wanted.states))
        for column, value in (
            (StepRow.kind, wanted.kind),
            (StepRow.subject, wanted.subject),
            (StepRow.lane, wanted.lane),
        ):
            if value:
                query = query.where(column == value)
        async with self.database.searching() as session:
            rows = await session.scalars(query.order_by(StepRow.id).limit(limit))
            return await steps_of(session, rows.all())

    async def counts(self, lane: str) -> dict[str, int]:
        """Return how many steps of a lane are in each state that any is in."""
        query = (
            select(StepRow.state, func.count())
            .where(StepRow.lane == lane)
            .group_by(StepRow.state)
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
        while True:
            step = await self.get(step_id)
            left_s = deadline_s - time.monotonic()
            if step.state in _ENDED or left_s <= 0:
                return step
            await self._ledger.changed(min(POLL_S, left_s))

    # --- a person's hand ----------------------------------------------------------------

    async def retry(self, step_id: int) -> Step:
        """Try a stuck or waiting step again, now.

        Raises:
            StepNotFoundError: there is none.
            StepStateError: it runs, or is finished.
        """
        async with self.database.transaction() as session:
            row = await self._open(session, step_id, "retry")
            row.attempts = 0
            free(row, time.time_ns())
        self.wake()
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
            row = await self._open(session, step_id, action)
            row.state, row.changed_ns = state, time.time_ns()
            await self._ledger.settle(session, [(row, None)])
        self._ledger.tell_changed()
        self.wake()
        return await self.get(step_id)

    @staticmethod
    async def _open(session: AsyncSession, step_id: int, action: str) -> StepRow:
        row = await _get(session, step_id, for_update=True)
        if row.state not in _OPEN:
            raise StepStateError(step_id=step_id, state=row.state, action=action)
        return row


async def _get(
    session: AsyncSession, step_id: int, *, for_update: bool = False
) -> StepRow:
    row = await session.get(StepRow, step_id, with_for_update=for_update)
    if row is None:
        raise StepNotFoundError(step_id=step_id)
    return row
