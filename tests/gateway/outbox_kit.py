"""An outbox on a running zone, with a handler that remembers what it is told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

from huitong.client.zone import ZoneClient
from huitong.gateway.database.engine import Database
from huitong.gateway.outbox import NewStep, Outbox, Settled, chain_step
from huitong.gateway.outbox.follower import BlockFollower
from huitong.gateway.outbox.settings import OutboxSettings
from huitong.gateway.outbox.writer import ChainWriter
from huitong.proto.huitong.records.v1 import records_pb2

KIND = "records.publish"


class Remembering:
    """A handler that keeps what it was told."""

    def __init__(self) -> None:
        self.settled: list[Settled] = []

    async def settle(self, session: Any, settled: Sequence[Settled]) -> None:
        self.settled.extend(settled)

    @property
    def states(self) -> dict[str, str]:
        return {item.step.key: item.step.state for item in self.settled}


class Stop:
    """A point at which a gateway is stopped, before or behind a call."""

    def __init__(self, behind: Callable[..., Awaitable[Any]] | None = None) -> None:
        self.reached = asyncio.Event()
        self.broken = asyncio.Event()
        """Set once the gateway is gone: who called it from elsewhere notices."""
        self._behind = behind

    async def __call__(self, *arguments: Any, **named: Any) -> Any:
        if self._behind is not None:
            await self._behind(*arguments, **named)
        self.reached.set()
        await self.broken.wait()
        raise ConnectionResetError


def make_outbox(
    database: Database, zone: ZoneClient, *keys: bytes, **settings: Any
) -> tuple[Outbox, list[ChainWriter], Remembering]:
    """Return an outbox that publishes records."""
    chosen = OutboxSettings(**{"retry_first_s": 0.05, "lease_s": 1} | settings)
    writers = [ChainWriter(database, zone, key) for key in keys]
    outbox = Outbox(database, BlockFollower(database, zone), writers, chosen)
    handler = Remembering()
    outbox.register(KIND, handler)
    return outbox, writers, handler


@asynccontextmanager
async def running(outbox: Outbox) -> AsyncIterator[None]:
    """Run an outbox within the block."""
    task = asyncio.create_task(outbox.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


def publication(signer: str, record_id: str, **changes: Any) -> NewStep:
    """Return the step that publishes a record."""
    fields: dict[str, Any] = {
        "signer": signer,
        "record_id": record_id,
        "record_type": "tax.invoice",
        "payload_digest": bytes(32),
        "fields": ["amount"],
        "level": 2,
        "share_class": records_pb2.SHARE_CLASS_CONDITIONAL,
    }
    message = records_pb2.MsgPublishRecord(**fields | changes)
    return chain_step(KIND, f"publish/{record_id}", message, account=signer)


async def add(outbox: Outbox, *steps: NewStep) -> list[int]:
    """Add steps in a transaction of their own."""
    async with outbox.database.transaction() as session:
        return await outbox.add(session, *steps)


async def wait_all(outbox: Outbox, ids: Sequence[int], timeout_s: float = 60) -> list:
    """Return the steps once all have ended."""
    return [await outbox.wait(step_id, timeout_s) for step_id in ids]
