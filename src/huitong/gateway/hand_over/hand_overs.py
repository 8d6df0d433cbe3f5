"""All hand-overs of one gateway, on both sides, over all channels of its zone."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Final, final

import structlog
from sqlalchemy import or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from huitong.core.errors import HuitongError
from huitong.core.hashing import sha256
from huitong.gateway.hand_over import kinds
from huitong.gateway.hand_over.advancing import Advancing
from huitong.gateway.hand_over.errors import (
    HandOverDocumentMissingError,
    HandOverKeyReusedError,
    HandOverStageError,
)
from huitong.gateway.hand_over.giver import Deliveries, Offers, Sealing
from huitong.gateway.hand_over.model import (
    ENDED,
    HandOverDecisionOrder,
    HandOverFilter,
    HandOverSide,
    HandOverStage,
    HandOverView,
    OfferOrder,
    is_ended,
)
from huitong.gateway.hand_over.parts import HandOverParts
from huitong.gateway.hand_over.receiver import (
    Checking,
    Decisions,
    HandOverArrivals,
    Keeping,
)
from huitong.gateway.hand_over.rows import (
    clear_problem,
    get_row,
    new_row,
    offer_of,
    view_of,
)
from huitong.gateway.hand_over.tables import HandOverRow
from huitong.gateway.outbox.steps import NewStep, chain_step
from huitong.gateway.vault.model import OpenedPayload
from huitong.proto.huitong.exchange.v1 import handover_pb2 as pb

log = structlog.get_logger("gateway")

#: Seconds between two looks at a hand-over that is waited for.
POLL_S: Final = 0.05
#: Seconds between two rounds in which payloads go that nobody needs any more, and how
#: many go in one.
TIDY_S: Final = 5.0
TIDIED_AT_ONCE: Final = 100
#: Stages in which an officer of the receiver may return a record.
_MAY_RETURN: Final = (
    HandOverStage.OFFERED,
    HandOverStage.ARRIVED,
    HandOverStage.CHECKED,
)


@final
class HandOvers:
    """Offers, brings, checks, takes over and returns records."""

    def __init__(self, parts: HandOverParts) -> None:
        """Prepare, and register with the outbox; nothing is asked or started yet."""
        self._parts = parts
        self.arrivals = HandOverArrivals(parts)
        """Takes what peers bring."""
        outbox = parts.outbox
        for kind, handler in (
            (kinds.SEAL, Sealing(parts)),
            (kinds.OFFER, Offers(parts)),
            (kinds.BRING, Deliveries(parts)),
            (kinds.CHECK, Checking(parts)),
            (kinds.DECIDE, Decisions()),
            (kinds.KEEP, Keeping(parts)),
        ):
            outbox.register(kind, handler)
        outbox.follower.add(Advancing(parts))

    @property
    def reader_key(self) -> bytes:
        """X25519 public key that payloads for this member are sealed to."""
        return self._parts.readers.public_key

    # --- ordering -----------------------------------------------------------------------

    async def offer(self, order: OfferOrder) -> HandOverView:
        """Hand a record over; the same order under the same key is one hand-over.

        Raises:
            HandOverKeyReusedError: the key came with another order before.
        """
        digest = sha256(repr(replace(order, request_id="")).encode())
        async with self._parts.database.transaction() as session:
            row: HandOverRow | None = await session.scalar(
                select(HandOverRow).where(HandOverRow.key == order.key)
            )
            if row is None:
                row = _ordered(order, digest)
                session.add(row)
                await session.flush()
                await self._parts.outbox.add(session, _seal(row))
            elif row.order_digest != digest:
                raise HandOverKeyReusedError(key=order.key)
            return view_of(row)

    async def decide(
        self, hand_over_id: str, order: HandOverDecisionOrder
    ) -> HandOverView:
        """Take a record over, or return it.

        Raises:
            HandOverUnknownError: there is none.
            HandOverStageError: this member gives it, it is decided, or what is to be
                taken over has not passed the checks.
            StepKeyReusedError: the key came with another decision before.
        """
        account = self._parts.identity.officer
        async with self._parts.database.transaction() as session:
            row = await get_row(session, hand_over_id, for_update=True)
            _check_decidable(row, order)
            clear_problem(row)
            offered = offer_of(row).record
            accepted = order.is_accepted
            message = pb.MsgDecideHandOver(
                signer=account,
                channel_id=row.channel_id,
                sequence=row.sequence or 0,
                outcome=pb.HAND_OVER_OUTCOME_ACCEPTED
                if accepted
                else pb.HAND_OVER_OUTCOME_RETURNED,
                reason=order.reason,
                record_id=order.record_id,
                # What ``Checking`` has recomputed from the bytes that arrived.
                payload_digest=offered.payload_digest if accepted else b"",
            )
            key = sha256(order.key.encode()).hex()[:32]
            step = chain_step(
                kinds.DECIDE,
                kinds.step_key(kinds.DECIDE, row.id, key),
                message,
                account=account,
                subject=row.id,
                request_id=order.request_id,
            )
            await self._parts.outbox.add(session, step)
            return view_of(row)

    # --- looking ------------------------------------------------------------------------

    async def get(self, hand_over_id: str) -> HandOverView:
        """Return a hand-over.

        Raises:
            HandOverUnknownError: there is none, or it is not this gateway's.
        """
        async with self._parts.database.transaction() as session:
            return view_of(await get_row(session, hand_over_id))

    async def find(
        self, wanted: HandOverFilter, *, after: str = "", limit: int = 100
    ) -> list[HandOverView]:
        """Return hand-overs by ascending id, which is the order of their making."""
        query = select(HandOverRow).where(HandOverRow.id > after)
        if wanted.stages:
            query = query.where(HandOverRow.stage.in_(wanted.stages))
        for column, value in (
            (HandOverRow.side, wanted.side),
            (HandOverRow.peer, wanted.peer),
            (HandOverRow.record_id, wanted.record_id),
        ):
            if value:
                query = query.where(column == value)
        async with self._parts.database.transaction() as session:
            rows = await session.scalars(query.order_by(HandOverRow.id).limit(limit))
            return [view_of(row) for row in rows]

    async def wait(
        self,
        hand_over_id: str,
        timeout_s: float,
        stages: Sequence[HandOverStage] = (),
    ) -> HandOverView:
        """Return the hand-over once it has ended, has a problem or comes to one of
        ``stages``, or after the time.

        Raises:
            HandOverUnknownError: there is none.
        """
        deadline_s = time.monotonic() + timeout_s
        while True:
            view = await self.get(hand_over_id)
            left_s = deadline_s - time.monotonic()
            is_over = is_ended(view.side, view.stage) or view.stage in stages
            if is_over or view.problem is not None or left_s <= 0:
                return view
            await asyncio.sleep(min(POLL_S, left_s))

    async def open_document(self, hand_over_id: str) -> OpenedPayload:
        """Open what arrived, decrypted piece by piece, as people would read it.

        Raises:
            HandOverUnknownError: there is no such hand-over.
            HandOverDocumentMissingError: nothing arrived, or it was returned.
            VaultErasedError: its key was destroyed.
        """
        view = await self.get(hand_over_id)
        holder = "" if view.stage is HandOverStage.KEPT else view.id
        is_here = view.stage in (
            HandOverStage.CHECKED,
            HandOverStage.ACCEPTED,
            HandOverStage.KEPT,
        )
        if view.side is HandOverSide.GIVER or view.offer is None or not is_here:
            raise HandOverDocumentMissingError(hand_over_id=view.id, stage=view.stage)
        digest = view.offer.record.payload_digest
        return await self._parts.vault.open(digest, holder=holder)

    # --- running ------------------------------------------------------------------------

    async def run(self) -> None:
        """Let payloads go that nobody needs any more, until cancelled.

        Everything else is done by ``Outbox.run``.
        """
        while True:
            try:
                if self._parts.outbox.is_leading:
                    await self.tidy()
            except HuitongError as failure:
                log.warning("sealed_not_dropped", reason=failure.diagnostics())
            await asyncio.sleep(TIDY_S)

    async def tidy(self) -> None:
        """Forget sealed bytes of what has ended, and payloads only kept to be looked at."""
        while True:
            async with self._parts.database.reading() as session:
                rows = await _unneeded(session)
            for row in rows:
                if row.keeps_sealed:
                    await self._parts.vault.drop_sealed(row.sealed_digest)
                    await self._parts.vault.drop_sealed_for(row.id)
                async with self._parts.database.transaction() as session:
                    changed = await get_row(session, row.id, for_update=True)
                    if changed.holds_payload:
                        digest = offer_of(row).record.payload_digest
                        await self._parts.vault.forget_received(session, digest, row.id)
                    changed.keeps_sealed = changed.holds_payload = False
            if len(rows) < TIDIED_AT_ONCE:
                return


async def _unneeded(session: AsyncSession) -> Sequence[HandOverRow]:
    """Return hand-overs that have ended and still keep something."""
    accepted = (HandOverRow.stage == HandOverStage.ACCEPTED) & (
        HandOverRow.side == HandOverSide.GIVER
    )
    rows = await session.scalars(
        select(HandOverRow)
        .where(or_(HandOverRow.keeps_sealed, HandOverRow.holds_payload))
        .where(or_(HandOverRow.stage.in_(ENDED), accepted))
        .limit(TIDIED_AT_ONCE)
    )
    return rows.all()


def _ordered(order: OfferOrder, digest: bytes) -> HandOverRow:
    row = new_row(
        HandOverSide.GIVER,
        channel_id=order.channel_id,
        peer=order.receiver,
        record_id=order.record_id,
    )
    row.key, row.order_digest = order.key, digest
    row.reason, row.timeout_s = order.reason, order.timeout_s
    row.request_id = order.request_id
    return row


def _seal(row: HandOverRow) -> NewStep:
    return NewStep(
        kind=kinds.SEAL,
        key=kinds.step_key(kinds.SEAL, row.id),
        payload=b"",
        lane=row.peer,
        subject=row.id,
        request_id=row.request_id,
    )


def _check_decidable(row: HandOverRow, order: HandOverDecisionOrder) -> None:
    allowed = (HandOverStage.CHECKED,) if order.is_accepted else _MAY_RETURN
    if row.side != HandOverSide.RECEIVER or row.stage not in allowed:
        raise HandOverStageError(
            hand_over_id=row.id,
            stage=row.stage,
            action="accepted" if order.is_accepted else "returned",
        )
