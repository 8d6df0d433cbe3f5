"""Puts the head of the audit log on chain once a day, by a hook of the service.

A head on chain is what makes rewriting the whole log noticeable: the one who
administers the database does not administer the chain.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, TypeAlias, final

import structlog
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from huitong.core.errors import HuitongError
from huitong.core.time import NS_PER_SECOND, SECONDS_PER_DAY, TimeNs
from huitong.gateway.access.audit import AuditHead, AuditLog
from huitong.gateway.access.tables import AuditAnchorRow
from huitong.gateway.database.engine import Database

log = structlog.get_logger("gateway")

Anchor: TypeAlias = Callable[[AuditHead], Awaitable[str]]
"""Puts a head on chain and returns where it stands; the same head twice must do no harm."""

#: Seconds between two looks whether a day has passed.
LOOK_S: Final = 600
#: Seconds between two looks whether this process leads; it does not yet when it starts.
LEAD_S: Final = 1.0


@final
class DailyAnchor:
    """Anchors the head when a day has passed since the last time and there are new entries."""

    def __init__(
        self,
        database: Database,
        audit: AuditLog,
        anchor: Anchor,
        *,
        clock: Callable[[], TimeNs],
        is_leading: Callable[[], bool] = lambda: True,
    ) -> None:
        """Prepare.

        Args:
            database: keeps what was anchored.
            audit: the log.
            anchor: the hook.
            clock: tells nanoseconds since the epoch.
            is_leading: tells whether this process is the one of several that anchors.
        """
        self._database = database
        self._audit = audit
        self._anchor = anchor
        self._clock = clock
        self._is_leading = is_leading

    async def run(self) -> None:
        """Anchor every day until cancelled; what fails is tried again."""
        while True:
            is_leading = self._is_leading()
            try:
                if is_leading:
                    await self.anchor_if_due()
            except HuitongError as error:
                log.warning("audit_anchor_failed", reason=str(error))
            await asyncio.sleep(LOOK_S if is_leading else LEAD_S)

    async def anchor_if_due(self) -> AuditHead | None:
        """Anchor the head if it is time; return it, or None.

        Raises:
            HuitongError: whatever the hook raises; nothing is noted.
        """
        newest = (
            select(AuditAnchorRow).order_by(AuditAnchorRow.sequence.desc()).limit(1)
        )
        async with self._database.reading() as session:
            last = await session.scalar(newest)
        day_ns = SECONDS_PER_DAY * NS_PER_SECOND
        if last is not None and self._clock() - last.anchored_ns < day_ns:
            return None
        head = await self._audit.head()
        if head.sequence <= (last.sequence if last is not None else 0):
            return None
        reference = await self._anchor(head)
        await self._note(head, reference)
        return head

    async def _note(self, head: AuditHead, reference: str) -> None:
        row = AuditAnchorRow(
            sequence=head.sequence,
            digest=head.digest,
            anchored_ns=self._clock(),
            reference=reference,
        )
        try:
            async with self._database.transaction() as session:
                session.add(row)
        except IntegrityError:
            return  # another process has noted the same head
        log.info("audit_anchored", sequence=head.sequence, reference=reference)
