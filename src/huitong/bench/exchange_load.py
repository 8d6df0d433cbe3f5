"""Requests for records at a gateway: some alone, then as many as it takes.

The load is sent over some connections whose requests are written out by hand, because
the generator shares the machine with what it loads. The blocks of the requester's zone
tell how many are under way; when each was settled is what the gateways themselves say.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit
from uuid import uuid4

import orjson

from huitong.bench.errors import ExchangeLostError
from huitong.bench.linked_gateways import BenchGateway
from huitong.bench.linked_zones import PROVIDER, PURPOSE
from huitong.client import BlockSeen, ZoneClient

#: Connections that ask.
CONNECTIONS: Final = 32
#: Seconds without a settled exchange after which the run is over.
SILENCE_S: Final = 40.0
_ACCEPTED: Final = 202


@dataclass(slots=True)
class Ordered:
    """Exchanges that were begun; shared by the connections and the follower of blocks."""

    count: int
    """How many are to be begun."""
    window: int
    """Most of them under way at once."""
    sent_ns: dict[str, int] = field(default_factory=dict)
    """When each was asked for, by its id at the requester's gateway."""
    record_ids: dict[str, str] = field(default_factory=dict)
    """Which record each is about."""
    refused: list[str] = field(default_factory=list)
    """What the gateway said to orders that it did not take."""
    begun: int = 0
    settled: int = 0
    """What the blocks have told."""
    room: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def is_complete(self) -> bool:
        """Whether nothing is under way, and nothing more will be."""
        return self.settled + len(self.refused) >= self.count

    def update(self) -> None:
        """Let the connections go on if there is room."""
        under_way = self.begun - self.settled - len(self.refused)
        if under_way < self.window:
            self.room.set()
        else:
            self.room.clear()


async def order_exchanges(
    gateway: BenchGateway,
    zone: ZoneClient,
    channel_id: str,
    record_ids: Iterator[str],
    ordered: Ordered,
) -> None:
    """Ask for records until ``ordered`` is complete, or nothing was settled for long.

    Args:
        gateway: the requester's.
        zone: a node of its zone.
        channel_id: channel on that zone.
        record_ids: what to ask for, without end.
        ordered: how many; learns what came of it.
    """
    following = asyncio.Event()
    ordered.update()
    async with asyncio.TaskGroup() as tasks:
        follower = tasks.create_task(_follow(zone, ordered, following))
        await following.wait()
        connections = [
            tasks.create_task(_ask(gateway, channel_id, record_ids, ordered))
            for _ in range(min(CONNECTIONS, ordered.count))
        ]
        await follower
        for task in connections:
            task.cancel()  # it may wait for room that silence will never give


async def _ask(
    gateway: BenchGateway,
    channel_id: str,
    record_ids: Iterator[str],
    ordered: Ordered,
) -> None:
    """Ask over one connection, one request after the other."""
    parts = urlsplit(gateway.url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    try:
        while ordered.begun < ordered.count:
            await ordered.room.wait()
            if ordered.begun >= ordered.count:
                return
            ordered.begun += 1
            ordered.update()
            record_id, sent_ns = next(record_ids), time.time_ns()
            writer.write(_request(gateway, parts.netloc, channel_id, record_id))
            status, body = await _read_answer(reader)
            if status == _ACCEPTED:
                exchange_id = orjson.loads(body)["id"]
                ordered.sent_ns[exchange_id] = sent_ns
                ordered.record_ids[exchange_id] = record_id
            else:
                ordered.refused.append(f"{status} {body.decode()}")
    finally:
        writer.close()


def _request(
    gateway: BenchGateway, host: str, channel_id: str, record_id: str
) -> bytes:
    body = orjson.dumps(
        {
            "channel": channel_id,
            "issuer": PROVIDER,
            "record": record_id,
            "purpose": PURPOSE,
            "legal_basis": "contract",
        }
    )
    head = (
        f"POST /v1/requests HTTP/1.1\r\nhost: {host}\r\n"
        f"authorization: Bearer {gateway.api_key}\r\n"
        f"idempotency-key: {uuid4().hex}\r\n"
        f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


async def _read_answer(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """Return status and body of one answer.

    Raises:
        ExchangeLostError: the connection ends, or the answer has no length.
    """
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).lower().split(b"\r\n")
        for line in head[1:]:
            if line.startswith(b"content-length:"):
                body = await reader.readexactly(int(line.split(b":")[1]))
                return int(head[0].split()[1]), body
    except (OSError, EOFError) as error:
        raise ExchangeLostError(reason=f"connection lost: {error}") from error
    raise ExchangeLostError(reason="an answer without a length")


async def _follow(zone: ZoneClient, ordered: Ordered, following: asyncio.Event) -> None:
    """Count what the blocks of the requester's zone say is settled."""
    loop = asyncio.get_running_loop()
    async with aclosing(zone.blocks()) as blocks:
        before, heard_s = -1, loop.time()
        while not ordered.is_complete:
            if ordered.settled != before:
                before, heard_s = ordered.settled, loop.time()
            try:
                async with asyncio.timeout_at(heard_s + SILENCE_S):
                    block = await anext(blocks)
            except TimeoutError:
                return
            following.set()
            if block is not None:
                ordered.settled += _settled_in(block)
                ordered.update()


def _settled_in(block: BlockSeen) -> int:
    """Return how many receipts the other zone is proven to have taken."""
    return sum(
        told["type"] == "receipt_acknowledged"
        for tx in block.txs
        if not tx.code
        for told in tx.events
    )
