"""The requester's steps: ask, and check what arrives before anything of it is used."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, final

from sqlalchemy.ext.asyncio import AsyncSession

from huitong.core.errors import HuitongError
from huitong.core.grades import GRADES
from huitong.gateway.exchange.checks import Claim, ProvenDelivery, prove_deliveries
from huitong.gateway.exchange.errors import (
    ExchangeUndecidedError,
    GradeTooLowError,
    NotDeliveredYetError,
)
from huitong.gateway.exchange.kinds import CHECK
from huitong.gateway.exchange.orders import ENDED, Stage
from huitong.gateway.exchange.parts import Parts
from huitong.gateway.exchange.receipts import receipt_step
from huitong.gateway.exchange.requesting import GRADE_PROVEN
from huitong.gateway.exchange.rows import (
    decision_of,
    move,
    note_stopped,
    request_of,
    rows_of,
)
from huitong.gateway.exchange.tables import ExchangeRow
from huitong.gateway.outbox.ledger import failure_of
from huitong.gateway.outbox.steps import (
    Done,
    Failed,
    Settled,
    Step,
    StepOutcome,
    StepState,
)
from huitong.gateway.vault.errors import VaultEntryNotFoundError
from huitong.gateway.vault.model import Reception, StagedPayload
from huitong.gateway.vault.sealed_room import FoundSealed
from huitong.payload.sealing import SealingContext
from huitong.proto.huitong.exchange.v1 import exchange_pb2

#: Deliveries of one channel that are checked against one header, and such groups at once:
#: what arrives meanwhile is the next one, so that groups grow with the load.
CHECKED_AT_ONCE: Final = 100
CHECKERS_PER_CHANNEL: Final = 1
#: Deliveries of a group that are opened at the same time, a few blocks of each in memory.
OPENED_AT_ONCE: Final = 32
#: What was opened and is remembered until it is committed, which may take some attempts.
STAGED_MAX: Final = 10_000


@dataclass(frozen=True, slots=True)
class _Ready:
    """A delivery to be checked, as the database had it when the check began."""

    step: Step
    row: ExchangeRow
    sealed: FoundSealed | None


@final
class Requests:
    """Hears of the end of the requests' steps."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def settle(self, session: AsyncSession, settled: Sequence[Settled]) -> None:
        """Learn under which sequence a request went out."""
        rows = await rows_of(session, [item.step for item in settled], for_update=True)
        for item in settled:
            row, step = rows[item.step.subject], item.step
            if step.state == StepState.DONE:
                answer = exchange_pb2.MsgRequestExchangeResponse.FromString(step.result)
                row.sequence = answer.sequence
                move(row, Stage.REQUESTED)
            else:
                note_stopped(row, step)


@final
class Checking:
    """Checks what arrived by proof, and opens it into the vault."""

    batch_max = CHECKED_AT_ONCE
    parallel_max = CHECKERS_PER_CHANNEL

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._staged: OrderedDict[int, tuple[StagedPayload, ProvenDelivery]]
        self._staged = OrderedDict()

    async def execute(self, steps: Sequence[Step]) -> list[StepOutcome]:
        """Check deliveries of one channel together; each fails for itself."""
        parts = self._parts
        async with parts.database.reading() as session:
            rows = await rows_of(session, steps)
            digests = [row.sealed_digest for row in rows.values()]
            sealed = await parts.vault.find_sealed(session, digests)
        outcomes: dict[int, StepOutcome] = {}
        ready = []
        for step in steps:
            row = rows[step.subject]
            if row.stage in ENDED:
                outcomes[step.id] = Done()
            elif not row.decision:
                name = f"{row.channel_id}/{row.sequence}"
                outcomes[step.id] = Failed(error=NotDeliveredYetError(exchange=name))
            else:
                ready.append(_Ready(step, row, sealed.get(row.sealed_digest)))
        if ready:
            outcomes |= await self._check(ready)
        return [outcomes[step.id] for step in steps]

    async def _check(self, ready: Sequence[_Ready]) -> dict[int, StepOutcome]:
        channel_id = ready[0].row.channel_id
        claims = [
            Claim(
                sequence=one.row.sequence or 0,
                push_number=one.row.push_number or 0,
                decision=decision_of(one.row),
            )
            for one in ready
        ]
        proven = await prove_deliveries(self._parts.links, channel_id, claims)
        turns = asyncio.Semaphore(OPENED_AT_ONCE)

        async def opened(
            one: _Ready, found: ProvenDelivery | HuitongError
        ) -> StepOutcome:
            async with turns:
                return await self._open(one, found)

        found = await asyncio.gather(*map(opened, ready, proven))
        return {one.step.id: what for one, what in zip(ready, found, strict=True)}

    async def _open(
        self, one: _Ready, proven: ProvenDelivery | HuitongError
    ) -> StepOutcome:
        """Open one delivery with what is proven of it; the vault checks the bytes."""
        if isinstance(proven, ExchangeUndecidedError):
            return Failed(error=proven, retry=True)
        if isinstance(proven, HuitongError):
            return Failed(error=proven)
        vault, row = self._parts.vault, one.row
        try:
            _check_minimum(GRADE_PROVEN, row.minimum_grade)
            reception = await self._reception(row, proven)
            if one.sealed is None:
                raise VaultEntryNotFoundError(digest=row.sealed_digest)
            sealed = await vault.open_found_sealed(one.sealed)
            staged = await vault.stage_received(sealed, reception)
        except Exception as failure:  # noqa: BLE001 - each delivery fails for itself
            return failure_of(failure, CHECK)
        self._staged[one.step.id] = (staged, proven)
        if len(self._staged) > STAGED_MAX:
            self._staged.popitem(last=False)
        return Done()

    async def _reception(self, row: ExchangeRow, proven: ProvenDelivery) -> Reception:
        end = await self._parts.links.other_end(row.channel_id)
        request, decision = request_of(row), decision_of(row)
        return Reception(
            context=SealingContext(
                chain_id_of_a=end.chain_id,
                channel_on_a=end.channel_id,
                sequence=row.sequence or 0,
                requester=request.requester,
                payload_digest=decision.payload_digest,
            ),
            sealed_digest=proven.sealed_digest,
            private_key=self._parts.readers.private_key(request.reader_key),
            fields=tuple(proven.record.fields),
            granted=tuple(decision.fields),
            holder=row.id,
            subject=proven.record.subject,
        )

    async def settle(self, session: AsyncSession, settled: Sequence[Settled]) -> None:
        """Keep what passed every check, and confirm it."""
        parts = self._parts
        rows = await rows_of(session, [item.step for item in settled], for_update=True)
        passed = []
        for item in settled:
            row, step = rows[item.step.subject], item.step
            if row.stage in ENDED:
                continue
            if step.state == StepState.DONE:
                passed.append((row, *self._staged[step.id]))
            else:
                note_stopped(row, step)
        stored = await parts.vault.commit_many(session, [one[1] for one in passed])
        steps = []
        for (row, _, proven), payload in zip(passed, stored, strict=True):
            row.payload_digest = payload.digest
            row.record_type = proven.record.record_type
            row.grade, row.checked_height = GRADE_PROVEN, proven.height
            if row.stage == Stage.ARRIVED:
                move(row, Stage.CHECKED)
                if parts.settings.confirm_automatically:
                    steps.append(receipt_step(parts, row))
        await parts.outbox.add(session, *steps)


def _check_minimum(grade: str, minimum: str) -> None:
    """Check that an answer is proven well enough; grades stand best first."""
    if minimum and GRADES.index(grade) > GRADES.index(minimum):
        raise GradeTooLowError(actual=grade, minimum=minimum)
