"""The hook of ``DailyAnchor``: an audit log's head on the own zone, through the outbox.

The anchors of the log are numbered on chain without gaps, so the next one is only handed
to the outbox when the one before stands there, and it is noted in the transaction that
ends its step.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Final, final

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from huitong.core.codec import unpack_any
from huitong.gateway.access.audit import AuditHead
from huitong.gateway.access.errors import AuditAnchorPendingError
from huitong.gateway.access.tables import AuditAnchorRow, AuditRow
from huitong.gateway.database.engine import Database
from huitong.gateway.outbox.outbox import Outbox
from huitong.gateway.outbox.steps import (
    NewStep,
    Settled,
    Step,
    StepFilter,
    StepState,
    chain_step,
)
from huitong.modules.anchors import AUDIT_LOG
from huitong.proto.google.protobuf.any_pb2 import Any
from huitong.proto.huitong.anchors.v1.anchors_pb2 import MsgAnchor

#: Kind of the outbox's steps that anchor a head.
STEP_KIND: Final = "anchor-audit"
#: Seconds for which the hook waits for the block.
WAIT_S: Final = 60.0
_OPEN: Final = (StepState.WAITING, StepState.RUNNING, StepState.STUCK)


@final
class AuditAnchoring:
    """Anchors heads of one audit log."""

    def __init__(
        self,
        database: Database,
        outbox: Outbox,
        *,
        account: str,
        stream: str,
        wait_s: float = WAIT_S,
    ) -> None:
        """Prepare, and register with the outbox; nothing is anchored yet.

        Args:
            database: keeps the log.
            outbox: carries the anchors to the own zone.
            account: address of the member's account that signs.
            stream: name of the log on chain.
            wait_s: seconds for which ``anchor`` waits for the block.
        """
        self._database = database
        self._outbox = outbox
        self._account = account
        self._stream = stream
        self._wait_s = wait_s
        outbox.register(STEP_KIND, self)

    async def anchor(self, head: AuditHead) -> str:
        """Put a head on chain and return the hash of its transaction.

        The same head again is the same step, so it stands there once.

        Raises:
            AuditAnchorPendingError: it does not stand there yet, or an earlier one does
                not.
        """
        pending = await self._outbox.find(StepFilter(kind=STEP_KIND, states=_OPEN))
        for step in pending:
            await self._done(step.id)
        async with self._database.transaction() as session:
            known = await session.get(AuditAnchorRow, head.sequence)
            if known is not None:
                return known.reference
            (step_id,) = await self._outbox.add(
                session, await self._step(session, head)
            )
        return (await self._done(step_id)).tx_hash

    async def settle(self, session: AsyncSession, settled: Sequence[Settled]) -> None:
        """Note which heads stand on chain; a step that is stuck stays in the outbox."""
        for item in settled:
            if item.step.state is StepState.DONE:
                message = unpack_any(Any.FromString(item.step.payload), MsgAnchor)
                row = AuditAnchorRow(
                    sequence=int(item.step.subject),
                    digest=message.root,
                    anchored_ns=time.time_ns(),
                    reference=item.step.tx_hash,
                )
                await session.merge(row)

    async def _done(self, step_id: int) -> Step:
        step = await self._outbox.wait(step_id, self._wait_s)
        if step.state is not StepState.DONE:
            raise AuditAnchorPendingError(step_id=step_id, state=step.state)
        return step

    async def _step(self, session: AsyncSession, head: AuditHead) -> NewStep:
        last = await session.scalar(
            select(AuditAnchorRow).order_by(AuditAnchorRow.sequence.desc()).limit(1)
        )
        count = await session.scalar(select(func.count()).select_from(AuditAnchorRow))
        known = 0 if last is None else last.sequence
        ends = await session.scalars(
            select(AuditRow.time_ns).where(
                AuditRow.sequence.in_((known + 1, head.sequence))
            )
        )
        times = ends.all()
        message = MsgAnchor(
            signer=self._account,
            kind=AUDIT_LOG,
            stream=self._stream,
            sequence=(count or 0) + 1,
            root=head.digest,
            count=head.sequence - known,
            first_time=min(times),
            last_time=max(times),
            previous_root=b"" if last is None else last.digest,
        )
        return chain_step(
            STEP_KIND,
            f"{STEP_KIND}/{self._stream}/{head.sequence}",
            message,
            account=self._account,
            subject=str(head.sequence),
        )
