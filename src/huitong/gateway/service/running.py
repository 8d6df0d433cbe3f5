"""The processes of a gateway: one that does everything, or several that share an address.

With one worker the process that was started answers requests itself. With more it starts
them, replaces those that end, and ends them on SIGTERM; each is stateless, and what only
one of them may do is done by the one that holds the lease in the database.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from typing import Any, Final

import uvicorn
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector
from uvicorn.supervisors import Multiprocess

from huitong.gateway.http.request_metrics import RequestMetrics
from huitong.gateway.service.app import make_app, make_worker_app
from huitong.gateway.service.errors import WorkerFailedError
from huitong.gateway.service.services import Opening
from huitong.gateway.service.watch import GatewayWatch
from huitong.keys.new_file import replace_file
from huitong.node.rpc.server import address_of, bind

#: Connections and requests at one time in one process; more are told 503.
CONCURRENCY_MAX: Final = 2_000
#: Seconds for which an idle connection is kept; longer than balancers keep theirs.
KEEP_ALIVE_S: Final = 75
#: Seconds that the processes get to begin to answer.
START_TIMEOUT_S: Final = 60.0
#: Seconds for which a process may say nothing before it is taken for hung and replaced; a
#: new one first loads the software, which takes long on a busy machine.
HUNG_S: Final = 60
_POLL_S: Final = 0.1


def run_gateway(opening: Opening, told: Callable[[str], None]) -> None:
    """Answer until SIGTERM or SIGINT.

    Args:
        opening: which gateway; the home is owned by this process.
        told: called with the URL once requests are answered.

    Raises:
        ListenAddressError: not an address of this machine.
        PortInUseError: another process listens there.
        WorkerFailedError: a process did not begin to answer.
    """
    service = opening.settings.service
    listening = bind(service.listen)
    scheme = "http" if service.tls_certificate is None else "https"
    url = address_of(listening).replace("tcp", scheme, 1)

    def announce() -> None:
        replace_file(opening.home.address_file, f"{url}\n".encode())
        told(url)

    with listening, ExitStack() as stack:
        if opening.settings.peers:
            peer_socket = stack.enter_context(bind(opening.settings.peer.listen))
            opening = replace(opening, peer_socket=peer_socket)
        address = opening.settings.watch.listen
        if address is not None:
            requests, opening = _count_requests(opening)
            watch = GatewayWatch(opening.home, opening.settings, address, requests)
            stack.callback(watch.stop)
            watch.start()
        if service.workers == 1:
            config = _config(opening, partial(make_app, opening))
            try:
                _OneProcess(config, announce).run([listening])
            except SystemExit as failure:
                raise WorkerFailedError() from failure
        else:
            config = _config(opening, partial(make_worker_app, opening))
            parent = _ManyProcesses(config, [listening], announce)
            parent.run()
            if parent.has_failed:
                raise WorkerFailedError()


def _count_requests(opening: Opening) -> tuple[Collector, Opening]:
    """Return what has the figures of requests, and the opening that counts them."""
    if opening.settings.service.workers == 1:
        metrics = RequestMetrics()
        return metrics.registry, replace(opening, metrics=metrics)
    folder = opening.home.run_folder / "metrics"
    shutil.rmtree(folder, ignore_errors=True)  # of the processes of the run before
    folder.mkdir(mode=0o700)
    # Read by prometheus_client where it is loaded: by the processes that are started.
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(folder)
    collector: Collector = MultiProcessCollector(None, path=str(folder))  # type: ignore[no-untyped-call]
    return collector, opening


def _config(opening: Opening, make: Callable[[], Any]) -> uvicorn.Config:
    service, place = opening.settings.service, opening.home.place
    return uvicorn.Config(
        make,
        factory=True,
        workers=service.workers,
        loop="uvloop",
        http="httptools",
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        limit_concurrency=CONCURRENCY_MAX,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_worker_healthcheck=HUNG_S,
        timeout_graceful_shutdown=service.shutdown_grace_s,
        ssl_certfile=service.tls_certificate and place(service.tls_certificate),
        ssl_keyfile=service.tls_key and place(service.tls_key),
    )


class _OneProcess(uvicorn.Server):
    """A server that says when it answers."""

    def __init__(self, config: uvicorn.Config, announce: Callable[[], None]) -> None:
        super().__init__(config)
        self._announce = announce

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Stop at a signal, without raising it again once everything is closed."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self.handle_exit)
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to answer."""
        await super().startup(sockets)
        self._announce()


class _ManyProcesses(Multiprocess):
    """A parent that says when all its workers answer."""

    def __init__(
        self,
        config: uvicorn.Config,
        sockets: list[socket.socket],
        announce: Callable[[], None],
    ) -> None:
        super().__init__(config, sockets)
        self._announce = announce
        self._is_told = False
        self.has_failed = False
        """Whether a worker did not begin to answer."""

    def init_processes(self) -> None:
        """Start the workers and wait until all of them answer, hearing signals."""
        super().init_processes()
        deadline_s = time.monotonic() + START_TIMEOUT_S
        starting = list(self.processes)
        while starting and not self.should_exit.is_set():
            self.handle_signals()
            if time.monotonic() > deadline_s or not starting[0].process.is_alive():
                self.has_failed = not self._is_told
                self.should_exit.set()
            elif starting[0].is_ready(timeout=_POLL_S):
                starting.pop(0)
            else:
                time.sleep(_POLL_S)
        if not starting:
            self._announce()

    def handle_int(self) -> None:
        """End."""
        self._is_told = True
        super().handle_int()

    def handle_term(self) -> None:
        """End."""
        self._is_told = True
        super().handle_term()
