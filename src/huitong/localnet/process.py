"""Nodes as real processes: set up a home, start, wait until it serves, stop or kill.

::

    zone = NodeProcess(folder / "hangzhou", chain_id="hangzhou-1",
                       members=[MemberSpec(member_id="hz-tax", roles=("publisher",))],
                       accounts=[AccountSpec(name="tax", member_id="hz-tax",
                                             roles=("publisher",))])
    zone.init()
    with zone:                       # starts, and stops whatever happens
        client = ZoneClient(zone.rpc_url)

The node runs through the ``huitong`` command, as a person would start it. Its home is set
up in this process by what that command calls: starting an interpreter for each step would
take longer than the step.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from huitong.keys import Keyring
from huitong.localnet.zone import KEYRING_FOLDER, AccountSpec, MemberSpec, make_zone
from huitong.node.home import Home

#: Seconds until a node must serve, and until it must have stopped.
START_TIMEOUT_S: Final = 60.0
STOP_TIMEOUT_S: Final = 20.0
_POLL_S: Final = 0.02
#: Lines of a node's log that an error shows.
_LOG_LINES: Final = 15


class ProcessError(Exception):
    """A node did not do what it was told; carries the end of its log."""


def huitong_arguments(*arguments: str) -> list[str]:
    """Return the command line that runs ``huitong`` with this interpreter."""
    return [sys.executable, "-m", "huitong", *arguments]


class NodeProcess:
    """One node of one zone."""

    def __init__(
        self,
        home: Path,
        *,
        chain_id: str,
        members: Sequence[MemberSpec] = (),
        accounts: Sequence[AccountSpec] = (),
        block_time: str = "200ms",
        node_options: Sequence[str] = (),
    ) -> None:
        """Prepare; nothing is written or started yet.

        Args:
            home: the node's folder; ``init`` makes it.
            chain_id: the zone.
            members: the zone's members at genesis.
            accounts: the zone's accounts at genesis.
            block_time: least time between blocks, as ``huitong node start`` takes it.
            node_options: further options of ``huitong node start``.
        """
        self.home = home
        """The node's folder."""
        self.chain_id = chain_id
        """The zone."""
        self.members = tuple(members)
        """Members at genesis."""
        self.accounts = tuple(accounts)
        """Accounts at genesis."""
        self.block_time = block_time
        """Least time between blocks with transactions."""
        self.node_options = tuple(node_options)
        """Further options of ``huitong node start``."""
        self.rpc_url = ""
        """Where it serves, once it does; a restarted node serves at the same place."""
        self._process: subprocess.Popen[bytes] | None = None

    # --- setting up -------------------------------------------------------------------

    def init(self) -> None:
        """Make the home: validator key, genesis with members and accounts, signing keys.

        Raises:
            RejectedError: the home exists, or a member or account is refused.
        """
        make_zone(Home(self.home), self.chain_id, self.members, self.accounts)

    @property
    def keyring(self) -> Keyring:
        """Keys of the accounts, without passphrases."""
        return Keyring(self.home / KEYRING_FOLDER)

    def address(self, name: str) -> str:
        """Return the address of the account called ``name``."""
        return self.keyring.get(name).address

    def private_key(self, name: str) -> bytes:
        """Return the 32 bytes of the key called ``name``."""
        return self.keyring.unlock(name)

    # --- running ----------------------------------------------------------------------

    @property
    def log_path(self) -> Path:
        """The node's log, all starts one after the other."""
        return self.home / "node.log"

    @property
    def pid(self) -> int:
        """Process id; 0 if it does not run."""
        return self._process.pid if self.is_running and self._process else 0

    @property
    def is_running(self) -> bool:
        """Whether the process is alive."""
        return self._process is not None and self._process.poll() is None

    def start(self, timeout_s: float = START_TIMEOUT_S) -> str:
        """Start the node and return its URL once it serves.

        Raises:
            ProcessError: it ended, or does not serve in time; carries the log's end.
        """
        told = self.home / "data" / "rpc_address"
        told.unlink(missing_ok=True)
        command = huitong_arguments(
            "node",
            "start",
            f"--home={self.home}",
            f"--rpc={self.rpc_url or 'tcp://127.0.0.1:0'}",
            f"--block-time={self.block_time}",
            *self.node_options,
        )
        with self.log_path.open("ab") as log:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        deadline_s = time.monotonic() + timeout_s
        while time.monotonic() < deadline_s:
            if self._process.poll() is not None:
                raise ProcessError(
                    self._describe(f"ended with {self._process.returncode}")
                )
            url = told.read_text().strip() if told.exists() else ""
            if url and _is_serving(url):
                self.rpc_url = url
                return url
            time.sleep(_POLL_S)
        self.kill()
        raise ProcessError(self._describe(f"does not serve after {timeout_s} s"))

    def stop(self, timeout_s: float = STOP_TIMEOUT_S) -> int:
        """Ask the node to stop and return its exit code; 0 if it did not run.

        Raises:
            ProcessError: it had to be killed.
        """
        if self._process is None:
            return 0
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
        try:
            return self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self.kill()
            raise ProcessError(self._describe(f"ran on for {timeout_s} s")) from None

    def kill(self) -> None:
        """Kill the node as a power cut would, without any chance to tidy up."""
        if self._process is not None and self._process.poll() is None:
            os.kill(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None:
            self.stop()
        else:
            self.kill()

    def log_tail(self, lines: int = _LOG_LINES) -> str:
        """Return the last lines of the log."""
        if not self.log_path.exists():
            return ""
        text = self.log_path.read_text(encoding="utf-8", errors="replace")
        return "\n".join(text.splitlines()[-lines:])

    def _describe(self, what: str) -> str:
        return f"node of {self.chain_id} {what}; its log ends with:\n{self.log_tail()}"


def _is_serving(url: str) -> bool:
    """Whether a node answers and has made its first block."""
    address = url.replace("tcp://", "http://", 1)
    try:
        with urllib.request.urlopen(f"{address}/status", timeout=2) as answer:
            body: bytes = answer.read()
    except (OSError, urllib.error.URLError):
        return False
    return b'"latest_block_height":"0"' not in body.replace(b" ", b"")
