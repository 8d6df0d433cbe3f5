"""A load generator that costs little, because it shares the machine with what it loads.

Transactions are signed, and requests written out, before the clock starts. Then each
connection sends one JSON-RPC batch after the other, and waits while too many transactions
are under way.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import orjson

from huitong.client.rpc import BATCH_CALLS_MAX, http_url


@dataclass(slots=True)
class Batch:
    """Some transactions of one account, ready to be sent."""

    body: bytes
    """The JSON-RPC request."""
    txs: list[str]
    """The transactions as base64."""


@dataclass(slots=True)
class Progress:
    """What is under way; shared by the connections and the follower of blocks."""

    window: int
    """Most transactions under way at once."""
    sent_s: dict[str, float] = field(default_factory=dict)
    """When each transaction was sent, by its base64."""
    refused: list[str] = field(default_factory=list)
    """What the node said to transactions that it refused."""
    under_way: int = 0
    """Sent, neither refused nor done."""
    is_all_sent: bool = False
    """Whether nothing more will be sent."""
    room: asyncio.Event = field(default_factory=asyncio.Event)
    """Set while there is room for more."""

    def add(self, count: int) -> None:
        """Note that ``count`` more are under way, or fewer if negative."""
        self.under_way += count
        if self.under_way < self.window:
            self.room.set()
        else:
            self.room.clear()


def make_batches(raws: Sequence[bytes], size: int = BATCH_CALLS_MAX) -> list[Batch]:
    """Write out the requests for transactions of one account, in their order."""
    encoded = [base64.b64encode(raw).decode() for raw in raws]
    return [
        Batch(
            body=_request(encoded[start : start + size]),
            txs=encoded[start : start + size],
        )
        for start in range(0, len(encoded), size)
    ]


def _request(txs: list[str]) -> bytes:
    calls = [
        {
            "jsonrpc": "2.0",
            "id": number,
            "method": "broadcast_tx_sync",
            "params": {"tx": tx},
        }
        for number, tx in enumerate(txs)
    ]
    return orjson.dumps(calls[0] if len(calls) == 1 else calls)


async def send_batches(url: str, batches: Sequence[Batch], progress: Progress) -> None:
    """Send the batches over one connection, in order.

    Raises:
        OSError, EOFError: the node closed the connection.
    """
    parts = urlsplit(http_url(url))
    reader, writer = await asyncio.open_connection(
        parts.hostname, parts.port, limit=2**22
    )
    loop = asyncio.get_running_loop()
    try:
        for batch in batches:
            await progress.room.wait()
            progress.add(len(batch.txs))
            now_s = loop.time()
            for tx in batch.txs:
                progress.sent_s[tx] = now_s
            writer.write(_http_request(parts.netloc, batch.body))
            _note_refused(progress, await _read_answer(reader))
    finally:
        writer.close()


def _http_request(host: str, body: bytes) -> bytes:
    head = (
        f"POST / HTTP/1.1\r\nhost: {host}\r\ncontent-type: application/json\r\n"
        f"content-length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


async def _read_answer(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return await reader.readexactly(int(line.split(b":")[1]))
    raise EOFError("answer without a length")


def _note_refused(progress: Progress, answer: bytes) -> None:
    answers = orjson.loads(answer)
    for item in answers if isinstance(answers, list) else [answers]:
        result = item.get("result")
        if result is None or result.get("code"):
            progress.refused.append(str(item.get("error") or result.get("log")))
            progress.add(-1)
