"""The provider's steps: seal what was granted, state it on chain, hand it over."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final, final

from sqlalchemy.ext.asyncio import AsyncSession

from huitong.core.errors import HuitongError
from huitong.core.hashing import HASH_SIZE_BYTES
from huitong.gateway.exchange.gifts import gift_of
from huitong.gateway.exchange.kinds import SEAL
from huitong.gateway.exchange.orders import ENDED, Stage
from huitong.gateway.exchange.parts import HandOver, Parts
from huitong.gateway.exchange.provider_steps import (
    hand_over_step,
    push_step,
    statement_step,
)
from huitong.gateway.exchange.rows import (
    decision_of,
    move,
    note_stopped,
    request_of,
    rows_of,
)
from huitong.gateway.exchange.subscription_orders import SubscriptionStage
from huitong.gateway.exchange.tables import ExchangeRow, SubscriptionRow
from huitong.gateway.outbox.ledger import failure_of
from huitong.gateway.outbox.steps import (
    Done,
    Settled,
    Step,
    StepOutcome,
    StepState,
)
from huitong.gateway.reads.given import log_gifts
from huitong.payload.sealing import SealingContext

#: Payloads that are sealed in one call, and calls at once.
SEALED_AT_ONCE: Final = 16
SEALERS: Final = 2
#: Hand-overs to one peer at once; others never wait for it.
HAND_OVERS_PER_PEER: Final = 16
_SIZE_BYTES: Final = 8
#: Result of a hand-over that did not take place.
_WITHDRAWN: Final = b"withdrawn"


@final
class Sealing:
    """Seals granted fields to the reader's key; the vault keeps the sealed bytes."""

    batch_max = SEALED_AT_ONCE
    parallel_max = SEALERS

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def execute(self, steps: Sequence[Step]) -> list[StepOutcome]:
        """Seal for each step."""
        async with self._parts.database.reading() as session:
            rows = await rows_of(session, steps)
        chain_id = await self._parts.links.own_zone.chain_id()
        return list(
            await asyncio.gather(
                *(self._seal(rows[step.subject], chain_id) for step in steps)
            )
        )

    async def _seal(self, row: ExchangeRow, chain_id: str) -> StepOutcome:
        request, decision = request_of(row), decision_of(row)
        try:
            sealed = await self._parts.vault.seal(
                decision.payload_digest,
                tuple(decision.fields),
                request.reader_key,
                SealingContext(
                    chain_id_of_a=chain_id,
                    channel_on_a=row.channel_id,
                    sequence=row.sequence or 0,
                    requester=request.requester,
                    payload_digest=decision.payload_digest,
                ),
                holder=row.id,
            )
        except Exception as failure:  # noqa: BLE001 - each payload fails for itself
            return failure_of(failure, SEAL)
        size = sealed.size.to_bytes(_SIZE_BYTES, "big")
        return Done(result=sealed.sealed_digest + size)

    async def settle(self, session: AsyncSession, settled: Sequence[Settled]) -> None:
        """Have the digest of what was sealed stated on chain."""
        rows = await rows_of(session, [item.step for item in settled])
        steps = []
        for item in settled:
            row, step = rows[item.step.subject], item.step
            is_elsewhere = bool(row.subscription_id) and row.stage != Stage.GRANTED
            if row.stage in ENDED or is_elsewhere:
                row.keeps_sealed = True  # what was sealed in vain is tidied away
            elif step.state == StepState.DONE:
                row.sealed_digest = step.result[:HASH_SIZE_BYTES]
                row.sealed_size = int.from_bytes(step.result[HASH_SIZE_BYTES:], "big")
                row.keeps_sealed = True
                move(row, Stage.SEALED)
                follows = push_step if row.subscription_id else statement_step
                steps.append(follows(self._parts, row))
            else:
                note_stopped(row, step)
        await self._parts.outbox.add(session, *steps)
        self._parts.outbox.wake()


@final
class Statements:
    """Hears of the end of the statements of delivery."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def settle(self, session: AsyncSession, settled: Sequence[Settled]) -> None:
        """Have what was stated handed over."""
        rows = await rows_of(session, [item.step for item in settled])
        steps = []
        for item in settled:
            row, step = rows[item.step.subject], item.step
            if row.stage in ENDED:
                continue
            if step.state in (StepState.DONE, StepState.SKIPPED):
                row.stated_height = step.height
                move(row, Stage.DELIVERED)
                steps.append(hand_over_step(row))
            else:
                note_stopped(row, step)
        await self._parts.outbox.add(session, *steps)


@final
class HandOvers:
    """Brings sealed bytes to the peers."""

    batch_max = 1
    parallel_max = HAND_OVERS_PER_PEER

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def execute(self, steps: Sequence[Step]) -> list[StepOutcome]:
        """Bring the sealed bytes of one exchange to its peer."""
        parts = self._parts
        async with parts.database.reading() as session:
            rows = await rows_of(session, steps)
        (row,) = rows.values()
        if row.stage in ENDED:
            return [Done()]
        if await self._is_withdrawn(row):
            return [Done(result=_WITHDRAWN)]
        try:
            await self._hand_over(row, steps[0])
        except HuitongError:
            if await self._is_withdrawn(row):
                return [Done(result=_WITHDRAWN)]
            raise
        return [Done()]

    async def _hand_over(self, row: ExchangeRow, step: Step) -> None:
        parts = self._parts
        end = await parts.links.other_end(row.channel_id)
        what = HandOver(
            exchange_id=row.id,
            step_key=step.key,
            peer=row.peer,
            chain_id_of_a=await parts.links.own_zone.chain_id(),
            channel_on_a=row.channel_id,
            chain_id_of_b=end.chain_id,
            channel_on_b=end.channel_id,
            sequence=row.sequence or 0,
            push_number=row.push_number or 0,
            sealed_digest=row.sealed_digest,
            size=row.sealed_size,
            stated_height=row.stated_height,
            request_id=row.request_id,
        )
        sealed = await parts.vault.open_sealed(row.sealed_digest)
        await log_gifts(parts.database, [gift_of(row, end.chain_id)])
        await parts.peers.hand_over(what, sealed)

    async def _is_withdrawn(self, row: ExchangeRow) -> bool:
        """Tell whether a pushed version must not go out any more."""
        if not row.subscription_id:
            return False
        async with self._parts.database.reading() as session:
            permission = await session.get(SubscriptionRow, row.subscription_id)
        return permission is None or permission.stage == SubscriptionStage.WITHDRAWN

    async def settle(self, session: AsyncSession, settled: Sequence[Settled]) -> None:
        """Note what is with the peer; the receipt is awaited."""
        rows = await rows_of(session, [item.step for item in settled])
        for item in settled:
            row, step = rows[item.step.subject], item.step
            if row.stage in ENDED:
                continue
            if step.result == _WITHDRAWN:
                row.failure = "the permission was withdrawn before it was handed over"
                move(row, Stage.REFUSED)
            elif step.state in (StepState.DONE, StepState.SKIPPED):
                move(row, Stage.HANDED_OVER)
            else:
                note_stopped(row, step)
