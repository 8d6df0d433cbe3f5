"""Puts the access log on chain, batch by batch, through the outbox."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final, final

import structlog
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from huitong.core.errors import HuitongError
from huitong.gateway.database.engine import Database
from huitong.gateway.outbox.outbox import Outbox
from huitong.gateway.outbox.steps import NewStep, Settled, StepState, chain_step
from huitong.gateway.reads.log import ReadLog
from huitong.gateway.reads.settings import ReadsSettings
from huitong.gateway.reads.tables import ReadBatchRow
from huitong.modules.anchors import ACCESS_LOG
from huitong.proto.huitong.anchors.v1.anchors_pb2 import MsgAnchor

log = structlog.get_logger("gateway")

#: Kind of the outbox's steps that anchor a batch.
STEP_KIND: Final = "anchor-reads"


@final
class ReadAnchoring:
    """Cuts batches and anchors them; hears of their end as the outbox's handler."""

    def __init__(
        self,
        database: Database,
        log_of_reads: ReadLog,
        outbox: Outbox,
        settings: ReadsSettings,
        *,
        account: str,
    ) -> None:
        """Prepare, and register with the outbox; nothing is cut yet.

        Args:
            database: keeps the log.
            log_of_reads: the log.
            outbox: carries the anchors to the own zone.
            settings: name of the log on chain, size and period of batches.
            account: address of the member's account that signs.
        """
        self._database = database
        self._log = log_of_reads
        self._outbox = outbox
        self._settings = settings
        self._account = account
        outbox.register(STEP_KIND, self)

    async def run(self) -> None:
        """Anchor every period until cancelled; in the process that leads the outbox."""
        while True:
            try:
                if self._outbox.is_leading:
                    await self.anchor_now()
            except HuitongError as failure:
                log.warning("reads_not_anchored", reason=failure.diagnostics())
            await asyncio.sleep(self._settings.anchor_period_s)

    async def anchor_now(self) -> int:
        """Cut the next batch and hand it to the outbox; return its number, 0 for none.

        Raises:
            DatabaseDownError: nothing was cut.
        """
        try:
            async with self._database.transaction() as session:
                batch = await self._log.cut(session, self._settings.batch_lines_max)
                if batch is None:
                    return 0
                await self._outbox.add(session, self._step(batch))
                sequence, count = batch.sequence, batch.count
        except IntegrityError:
            return 0  # another process has cut the same batch
        log.info("reads_batched", sequence=sequence, lines=count)
        return sequence

    async def settle(self, session: AsyncSession, settled: Sequence[Settled]) -> None:
        """Note which batches stand on chain; a step that is stuck stays in the outbox."""
        for item in settled:
            if item.step.state is StepState.DONE:
                await self._log.note_anchored(
                    session,
                    int(item.step.subject),
                    height=item.step.height,
                    tx_hash=item.step.tx_hash,
                )

    def _step(self, batch: ReadBatchRow) -> NewStep:
        message = MsgAnchor(
            signer=self._account,
            kind=ACCESS_LOG,
            stream=self._settings.stream,
            sequence=batch.sequence,
            root=batch.root,
            count=batch.count,
            first_time=batch.first_ns,
            last_time=batch.last_ns,
            previous_root=batch.previous_root,
        )
        return chain_step(
            STEP_KIND,
            f"{STEP_KIND}/{self._settings.stream}/{batch.sequence}",
            message,
            account=self._account,
            subject=str(batch.sequence),
        )
