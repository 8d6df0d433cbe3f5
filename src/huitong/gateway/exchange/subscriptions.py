"""All standing permissions of one gateway, on both sides."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import final

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from huitong.core.codec import encode
from huitong.core.hashing import sha256
from huitong.gateway.exchange import kinds
from huitong.gateway.exchange.errors import OrderKeyReusedError
from huitong.gateway.exchange.orders import DecideOrder, Side
from huitong.gateway.exchange.parts import Parts
from huitong.gateway.exchange.policy_point import PolicyPoint, judge_at_issuer
from huitong.gateway.exchange.pushing import Judging, Pushes
from huitong.gateway.exchange.request_step import request_step
from huitong.gateway.exchange.rows import new_id, note_problem
from huitong.gateway.exchange.standing import end_step
from huitong.gateway.exchange.subscription_errors import (
    SubscriptionNotActiveError,
    SubscriptionUndecidableError,
)
from huitong.gateway.exchange.subscription_orders import (
    OVER,
    EndOrder,
    SubscribeOrder,
    SubscriptionFilter,
    SubscriptionStage,
    SubscriptionView,
)
from huitong.gateway.exchange.subscription_rows import (
    get_row,
    move,
    named_in,
    request_of,
    rows_of,
    views_of,
)
from huitong.gateway.exchange.tables import SubscriptionRow
from huitong.gateway.outbox.steps import Settled, StepState, chain_step
from huitong.proto.huitong.exchange.v1 import exchange_pb2 as pb

#: Seconds between two looks at a permission that is waited for.
POLL_S = 0.05


@final
class Subscriptions:
    """Asks for standing permissions, decides on them, ends them."""

    def __init__(self, parts: Parts) -> None:
        """Prepare, and register with the outbox; nothing is asked or started yet."""
        self._parts = parts
        for kind, handler in (
            (kinds.SUBSCRIBE, _Requests()),
            (kinds.DECIDE_STANDING, _Problems()),
            (kinds.END, _Problems()),
            (kinds.JUDGE, Judging(parts)),
            (kinds.PUSH, Pushes(parts)),
        ):
            parts.outbox.register(kind, handler)

    # --- ordering -----------------------------------------------------------------------

    async def request(self, order: SubscribeOrder) -> SubscriptionView:
        """Ask for a standing permission; the same order under the same key is one.

        Raises:
            OrderKeyReusedError: the key came with another order before.
            NotShareableError: the issuer's zone would refuse it at once, where the
                settings say that this is asked first.
        """
        digest = sha256(repr(replace(order, request_id="")).encode())
        await self._check_request(order)
        async with self._parts.database.transaction() as session:
            row = await session.scalar(
                select(SubscriptionRow).where(SubscriptionRow.key == order.key)
            )
            if row is None:
                row = self._new_row(order, digest)
                session.add(row)
                await session.flush()
                step = request_step(self._parts, kinds.SUBSCRIBE, row, order.timeout_s)
                await self._parts.outbox.add(session, step)
            elif row.order_digest != digest:
                raise OrderKeyReusedError(key=order.key)
            (view,) = await views_of(session, [row])
        return view

    async def decide(
        self, subscription_id: str, order: DecideOrder
    ) -> SubscriptionView:
        """Decide on a standing request that waits for an officer.

        Raises:
            SubscriptionUnknownError: there is none.
            SubscriptionUndecidableError: it does not wait.
            NotShareableError, FieldsNotAskedError: the zone would not take this grant.
            StepKeyReusedError: the key came with another decision before.
        """
        await self._check_decision(subscription_id, order)
        account = self._parts.identity.officer
        outcome = pb.OUTCOME_GRANTED if order.grant else pb.OUTCOME_REFUSED
        async with self._parts.database.transaction() as session:
            row = await get_row(session, subscription_id)
            waits = (Side.PROVIDER, SubscriptionStage.REQUESTED)
            if (row.side, row.stage) != waits:
                raise SubscriptionUndecidableError(
                    subscription_id=subscription_id, stage=row.stage
                )
            message = pb.MsgDecideExchange(
                signer=account,
                channel_id=row.channel_id,
                sequence=row.sequence or 0,
                outcome=outcome,
                reason=order.reason,
                fields=sorted(order.fields),
            )
            key = sha256(order.key.encode()).hex()[:32]
            step = chain_step(
                kinds.DECIDE_STANDING,
                kinds.step_key(kinds.DECIDE_STANDING, row.id, key),
                message,
                account=account,
                subject=row.id,
                request_id=order.request_id,
            )
            await self._parts.outbox.add(session, step)
            (view,) = await views_of(session, [row])
        return view

    async def end(self, subscription_id: str, order: EndOrder) -> SubscriptionView:
        """End a permission from this side, or tell an end again that nobody heard.

        Raises:
            SubscriptionUnknownError: there is none.
            SubscriptionNotActiveError: it has not begun, or the other zone knows.
        """
        async with self._parts.database.transaction() as session:
            row = await get_row(session, subscription_id, for_update=True)
            is_untold = (
                row.stage in (SubscriptionStage.ENDED, SubscriptionStage.WITHDRAWN)
                and not row.is_end_known
                and bool(row.problem_codespace)
            )
            if row.stage != SubscriptionStage.ACTIVE and not is_untold:
                raise SubscriptionNotActiveError(
                    subscription_id=subscription_id, stage=row.stage
                )
            key = sha256(order.key.encode()).hex()[:32]
            step = end_step(
                self._parts,
                row,
                key,
                reason=order.reason,
                request_id=order.request_id,
            )
            await self._parts.outbox.add(session, step)
            (view,) = await views_of(session, [row])
        return view

    async def _check_request(self, order: SubscribeOrder) -> None:
        """Refuse what the issuer's zone would refuse, if the settings say so."""
        parts = self._parts
        if not parts.settings.judge_requests:
            return
        async with parts.database.transaction() as session:
            query = select(SubscriptionRow.id).where(SubscriptionRow.key == order.key)
            is_known = await session.scalar(query) is not None
        if not is_known:
            packet = self._packet(order)
            await judge_at_issuer(parts.links, order.channel_id, packet)

    async def _check_decision(self, subscription_id: str, order: DecideOrder) -> None:
        """Refuse a grant that the zone would refuse, before anything is sent."""
        if not order.grant:
            return
        async with self._parts.database.transaction() as session:
            row = await get_row(session, subscription_id)
        if row.side == Side.PROVIDER and row.stage == SubscriptionStage.REQUESTED:
            point = PolicyPoint(self._parts.links.own_zone)
            request = request_of(row)
            await point.check_grantable(row.channel_id, request, sorted(order.fields))

    def _packet(self, order: SubscribeOrder) -> pb.RequestPacket:
        return pb.RequestPacket(
            requester=self._parts.identity.member_id,
            reader_key=self._parts.readers.public_key,
            issuer=order.issuer,
            record_id=order.record_id,
            record_type=order.record_type,
            purpose=order.purpose,
            legal_basis=order.legal_basis,
            consent_id=order.consent_id,
            fields=sorted(order.fields),
            term_until=order.term_until,
            standing=True,
            count_max=order.count_max,
        )

    def _new_row(self, order: SubscribeOrder, digest: bytes) -> SubscriptionRow:
        now_ns = time.time_ns()
        request = self._packet(order)
        return SubscriptionRow(
            id=new_id(now_ns),
            side=Side.REQUESTER,
            stage=SubscriptionStage.ORDERED,
            key=order.key,
            order_digest=digest,
            channel_id=order.channel_id,
            sequence=None,
            peer=order.issuer,
            request=encode(request),
            **named_in(request),
            minimum_grade=order.minimum_grade or self._parts.settings.minimum_grade,
            request_id=order.request_id,
            created_ns=now_ns,
            changed_ns=now_ns,
        )

    # --- looking ------------------------------------------------------------------------

    async def get(self, subscription_id: str) -> SubscriptionView:
        """Return a standing permission.

        Raises:
            SubscriptionUnknownError: there is none, or it is not this gateway's.
        """
        async with self._parts.database.reading() as session:
            row = await get_row(session, subscription_id)
            (view,) = await views_of(session, [row])
        return view

    async def find(
        self, wanted: SubscriptionFilter, *, after: str = "", limit: int = 100
    ) -> Sequence[SubscriptionView]:
        """Return standing permissions by ascending id, the order of their making."""
        query = select(SubscriptionRow).where(SubscriptionRow.id > after)
        if wanted.stages:
            query = query.where(SubscriptionRow.stage.in_(wanted.stages))
        if wanted.stuck is not None:
            has_problem = SubscriptionRow.problem_codespace != ""
            query = query.where(has_problem if wanted.stuck else ~has_problem)
        for column, value in (
            (SubscriptionRow.side, wanted.side),
            (SubscriptionRow.peer, wanted.peer),
            (SubscriptionRow.record_id, wanted.record_id),
            (SubscriptionRow.record_type, wanted.record_type),
        ):
            if value:
                query = query.where(column == value)
        query = query.order_by(SubscriptionRow.id).limit(limit)
        async with self._parts.database.reading() as session:
            return await views_of(session, (await session.scalars(query)).all())

    async def wait(
        self,
        subscription_id: str,
        timeout_s: float,
        stages: Collection[SubscriptionStage] = OVER,
    ) -> SubscriptionView:
        """Return a permission once it is in one of these stages or has a problem.

        Raises:
            SubscriptionUnknownError: there is none.
        """
        deadline_s = time.monotonic() + timeout_s
        while True:
            view = await self.get(subscription_id)
            left_s = deadline_s - time.monotonic()
            if view.stage in stages or view.problem is not None or left_s <= 0:
                return view
            await asyncio.sleep(min(POLL_S, left_s))


@final
class _Requests:
    """Hears of the end of the standing requests' steps."""

    async def settle(self, session: AsyncSession, settled: Sequence[Settled]) -> None:
        """Learn under which sequence a request went out."""
        rows = await rows_of(session, [item.step for item in settled])
        for item in settled:
            row, step = rows[item.step.subject], item.step
            if step.state == StepState.DONE:
                answer = pb.MsgRequestExchangeResponse.FromString(step.result)
                row.sequence = answer.sequence
                move(row, SubscriptionStage.REQUESTED)
            elif step.state == StepState.STUCK:
                note_problem(row, step)
            else:
                move(row, SubscriptionStage.CANCELLED)


@final
class _Problems:
    """Hears of the end of steps of which the zone's blocks tell the rest."""

    async def settle(self, session: AsyncSession, settled: Sequence[Settled]) -> None:
        """Note the problem of what the zone did not take, unless it is over anyway."""
        rows = await rows_of(session, [item.step for item in settled])
        for item in settled:
            row = rows[item.step.subject]
            if item.step.state == StepState.STUCK and row.stage not in OVER:
                note_problem(row, item.step)
