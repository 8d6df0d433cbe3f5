"""The steps in the database: added, ended, and told to whoever waits for their end."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Final, final

import structlog
from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession

from huitong.core.errors import HuitongError, UnavailableError
from huitong.core.limits import TX_SIZE_BYTES_MAX
from huitong.core.time import NS_PER_SECOND
from huitong.gateway.database.engine import SQLITE, Database
from huitong.gateway.events.register import JOB_STUCK
from huitong.gateway.events.telling import tell
from huitong.gateway.http.request_id import sampled_traceparent
from huitong.gateway.outbox.errors import (
    HandlerMissingError,
    StepInterruptedError,
    StepKeyReusedError,
    StepTooLargeError,
)
from huitong.gateway.outbox.settings import OutboxSettings
from huitong.gateway.outbox.steps import (
    Done,
    Failed,
    NewStep,
    Settled,
    Step,
    StepHandler,
    StepOutcome,
    StepState,
)
from huitong.gateway.outbox.tables import ChainTransactionRow, StepRow

log = structlog.get_logger("gateway")

#: Room in a transaction beside its messages: signature, memo, key, fee.
ENVELOPE_BYTES: Final = 1_024
#: Characters of an error that are kept.
ERROR_CHARACTERS_MAX: Final = 4_000


@final
class Ledger:
    """Reads and writes steps; carries out nothing."""

    def __init__(self, database: Database, settings: OutboxSettings) -> None:
        self.database = database
        """Where the steps are."""
        self.settings = settings
        """How often they are tried."""
        self._handlers: dict[str, StepHandler] = {}
        self.ended: Callable[[Sequence[Step]], None] = lambda _: None
        """Told of steps that have ended; must not wait."""
        self._changed = asyncio.Event()

    # --- handlers -----------------------------------------------------------------------

    def register(self, kind: str, handler: StepHandler) -> None:
        """Name who hears of steps of a kind."""
        self._handlers[kind] = handler

    def handler(self, kind: str) -> StepHandler:
        """Return who hears of steps of a kind.

        Raises:
            HandlerMissingError: nobody does.
        """
        try:
            return self._handlers[kind]
        except KeyError:
            raise HandlerMissingError(kind=kind) from None

    # --- adding -------------------------------------------------------------------------

    async def add(self, session: AsyncSession, steps: Sequence[NewStep]) -> list[int]:
        """Write steps that are not there yet and return the numbers of all.

        Raises:
            StepKeyReusedError: a key stands for something else.
            StepTooLargeError: a message that fits into no transaction.
        """
        if not steps:
            return []
        now_ns = time.time_ns()
        insert = sqlite.insert if self.database.kind == SQLITE else postgresql.insert
        await session.execute(
            insert(StepRow).on_conflict_do_nothing(index_elements=[StepRow.key]),
            [_values(step, now_ns) for step in steps],
        )
        found = {
            row.key: row
            for row in await session.execute(
                select(
                    StepRow.id, StepRow.key, StepRow.kind, StepRow.lane, StepRow.subject
                ).where(StepRow.key.in_([step.key for step in steps]))
            )
        }
        for step in steps:
            row = found[step.key]
            if (row.kind, row.lane, row.subject) != (
                step.kind,
                step.lane,
                step.subject,
            ):
                raise StepKeyReusedError(key=step.key)
        return [found[step.key].id for step in steps]

    # --- ending -------------------------------------------------------------------------

    async def note(
        self, session: AsyncSession, outcomes: Iterable[tuple[StepRow, StepOutcome]]
    ) -> None:
        """Write what attempts came to, and tell the handlers of the steps that ended."""
        ended = []
        for row, outcome in outcomes:
            if isinstance(outcome, Done):
                _finish(row, StepState.DONE)
                row.result = outcome.result
            else:
                self._note_failure(session, row, outcome)
            if row.state != StepState.WAITING:
                ended.append((row, outcome))
        await self.settle(session, ended)

    async def settle(
        self,
        session: AsyncSession,
        ended: Sequence[tuple[StepRow, StepOutcome | None]],
    ) -> None:
        """Tell the handlers of steps that ended; one that fails keeps no other from it."""
        by_kind: dict[str, list[tuple[StepRow, StepOutcome | None]]] = {}
        for row, outcome in ended:
            by_kind.setdefault(row.kind, []).append((row, outcome))
        for kind, group in by_kind.items():
            if not await self._tell(session, kind, group) and len(group) > 1:
                for one in group:
                    await self._tell(session, kind, [one])

    async def _tell(
        self,
        session: AsyncSession,
        kind: str,
        group: Sequence[tuple[StepRow, StepOutcome | None]],
    ) -> bool:
        hashes = await _tx_hashes(session, [row for row, _ in group])
        settled = [
            Settled(step=step_of(row, hashes), outcome=outcome)
            for row, outcome in group
        ]
        try:
            async with session.begin_nested():
                await self.handler(kind).settle(session, settled)
            self.ended([item.step for item in settled])
        except Exception as bug:
            log.error(
                "step_not_settled",
                kind=kind,
                keys=[row.key for row, _ in group],
                reason=f"{type(bug).__name__}: {bug}",
                exc_info=bug,
            )
            if len(group) == 1:
                row, _ = group[0]
                row.error = f"what follows failed: {type(bug).__name__}: {bug}"[
                    :ERROR_CHARACTERS_MAX
                ]
            return False
        return True

    def _note_failure(
        self, session: AsyncSession, row: StepRow, outcome: Failed
    ) -> None:
        error = outcome.error
        row.attempts += 0 if row.is_chain else 1
        row.error_codespace, row.error_code = error.codespace, error.code
        row.error = str(error)[:ERROR_CHARACTERS_MAX]
        may_go = isinstance(error, UnavailableError)
        retry = may_go if outcome.retry is None else outcome.retry
        if retry and row.attempts < self.settings.attempts_max:
            free(row, time.time_ns() + self.pause_ns(row.attempts))
        else:
            _finish(row, StepState.STUCK)
            _tell_stuck(session, row)
            log.warning(
                "step_stuck",
                kind=row.kind,
                key=row.key,
                subject=row.subject,
                request_id=row.request_id,
                reason=row.error,
            )

    def pause_ns(self, attempts: int) -> int:
        """Return the pause before the next attempt, which grows with the attempts."""
        settings = self.settings
        pause_s = min(
            settings.retry_first_s * 2 ** min(max(attempts - 1, 0), 32),
            settings.retry_longest_s,
        )
        return int(pause_s * random.uniform(0.75, 1.25) * NS_PER_SECOND)

    # --- waiting ------------------------------------------------------------------------

    def tell_changed(self) -> None:
        """Wake those in this process that wait for the end of a step."""
        self._changed.set()
        self._changed = asyncio.Event()

    async def changed(self, timeout_s: float) -> None:
        """Return when a step has changed in this process, or after so many seconds."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._changed.wait()
        except TimeoutError:
            return


def free(row: StepRow, next_attempt_ns: int) -> None:
    """Let a step be taken up again."""
    row.state = StepState.WAITING
    row.next_attempt_ns = next_attempt_ns
    row.changed_ns = time.time_ns()


def _finish(row: StepRow, state: StepState) -> None:
    row.state = state
    row.changed_ns = time.time_ns()


def _tell_stuck(session: AsyncSession, row: StepRow) -> None:
    data = {
        "job": row.id,
        "kind": row.kind,
        "lane": row.lane,
        "attempts": row.attempts,
        "codespace": row.error_codespace,
        "code": row.error_code,
        "reason": row.error,
    }
    subject = row.subject or str(row.id)
    tell(session, JOB_STUCK, subject, data, request_id=row.request_id)


def failure_of(error: Exception, what: str) -> Failed:
    """Return the outcome that an exception stands for."""
    if isinstance(error, HuitongError):
        return Failed(error=error)
    reason = f"{type(error).__name__}: {error}"
    return Failed(error=StepInterruptedError(what=what, reason=reason))


def _values(step: NewStep, now_ns: int) -> dict[str, object]:
    if step.is_chain and len(step.payload) > TX_SIZE_BYTES_MAX - ENVELOPE_BYTES:
        raise StepTooLargeError(
            size=len(step.payload), maximum=TX_SIZE_BYTES_MAX - ENVELOPE_BYTES
        )
    return {
        "kind": step.kind,
        "key": step.key,
        "lane": step.lane,
        "subject": step.subject,
        "request_id": step.request_id,
        "traceparent": step.traceparent or sampled_traceparent(),
        "payload": step.payload,
        "is_chain": step.is_chain,
        "state": StepState.WAITING.value,
        "next_attempt_ns": max(step.not_before_ns, now_ns),
        "created_ns": now_ns,
        "changed_ns": now_ns,
        "attempts": 0,
        "is_alone": False,
        "error_codespace": "",
        "error_code": 0,
        "error": "",
        "result": b"",
        "message_index": 0,
    }


async def _tx_hashes(
    session: AsyncSession, rows: Sequence[StepRow]
) -> dict[int, tuple[str, int, int]]:
    """Return hash, height and time of signing of the transactions that carry steps."""
    ids = {row.transaction_id for row in rows if row.transaction_id is not None}
    if not ids:
        return {}
    found = await session.execute(
        select(
            ChainTransactionRow.id,
            ChainTransactionRow.tx_hash,
            ChainTransactionRow.height,
            ChainTransactionRow.created_ns,
        ).where(ChainTransactionRow.id.in_(ids))
    )
    return {
        row.id: (row.tx_hash.hex().upper(), row.height, row.created_ns) for row in found
    }


async def steps_of(session: AsyncSession, rows: Sequence[StepRow]) -> list[Step]:
    """Return rows as the rest of the gateway sees them."""
    hashes = await _tx_hashes(session, rows)
    return [step_of(row, hashes) for row in rows]


def step_of(row: StepRow, hashes: dict[int, tuple[str, int, int]]) -> Step:
    """Return a row as the rest of the gateway sees it."""
    tx_hash, height, signed_ns = hashes.get(row.transaction_id or 0, ("", 0, 0))
    return Step(
        id=row.id,
        kind=row.kind,
        key=row.key,
        lane=row.lane,
        subject=row.subject,
        request_id=row.request_id,
        payload=row.payload,
        is_chain=row.is_chain,
        state=StepState(row.state),
        attempts=row.attempts,
        next_attempt_ns=row.next_attempt_ns,
        created_ns=row.created_ns,
        changed_ns=row.changed_ns,
        error_codespace=row.error_codespace,
        error_code=row.error_code,
        error=row.error,
        result=row.result,
        traceparent=row.traceparent,
        signed_ns=signed_ns,
        tx_hash=tx_hash,
        height=height,
    )
