"""Events to WebSocket clients, in CometBFT's order: the block, then its transactions.

A client names a query and gets each match under the id of its subscribe call, with the
query's text as it wrote it. What is sent is rendered once per query, however many clients
have it. A client that does not read is told so and dropped: its backlog is bounded.

All of this runs in the event loop's thread; ``publish`` is handed over to it.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from huitong.core.errors import HuitongError
from huitong.engines.embedded.chain import CommittedBlock
from huitong.node.rpc.errors import INTERNAL_ERROR, SubscriptionError, error_object
from huitong.node.rpc.news import News, news_of
from huitong.storage.blocks import StoredTx
from huitong.storage.event_query import Condition, matches, parse_query
from huitong.storage.query_scanner import Token

#: Subscriptions of one client, as in CometBFT.
SUBSCRIPTIONS_PER_CLIENT_MAX: Final = 5
#: Clients with subscriptions, as in CometBFT.
CLIENTS_MAX: Final = 100
#: Messages that may wait for one client: all transactions of some full blocks.
BACKLOG_MESSAGES_MAX: Final = 20_000
#: Bytes that may wait for one client.
BACKLOG_SIZE_BYTES_MAX: Final = 33_554_432
#: Bytes that may wait for all clients.
BACKLOGS_SIZE_BYTES_MAX: Final = 268_435_456


class Backlogs:
    """How much waits for all clients together."""

    __slots__ = ("size_bytes",)

    def __init__(self) -> None:
        self.size_bytes = 0
        """Bytes of all messages that wait."""

    @property
    def is_full(self) -> bool:
        """Whether whoever lets more wait is too slow."""
        return self.size_bytes > BACKLOGS_SIZE_BYTES_MAX


class EventClient:
    """One WebSocket client: what it subscribed to and what waits to be sent."""

    def __init__(self, backlogs: Backlogs | None = None) -> None:
        """Begin with nothing waiting; ``backlogs`` counts what waits for all."""
        self._all = backlogs or Backlogs()
        self.subscriptions: dict[tuple[Condition, ...], str] = {}
        """Query → its text as this client wrote it."""
        self.is_too_slow = False
        """Whether its backlog passed the bound."""
        self._waiting: deque[bytes] = deque()
        self._size_bytes = 0
        self._news = asyncio.Event()

    def push(self, message: bytes) -> None:
        """Let a message wait; if too much waits already, drop all and say so."""
        if self.is_too_slow:
            return
        self._count(len(message))
        if (
            len(self._waiting) >= BACKLOG_MESSAGES_MAX
            or self._size_bytes > BACKLOG_SIZE_BYTES_MAX
            or self._all.is_full
        ):
            self.is_too_slow = True
            self.clear()
            reason = "subscription was canceled (reason: client is not pulling messages fast enough)"
            message = orjson.dumps(
                {"jsonrpc": "2.0", "error": error_object(INTERNAL_ERROR, reason)}
            )
            self._count(len(message))
        self._waiting.append(message)
        self._news.set()

    def clear(self) -> None:
        """Let go of what waits."""
        self._waiting.clear()
        self._count(-self._size_bytes)

    def _count(self, size_bytes: int) -> None:
        self._size_bytes += size_bytes
        self._all.size_bytes += size_bytes

    async def pull(self) -> bytes | None:
        """Return the next message; None after the last one for a client too slow."""
        while not self._waiting:
            if self.is_too_slow:
                return None
            self._news.clear()
            await self._news.wait()
        message = self._waiting.popleft()
        self._count(-len(message))
        return message


@dataclass(slots=True)
class _Topic:
    """A query and those who wait for its matches."""

    conditions: tuple[Condition, ...]
    clients: dict[EventClient, Any] = field(default_factory=dict)
    """Client → id, in JSON."""


class SubscriptionHub:
    """Who wants to know what."""

    def __init__(self) -> None:
        self._topics: dict[str, _Topic] = {}
        self._clients: set[EventClient] = set()
        self.backlogs = Backlogs()
        """What waits for all clients."""
        self._commit_waits: dict[bytes, list[asyncio.Future[StoredTx]]] = {}

    @property
    def count(self) -> int:
        """Open subscriptions; for whoever watches, from any thread."""
        return sum(len(client.subscriptions) for client in tuple(self._clients))

    def subscribe(self, client: EventClient, request_id: Any, query: str) -> None:
        """Send matches of ``query`` to a client from now on.

        Raises:
            SubscriptionError: malformed, there already, or too many.
        """
        if client not in self._clients and len(self._clients) >= CLIENTS_MAX:
            raise SubscriptionError(
                reason=f"max_subscription_clients {CLIENTS_MAX} reached"
            )
        if len(client.subscriptions) >= SUBSCRIPTIONS_PER_CLIENT_MAX:
            raise SubscriptionError(
                reason="max_subscriptions_per_client "
                f"{SUBSCRIPTIONS_PER_CLIENT_MAX} reached"
            )
        conditions = _parse(query)
        if conditions in client.subscriptions:
            raise SubscriptionError(reason="already subscribed")
        self._clients.add(client)
        client.subscriptions[conditions] = query
        topic = self._topics.setdefault(query, _Topic(conditions))
        topic.clients[client] = orjson.dumps(request_id)

    def unsubscribe(self, client: EventClient, query: str) -> None:
        """Send no more matches of ``query``, however it is spaced, to a client.

        Raises:
            SubscriptionError: malformed, or it has no such subscription.
        """
        conditions = _parse(query)
        if conditions not in client.subscriptions:
            raise SubscriptionError(reason="subscription not found")
        self._drop(client, conditions)
        if not client.subscriptions:
            self._clients.discard(client)

    def _drop(self, client: EventClient, conditions: tuple[Condition, ...]) -> None:
        query = client.subscriptions.pop(conditions)
        topic = self._topics[query]
        del topic.clients[client]
        if not topic.clients:
            del self._topics[query]

    def unsubscribe_all(self, client: EventClient) -> None:
        """Send a client nothing more.

        Raises:
            SubscriptionError: it has no subscription.
        """
        if not client.subscriptions:
            raise SubscriptionError(reason="subscription not found")
        for conditions in list(client.subscriptions):
            self._drop(client, conditions)
        self._clients.discard(client)

    def forget(self, client: EventClient) -> None:
        """Remove a client that has gone, with what waits for it."""
        client.clear()
        if client.subscriptions:
            self.unsubscribe_all(client)

    @contextmanager
    def waiting_for(self, tx_hash: bytes) -> Iterator[asyncio.Future[StoredTx]]:
        """Give a future that is done when the transaction is in a durable block."""
        future: asyncio.Future[StoredTx] = asyncio.get_running_loop().create_future()
        waits = self._commit_waits.setdefault(tx_hash, [])
        waits.append(future)
        try:
            yield future
        finally:
            waits.remove(future)
            if not waits:
                self._commit_waits.pop(tx_hash, None)

    def publish(self, committed: CommittedBlock) -> None:
        """Tell everybody of a block and its transactions."""
        for tx in committed.txs if self._commit_waits else ():
            for future in self._commit_waits.get(tx.hash, ()):
                if not future.done():
                    future.set_result(tx)
        if not self._topics:
            return
        for news in news_of(committed):
            self._tell(news)

    def _tell(self, news: News) -> None:
        values: dict[str, list[str]] | None = None
        for query, topic in self._topics.items():
            if not _may_match(topic.conditions, news.kind):
                continue
            if values is None:
                values = news.values()
            if not matches(topic.conditions, values):
                continue
            result = orjson.dumps(
                {
                    "query": query,
                    "data": orjson.Fragment(news.data()),
                    "events": values,
                }
            )
            for client, request_id in topic.clients.items():
                client.push(
                    b'{"jsonrpc":"2.0","id":%b,"result":%b}' % (request_id, result)
                )


def _parse(query: str) -> tuple[Condition, ...]:
    try:
        return parse_query(query)
    except HuitongError as wrong:
        raise SubscriptionError(reason=_why_unread(str(wrong))) from wrong


def _why_unread(reason: str) -> str:
    """Return CometBFT's words: it looks at the length before it parses."""
    is_text = reason.startswith("offset ")
    return f"failed to parse query: {reason}" if is_text else reason


def _may_match(conditions: tuple[Condition, ...], kind: str) -> bool:
    """Tell quickly whether a query asks for another kind of event."""
    for item in conditions:
        if item.key == "tm.event" and item.operator is Token.EQ:
            return item.operand == kind
    return True
