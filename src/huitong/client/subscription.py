"""The stream of a node's blocks over its WebSocket.

A ``NewBlock`` message carries the block and what each of its transactions did, in order,
so one subscription tells everything. Nodes that leave the results out are asked for them.
The stream is a convenience: it may break at any time and then raises; what was missed is
in the chain's state.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from typing import Any, Final

import orjson
import websockets
from websockets.asyncio.client import connect

from huitong.client.errors import SubscriptionBrokenError, UnreachableError
from huitong.core.events import Event
from huitong.core.time import parse_rfc3339

NEW_BLOCK_QUERY: Final = "tm.event = 'NewBlock'"
#: Bytes of one message; a block of 4 MiB is sent twice, as transactions and as events.
MESSAGE_SIZE_BYTES_MAX: Final = 128 * 1024 * 1024
#: Messages that may wait for the program before the socket is no longer read.
MESSAGES_WAITING_MAX: Final = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class TxSeen:
    """One transaction of a block and what it did."""

    raw: str
    """The transaction as base64, as the node sent it."""
    code: int
    """0 for success, else the zone's error code."""
    codespace: str
    """The family of ``code``; empty on success."""
    log: str
    """The zone's text of the error; empty on success."""
    data: str
    """Base64 of an encoded ``TxMsgData``."""
    gas_used: int
    """Work that it did."""
    events: list[dict[str, Any]]
    """Events as JSON; ``read_events`` turns them into ``Event``."""

    @property
    def tx_hash(self) -> str:
        """SHA-256 of the transaction, upper-case hexadecimal."""
        return hashlib.sha256(base64.b64decode(self.raw)).hexdigest().upper()


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockSeen:
    """One committed block as the stream tells it."""

    height: int
    """Block height, at least 1."""
    time_ns: int
    """Header time, nanoseconds since the epoch, UTC."""
    txs: list[TxSeen]
    """Transactions in their order."""
    events: list[dict[str, Any]] = field(default_factory=list)
    """What the block told outside of transactions, as JSON."""


def read_events(events: list[dict[str, Any]]) -> list[Event]:
    """Return the events of a JSON answer."""
    return [
        Event(
            told["type"],
            tuple((a["key"], a.get("value") or "") for a in told["attributes"]),
        )
        for told in events
    ]


def read_tx(raw: str, result: dict[str, Any]) -> TxSeen:
    """Return a transaction from its base64 and its ``ExecTxResult`` as JSON."""
    return TxSeen(
        raw=raw,
        code=int(result.get("code") or 0),
        codespace=result.get("codespace") or "",
        log=result.get("log") or "",
        data=result.get("data") or "",
        gas_used=int(result.get("gas_used") or 0),
        events=result.get("events") or [],
    )


def websocket_url(url: str) -> str:
    """Return the WebSocket address of a node with the HTTP address ``url``."""
    return "ws" + url.removeprefix("http") + "/websocket"


async def new_block_messages(url: str) -> AsyncGenerator[dict[str, Any]]:
    """Yield the ``value`` of each ``NewBlock`` message from now on.

    The first thing yielded is an empty object: from then on no block is missed.

    Raises:
        UnreachableError: nobody answers at ``url``.
        SubscriptionBrokenError: the stream ended or said something unreadable.
    """
    try:
        socket = await connect(
            websocket_url(url),
            max_size=MESSAGE_SIZE_BYTES_MAX,
            max_queue=MESSAGES_WAITING_MAX,
            compression=None,
            proxy=None,
            open_timeout=10,
            close_timeout=2,
        )
    except (OSError, TimeoutError, websockets.exceptions.WebSocketException) as failure:
        raise UnreachableError(url=url, reason=str(failure)) from None
    try:
        await socket.send(_subscribe(NEW_BLOCK_QUERY))
        async for message in socket:
            told = orjson.loads(message)
            if "error" in told:
                reason = told["error"].get("data") or told["error"].get("message")
                raise SubscriptionBrokenError(url=url, reason=reason)
            data = told["result"].get("data")
            yield data["value"] if data else {}
    except websockets.exceptions.ConnectionClosed as closed:
        raise SubscriptionBrokenError(url=url, reason=str(closed)) from None
    except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError) as failure:
        reason = f"unreadable message: {type(failure).__name__}"
        raise SubscriptionBrokenError(url=url, reason=reason) from None
    finally:
        await _close(socket)
    raise SubscriptionBrokenError(url=url, reason="closed by the node")


def _subscribe(query: str) -> str:
    params = {"query": query}
    request = {"jsonrpc": "2.0", "id": 0, "method": "subscribe", "params": params}
    return orjson.dumps(request).decode()


async def _close(socket: Any) -> None:
    try:
        async with asyncio.timeout(2):
            await socket.close()
    except (TimeoutError, OSError, websockets.exceptions.WebSocketException):
        return  # gone already


def read_block_head(value: dict[str, Any]) -> tuple[int, int, list[str]]:
    """Return height, time and raw transactions of a ``NewBlock`` value."""
    block = value["block"]
    header = block["header"]
    txs = (block.get("data") or {}).get("txs") or []
    return int(header["height"]), parse_rfc3339(header["time"]), txs


def read_results(value: dict[str, Any]) -> list[dict[str, Any]] | None:
    """Return what the transactions did, or None if the message leaves it out."""
    results = (value.get("result_finalize_block") or {}).get("tx_results")
    return results if isinstance(results, list) else None


def read_block_events(value: dict[str, Any]) -> list[dict[str, Any]]:
    """Return what a block told outside of its transactions."""
    events = (value.get("result_finalize_block") or {}).get("events")
    return events if isinstance(events, list) else []
