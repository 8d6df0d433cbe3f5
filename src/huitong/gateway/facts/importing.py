"""Importing facts: a proof is taken, then brought to the own zone, both through the outbox.

A proof grows old within minutes, so it is taken when its turn has come and not when it is
ordered; what the zone then says of it is the end of the order.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Final, final

from sqlalchemy.ext.asyncio import AsyncSession

from huitong.core.codec import encode, pack_any
from huitong.core.hashing import sha256
from huitong.gateway.database.engine import Database
from huitong.gateway.facts.errors import FactStepSkippedError
from huitong.gateway.facts.model import FactEntry, FactPlace, FactProblem, FactState
from huitong.gateway.facts.rows import (
    entry_of,
    find_row,
    move,
    new_row,
    place_of,
)
from huitong.gateway.facts.sources import FactSources
from huitong.gateway.facts.tables import FactRow
from huitong.gateway.outbox.ledger import failure_of
from huitong.gateway.outbox.outbox import Outbox
from huitong.gateway.outbox.steps import (
    Done,
    Failed,
    NewStep,
    Settled,
    Step,
    StepOutcome,
    StepState,
)
from huitong.modules.facts import fact_id_of
from huitong.modules.facts.errors import FactNotNewerError
from huitong.proto.cosmos.tx.v1beta1.tx_pb2 import TxBody

PROVE: Final = "facts.prove"
"""The proof of a fact is taken from its source."""
SHOW: Final = "facts.show-header"
"""A header that the proof needs goes to the own zone."""
BRING: Final = "facts.bring"
"""The proof goes to the own zone."""
#: Proofs of one source that are taken at once.
PROVERS_PER_SOURCE: Final = 4
#: Seconds between two looks at a fact that is waited for.
POLL_S: Final = 0.1
_NOT_NEWER: Final = (FactNotNewerError.codespace, FactNotNewerError.code)


@final
class FactImports:
    """Orders proofs and hears what becomes of them."""

    def __init__(
        self, database: Database, outbox: Outbox, sources: FactSources, *, account: str
    ) -> None:
        """Prepare, and register with the outbox; nothing is asked yet.

        Args:
            database: keeps what was ordered.
            outbox: carries it out.
            sources: the zones.
            account: address of the member's account that signs.
        """
        self._database = database
        self._outbox = outbox
        self._account = account
        outbox.register(PROVE, _Proving(database, outbox, sources, account))
        outbox.register(SHOW, _Shown())
        outbox.register(BRING, _Brought())

    async def order(
        self,
        place: FactPlace,
        key: str,
        *,
        is_watched: bool | None = None,
        request_id: str = "",
        waits: bool = False,
    ) -> FactEntry:
        """Have the newest state of a fact brought to the own zone.

        Args:
            place: what it is about.
            key: the caller's; the same order under the same key is one.
            is_watched: whether it is looked after from now on; None changes nothing.
            request_id: id of the call that led to it.
            waits: whether a state that is not newer is waited for, up to the outbox's
                last attempt; else it is no reason to do anything.
        """
        fact_id = fact_id_of(place.source, place.store, place.key).hex()
        async with self._database.transaction() as session:
            row = await find_row(session, fact_id, for_update=True)
            if row is None:
                row = new_row(place)
                session.add(row)
                await session.flush()
            if is_watched is not None:
                row.is_watched = is_watched
            await self._add(session, row, key, request_id, waits=waits)
            return entry_of(row)

    async def _add(
        self,
        session: AsyncSession,
        row: FactRow,
        key: str,
        request: str,
        *,
        waits: bool,
    ) -> None:
        step = NewStep(
            kind=PROVE,
            key=f"{PROVE}/{row.id[:32]}/{sha256(key.encode()).hex()[:32]}",
            payload=b"waits" if waits else b"",
            lane=row.source,
            subject=row.id,
            request_id=request,
        )
        (step_id,) = await self._outbox.add(session, step)
        if step_id > row.step_id:
            row.step_id, row.request_id = step_id, request
            row.attempts += 1
            move(row, FactState.WAITING)

    async def watch(self, place: FactPlace, *, is_watched: bool) -> FactEntry:
        """Look after a fact of the own zone from now on, or no longer."""
        fact_id = fact_id_of(place.source, place.store, place.key).hex()
        async with self._database.transaction() as session:
            row = await find_row(session, fact_id, for_update=True)
            if row is None:
                row = new_row(place)
                session.add(row)
            row.is_watched = is_watched
            return entry_of(row)

    async def find(self, fact_ids: Sequence[bytes]) -> dict[bytes, FactEntry]:
        """Return those of some facts that this gateway was ever asked about, by id."""
        found = {}
        async with self._database.reading() as session:
            for fact_id in fact_ids:
                row = await find_row(session, fact_id.hex())
                if row is not None:
                    found[fact_id] = entry_of(row)
        return found

    async def wait(self, fact_id: bytes, timeout_s: float) -> FactEntry | None:
        """Return a fact once no proof of it is on its way, or after the time.

        None if this gateway was never asked about it.
        """
        deadline_s = time.monotonic() + timeout_s
        while True:
            entry = (await self.find([fact_id])).get(fact_id)
            left_s = deadline_s - time.monotonic()
            if entry is None or entry.state is not FactState.WAITING or left_s <= 0:
                return entry
            await asyncio.sleep(min(POLL_S, left_s))


@final
class _Proving:
    """Takes proofs from their sources."""

    batch_max = 1
    parallel_max = PROVERS_PER_SOURCE

    def __init__(
        self, database: Database, outbox: Outbox, sources: FactSources, account: str
    ) -> None:
        self._database = database
        self._outbox = outbox
        self._sources = sources
        self._account = account

    async def execute(self, steps: Sequence[Step]) -> list[StepOutcome]:
        """Take the proof for one step; its result are the messages that bring it."""
        (step,) = steps
        async with self._database.reading() as session:
            row = await find_row(session, step.subject)
        assert row is not None
        try:
            messages = await self._sources.messages(place_of(row), self._account)
        except Exception as failure:  # noqa: BLE001 - told to the fact's row
            return [failure_of(failure, PROVE)]
        if not messages and step.payload:
            known = await self._sources.find(bytes.fromhex(row.id))
            assert known is not None
            return [Failed(error=self._sources.header_awaited(known.fact), retry=True)]
        packed = [pack_any(message) for message in messages]
        return [Done(result=encode(TxBody(messages=packed)))]

    async def settle(self, session: AsyncSession, settled: Sequence[Settled]) -> None:
        """Have what was proven brought to the zone."""
        for item in settled:
            step = item.step
            row = await find_row(session, step.subject, for_update=True)
            if row is None or row.step_id != step.id:
                continue  # a later order took its place
            if step.state != StepState.DONE:
                _note_stopped(row, step)
                continue
            messages = TxBody.FromString(step.result).messages
            if not messages:
                move(row, FactState.KNOWN)
                continue
            added = [
                NewStep(
                    kind=BRING if number == len(messages) else SHOW,
                    key=f"{BRING}/{row.id[:32]}/{step.id}/{number}",
                    payload=encode(message),
                    lane=self._account,
                    is_chain=True,
                    subject=row.id,
                    request_id=step.request_id,
                )
                for number, message in enumerate(messages, start=1)
            ]
            row.step_id = (await self._outbox.add(session, *added))[-1]


@final
class _Shown:
    """Headers that were shown; what needs them tells if they were not."""

    async def settle(self, session: AsyncSession, settled: Sequence[Settled]) -> None:
        """Do nothing."""


@final
class _Brought:
    """Hears what the zone says of proofs."""

    async def settle(self, session: AsyncSession, settled: Sequence[Settled]) -> None:
        """Note what the zone has, or why it does not take it."""
        for item in settled:
            step = item.step
            row = await find_row(session, step.subject, for_update=True)
            if row is None or row.step_id != step.id:
                continue
            is_known = (step.error_codespace, step.error_code) == _NOT_NEWER
            if step.state == StepState.DONE or is_known:
                move(row, FactState.KNOWN)
            else:
                _note_stopped(row, step)


def _note_stopped(row: FactRow, step: Step) -> None:
    """Note that a step did not succeed: it is stuck, or a person has ended it."""
    if step.state == StepState.SKIPPED:
        skipped = FactStepSkippedError(fact_id=row.id)
        move(row, FactState.STUCK, FactProblem.of(skipped))
        return
    if step.state == StepState.CANCELLED:
        move(row, FactState.CANCELLED)
        return
    problem = FactProblem(
        codespace=step.error_codespace, code=step.error_code, text=step.error
    )
    move(row, FactState.STUCK, problem)
