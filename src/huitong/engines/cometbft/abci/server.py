"""Listens for CometBFT and serves its connections, each in a thread of its own."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import stat
import threading
from collections.abc import Callable
from typing import Final

import structlog

from huitong.engines.cometbft.abci.connection import Connection
from huitong.engines.cometbft.abci.dispatch import Dispatcher
from huitong.engines.cometbft.abci.errors import AbciAddressError
from huitong.engines.cometbft.service import ZoneService

_log: Final = structlog.get_logger("abci")
#: Connections at a time. CometBFT opens four; a few more let an operator look on.
CONNECTIONS_MAX: Final = 16
#: Connections that wait to be accepted.
_BACKLOG: Final = 16
#: How long a connection may take to give its last answer away when the server stops.
#: The call in hand is always waited for: it may be writing a block.
_SEND_TIMEOUT_S: Final = 5.0
_PORT_MAX: Final = 65_535
#: Longest path of a Unix socket, a bound of the operating system.
_UNIX_PATH_BYTES_MAX: Final = 107


class AbciServer:
    """The server of one application, from ``start`` to ``stop``."""

    address: str
    """Where it listens, ``unix:///PATH`` or ``tcp://HOST:PORT``; as bound once started."""

    def __init__(
        self,
        *,
        address: str,
        service: ZoneService,
        on_failure: Callable[[BaseException], None],
    ) -> None:
        """Know where to listen; nothing is bound yet.

        Args:
            address: ``unix:///PATH``, or ``tcp://HOST:PORT`` where port 0 picks one. Who
                can connect drives the application, so TCP belongs on the local host.
            service: answers.
            on_failure: told of the first failure after which the node must not go on.
        """
        self.address = address
        self._dispatcher = Dispatcher(service, on_failure)
        self._lock = threading.Lock()
        self._connections: set[Connection] = set()
        self._listening: socket.socket | None = None
        self._thread: threading.Thread | None = None
        self._unix_path = ""
        self._is_stopping = False

    def start(self) -> None:
        """Listen, and serve whoever connects.

        Raises:
            AbciAddressError: the address cannot be used.
        """
        self._listening = self._bind()
        self._thread = threading.Thread(
            target=self._accept, args=(self._listening,), name="abci", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """Answer what is in hand, close all; calling it again does nothing."""
        with self._lock:
            self._is_stopping = True
            connections = list(self._connections)
            listening, self._listening = self._listening, None
        if listening is not None:
            _close(listening)
            if self._unix_path:
                _remove(self._unix_path)
        for connection in connections:
            connection.end()
        for connection in connections:
            connection.join(_SEND_TIMEOUT_S)
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join()

    # --- listening --------------------------------------------------------------------

    def _bind(self) -> socket.socket:
        scheme, _, rest = self.address.partition("://")
        try:
            if scheme == "unix":
                return self._bind_unix(rest)
            if scheme == "tcp":
                return self._bind_tcp(rest)
        except (OSError, ValueError) as wrong:
            raise AbciAddressError(address=self.address, reason=str(wrong)) from wrong
        raise AbciAddressError(address=self.address, reason="neither unix nor tcp")

    def _bind_unix(self, path: str) -> socket.socket:
        if not 0 < len(os.fsencode(path)) <= _UNIX_PATH_BYTES_MAX:
            raise ValueError(f"a path of 1 to {_UNIX_PATH_BYTES_MAX} bytes is needed")
        _remove_stale(path)
        listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            listening.bind(path)
            os.chmod(path, stat.S_IRUSR | stat.S_IWUSR)
            listening.listen(_BACKLOG)  # nobody could connect before
        except OSError:
            listening.close()
            raise
        self._unix_path = path
        return listening

    def _bind_tcp(self, rest: str) -> socket.socket:
        host, _, text = rest.rpartition(":")
        port = int(text)
        if not 0 <= port <= _PORT_MAX:
            raise ValueError(f"a port is at most {_PORT_MAX}")
        listening = socket.create_server(
            (host.strip("[]"), port),
            family=socket.AF_INET6 if host.startswith("[") else socket.AF_INET,
            backlog=_BACKLOG,
        )
        self.address = f"tcp://{host}:{listening.getsockname()[1]}"
        return listening

    # --- connections ------------------------------------------------------------------

    def _accept(self, listening: socket.socket) -> None:
        number = 0
        while True:
            try:
                accepted, _ = listening.accept()
            except OSError as failure:
                if self._is_stopping or failure.errno in (errno.EBADF, errno.EINVAL):
                    return
                _log.warning("abci_accept_failed", reason=str(failure))
                continue
            number += 1
            self._serve(accepted, f"abci-{number}")

    def _serve(self, accepted: socket.socket, name: str) -> None:
        accepted.setblocking(True)
        if accepted.family != socket.AF_UNIX:
            accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            accepted.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        connection = Connection(accepted, name, self._dispatcher.answer, self._ended)
        with self._lock:
            is_taken = (
                not self._is_stopping and len(self._connections) < CONNECTIONS_MAX
            )
            if is_taken:
                self._connections.add(connection)
                connection.start()
        if not is_taken:
            _log.warning("abci_connection_refused", maximum=CONNECTIONS_MAX)
            accepted.close()

    def _ended(self, connection: Connection) -> None:
        with self._lock:
            self._connections.discard(connection)


def _close(listening: socket.socket) -> None:
    """Close so that a thread that waits in accept comes back."""
    with contextlib.suppress(OSError):  # not every system shuts such a socket down
        listening.shutdown(socket.SHUT_RDWR)
    listening.close()


def _remove_stale(path: str) -> None:
    """Remove the socket that a killed process has left; never anything else."""
    try:
        is_socket = stat.S_ISSOCK(os.lstat(path).st_mode)
    except FileNotFoundError:
        return
    if not is_socket:
        raise ValueError("there is a file that is no socket")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        if probe.connect_ex(path) == 0:
            raise ValueError("another process listens there")
    os.unlink(path)


def _remove(path: str) -> None:
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)
