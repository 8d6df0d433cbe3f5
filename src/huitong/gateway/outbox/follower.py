"""Following the blocks of the gateway's own zone, each applied once."""

from __future__ import annotations

from typing import Protocol, final

from sqlalchemy.ext.asyncio import AsyncSession

from huitong.client.subscription import BlockSeen
from huitong.client.zone import ZoneClient
from huitong.gateway.database.engine import Database


class BlockHandler(Protocol):
    """Who is told of every block of the own zone."""

    async def apply(self, session: AsyncSession, block: BlockSeen) -> None:
        """Write what follows from a block, in the transaction that marks it as seen."""

    async def reconcile(self, session: AsyncSession, height: int) -> None:
        """Read the zone's state instead: blocks up to ``height`` are no longer there."""

    async def applied(self, block: BlockSeen) -> None:
        """Go on with what a block has led to; it is committed."""


@final
class BlockFollower:
    """Follows one zone through one node."""

    def __init__(self, database: Database, zone: ZoneClient) -> None:
        """Prepare; nothing is asked yet."""
        raise NotImplementedError

    def add(self, handler: BlockHandler) -> None:
        """Tell one more handler, behind those added before."""
        raise NotImplementedError

    @property
    def height(self) -> int:
        """Newest block that was applied."""
        raise NotImplementedError

    async def run(self) -> None:
        """Follow until cancelled; whatever breaks is begun again with growing pauses."""
        raise NotImplementedError
