"""Standing permissions as the own zone's blocks move them: begun, over, without ground.

What a permission rests on may be gone in the zone's state while nothing says so in the
permission itself: the grant or the consent is withdrawn, the record is revoked. Then this
gateway ends it at once, so that both zones and the other member know why; nothing is
pushed from the same block on in any case, because every version is judged anew.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from typing import Final, final

from sqlalchemy import or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from huitong.core.codec import encode
from huitong.core.time import NS_PER_SECOND
from huitong.gateway.exchange.kinds import END, step_key
from huitong.gateway.exchange.orders import Side, Stage
from huitong.gateway.exchange.parts import Parts
from huitong.gateway.exchange.policy_point import PolicyPoint
from huitong.gateway.exchange.pushing import is_used_up, push_missed
from huitong.gateway.exchange.rows import move as move_exchange
from huitong.gateway.exchange.rows import note_fault
from huitong.gateway.exchange.standing_state import all_pushes, all_subscriptions
from huitong.gateway.exchange.subscription_errors import EndUntoldError
from huitong.gateway.exchange.subscription_events import (
    tell_decision_needed,
    tell_refused,
)
from huitong.gateway.exchange.subscription_orders import (
    OVER,
    UNDECIDED,
    SubscriptionStage,
)
from huitong.gateway.exchange.subscription_rows import (
    find_row,
    move,
    new_row,
    rows_by_id,
)
from huitong.gateway.exchange.tables import ExchangeRow, SubscriptionRow
from huitong.gateway.exchange.zone_state import Touched
from huitong.gateway.outbox.steps import NewStep, chain_step
from huitong.modules.exchange.keys import PROVIDER
from huitong.modules.records.state import HANDED_OVER, REVOKED
from huitong.proto.huitong.exchange.v1 import exchange_pb2 as pb

#: How often the other zone is told of an end before a person must look.
TOLD_MAX: Final = 5
_ENDED_STATES: Final = {
    pb.SUBSCRIPTION_STATE_ENDED: SubscriptionStage.ENDED,
    pb.SUBSCRIPTION_STATE_WITHDRAWN: SubscriptionStage.WITHDRAWN,
}


def end_step(
    parts: Parts,
    row: SubscriptionRow,
    which: int | str,
    *,
    reason: str = "",
    request_id: str = "",
) -> NewStep:
    """Return the step that ends a permission, or tells its end again.

    Args:
        parts: of the exchanges.
        row: the permission.
        which: tells this step from others that end it.
        reason: for people.
        request_id: id of the call that led to it.
    """
    is_provider = row.side == Side.PROVIDER
    identity = parts.identity
    account = identity.officer if is_provider else identity.requester
    timeout_ns = parts.settings.packet_timeout_s * NS_PER_SECOND
    message = pb.MsgEndSubscription(
        signer=account,
        channel_id=row.channel_id,
        sequence=row.sequence or 0,
        side=pb.EXCHANGE_SIDE_PROVIDER if is_provider else pb.EXCHANGE_SIDE_REQUESTER,
        reason=reason,
        timeout_timestamp=time.time_ns() + timeout_ns,
    )
    return chain_step(
        END,
        step_key(END, row.id, which),
        message,
        account=account,
        subject=row.id,
        request_id=request_id,
    )


@final
class Standing:
    """Moves standing permissions on, block by block."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def advance(
        self,
        session: AsyncSession,
        requests: Iterable[pb.Exchange],
        subscriptions: Iterable[pb.Subscription],
    ) -> None:
        """Bring standing requests and permissions to where the zone says they are."""
        for exchange in requests:
            await self._advance_request(session, exchange)
        for subscription in subscriptions:
            await self._advance_subscription(session, subscription)

    async def _advance_request(
        self, session: AsyncSession, exchange: pb.Exchange
    ) -> None:
        side = Side.PROVIDER if exchange.side == PROVIDER else Side.REQUESTER
        row = await find_row(session, side, exchange.channel_id, exchange.sequence)
        if row is None:
            row = new_row(exchange)
            session.add(row)
            await session.flush()
        if row.stage not in UNDECIDED:
            return
        row.deadline_ns = exchange.deadline
        if exchange.HasField("decision"):
            row.decision = encode(exchange.decision)
            row.grant_id = exchange.decision.grant_id
        if exchange.status == pb.EXCHANGE_STATUS_REFUSED:
            move(row, SubscriptionStage.REFUSED)
        elif exchange.status == pb.EXCHANGE_STATUS_TIMED_OUT:
            row.failure = "the request did not arrive in time"
            move(row, SubscriptionStage.TIMED_OUT)
        elif exchange.status == pb.EXCHANGE_STATUS_FAILED:
            row.failure = exchange.failure
            move(row, SubscriptionStage.FAILED)
        elif row.stage == SubscriptionStage.ORDERED:
            move(row, SubscriptionStage.REQUESTED)
            if (
                exchange.status == pb.EXCHANGE_STATUS_REQUESTED
                and side == Side.PROVIDER
            ):
                tell_decision_needed(row)
        if row.stage in OVER:
            tell_refused(row)

    async def _advance_subscription(
        self, session: AsyncSession, found: pb.Subscription
    ) -> None:
        side = Side.PROVIDER if found.side == PROVIDER else Side.REQUESTER
        row = await find_row(session, side, found.channel_id, found.sequence)
        if row is None:
            exchange = pb.Exchange(
                channel_id=found.channel_id,
                sequence=found.sequence,
                side=found.side,
                request=found.request,
            )
            row = new_row(exchange)
            session.add(row)
            await session.flush()
        row.decision = encode(found.decision)
        row.grant_id = found.decision.grant_id
        row.started_height, row.started_ns = found.started_height, found.started_time
        ended = _ENDED_STATES.get(found.state)
        if ended is None:
            if row.stage in UNDECIDED:
                move(row, SubscriptionStage.ACTIVE)
                if side == Side.PROVIDER:
                    await push_missed(session, self._parts, row)
            return
        if row.stage not in OVER:
            await self._end(session, row, found, ended)
        await self._tell_again(session, row, found)

    async def _end(
        self,
        session: AsyncSession,
        row: SubscriptionRow,
        found: pb.Subscription,
        stage: SubscriptionStage,
    ) -> None:
        row.reason_code, row.failure = found.reason_code, found.reason
        row.ended_ns = found.ended_time
        by_provider = found.ended_by == PROVIDER
        row.ended_by = Side.PROVIDER if by_provider else Side.REQUESTER
        move(row, stage)
        if stage != SubscriptionStage.WITHDRAWN or row.side != Side.REQUESTER:
            return
        # What was granted before and is not here will not come any more.
        awaited = await session.scalars(
            select(ExchangeRow)
            .where(ExchangeRow.subscription_id == row.id)
            .where(ExchangeRow.stage == Stage.GRANTED)
        )
        for push in awaited.all():
            push.failure = f"the permission was withdrawn: {row.reason_code}"
            move_exchange(push, Stage.REFUSED)

    async def _tell_again(
        self, session: AsyncSession, row: SubscriptionRow, found: pb.Subscription
    ) -> None:
        """Tell the other zone of an end that did not reach it, if it was ended here."""
        row.is_end_known = found.end_acknowledged
        if found.end_acknowledged or found.end_sequence:
            return
        if row.ended_by != row.side:
            return
        row.ends += 1
        if row.ends > TOLD_MAX:
            note_fault(row, EndUntoldError(count=row.ends))
            return
        step = end_step(self._parts, row, row.ends)
        await self._parts.outbox.add(session, step)

    # --- ground that is gone ------------------------------------------------------------

    async def end_groundless(self, session: AsyncSession, touched: Touched) -> None:
        """End the permissions whose grant, consent or record is gone since a block."""
        rows = await session.scalars(
            select(SubscriptionRow)
            .where(SubscriptionRow.side == Side.PROVIDER)
            .where(SubscriptionRow.stage == SubscriptionStage.ACTIVE)
            .where(
                or_(
                    SubscriptionRow.grant_id.in_(touched.grants),
                    SubscriptionRow.consent_id.in_(touched.consents),
                    SubscriptionRow.record_id.in_(touched.records),
                )
            )
        )
        await self._end_all(session, rows.all(), "ground")

    async def end_used_up(self, session: AsyncSession, ids: set[str]) -> None:
        """End those of some permissions under which all versions asked for were taken."""
        rows = (await rows_by_id(session, ids)).values()
        used_up = [
            row
            for row in rows
            if row.side == Side.PROVIDER
            and row.stage == SubscriptionStage.ACTIVE
            and await is_used_up(session, row)
        ]
        await self._end_all(session, used_up, "count")

    async def _end_all(
        self, session: AsyncSession, rows: Sequence[SubscriptionRow], why: str
    ) -> None:
        steps = [end_step(self._parts, row, why) for row in rows]
        await self._parts.outbox.add(session, *steps)

    # --- after a gap --------------------------------------------------------------------

    async def reconcile(self) -> list[pb.Exchange]:
        """Bring every permission to where the zone says it is; return all pushes."""
        parts = self._parts
        zone, member_id = parts.links.own_zone, parts.identity.member_id
        pushes: list[pb.Exchange] = []
        async for page in all_subscriptions(zone, member_id):
            async with parts.database.transaction() as session:
                await self.advance(session, (), page)
            for subscription in page:
                async for some in all_pushes(zone, subscription):
                    pushes += some
        return pushes

    async def catch_up(self) -> None:
        """Push what was missed, and end what has lost its ground meanwhile."""
        parts = self._parts
        async with parts.database.searching() as session:
            found = await session.scalars(
                select(SubscriptionRow)
                .where(SubscriptionRow.side == Side.PROVIDER)
                .where(SubscriptionRow.stage == SubscriptionStage.ACTIVE)
            )
            rows = found.all()
        point = PolicyPoint(parts.links.own_zone)
        lost = [row.id for row in rows if await self._has_lost_ground(point, row)]
        async with parts.database.transaction() as session:
            again = await rows_by_id(session, {row.id for row in rows})
            for row in again.values():
                if row.id in lost:
                    await self._end_all(session, [row], "ground")
                else:
                    await push_missed(session, parts, row)

    async def _has_lost_ground(self, point: PolicyPoint, row: SubscriptionRow) -> bool:
        member_id = self._parts.identity.member_id
        if row.grant_id:
            grant = await point.find_grant(row.grant_id)
            if grant is not None and grant.withdrawn:
                return True
        if row.consent_id:
            consent = await point.find_consent(row.consent_id)
            if consent is not None and consent.withdrawn:
                return True
        if not row.record_id:
            return False
        header = await point.find_version(member_id, row.record_id, 0)
        return header is None or header.status in (REVOKED, HANDED_OVER)
