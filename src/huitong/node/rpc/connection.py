"""One HTTP connection that cannot wait for ever: what a slow peer may hold, and how long.

uvicorn bounds neither the time that a request may take to arrive nor the bytes before its
body, so a peer that sends half a request and falls silent would keep its connection, and
a few thousand of those would keep everybody else out.
"""

from __future__ import annotations

import asyncio
from typing import Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

#: Seconds in which a request must have arrived whole, as in CometBFT; an idle connection
#: that has been answered may rest for longer (uvicorn's keep-alive).
READ_TIMEOUT_S: Final = 10.0
#: Bytes of a request line with its headers: a query string of the greatest size, and the
#: headers that clients send.
HEAD_SIZE_BYTES_MAX: Final = 131_072


class RequestConnection(HttpToolsProtocol):
    """uvicorn's connection with a limit of time and of size for what arrives."""

    def connection_made(  # type: ignore[override]
        self, transport: asyncio.Transport
    ) -> None:
        """Begin to wait for the first request."""
        super().connection_made(transport)
        self._head_size_bytes = 0
        self._is_in_body = False
        self._deadline: asyncio.TimerHandle | None = None
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop waiting."""
        self._stop_waiting()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take a part of a request, within the limits."""
        if self._deadline is None:
            self._wait()
        if not self._is_in_body:
            self._head_size_bytes += len(data)
        super().data_received(data)
        if not self._is_in_body and self._head_size_bytes > HEAD_SIZE_BYTES_MAX:
            self.send_400_response("Request header too large.")

    def on_headers_complete(self) -> None:
        """Go on with the body, which the application bounds."""
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
