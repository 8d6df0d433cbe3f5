"""Runs the RPC application under uvicorn, on a socket that is bound before anything else."""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final
from urllib.parse import urlsplit

import uvicorn

from huitong.node.errors import ListenAddressError, PortInUseError
from huitong.node.rpc.asgi import RpcApplication
from huitong.node.rpc.connection import RequestConnection, SocketConnection

#: Seconds that open requests get to finish when the node stops.
SHUTDOWN_GRACE_S: Final = 2
#: Bytes of one WebSocket message: the largest transaction in base64, and more.
MESSAGE_SIZE_BYTES_MAX: Final = 4_194_304
#: Seconds between our pings; Hermes drops a connection that is silent for 30.
PING_INTERVAL_S: Final = 10.0
_BACKLOG: Final = 1_024
#: Connections and requests at one time; more are told that the node is busy (503).
CONCURRENCY_MAX: Final = 2_000


def bind(address: str) -> socket.socket:
    """Return a socket that listens at ``tcp://HOST:PORT``; port 0 picks one.

    Raises:
        ListenAddressError: not such an address, or none of this machine.
        PortInUseError: another process listens there.
    """
    host, port = split_address(address)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
        listening.listen(_BACKLOG)
    except OSError as error:
        listening.close()
        if error.errno == errno.EADDRINUSE:
            raise PortInUseError(address=address) from error
        reason = error.strerror or str(error)
        raise ListenAddressError(address=address, reason=reason) from error
    return listening


def split_address(address: str) -> tuple[str, int]:
    """Return host and port of ``tcp://HOST:PORT``.

    Raises:
        ListenAddressError: not of this form.
    """
    try:
        parts = urlsplit(address)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise ListenAddressError(address=address, reason=str(error)) from error
    rest = parts.path.strip("/") or parts.query or parts.fragment
    if parts.scheme != "tcp" or host is None or port is None or rest:
        raise ListenAddressError(
            address=address, reason="expected the form tcp://HOST:PORT"
        )
    return host, port


def address_of(listening: socket.socket) -> str:
    """Return where a socket listens, ``tcp://HOST:PORT``."""
    host, port = listening.getsockname()[:2]
    return f"tcp://[{host}]:{port}" if ":" in host else f"tcp://{host}:{port}"


class RpcServer(uvicorn.Server):
    """uvicorn without its own handling of signals: the node has one for all its parts."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to the node."""
        yield


async def serve(
    application: RpcApplication, listening: socket.socket, stop: asyncio.Event
) -> None:
    """Answer requests until ``stop`` is set."""
    config = uvicorn.Config(
        application,
        http=RequestConnection,
        ws=SocketConnection,
        loop="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=False,
        proxy_headers=False,
        limit_concurrency=CONCURRENCY_MAX,
        ws_max_size=MESSAGE_SIZE_BYTES_MAX,
        ws_ping_interval=PING_INTERVAL_S,
        ws_ping_timeout=2 * PING_INTERVAL_S,
        ws_per_message_deflate=False,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=SHUTDOWN_GRACE_S,
    )
    server = RpcServer(config)

    async def end() -> None:
        await stop.wait()
        server.should_exit = True

    ending = asyncio.create_task(end())
    try:
        await server.serve(sockets=[listening])
    finally:
        ending.cancel()
