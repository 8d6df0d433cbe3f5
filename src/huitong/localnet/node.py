"""One node of a local zone, whoever started it: found by its files, driven by signals."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

from huitong.engines.cometbft.process import running_pid
from huitong.localnet.errors import NodeStartError
from huitong.localnet.process import huitong_arguments
from huitong.localnet.serving import find_height
from huitong.node.home import Home

#: Seconds until a node must serve, and until it must have stopped.
START_TIMEOUT_S: Final = 90.0
STOP_TIMEOUT_S: Final = 30.0
_POLL_S: Final = 0.05
_LOG_SIZE_BYTES: Final = 4_096


class LocalNode:
    """One node of one zone."""

    def __init__(
        self,
        home: Path,
        *,
        rpc_url: str,
        grpc_address: str = "",
        p2p_address: str,
        is_validator: bool,
    ) -> None:
        """Name a node whose home is there; nothing is started.

        Args:
            home: its folder; the last part is its name.
            rpc_url: where it answers, ``tcp://HOST:PORT``.
            grpc_address: where it answers gRPC, ``HOST:PORT``; empty if nowhere.
            p2p_address: where other nodes reach it; empty if nowhere.
            is_validator: whether it was a validator in genesis.
        """
        self.home = home
        """Its folder."""
        self.rpc_url = rpc_url
        """Where it answers, always the same."""
        self.grpc_address = grpc_address
        """Where it answers gRPC."""
        self.p2p_address = p2p_address
        """Where other nodes reach it."""
        self.is_validator = is_validator
        """Whether it was a validator in genesis."""
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def name(self) -> str:
        """``node0`` and so on."""
        return self.home.name

    @property
    def pid(self) -> int:
        """Process id of the node; 0 if it does not run."""
        if self._process is not None and self._process.poll() is None:
            return self._process.pid
        return running_node_pid(self.home)

    @property
    def is_running(self) -> bool:
        """Whether its process is alive."""
        return self.pid != 0

    def find_height(self) -> int | None:
        """Return the height of its newest block; None if it does not answer."""
        return find_height(self.rpc_url)

    # --- starting ---------------------------------------------------------------------

    def start(self, timeout_s: float = START_TIMEOUT_S) -> None:
        """Start it, if it does not run, and return once its RPC answers.

        Raises:
            NodeStartError: it ended, or does not answer in time.
        """
        self.launch()
        self.wait_until_serving(timeout_s)

    def launch(self) -> None:
        """Start the process, if it does not run, without waiting for anything."""
        if self.is_running:
            return
        Home(self.home).rpc_address_file.unlink(missing_ok=True)
        with (self.home / "node.log").open("ab") as log:
            self._process = subprocess.Popen(
                huitong_arguments("node", "start", f"--home={self.home}"),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def wait_until_serving(
        self,
        timeout_s: float = START_TIMEOUT_S,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        """Return once RPC answers.

        Args:
            timeout_s: seconds until it must.
            pause: sleeps between two looks; what it raises ends the wait.

        Raises:
            NodeStartError: it ended, or does not answer in time.
        """
        told = Home(self.home).rpc_address_file
        deadline_s = time.monotonic() + timeout_s
        while not (told.exists() and self.find_height() is not None):
            process = self._process
            if process is not None and process.poll() is not None:
                what = f"ended with {process.returncode}"
                raise NodeStartError(name=self.name, what=what, reason=self.last_line())
            if time.monotonic() > deadline_s:
                what = f"does not answer after {timeout_s:.0f} s"
                raise NodeStartError(name=self.name, what=what, reason=self.last_line())
            pause(_POLL_S)

    def wait_height(
        self,
        height: int,
        timeout_s: float = START_TIMEOUT_S,
        pause: Callable[[float], None] = time.sleep,
    ) -> int:
        """Return its newest height as soon as that is at least ``height``.

        Args:
            height: what it must reach.
            timeout_s: seconds until it must.
            pause: sleeps between two looks; what it raises ends the wait.

        Raises:
            NodeStartError: not within ``timeout_s`` seconds.
        """
        deadline_s = time.monotonic() + timeout_s
        while (found := self.find_height() or 0) < height:
            if time.monotonic() > deadline_s:
                raise NodeStartError(
                    name=self.name,
                    what=f"is at height {found} after {timeout_s:.0f} s, not at {height}",
                    reason=self.last_line(),
                )
            pause(_POLL_S)
        return found

    # --- stopping ---------------------------------------------------------------------

    def stop(self, timeout_s: float = STOP_TIMEOUT_S) -> None:
        """Let it stop in order; does nothing if it does not run.

        Raises:
            NodeStartError: it had to be killed.
        """
        self.ask_to_stop()
        deadline_s = time.monotonic() + timeout_s
        while self.is_running:
            if time.monotonic() > deadline_s:
                self.kill()
                what = f"ran on for {timeout_s:.0f} s"
                raise NodeStartError(name=self.name, what=what, reason=self.last_line())
            time.sleep(_POLL_S)
        self._reap()

    def ask_to_stop(self) -> None:
        """Tell it to stop, without waiting."""
        _signal(self.pid, signal.SIGTERM)

    def kill(self) -> None:
        """Kill all its processes as a power cut would."""
        home = Home(self.home)
        while pids := [pid for pid in (self.pid, running_pid(home.cometbft)) if pid]:
            for pid in pids:
                _signal(pid, signal.SIGKILL)
            time.sleep(_POLL_S)
        self._reap()

    def _reap(self) -> None:
        if self._process is not None:
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(STOP_TIMEOUT_S)
            self._process = None

    def last_line(self) -> str:
        """Return the last line of its log that tells something."""
        try:
            data = (self.home / "node.log").read_bytes()[-_LOG_SIZE_BYTES:]
        except FileNotFoundError:
            return "it has no log"
        lines = [line for line in data.decode("utf-8", "replace").splitlines() if line]
        errors = [line for line in lines if line.startswith("Error:")]
        return (errors or lines or ["its log is empty"])[-1]


def running_node_pid(home: Path) -> int:
    """Return the process of the node whose home this is; 0 if none runs.

    The lock on the pid file is not tried: that could get in the way of a node that starts.
    """
    try:
        pid = int(Home(home).pid_file.read_text())
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
    except (OSError, ValueError):
        return 0
    return pid if f"--home={home}".encode() in command.split(b"\0") else 0


def _signal(pid: int, number: signal.Signals) -> None:
    if pid:
        with suppress(ProcessLookupError):
            os.kill(pid, number)
