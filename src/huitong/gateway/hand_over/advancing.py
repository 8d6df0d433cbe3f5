"""Where hand-overs go from what the own zone says about them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final, final

import structlog
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from huitong.client.subscription import BlockSeen
from huitong.core.codec import encode
from huitong.gateway.hand_over.kinds import CHECK_LANE, KEEP, step_key
from huitong.gateway.hand_over.model import HandOverSide, HandOverStage
from huitong.gateway.hand_over.parts import HandOverParts
from huitong.gateway.hand_over.rows import has_ended, move, new_row
from huitong.gateway.hand_over.tables import HandOverRow
from huitong.gateway.hand_over.zone_state import (
    all_hand_overs,
    read_hand_overs,
    touched_in,
)
from huitong.gateway.outbox.steps import NewStep
from huitong.proto.huitong.exchange.v1 import handover_pb2 as pb

log = structlog.get_logger("gateway")

_ENDS: Final = {
    pb.HAND_OVER_STATUS_RETURNED: HandOverStage.RETURNED,
    pb.HAND_OVER_STATUS_TIMED_OUT: HandOverStage.TIMED_OUT,
    pb.HAND_OVER_STATUS_FAILED: HandOverStage.FAILED,
}
_BEFORE_OFFER: Final = (HandOverStage.ORDERED, HandOverStage.SEALED)


@final
class Advancing:
    """Moves hand-overs on, block by block."""

    def __init__(self, parts: HandOverParts) -> None:
        self._parts = parts

    async def prepare(self) -> None:
        """Every hand-over is looked up when a block touches it."""

    async def read(self, block: BlockSeen) -> Any:
        """Return the hand-overs that a block has touched, as they are now."""
        touched = touched_in(block, self._parts.identity.member_id)
        if not touched:
            return None
        return await read_hand_overs(self._parts.links.own_zone, touched)

    async def apply(
        self, session: AsyncSession, block: BlockSeen, found: Sequence[pb.HandOver]
    ) -> None:
        """Write what follows from a block."""
        await self.advance(session, found)

    async def applied(self, block: BlockSeen, found: Any) -> None:
        """What was added goes on by itself."""

    async def reconcile(self) -> None:
        """Bring every hand-over to where the zone says that it is."""
        parts = self._parts
        pages = all_hand_overs(parts.links.own_zone, parts.identity.member_id)
        async for page in pages:
            async with parts.database.transaction() as session:
                await self.advance(session, page)

    async def resumed(self) -> None:
        """Nothing waits for this."""

    async def advance(
        self, session: AsyncSession, hand_overs: Sequence[pb.HandOver]
    ) -> None:
        """Bring hand-overs to where the zone says that they are."""
        steps: list[NewStep] = []
        for hand_over in hand_overs:
            row = await _find_row(session, hand_over)
            if row is None:
                row = _new_row(hand_over)
                session.add(row)
            if not has_ended(row):
                steps += _next_steps(row, hand_over)
        await self._parts.outbox.add(session, *steps)


def _next_steps(row: HandOverRow, hand_over: pb.HandOver) -> Iterable[NewStep]:
    """Change one row to what the zone says; return what is to be done then."""
    row.offer = encode(hand_over.offer)
    row.deadline_ns = hand_over.deadline
    row.failure = hand_over.failure
    if hand_over.HasField("decision"):
        row.decision = encode(hand_over.decision)
    status = hand_over.status
    if status in _ENDS:
        move(row, _ENDS[status])
    elif status == pb.HAND_OVER_STATUS_ACCEPTED:
        if row.stage != HandOverStage.ACCEPTED:
            move(row, HandOverStage.ACCEPTED)
            if row.side == HandOverSide.RECEIVER and row.sealed_digest:
                return [_keep(row)]
    elif row.stage in _BEFORE_OFFER:
        move(row, HandOverStage.OFFERED)
    return []


def _keep(row: HandOverRow) -> NewStep:
    return NewStep(
        kind=KEEP,
        key=step_key(KEEP, row.id),
        payload=b"",
        lane=CHECK_LANE,
        subject=row.id,
        request_id=row.request_id,
    )


async def _find_row(
    session: AsyncSession, hand_over: pb.HandOver
) -> HandOverRow | None:
    found: HandOverRow | None = await session.scalar(
        select(HandOverRow).where(
            HandOverRow.channel_id == hand_over.channel_id,
            HandOverRow.sequence == hand_over.sequence,
            HandOverRow.side == _side(hand_over),
        )
    )
    return found


def _new_row(hand_over: pb.HandOver) -> HandOverRow:
    """Return a hand-over that others began, or that was begun by hand."""
    offer, side = hand_over.offer, _side(hand_over)
    is_giver = side is HandOverSide.GIVER
    row = new_row(
        side,
        channel_id=hand_over.channel_id,
        peer=offer.receiver if is_giver else offer.record.issuer,
        record_id=offer.record.record_id,
    )
    row.stage = HandOverStage.OFFERED
    row.sequence = hand_over.sequence
    row.reason, row.request_id = offer.reason, offer.request_id
    return row


def _side(hand_over: pb.HandOver) -> HandOverSide:
    is_giver = hand_over.side == pb.HAND_OVER_SIDE_GIVER
    return HandOverSide.GIVER if is_giver else HandOverSide.RECEIVER
