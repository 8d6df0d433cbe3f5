"""The provider's steps: seal what was granted, state it on chain, hand it over."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, final

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from huitong.core.errors import HuitongError, RejectedError
from huitong.core.hashing import HASH_SIZE_BYTES
from huitong.gateway.exchange.gifts import gift_of
from huitong.gateway.exchange.kinds import HAND_OVER, SEAL
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
    Failed,
    Settled,
    Step,
    StepOutcome,
    StepState,
)
from huitong.gateway.peers.limits import BATCH_ITEM_SIZE_BYTES_MAX
from huitong.gateway.reads.given import log_gifts
from huitong.gateway.vault.blocks import one_piece
from huitong.gateway.vault.errors import VaultCorruptError
from huitong.gateway.vault.model import ByteStream, SealedPayload, SealOrder
from huitong.payload.sealing import SealingContext

#: Payloads that are sealed in one call, and calls at once.
SEALED_AT_ONCE: Final = 32
SEALERS: Final = 4
#: Small payloads that are handed over in one call, and calls to one peer at once; others
#: never wait for it.
HANDED_OVER_AT_ONCE: Final = 32
HAND_OVERS_PER_PEER: Final = 3
#: Large payloads that are handed over to one peer at once.
LARGE_HAND_OVERS_PER_PEER: Final = 8
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
        parts = self._parts
        async with parts.database.reading() as session:
            rows = await rows_of(session, steps)
        chain_id = await parts.links.own_zone.chain_id()
        orders = [_seal_order(rows[step.subject], chain_id) for step in steps]
        return [_sealed(found) for found in await parts.vault.seal_many(orders)]

    async def settle(self, session: AsyncSession, settled: Sequence[Settled]) -> None:
        """Have the digest of what was sealed stated on chain."""
        rows = await rows_of(session, [item.step for item in settled], for_update=True)
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


def _all_failed(
    parcels: Sequence[_Parcel], failure: Exception
) -> dict[str, StepOutcome]:
    return {parcel.row.id: failure_of(failure, HAND_OVER) for parcel in parcels}


def _seal_order(row: ExchangeRow, chain_id: str) -> SealOrder:
    request, decision = request_of(row), decision_of(row)
    return SealOrder(
        digest=decision.payload_digest,
        names=tuple(decision.fields),
        reader_key=request.reader_key,
        context=SealingContext(
            chain_id_of_a=chain_id,
            channel_on_a=row.channel_id,
            sequence=row.sequence or 0,
            requester=request.requester,
            payload_digest=decision.payload_digest,
        ),
        holder=row.id,
    )


def _sealed(found: SealedPayload | Exception) -> StepOutcome:
    """Return the outcome of one payload; each fails for itself."""
    if isinstance(found, Exception):
        return failure_of(found, SEAL)
    size = found.size.to_bytes(_SIZE_BYTES, "big")
    return Done(result=found.sealed_digest + size)


@final
class Statements:
    """Hears of the end of the statements of delivery."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def settle(self, session: AsyncSession, settled: Sequence[Settled]) -> None:
        """Have what was stated handed over."""
        rows = await rows_of(session, [item.step for item in settled], for_update=True)
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
    """Brings sealed bytes to the peers: many small ones of one channel in one call.

    Few calls are under way at once, so that each brings what came together meanwhile.
    """

    def __init__(
        self,
        parts: Parts,
        *,
        batch_max: int = HANDED_OVER_AT_ONCE,
        parallel_max: int = HAND_OVERS_PER_PEER,
    ) -> None:
        """Prepare.

        Args:
            parts: of the exchanges.
            batch_max: steps that are carried out in one call.
            parallel_max: calls under way at once, for each peer.
        """
        self.batch_max = batch_max
        self.parallel_max = parallel_max
        self._parts = parts

    async def execute(self, steps: Sequence[Step]) -> list[StepOutcome]:
        """Bring the sealed bytes of exchanges to their peer; each fails for itself."""
        async with self._parts.database.reading() as session:
            rows = await rows_of(session, steps)
            withdrawn = await _withdrawn(session, list(rows.values()))
        outcomes: dict[str, StepOutcome] = {}
        by_channel: dict[str, list[_Parcel]] = {}
        for step in steps:
            row = rows[step.subject]
            if row.stage in ENDED:
                outcomes[row.id] = Done()
            elif row.id in withdrawn:
                outcomes[row.id] = Done(result=_WITHDRAWN)
            else:
                try:
                    parcel = _Parcel(row, await self._hand_over(row, step))
                except Exception as failure:  # noqa: BLE001 - channels differ
                    outcomes[row.id] = failure_of(failure, HAND_OVER)
                    continue
                by_channel.setdefault(row.channel_id, []).append(parcel)
        await log_gifts(
            self._parts.database,
            [
                gift_of(parcel.row, parcel.what.chain_id_of_b)
                for parcels in by_channel.values()
                for parcel in parcels
            ],
        )
        for some in await asyncio.gather(*map(self._bring, by_channel.values())):
            outcomes |= some
        outcomes |= await self._withdrawn_meanwhile(rows, outcomes)
        return [outcomes[step.subject] for step in steps]

    async def _hand_over(self, row: ExchangeRow, step: Step) -> HandOver:
        links = self._parts.links
        end = await links.other_end(row.channel_id)
        return HandOver(
            exchange_id=row.id,
            step_key=step.key,
            peer=row.peer,
            chain_id_of_a=await links.own_zone.chain_id(),
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

    async def _bring(self, parcels: Sequence[_Parcel]) -> dict[str, StepOutcome]:
        """Bring what belongs to one channel."""
        try:
            opened = await self._parts.vault.open_sealed_many(
                [parcel.what.sealed_digest for parcel in parcels]
            )
        except Exception as failure:  # noqa: BLE001 - told for each
            return _all_failed(parcels, failure)
        outcomes: dict[str, StepOutcome] = {}
        small: list[tuple[_Parcel, bytes]] = []
        for parcel in parcels:
            stream = opened[parcel.what.sealed_digest]
            if isinstance(stream, HuitongError):
                outcomes[parcel.row.id] = Failed(error=stream)
            elif parcel.what.size > BATCH_ITEM_SIZE_BYTES_MAX:
                outcomes[parcel.row.id] = await self._bring_alone(parcel, stream)
            else:
                try:
                    small.append((parcel, await _whole(parcel, stream)))
                except HuitongError as failure:
                    outcomes[parcel.row.id] = Failed(error=failure)
        return outcomes | await self._bring_small(small)

    async def _bring_alone(self, parcel: _Parcel, sealed: ByteStream) -> StepOutcome:
        try:
            await self._parts.peers.hand_over(parcel.what, sealed)
        except Exception as failure:  # noqa: BLE001 - each payload fails for itself
            return failure_of(failure, HAND_OVER)
        return Done()

    async def _bring_small(
        self, small: Sequence[tuple[_Parcel, bytes]]
    ) -> dict[str, StepOutcome]:
        """Bring small payloads in one call; a peer that wants no batch gets each alone."""
        if not small:
            return {}
        try:
            failures = await self._parts.peers.hand_over_many(
                [parcel.what for parcel, _ in small], [sealed for _, sealed in small]
            )
        except RejectedError:
            return {
                parcel.row.id: await self._bring_alone(parcel, one_piece(sealed))
                for parcel, sealed in small
            }
        except Exception as failure:  # noqa: BLE001 - other channels are not at fault
            return _all_failed([parcel for parcel, _ in small], failure)
        return {
            parcel.row.id: Done() if failure is None else Failed(error=failure)
            for (parcel, _), failure in zip(small, failures, strict=True)
        }

    async def _withdrawn_meanwhile(
        self, rows: Mapping[str, ExchangeRow], outcomes: Mapping[str, StepOutcome]
    ) -> dict[str, StepOutcome]:
        """Return the outcomes of versions that failed because they may not go out."""
        failed = [
            row
            for row in rows.values()
            if row.subscription_id and isinstance(outcomes[row.id], Failed)
        ]
        if not failed:
            return {}
        async with self._parts.database.reading() as session:
            withdrawn = await _withdrawn(session, failed)
        return {row_id: Done(result=_WITHDRAWN) for row_id in withdrawn}

    async def settle(self, session: AsyncSession, settled: Sequence[Settled]) -> None:
        """Note what is with the peer; the receipt is awaited."""
        rows = await rows_of(session, [item.step for item in settled], for_update=True)
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


@dataclass(frozen=True, slots=True)
class _Parcel:
    """An exchange, and what is brought for it."""

    row: ExchangeRow
    what: HandOver


async def _whole(parcel: _Parcel, stream: ByteStream) -> bytes:
    """Return small sealed bytes.

    Raises:
        VaultStoreError: the store does not give them.
        VaultCorruptError: it gives others.
    """
    sealed = b"".join([piece async for piece in stream])
    if len(sealed) != parcel.what.size:
        raise VaultCorruptError(
            digest=parcel.what.sealed_digest,
            reason=f"{len(sealed)} sealed bytes in the place of {parcel.what.size}",
        )
    return sealed


async def _withdrawn(session: AsyncSession, rows: Sequence[ExchangeRow]) -> set[str]:
    """Return which exchanges are pushed versions that must not go out any more."""
    permissions = {row.id: row.subscription_id for row in rows if row.subscription_id}
    if not permissions:
        return set()
    found = await session.scalars(
        select(SubscriptionRow.id)
        .where(SubscriptionRow.id.in_(set(permissions.values())))
        .where(SubscriptionRow.stage != SubscriptionStage.WITHDRAWN)
    )
    standing = set(found)
    return {row_id for row_id, at in permissions.items() if at not in standing}
