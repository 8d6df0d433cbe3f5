"""Server-sent events (``text/event-stream``) in bounded memory.

A stream holds one page of events. The next one is read when the reader has taken the one
before, so a slow reader costs a page and a socket's buffer; one that takes nothing loses
its stream. Lost is nothing: the reader comes back with ``Last-Event-ID``.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import suppress
from typing import Any, Final, final

import orjson
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from huitong.core.errors import HuitongError
from huitong.gateway.events.errors import TooManyStreamsError
from huitong.gateway.events.log import EventFilter, EventLog
from huitong.gateway.events.news import EventNews
from huitong.gateway.events.settings import EventSettings

EVENT_STREAM: Final = "text/event-stream"
#: Events that one stream holds in memory.
PAGE: Final = 100
#: Milliseconds after which a reader that lost its stream should come back.
RETRY_MS: Final = 2_000


@final
class Streams:
    """All streams of one process."""

    def __init__(
        self, events: EventLog, news: EventNews, settings: EventSettings
    ) -> None:
        """Prepare."""
        self._events = events
        self._news = news
        self._settings = settings
        self._of_caller: Counter[str] = Counter()
        self._stopping = asyncio.Event()

    @property
    def count(self) -> int:
        """Streams that are open."""
        return self._of_caller.total()

    def stop(self) -> None:
        """End all streams, because the process ends."""
        self._stopping.set()

    def open(
        self,
        caller: str,
        wanted: EventFilter,
        *,
        after: int,
        may_listen: Callable[[], Awaitable[bool]],
        seconds: float | None = None,
    ) -> EventStream:
        """Return a stream as an answer; it counts until it is closed.

        Args:
            caller: id of the caller.
            wanted: which events.
            after: position of the last one seen.
            may_listen: asked now and then whether the caller still may.
            seconds: when the caller wants the stream to end; None: at its longest.

        Raises:
            TooManyStreamsError: the caller, or all together, have too many.
        """
        settings = self._settings
        if self._of_caller[caller] >= settings.streams_per_caller_max:
            raise TooManyStreamsError(
                count=settings.streams_per_caller_max, whose="this caller"
            )
        if self.count >= settings.streams_max:
            raise TooManyStreamsError(count=settings.streams_max, whose="all callers")
        self._of_caller[caller] += 1
        longest_s = float(settings.stream_s_max)
        return EventStream(
            self._pieces(wanted, after, min(longest_s, seconds or longest_s)),
            may_listen=may_listen,
            settings=settings,
            stopping=self._stopping,
            closed=lambda: self._close(caller),
        )

    def _close(self, caller: str) -> None:
        self._of_caller[caller] -= 1
        if self._of_caller[caller] <= 0:
            del self._of_caller[caller]

    async def _pieces(
        self, wanted: EventFilter, after: int, seconds: float
    ) -> AsyncIterator[bytes]:
        """Yield events as text; an empty piece after each silence."""
        # The place to go on from is told first, so that a reader that is cut off before
        # the first event misses none either.
        yield f"retry: {RETRY_MS}\nid: {after}\n\n".encode()
        deadline_s = time.monotonic() + seconds
        told = after
        while (left_s := deadline_s - time.monotonic()) > 0:
            page = await self._events.page(wanted, after=after, limit=PAGE)
            after = page.until
            if page.events:
                told = int(page.events[-1]["id"])
                yield encode_stream(page.events)
            if after < page.newest:
                continue
            silence_s = min(left_s, self._settings.heartbeat_s)
            if not await self._news.newer(after, silence_s):
                # Also tells how far was looked, so that nothing is looked at twice.
                yield f"id: {after}\n\n".encode() if after > told else b":\n\n"
                told = after


class EventStream(Response):
    """The answer that tells events as they happen."""

    media_type = EVENT_STREAM

    def __init__(
        self,
        pieces: AsyncIterator[bytes],
        *,
        may_listen: Callable[[], Awaitable[bool]],
        settings: EventSettings,
        stopping: asyncio.Event,
        closed: Callable[[], None],
    ) -> None:
        super().__init__()
        del self.headers["content-length"]
        # Nothing between the gateway and the reader may gather pieces.
        self.headers["x-accel-buffering"] = "no"
        self._pieces = pieces
        self._may_listen = may_listen
        self._settings = settings
        self._stopping = stopping
        self._closed = closed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer (ASGI 3)."""
        try:
            await send(
                {
                    "type": "http.response.start",
                    "status": self.status_code,
                    "headers": self.raw_headers,
                }
            )
            ends = [
                asyncio.create_task(self._tell(send)),
                asyncio.create_task(_disconnected(receive)),
                asyncio.create_task(self._stopping.wait()),
            ]
            try:
                await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for task in ends:
                    task.cancel()
                await asyncio.gather(*ends, return_exceptions=True)
            with suppress(TimeoutError):
                async with asyncio.timeout(self._settings.stall_s):
                    await send({"type": "http.response.body", "body": b""})
        finally:
            self._closed()

    async def _tell(self, send: Send) -> None:
        """Send pieces until they end, the reader stalls, or may not listen any more."""
        asked_s = time.monotonic()
        with suppress(TimeoutError, HuitongError):
            async for piece in self._pieces:
                now_s = time.monotonic()
                if now_s - asked_s >= self._settings.heartbeat_s:
                    asked_s = now_s
                    if not await self._may_listen():
                        return
                message = {"type": "http.response.body", "body": piece}
                async with asyncio.timeout(self._settings.stall_s):
                    await send({**message, "more_body": True})


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def encode_stream(events: Collection[dict[str, Any]]) -> bytes:
    """Return events in the form of server-sent events."""
    parts = []
    for event in events:
        head = f"id: {event['id']}\nevent: {event['type']}\ndata: ".encode()
        parts.append(head + orjson.dumps(event) + b"\n\n")
    return b"".join(parts)
