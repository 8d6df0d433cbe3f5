"""The receipt of what was received and checked."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import final

from sqlalchemy.ext.asyncio import AsyncSession

from huitong.core.time import NS_PER_SECOND
from huitong.gateway.exchange.kinds import CONFIRM, step_key
from huitong.gateway.exchange.orders import Stage
from huitong.gateway.exchange.parts import Parts
from huitong.gateway.exchange.rows import move, note_problem, rows_of
from huitong.gateway.exchange.tables import ExchangeRow
from huitong.gateway.outbox.steps import NewStep, Settled, StepState, chain_step
from huitong.proto.huitong.exchange.v1 import exchange_pb2


def receipt_step(parts: Parts, row: ExchangeRow) -> NewStep:
    """Return the step that confirms what was checked."""
    now_ns = time.time_ns()
    account = parts.identity.requester
    message = exchange_pb2.MsgConfirmReceipt(
        signer=account,
        channel_id=row.channel_id,
        sequence=row.sequence or 0,
        payload_digest=row.payload_digest,
        sealed_digest=row.sealed_digest,
        received_time=now_ns // NS_PER_SECOND,
        grade=row.grade,
        push_number=row.push_number or 0,
        timeout_timestamp=now_ns + parts.settings.packet_timeout_s * NS_PER_SECOND,
    )
    return chain_step(
        CONFIRM,
        step_key(CONFIRM, row.id, row.receipts),
        message,
        account=account,
        subject=row.id,
        request_id=row.request_id,
    )


@final
class Receipts:
    """Hears of the end of receipts' steps."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def settle(self, session: AsyncSession, settled: Sequence[Settled]) -> None:
        """Let the exchanges go on, or have a problem."""
        rows = await rows_of(session, [item.step for item in settled], for_update=True)
        for item in settled:
            row = rows[item.step.subject]
            if item.step.state == StepState.STUCK:
                note_problem(row, item.step)
            elif item.step.state == StepState.CANCELLED:
                move(row, Stage.CANCELLED)
            elif row.stage == Stage.CHECKED:
                move(row, Stage.RECEIVED)
