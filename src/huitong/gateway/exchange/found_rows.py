"""Exchanges that others began, or that were begun by hand, in the database."""

from __future__ import annotations

import time

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from huitong.core.codec import encode
from huitong.gateway.exchange.orders import Side, Stage
from huitong.gateway.exchange.rows import new_id
from huitong.gateway.exchange.subscription_rows import find_row
from huitong.gateway.exchange.tables import ExchangeRow
from huitong.modules.exchange.keys import PROVIDER
from huitong.proto.huitong.exchange.v1.exchange_pb2 import Exchange


def side_of(exchange: Exchange) -> Side:
    """Return which end of an exchange this gateway is."""
    return Side.PROVIDER if exchange.side == PROVIDER else Side.REQUESTER


def new_row(exchange: Exchange) -> ExchangeRow:
    """Return an exchange that others began, or that was begun by hand."""
    request = exchange.request
    is_provider = exchange.side == PROVIDER
    now_ns = time.time_ns()
    return ExchangeRow(
        id=new_id(now_ns),
        side=side_of(exchange),
        stage=Stage.ORDERED,
        key=None,
        order_digest=b"",
        channel_id=exchange.channel_id,
        sequence=exchange.sequence,
        push_number=exchange.push_number,
        subscription_id=None,
        version=None,
        peer=request.requester if is_provider else request.issuer,
        record_id=request.record_id,
        record_type="",
        request=encode(request),
        decision=b"",
        deadline_ns=exchange.deadline,
        failure="",
        sealed_digest=b"",
        sealed_size=0,
        stated_height=0,
        grade="",
        minimum_grade="",
        payload_digest=b"",
        checked_height=0,
        keeps_sealed=False,
        receipts=0,
        request_id="",
        created_ns=now_ns,
        changed_ns=now_ns,
        problem_step_id=0,
        problem_codespace="",
        problem_code=0,
        problem="",
        problem_since_ns=0,
    )


async def find_push(session: AsyncSession, push: Exchange) -> ExchangeRow | None:
    """Return the row of a pushed version, a new one if there is none.

    One that this gateway pushes is found by its version: it has no number before it is
    on chain. None: nothing is known of the permission, so there is nothing to receive.
    """
    side, decision = side_of(push), push.decision
    permission = await find_row(session, side, push.channel_id, push.sequence)
    if permission is None:
        return None
    row = await session.scalar(
        select(ExchangeRow)
        .where(ExchangeRow.subscription_id == permission.id)
        .where(ExchangeRow.record_id == decision.record_id)
        .where(ExchangeRow.version == decision.version)
        .with_for_update()
    )
    if row is None:
        row = new_row(push)
        row.subscription_id, row.version = permission.id, decision.version
        row.record_id = decision.record_id
        row.minimum_grade = permission.minimum_grade
        row.request_id = permission.request_id
        session.add(row)
        await session.flush()
    return row
