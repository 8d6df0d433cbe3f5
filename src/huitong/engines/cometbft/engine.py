"""The CometBFT engine: the application served over ABCI, and the program that drives it.

Order of a start::

    ABCI server listens → settings written → CometBFT started → it connects, replays what
    the application lacks, joins its peers → its RPC answers

and of a stop: CometBFT first, so that no block is in hand, then the server.
"""

from __future__ import annotations

import threading
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final

import structlog

from huitong.core.app import Application
from huitong.engines.cometbft.abci.server import AbciServer
from huitong.engines.cometbft.errors import CometBftEndedError
from huitong.engines.cometbft.home import CometBftHome
from huitong.engines.cometbft.process import CometBftProcess
from huitong.engines.cometbft.service import ZoneService
from huitong.engines.cometbft.settings import CometBftSettings
from huitong.engines.genesis import GenesisDocument

#: Seconds between two looks whether RPC answers.
_POLL_S: Final = 0.05
_ANSWER_TIMEOUT_S: Final = 5.0
#: Seconds in which the application's own failure is told before CometBFT's end is: the
#: one is the cause of the other, and they arrive through different threads.
_CAUSE_TIMEOUT_S: Final = 1.0
_log: Final = structlog.get_logger("engine")


class CometBftEngine:
    """Serves one application, and runs the CometBFT that drives it."""

    def __init__(
        self,
        *,
        genesis: GenesisDocument,
        app: Application,
        service: ZoneService,
        home: CometBftHome,
        settings: CometBftSettings,
        binary: Path | None,
    ) -> None:
        """Put the engine together; nothing is started or written yet.

        Args:
            genesis: the zone's genesis document.
            app: the state machine.
            service: answers for it.
            home: CometBFT's folder.
            settings: what CometBFT is told; ``abci_address`` is where we listen.
            binary: the program; None if something else runs it.
        """
        self._genesis = genesis
        self._app = app
        self._home = home
        self._settings = settings
        self._server = AbciServer(
            address=settings.abci_address, service=service, on_failure=self._end
        )
        self._process = None if binary is None else CometBftProcess(binary, home)
        self._watch: threading.Thread | None = None
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._ended = threading.Event()
        self._failure: BaseException | None = None
        self._on_end: list[Callable[[], None]] = []

    # --- what others see --------------------------------------------------------------

    @property
    def genesis(self) -> GenesisDocument:
        """The zone's genesis document."""
        return self._genesis

    @property
    def height(self) -> int:
        """Height of the newest durable block; 0 before the first."""
        return self._app.state.version

    @property
    def rpc_address(self) -> str:
        """Where CometBFT's RPC answers, ``tcp://HOST:PORT``."""
        return self._settings.rpc_address

    def on_end(self, listener: Callable[[], None]) -> None:
        """Call ``listener`` when the engine ends, however it does; before start."""
        self._on_end.append(listener)

    def failure(self) -> BaseException | None:
        """Return why the engine ended by itself; None while it runs or was stopped."""
        return self._failure

    def wait_until_serving(self) -> bool:
        """Return True once RPC answers, or False once the engine ended before."""
        while not self._ended.is_set() and not self._stopping.wait(_POLL_S):
            if is_serving(self.rpc_address):
                return True
        return False

    # --- lifetime ---------------------------------------------------------------------

    def start(self) -> None:
        """Listen, and start CometBFT; from the main thread, see ``CometBftProcess``.

        Raises:
            HuitongError: the address, a file or the program cannot be used.
        """
        self._server.start()
        self._home.prepare(replace(self._settings, abci_address=self._server.address))
        if self._process is None:
            _log.info("waiting_for_cometbft", abci=self._server.address)
            return
        self._process.start()
        self._watch = threading.Thread(target=self._wait, name="cometbft", daemon=True)
        self._watch.start()

    def stop(self) -> None:
        """Stop CometBFT, then the server; calling it again does nothing."""
        self._stopping.set()
        if self._process is not None:
            self._process.stop()
        if self._watch is not None and self._watch is not threading.current_thread():
            self._watch.join()
        self._server.stop()
        self._end(None)

    def _wait(self) -> None:
        assert self._process is not None
        try:
            self._process.wait()
        except CometBftEndedError as failure:
            if self._ended.wait(_CAUSE_TIMEOUT_S):
                return
            for line in self._process.log_tail():
                _log.error("cometbft_said", line=line)
            self._end(failure)

    def _end(self, failure: BaseException | None) -> None:
        """Remember the first reason and tell the listeners once."""
        with self._lock:
            if self._ended.is_set():
                return
            self._failure = failure
            self._ended.set()
        if failure is not None:
            _log.error("engine_stopped", reason=str(failure), height=self.height)
        for listener in self._on_end:
            listener()


def is_serving(rpc_address: str) -> bool:
    """Tell whether an RPC server answers at ``tcp://HOST:PORT``."""
    url = rpc_address.replace("tcp://", "http://", 1)
    try:
        with urllib.request.urlopen(f"{url}/status", timeout=_ANSWER_TIMEOUT_S):
            return True
    except (OSError, urllib.error.URLError, ValueError):
        return False
