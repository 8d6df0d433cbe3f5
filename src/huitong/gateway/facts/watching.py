"""Looking after facts: refreshed before they end, and when their source says otherwise.

A node of the other zone that hides a revocation is no worse than one that is down: it
cannot prove that what was revoked stands, and the fact ends with its term.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Final, final

import structlog
from sqlalchemy import select

from huitong.core.errors import HuitongError
from huitong.core.height import Height
from huitong.core.time import NS_PER_SECOND, TimeNs
from huitong.gateway.database.engine import Database
from huitong.gateway.facts.importing import FactImports
from huitong.gateway.facts.model import FactProblem, FactState
from huitong.gateway.facts.rows import find_row, move, place_of
from huitong.gateway.facts.settings import FactsSettings
from huitong.gateway.facts.sources import FactSources
from huitong.gateway.facts.tables import FactRow
from huitong.gateway.outbox.outbox import Outbox
from huitong.gateway.outbox.steps import StepState
from huitong.proto.huitong.facts.v1 import facts_pb2 as pb

log = structlog.get_logger("gateway")

#: Facts that are read from the database at once.
LOADED_AT_ONCE: Final = 100
#: Facts that are looked at at once.
LOOKED_AT_ONCE: Final = 8
#: Seconds for which a fact that is stuck is left alone.
PAUSE_S: Final = 600


@final
class FactWatch:
    """Looks at the sources of watched facts again and again."""

    def __init__(
        self,
        database: Database,
        outbox: Outbox,
        imports: FactImports,
        sources: FactSources,
        settings: FactsSettings,
        *,
        clock: Callable[[], TimeNs],
    ) -> None:
        """Prepare; nothing is looked at yet."""
        self._database = database
        self._outbox = outbox
        self._imports = imports
        self._sources = sources
        self._settings = settings
        self._clock = clock

    async def run(self) -> None:
        """Look until cancelled; in the process that leads the outbox."""
        while True:
            try:
                if self._outbox.is_leading:
                    await self.look()
            except HuitongError as failure:
                log.warning("facts_not_looked_at", reason=failure.diagnostics())
            await asyncio.sleep(self._settings.look_s)

    async def look(self) -> None:
        """Look at every watched fact once; one that fails keeps no other from it."""
        room = asyncio.Semaphore(LOOKED_AT_ONCE)
        after = ""
        while rows := await self._watched(after):
            await asyncio.gather(*(self._look_at(row, room) for row in rows))
            after = rows[-1].id

    async def _watched(self, after: str) -> list[FactRow]:
        chosen = (
            select(FactRow)
            .where(FactRow.is_watched, FactRow.id > after)
            .where(FactRow.state.in_((FactState.KNOWN, FactState.STUCK)))
            .order_by(FactRow.id)
            .limit(LOADED_AT_ONCE)
        )
        async with self._database.searching() as session:
            return list(await session.scalars(chosen))

    async def _look_at(self, row: FactRow, room: asyncio.Semaphore) -> None:
        paused_ns = row.changed_ns + PAUSE_S * NS_PER_SECOND
        if row.state == FactState.STUCK and self._clock() < paused_ns:
            return
        problem = None
        async with room:
            try:
                reason = await self._reason(row)
                if reason:
                    await self._order(row, reason)
                    return
            except HuitongError as failure:
                problem = FactProblem.of(failure)
                log.warning(
                    "fact_not_looked_at", fact=row.id, reason=failure.diagnostics()
                )
        await self._note(row.id, problem)

    async def _reason(self, row: FactRow) -> str:
        """Return why a newer proof is to be brought now; empty if it is not.

        Raises:
            FactHeaderAwaitedError: it is, and the own zone could not verify it.
            HuitongError: the own zone or the source cannot be asked.
        """
        known = await self._sources.find(bytes.fromhex(row.id))
        if known is None:
            return "unknown"
        fact = known.fact
        shown = await self._sources.look(fact)
        is_newer = shown.height > Height.from_proto(fact.source_height)
        has_changed = shown.digest != fact.value_digest
        if is_newer and (has_changed or self._is_due(fact)):
            return "changed" if has_changed else "due"
        if self._is_due(fact):
            raise self._sources.header_awaited(fact)
        if await self._sources.peek(fact) not in (fact.value_digest, shown.digest):
            raise self._sources.header_awaited(fact)
        return ""

    def _is_due(self, fact: pb.Fact) -> bool:
        term_s = fact.valid_until - fact.source_time // NS_PER_SECOND
        early_s = min(self._settings.refresh_before_s, term_s // 2)
        return self._clock() // NS_PER_SECOND >= fact.valid_until - early_s

    async def _order(self, row: FactRow, reason: str) -> None:
        """Have a newer proof brought; what is stuck of an older one is given up."""
        await self._imports.order(place_of(row), f"watch/{row.attempts}")
        if row.state == FactState.STUCK and row.step_id:
            step = await self._outbox.get(row.step_id)
            if step.state is StepState.STUCK:
                await self._outbox.cancel(row.step_id)
        log.info("fact_refresh_ordered", fact=row.id, reason=reason)

    async def _note(self, fact_id: str, problem: FactProblem | None) -> None:
        """Note what came of a look at a fact that stays as it is."""
        async with self._database.transaction() as session:
            row = await find_row(session, fact_id, for_update=True)
            if row is None or row.state == FactState.WAITING:
                return
            row.looked_ns = time.time_ns()
            if row.state == FactState.KNOWN:
                move(row, FactState.KNOWN, problem)
