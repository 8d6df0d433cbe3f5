"""Connections that cannot wait for ever: what a slow peer may hold, and how long.

uvicorn bounds neither the time that a request may take to arrive nor the bytes before its
body, nor how long an answer may wait to be read; of a WebSocket it bounds one message,
but not those of all, nor the pieces it comes in, nor the replies to pings that nobody
reads. A few thousand peers that fall silent in the midst of something would keep
everybody else out, or take all memory.
"""

from __future__ import annotations

import asyncio
from typing import Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import (
    WebSocketsSansIOProtocol,
)
from websockets.frames import Frame

from huitong.node.places import longest_silent

#: Connections at one time, below the bound at which uvicorn answers nobody any more; when
#: another comes, ``node.places`` says which of them gives way.
CONNECTIONS_MAX: Final = 1_900
#: Seconds in which a request must have arrived whole, as in CometBFT; an idle connection
#: that has been answered may rest for longer (uvicorn's keep-alive).
READ_TIMEOUT_S: Final = 10.0
#: Bytes of a request line with its headers: a query string of the greatest size, and the
#: headers that clients send.
HEAD_SIZE_BYTES_MAX: Final = 131_072
#: Requests that a peer may send before it has the answers to those before them.
REQUESTS_AHEAD_MAX: Final = 32
#: Seconds in which a peer must have read something of what waits for it.
WRITE_TIMEOUT_S: Final = 30.0
#: Bytes of WebSocket messages that are arriving at one time, on all connections.
MESSAGES_SIZE_BYTES_MAX: Final = 67_108_864
#: Pieces that a WebSocket message may come in.
MESSAGE_FRAMES_MAX: Final = 1_024
#: Bytes of replies to pings that a peer may leave unread, beside one message.
UNREAD_SIZE_BYTES_MAX: Final = 1_048_576


class _Reader:
    """Gives up a peer that does not read; one for each connection."""

    __slots__ = ("_deadline", "_loop")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._deadline: asyncio.TimerHandle | None = None

    def falls_behind(self, transport: asyncio.Transport) -> None:
        """Begin to wait for the peer."""
        self.goes_on()
        self._deadline = self._loop.call_later(WRITE_TIMEOUT_S, transport.abort)

    def goes_on(self) -> None:
        """Stop waiting."""
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


class _Guest:
    """What both kinds of connection tell of themselves for ``node.places``."""

    client: tuple[str, int] | None
    loop: asyncio.AbstractEventLoop
    transport: asyncio.Transport
    heard_s = 0.0
    """When something came last, by the loop's clock."""

    @property
    def address(self) -> str:
        """Where the client is, without its port."""
        return self.client[0] if self.client else ""

    def hears(self) -> None:
        """Note that something came."""
        self.heard_s = self.loop.time()

    @property
    def is_leaving(self) -> bool:
        """Tell whether it has been ended already."""
        return self.transport.is_closing()


class TooManyRequestsError(Exception):
    """A peer sends requests without waiting for answers."""


class RequestConnection(_Guest, HttpToolsProtocol):
    """uvicorn's connection with a limit of time and of size for what arrives."""

    def connection_made(  # type: ignore[override]
        self, transport: asyncio.Transport
    ) -> None:
        """Begin to wait for the first request, and let another give way if need be."""
        self._make_room()
        super().connection_made(transport)
        self.hears()
        self._head_size_bytes = 0
        self._is_in_body = False
        self._deadline: asyncio.TimerHandle | None = None
        self._reader = _Reader(self.loop)
        self._wait()

    def pause_writing(self) -> None:
        """Wait for the peer to read."""
        super().pause_writing()
        self._reader.falls_behind(self.transport)

    def resume_writing(self) -> None:
        """Go on: the peer has read."""
        self._reader.goes_on()
        super().resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop waiting."""
        self._stop_waiting()
        self._reader.goes_on()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take a part of a request, within the limits."""
        self.hears()
        if self._deadline is None:
            self._wait()
        if not self._is_in_body:
            self._head_size_bytes += len(data)
        super().data_received(data)
        if not self._is_in_body and self._head_size_bytes > HEAD_SIZE_BYTES_MAX:
            self.send_400_response("Request header too large.")

    def on_headers_complete(self) -> None:
        """Go on with the body, which the application bounds.

        Raises:
            TooManyRequestsError: the parser ends the connection with status 400.
        """
        if len(self.pipeline) >= REQUESTS_AHEAD_MAX:
            raise TooManyRequestsError
        self._is_in_body = True
        self._head_size_bytes = 0
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """The request is there: how long its answer takes is not the peer's doing."""
        self._is_in_body = False
        self._stop_waiting()
        super().on_message_complete()

    def handle_websocket_upgrade(self) -> None:
        """Leave the connection to the WebSocket, which has limits of its own."""
        self._stop_waiting()
        super().handle_websocket_upgrade()

    def _make_room(self) -> None:
        if len(self.connections) >= CONNECTIONS_MAX:
            staying = [
                guest
                for guest in self.connections
                if isinstance(guest, _Guest) and not guest.is_leaving
            ]
            if len(staying) >= CONNECTIONS_MAX:
                longest_silent(staying).transport.abort()

    def _wait(self) -> None:
        self._deadline = self.loop.call_later(READ_TIMEOUT_S, self._give_up)

    def _stop_waiting(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _give_up(self) -> None:
        if self.pipeline:  # we do not read now: an earlier request is being answered
            self._wait()
        else:
            self.transport.abort()


class SocketConnection(_Guest, WebSocketsSansIOProtocol):
    """uvicorn's WebSocket with limits of what arrives and of what is not read."""

    _arriving_bytes = 0
    """Of messages on all connections that are not whole yet."""

    def connection_made(  # type: ignore[override]
        self, transport: asyncio.Transport
    ) -> None:
        """Begin with nothing held."""
        super().connection_made(transport)
        self.hears()
        self._held_bytes = 0
        self._reader = _Reader(self.loop)

    def connection_lost(self, exc: Exception | None) -> None:
        """Let go of what it held."""
        self._hold(-self._held_bytes)
        self._reader.goes_on()
        self._let_go()
        super().connection_lost(exc)

    def _let_go(self) -> None:
        """Drop what has arrived.

        A parser that failed stands in a cycle of references with its error, and would
        keep the bytes until the collector comes by, which counts objects and not bytes.
        """
        self.frames = []
        self.conn.events_received()
        self.conn.reader.buffer.clear()
        self.conn.parser_exc = None

    def pause_writing(self) -> None:
        """Wait for the peer to read."""
        super().pause_writing()
        self._reader.falls_behind(self.transport)

    def resume_writing(self) -> None:
        """Go on: the peer has read."""
        self._reader.goes_on()
        super().resume_writing()

    def data_received(self, data: bytes) -> None:
        """Take a part of a message, if all such parts are not too many."""
        self.hears()
        self._hold(len(data))
        if SocketConnection._arriving_bytes > MESSAGES_SIZE_BYTES_MAX:
            self.transport.abort()
            return
        super().data_received(data)
        if not self.frames and self._is_between_frames():
            self._hold(-self._held_bytes)

    def handle_cont(self, event: Frame) -> None:
        """Take a piece of a message, if it does not come in too many."""
        if len(self.frames) >= MESSAGE_FRAMES_MAX:
            self.transport.abort()
            return
        super().handle_cont(event)

    def handle_ping(self) -> None:
        """Reply, if the peer reads the replies."""
        if self.transport.get_write_buffer_size() > UNREAD_SIZE_BYTES_MAX:
            self.transport.abort()
            return
        super().handle_ping()

    def _is_between_frames(self) -> bool:
        return not self.conn.reader.buffer

    def _hold(self, size_bytes: int) -> None:
        self._held_bytes += size_bytes
        SocketConnection._arriving_bytes += size_bytes
