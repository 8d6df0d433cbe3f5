"""Serves metrics, health and readiness over HTTP, in threads of its own.

Apart from the node's RPC on purpose: it answers when RPC is overloaded or CometBFT gone,
and the two can stand behind different walls.
"""

from __future__ import annotations

import io
import socket
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from socketserver import BaseServer, TCPServer, ThreadingMixIn
from typing import Any, Final

import orjson
from prometheus_client import CONTENT_TYPE_LATEST

from huitong.node.rpc.server import address_of, bind
from huitong.node.watch.health import Verdict

#: Requests at one time; when another comes, the oldest of them is cut off: each takes
#: milliseconds, unless its peer is silent.
REQUESTS_MAX: Final = 16
#: Threads, with those that end because their request was cut off.
_THREADS_MAX: Final = 2 * REQUESTS_MAX
#: How long a peer may take to send its whole request, and to take the answer.
REQUEST_TIMEOUT_S: Final = 10.0
_JSON: Final = "application/json"
_TEXT: Final = "text/plain; charset=utf-8"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """What the paths tell."""

    metrics: Callable[[], bytes]
    """``/metrics``: Prometheus's text format."""
    health: Callable[[], tuple[Verdict, dict[str, Any]]]
    """``/healthz``: whether the process is of any use, and the body to tell it with."""
    readiness: Callable[[], tuple[Verdict, dict[str, Any]]]
    """``/readyz``: whether requests should go to this node."""
    documents: Mapping[str, Callable[[], dict[str, Any]]] = field(default_factory=dict)
    """Further paths, each with the JSON that it tells."""


class WatchServer:
    """Answers at one address from ``start`` to ``stop``."""

    def __init__(self, address: str, answers: Answers) -> None:
        """Bind; nothing is answered yet.

        Raises:
            ListenAddressError: not an address of this machine.
            PortInUseError: another process listens there.
        """
        self._listening = bind(address)
        self.address = address_of(self._listening)
        """Where it listens, ``tcp://HOST:PORT``."""
        self._server = _Server(self._listening, answers)
        self._thread = threading.Thread(
            target=self._server.serve_forever,
            kwargs={"poll_interval": 0.1},
            name="watch",
            daemon=True,
        )

    def start(self) -> None:
        """Begin to answer."""
        self._thread.start()

    def stop(self) -> None:
        """Answer no more; also right if it was never started."""
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
        self._listening.close()


class _Server(ThreadingMixIn, TCPServer):
    """A bounded number of threads, none of which outlives the process."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, listening: socket.socket, answers: Answers) -> None:
        self.answers = answers
        self._room = threading.BoundedSemaphore(_THREADS_MAX)
        self._open: dict[socket.socket, None] = {}
        self._lock = threading.Lock()
        BaseServer.__init__(self, listening.getsockname(), _Handler)
        self.socket = listening

    def process_request(self, request: Any, client_address: Any) -> None:
        """Answer in a thread, and let the oldest request give way if need be."""
        if not self._room.acquire(blocking=False):
            self.shutdown_request(request)
            return
        with self._lock:
            if len(self._open) >= REQUESTS_MAX:
                self._cut_off(next(iter(self._open)))
            self._open[request] = None
        super().process_request(request, client_address)

    def _cut_off(self, request: socket.socket) -> None:
        """End a request; its thread finds nothing more to read, and closes it."""
        del self._open[request]
        with suppress(OSError):
            request.shutdown(socket.SHUT_RDWR)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Answer, and make room again."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._room.release()

    def close_request(self, request: Any) -> None:
        """Close it, and forget it first: nobody may cut off a socket that took its place."""
        with self._lock:
            self._open.pop(request, None)
        super().close_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of a peer that went away."""


class _Handler(BaseHTTPRequestHandler):
    """One request."""

    timeout = REQUEST_TIMEOUT_S
    server: _Server
    server_version = "huitong"
    sys_version = ""

    def setup(self) -> None:
        """Read within one deadline, however slowly the bytes come."""
        super().setup()
        self.rfile = io.BufferedReader(_DeadlineReader(self.connection))

    def do_GET(self) -> None:
        """Answer one of the paths."""
        answers = self.server.answers
        path = self.path.partition("?")[0]
        if path == "/metrics":
            self._respond(200, CONTENT_TYPE_LATEST, answers.metrics())
        elif path in ("/healthz", "/readyz"):
            ask = answers.health if path == "/healthz" else answers.readiness
            verdict, body = ask()
            self._respond(
                200 if verdict.is_good else 503, _JSON, orjson.dumps(body) + b"\n"
            )
        elif path in answers.documents:
            document = orjson.dumps(answers.documents[path]())
            self._respond(200, _JSON, document + b"\n")
        else:
            paths = ("/metrics", "/healthz", "/readyz", *answers.documents)
            self._respond(404, _TEXT, f"{' '.join(paths)}\n".encode())

    def do_HEAD(self) -> None:
        """Answer without a body."""
        self.do_GET()

    def _respond(self, status: int, kind: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        self.send_header("cache-control", "no-store")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Log nothing: probes come every few seconds."""


class _DeadlineReader(io.RawIOBase):
    """What a peer sends until a deadline; the timeout of a socket begins with each byte."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._deadline_s = time.monotonic() + REQUEST_TIMEOUT_S

    def readable(self) -> bool:
        """Tell that it is there to be read."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Wait for some bytes.

        Raises:
            TimeoutError: the deadline has passed.
        """
        left_s = self._deadline_s - time.monotonic()
        if left_s <= 0:
            raise TimeoutError
        self._connection.settimeout(left_s)
        count = self._connection.recv_into(buffer)
        self._connection.settimeout(REQUEST_TIMEOUT_S)
        return count
