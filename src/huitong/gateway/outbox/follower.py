"""Following the blocks of the gateway's own zone, each applied once.

What follows from a block is written in the transaction that marks the block as seen.
Blocks that were missed, while the gateway or its node was away, are fetched; if the node
no longer has them, the handlers read the state of the zone instead.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from contextlib import aclosing
from typing import Any, Final, Protocol, final

import structlog
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession

from huitong.client.calls import all_answered
from huitong.client.errors import RpcError
from huitong.client.rpc import Call
from huitong.client.subscription import BlockSeen, read_block_head, read_tx
from huitong.client.zone import ZoneClient
from huitong.core.errors import HuitongError
from huitong.gateway.database.engine import SQLITE, Database
from huitong.gateway.outbox.errors import BlocksPrunedError
from huitong.gateway.outbox.tables import FollowedZoneRow

log = structlog.get_logger("gateway")

#: Blocks in which nothing concerns the gateway, until that is written down.
QUIET_BLOCKS_MAX: Final = 100
#: Missed blocks that are fetched and applied at once.
FETCH_BLOCKS: Final = 20
#: Seconds before following is begun again: first, and at most.
PAUSE_FIRST_S: Final = 0.1
PAUSE_LONGEST_S: Final = 5.0


class BlockHandler(Protocol):
    """Who is told of every block of the own zone."""

    async def prepare(self) -> None:
        """Know what to look for; no block is told before."""

    async def read(self, block: BlockSeen) -> Any:
        """Return what concerns this handler, None for nothing; may ask the zone."""

    async def apply(self, session: AsyncSession, block: BlockSeen, found: Any) -> None:
        """Write what follows, in the transaction that marks the block as seen."""

    async def applied(self, block: BlockSeen, found: Any) -> None:
        """Go on with what was written; it is committed."""

    async def reconcile(self) -> None:
        """Read the zone's state: blocks are missing. What is known already stays."""

    async def resumed(self) -> None:
        """No block is missed from now on, after a break."""


@final
class BlockFollower:
    """Follows one zone through one node."""

    def __init__(self, database: Database, zone: ZoneClient) -> None:
        """Prepare; nothing is asked yet.

        Args:
            database: remembers how far the blocks were applied.
            zone: a node of the own zone; it is trusted.
        """
        self._database = database
        self._zone = zone
        self._handlers: list[BlockHandler] = []
        self._height = 0
        self._written_height = 0

    def add(self, handler: BlockHandler) -> None:
        """Tell one more handler, behind those added before."""
        self._handlers.append(handler)

    @property
    def zone(self) -> ZoneClient:
        """The node."""
        return self._zone

    @property
    def height(self) -> int:
        """Newest block that was applied; 0 before the first."""
        return self._height

    async def run(self) -> None:
        """Follow until cancelled; whatever breaks is begun again with growing pauses."""
        pause_s = PAUSE_FIRST_S
        while True:
            before = self._height
            try:
                await self._follow()
            except HuitongError as failure:
                log.warning("blocks_broken", reason=failure.diagnostics())
            except Exception as bug:
                log.error("blocks_broken", reason=type(bug).__name__, exc_info=bug)
            if self._height > before:
                pause_s = PAUSE_FIRST_S
            await asyncio.sleep(pause_s * random.uniform(0.5, 1.0))
            pause_s = min(pause_s * 2, PAUSE_LONGEST_S)

    async def _follow(self) -> None:
        async with aclosing(self._zone.blocks()) as blocks:
            async for block in blocks:
                if block is None:
                    await self._resume()
                elif block.height > self._height:
                    await self._catch_up(block.height - 1)
                    await self._apply([block])

    async def _resume(self) -> None:
        """Go on where the database says."""
        for handler in self._handlers:
            await handler.prepare()
        await self._load()
        newest = await self._zone.latest_height()
        if self._height:
            await self._catch_up(newest)
        else:
            await self._reconcile(newest)
        for handler in self._handlers:
            await handler.resumed()

    async def _load(self) -> None:
        chain_id = await self._zone.chain_id()
        async with self._database.reading() as session:
            row = await session.get(FollowedZoneRow, chain_id)
            self._height = self._written_height = row.height if row else 0

    async def _catch_up(self, height: int) -> None:
        """Apply the blocks up to ``height`` that were missed."""
        while self._height < height:
            first = self._height + 1
            heights = range(first, min(first + FETCH_BLOCKS, height + 1))
            try:
                blocks = await self._fetch(heights)
            except BlocksPrunedError as gap:
                log.warning("blocks_pruned", reason=str(gap))
                await self._reconcile(height)
                return
            await self._apply(blocks)

    async def _fetch(self, heights: range) -> list[BlockSeen]:
        calls: list[Call] = []
        for height in heights:
            calls.append(("block", {"height": str(height)}))
            calls.append(("block_results", {"height": str(height)}))
        answers = await self._zone.rpc.call_many(calls)
        if any(isinstance(answer, RpcError) for answer in answers):
            await self._check_pruned(heights[0])
        told = all_answered(answers)
        with self._zone.rpc.reading("block_results"):
            pairs = zip(told[::2], told[1::2], strict=True)
            return [_read_block(block, results) for block, results in pairs]

    async def _check_pruned(self, height: int) -> None:
        info = (await self._zone.status())["sync_info"]
        oldest = int(info.get("earliest_block_height") or 0)
        if height < oldest:
            raise BlocksPrunedError(
                chain_id=await self._zone.chain_id(), height=height, oldest=oldest
            )

    async def _reconcile(self, height: int) -> None:
        for handler in self._handlers:
            await handler.reconcile()
        async with self._database.transaction() as session:
            await self._write(session, height)
        self._height = self._written_height = height

    async def _apply(self, blocks: Sequence[BlockSeen]) -> None:
        """Apply blocks that follow on one another, in one transaction."""
        read = [
            (block, [await handler.read(block) for handler in self._handlers])
            for block in blocks
        ]
        newest = blocks[-1].height
        concerned = any(found is not None for _, of_block in read for found in of_block)
        if concerned or newest - self._written_height >= QUIET_BLOCKS_MAX:
            async with self._database.transaction() as session:
                for block, of_block in read:
                    for handler, found in zip(self._handlers, of_block, strict=True):
                        if found is not None:
                            await handler.apply(session, block, found)
                await self._write(session, newest)
            self._written_height = newest
        self._height = newest
        for block, of_block in read:
            for handler, found in zip(self._handlers, of_block, strict=True):
                await handler.applied(block, found)

    async def _write(self, session: AsyncSession, height: int) -> None:
        chain_id = await self._zone.chain_id()
        insert = sqlite.insert if self._database.kind == SQLITE else postgresql.insert
        await session.execute(
            insert(FollowedZoneRow)
            .values(chain_id=chain_id, height=height)
            .on_conflict_do_update(
                index_elements=[FollowedZoneRow.chain_id], set_={"height": height}
            )
        )


def _read_block(block: dict[str, Any], results: dict[str, Any]) -> BlockSeen:
    """Return a block as the stream would have told it."""
    height, time_ns, txs = read_block_head(block)
    done = zip(txs, results["txs_results"] or (), strict=True)
    return BlockSeen(
        height=height,
        time_ns=time_ns,
        txs=[read_tx(raw, result) for raw, result in done],
        events=results.get("finalize_block_events") or [],
    )
