"""Where clients of gRPC come in: no one of them keeps the others out.

gRPC's library bounds its connections by refusing new ones, so whoever holds them all is
alone with the node, even if he says nothing. Here a newcomer is let in always, and
``node.places`` says who gives way. What comes in is passed on to the library over a socket of this process,
byte by byte and no faster than either side reads.
"""

from __future__ import annotations

import asyncio
import socket
from typing import Self

from huitong.node.places import longest_silent


class Door:
    """Lets connections in and passes them on."""

    def __init__(self, inner: str, places: int) -> None:
        """Prepare; nobody is let in yet.

        Args:
            inner: path of the local socket where the library listens.
            places: how many connections there may be at a time.
        """
        self._inner = inner
        self._places = places
        self._visits: set[_Visit] = set()
        self._server: asyncio.Server | None = None

    async def open(self, listening: socket.socket) -> Self:
        """Let in whoever connects to ``listening``, which is the door's from now on."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _Front(self), sock=listening)
        return self

    def close(self) -> None:
        """Let nobody in any more; those who are inside stay."""
        if self._server is not None:
            self._server.close()

    def turn_out(self) -> None:
        """End all connections."""
        for visit in tuple(self._visits):
            visit.end()

    def enter(self, visit: _Visit) -> None:
        """Give a place to a newcomer, and pass its bytes on."""
        if len(self._visits) >= self._places:
            longest_silent(self._visits).end()
        self._visits.add(visit)
        visit.connecting = asyncio.ensure_future(self._connect(visit))

    def leave(self, visit: _Visit) -> None:
        """Make room again; the second time does nothing."""
        self._visits.discard(visit)

    async def _connect(self, visit: _Visit) -> None:
        loop = asyncio.get_running_loop()
        try:
            await loop.create_unix_connection(lambda: _Back(visit), self._inner)
        except OSError:
            visit.end()


class _Visit:
    """One connection from outside and its counterpart inside."""

    def __init__(self, door: Door, front: asyncio.Transport) -> None:
        self._door = door
        self._loop = asyncio.get_running_loop()
        self.front: asyncio.Transport = front
        """Towards the client."""
        self.back: asyncio.Transport | None = None
        """Towards the library, once it is there."""
        self.connecting: asyncio.Future[None] | None = None
        """Until it is there."""
        self.early = b""
        """What the client said before; one reading at most."""
        self.heard_s = self._loop.time()
        """When the last bytes passed, either way, by the loop's clock."""
        name = front.get_extra_info("peername")
        self.address = str(name[0]) if name else ""
        """Where the client is, without its port."""

    def passed(self) -> None:
        """Note that bytes have passed."""
        self.heard_s = self._loop.time()

    def end(self) -> None:
        """Cut both sides off at once."""
        self._door.leave(self)
        self.front.abort()
        if self.back is not None:
            self.back.abort()

    def finish(self) -> None:
        """Close both sides once what is on its way has arrived."""
        self._door.leave(self)
        self.front.close()
        if self.back is not None:
            self.back.close()


class _Front(asyncio.Protocol):
    """The client's side."""

    def __init__(self, door: Door) -> None:
        self._door = door

    def connection_made(  # type: ignore[override]
        self, transport: asyncio.Transport
    ) -> None:
        """Let the client in."""
        self._visit = _Visit(self._door, transport)
        self._door.enter(self._visit)

    def data_received(self, data: bytes) -> None:
        """Pass on what the client says, or keep it until there is somebody to tell."""
        visit = self._visit
        visit.passed()
        if visit.back is not None:
            visit.back.write(data)
        else:
            visit.early += data
            visit.front.pause_reading()

    def pause_writing(self) -> None:
        """Wait for the client to read."""
        if self._visit.back is not None:
            self._visit.back.pause_reading()

    def resume_writing(self) -> None:
        """Go on: the client has read."""
        if self._visit.back is not None:
            self._visit.back.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        """End the other side too."""
        self._visit.finish()


class _Back(asyncio.Protocol):
    """The library's side."""

    def __init__(self, visit: _Visit) -> None:
        self._visit = visit

    def connection_made(  # type: ignore[override]
        self, transport: asyncio.Transport
    ) -> None:
        """Begin to read from the client, if it is still there."""
        visit = self._visit
        if visit.front.is_closing():
            transport.abort()
            return
        visit.back = transport
        transport.write(visit.early)
        visit.early = b""
        visit.front.resume_reading()

    def data_received(self, data: bytes) -> None:
        """Pass on what the library says."""
        self._visit.passed()
        self._visit.front.write(data)

    def pause_writing(self) -> None:
        """Wait for the library to read."""
        self._visit.front.pause_reading()

    def resume_writing(self) -> None:
        """Go on: the library has read."""
        self._visit.front.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        """End the other side too."""
        self._visit.finish()
