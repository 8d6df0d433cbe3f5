"""The steps in the database: added, ended, and told to whoever waits for their end."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Final, TypeAlias, cast, final

import structlog
from sqlalchemy import Select, Table, bindparam, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession

from huitong.core.errors import HuitongError, UnavailableError
from huitong.core.limits import TX_SIZE_BYTES_MAX
from huitong.core.time import NS_PER_SECOND
from huitong.gateway.database.commits import after_commit
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
#: Seconds; a step that is due in less is begun then, others when the outbox looks.
SOON_S: Final = 2.0
STEPS: Final = cast(Table, StepRow.__table__)
_TRANSACTIONS: Final = cast(Table, ChainTransactionRow.__table__)
#: What an attempt changes of a step.
_CHANGED: Final = (
    "state",
    "attempts",
    "next_attempt_ns",
    "changed_ns",
    "error_codespace",
    "error_code",
    "error",
    "result",
)

Lane: TypeAlias = tuple[bool, str]
"""Whether its steps are messages of the chain, and its name."""


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
        self.due: Callable[[Iterable[Lane]], None] = lambda _: None
        """Told in which lanes steps are due; must not wait."""
        self._awaited: dict[int, set[asyncio.Event]] = {}

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
        first = {step.key: step for step in reversed(steps)}
        written = await session.execute(
            insert(STEPS)
            .on_conflict_do_nothing(index_elements=[STEPS.c.key])
            .returning(STEPS.c.id, STEPS.c.key),
            [
                _values(first[key], now_ns)
                for key in dict.fromkeys(s.key for s in steps)
            ],
        )
        ids = {row.key: row.id for row in written}
        self._tell_added(session, [first[key] for key in ids], now_ns)
        known = {key: _content(step) for key, step in first.items() if key in ids}
        if len(ids) < len(first):
            query = select(
                STEPS.c.id, STEPS.c.key, STEPS.c.kind, STEPS.c.lane, STEPS.c.subject
            ).where(STEPS.c.key.in_(first.keys() - ids.keys()))
            for row in await session.execute(query):
                ids[row.key], known[row.key] = row.id, _content(row)
        for step in steps:
            if known[step.key] != _content(step):
                raise StepKeyReusedError(key=step.key)
        return [ids[step.key] for step in steps]

    def _tell_added(
        self, session: AsyncSession, steps: Sequence[NewStep], now_ns: int
    ) -> None:
        lanes = {
            (step.is_chain, step.lane) for step in steps if step.not_before_ns <= now_ns
        }
        if lanes:
            after_commit(session, lambda: self.due(lanes))

    # --- ending -------------------------------------------------------------------------

    async def note(
        self, session: AsyncSession, outcomes: Iterable[tuple[Step, StepOutcome]]
    ) -> None:
        """Write what attempts came to, and tell the handlers of the steps that ended."""
        changed, ended = [], []
        for step, outcome in outcomes:
            after = self._after(session, step, outcome)
            changed.append(after)
            if after.state != StepState.WAITING:
                ended.append(Settled(step=after, outcome=outcome))
            else:
                self.begin_at(session, after, after.next_attempt_ns)
        if not changed:
            return
        await session.execute(
            update(STEPS).where(STEPS.c.id == bindparam("of_id")),
            [
                {"of_id": step.id, **{name: getattr(step, name) for name in _CHANGED}}
                for step in changed
            ],
        )
        await self.settle(session, ended)

    async def settle(self, session: AsyncSession, ended: Sequence[Settled]) -> None:
        """Tell the handlers of steps that ended; one that fails keeps no other from it."""
        by_kind: dict[str, list[Settled]] = {}
        for item in ended:
            by_kind.setdefault(item.step.kind, []).append(item)
        for kind, group in by_kind.items():
            if not await self._tell(session, kind, group) and len(group) > 1:
                for one in group:
                    await self._tell(session, kind, [one])
        ids = [item.step.id for item in ended]
        after_commit(session, lambda: self._tell_ended(ids))

    async def _tell(
        self, session: AsyncSession, kind: str, group: Sequence[Settled]
    ) -> bool:
        try:
            async with session.begin_nested():
                await self.handler(kind).settle(session, group)
            self.ended([item.step for item in group])
        except Exception as bug:
            log.error(
                "step_not_settled",
                kind=kind,
                keys=[item.step.key for item in group],
                reason=f"{type(bug).__name__}: {bug}",
                exc_info=bug,
            )
            if len(group) == 1:
                told = f"what follows failed: {type(bug).__name__}: {bug}"
                await session.execute(
                    update(STEPS)
                    .where(STEPS.c.id == group[0].step.id)
                    .values(error=told[:ERROR_CHARACTERS_MAX])
                )
            return False
        return True

    def _after(self, session: AsyncSession, step: Step, outcome: StepOutcome) -> Step:
        """Return a step as it is after an attempt."""
        now_ns = time.time_ns()
        if isinstance(outcome, Done):
            return replace(
                step, state=StepState.DONE, changed_ns=now_ns, result=outcome.result
            )
        error = outcome.error
        step = replace(
            step,
            attempts=step.attempts + (0 if step.is_chain else 1),
            changed_ns=now_ns,
            error_codespace=error.codespace,
            error_code=error.code,
            error=str(error)[:ERROR_CHARACTERS_MAX],
        )
        may_go = isinstance(error, UnavailableError)
        retry = may_go if outcome.retry is None else outcome.retry
        if retry and step.attempts < self.settings.attempts_max:
            next_ns = now_ns + self.pause_ns(step.attempts)
            return replace(step, state=StepState.WAITING, next_attempt_ns=next_ns)
        _tell_stuck(session, step)
        log.warning(
            "step_stuck",
            kind=step.kind,
            key=step.key,
            subject=step.subject,
            request_id=step.request_id,
            reason=step.error,
        )
        return replace(step, state=StepState.STUCK)

    def pause_ns(self, attempts: int) -> int:
        """Return the pause before the next attempt, which grows with the attempts."""
        settings = self.settings
        pause_s = min(
            settings.retry_first_s * 2 ** min(max(attempts - 1, 0), 32),
            settings.retry_longest_s,
        )
        return int(pause_s * random.uniform(0.75, 1.25) * NS_PER_SECOND)

    def begin_at(self, session: AsyncSession, step: Step, next_ns: int) -> None:
        """Begin a step that waits when its time comes, if that is soon."""
        pause_s = max(next_ns - time.time_ns(), 0) / NS_PER_SECOND
        if pause_s > SOON_S:
            return
        lanes = ((step.is_chain, step.lane),)
        loop = asyncio.get_running_loop()
        after_commit(session, lambda: _call_later(loop, pause_s, self.due, lanes))

    # --- waiting ------------------------------------------------------------------------

    @contextmanager
    def awaited(self, step_id: int) -> Iterator[asyncio.Event]:
        """Give an event that is set when this process ends the step."""
        ended = asyncio.Event()
        waiting = self._awaited.setdefault(step_id, set())
        waiting.add(ended)
        try:
            yield ended
        finally:
            waiting.discard(ended)
            if not waiting and self._awaited.get(step_id) is waiting:
                del self._awaited[step_id]

    def _tell_ended(self, step_ids: Iterable[int]) -> None:
        for step_id in step_ids if self._awaited else ():
            for ended in self._awaited.get(step_id, ()):
                ended.set()


def _call_later(
    loop: asyncio.AbstractEventLoop,
    pause_s: float,
    due: Callable[[Iterable[Lane]], None],
    lanes: Iterable[Lane],
) -> None:
    loop.call_later(pause_s, due, lanes)


def _tell_stuck(session: AsyncSession, step: Step) -> None:
    data = {
        "job": step.id,
        "kind": step.kind,
        "lane": step.lane,
        "attempts": step.attempts,
        "codespace": step.error_codespace,
        "code": step.error_code,
        "reason": step.error,
    }
    subject = step.subject or str(step.id)
    tell(session, JOB_STUCK, subject, data, request_id=step.request_id)


def failure_of(error: Exception, what: str) -> Failed:
    """Return the outcome that an exception stands for."""
    if isinstance(error, HuitongError):
        return Failed(error=error)
    reason = f"{type(error).__name__}: {error}"
    return Failed(error=StepInterruptedError(what=what, reason=reason))


def _content(step: Any) -> tuple[str, str, str]:
    """Return what a step of the same key must have in common with this one."""
    return step.kind, step.lane, step.subject


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


def select_steps() -> Select[Any]:
    """Return the query for steps with the transactions that carry them, see ``step_of``."""
    return select(
        STEPS,
        _TRANSACTIONS.c.tx_hash,
        _TRANSACTIONS.c.height,
        _TRANSACTIONS.c.created_ns.label("signed_ns"),
    ).outerjoin(_TRANSACTIONS, _TRANSACTIONS.c.id == STEPS.c.transaction_id)


def step_of(row: Any) -> Step:
    """Return a row of ``select_steps`` as the rest of the gateway sees it."""
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
        signed_ns=row.signed_ns or 0,
        tx_hash=(row.tx_hash or b"").hex().upper(),
        height=row.height or 0,
    )
