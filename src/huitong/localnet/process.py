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

import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from huitong.keys import Keyring
from huitong.localnet.program import (
    STOP_TIMEOUT_S,
    ProcessError,
    Program,
    huitong_arguments,
)
from huitong.localnet.zone import KEYRING_FOLDER, AccountSpec, MemberSpec, make_zone
from huitong.node.home import Home

__all__ = ["STOP_TIMEOUT_S", "NodeProcess", "ProcessError", "huitong_arguments"]

#: Seconds until a node must serve.
START_TIMEOUT_S: Final = 60.0
_POLL_S: Final = 0.02


class NodeProcess(Program):
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
        super().__init__(f"node of {chain_id}", home / "node.log")
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

    def launch(self) -> None:
        """Start the process, and return at once."""
        self._told.unlink(missing_ok=True)
        self._launch(
            "node",
            "start",
            f"--home={self.home}",
            f"--rpc={self.rpc_url or 'tcp://127.0.0.1:0'}",
            f"--block-time={self.block_time}",
            *self.node_options,
        )

    def start(self, timeout_s: float = START_TIMEOUT_S) -> str:
        """Start the node and return its URL once it serves.

        Raises:
            ProcessError: it ended, or does not serve in time; carries the log's end.
        """
        self.launch()
        deadline_s = time.monotonic() + timeout_s
        while time.monotonic() < deadline_s:
            if not self.is_running:
                raise ProcessError(self._describe(f"ended with {self.exit_code}"))
            url = self._told.read_text().strip() if self._told.exists() else ""
            if url and _is_serving(url):
                self.rpc_url = url
                return url
            time.sleep(_POLL_S)
        self.kill()
        raise ProcessError(self._describe(f"does not serve after {timeout_s} s"))

    @property
    def _told(self) -> Path:
        """Where a node writes the URL at which it serves."""
        return self.home / "data" / "rpc_address"


def _is_serving(url: str) -> bool:
    """Whether a node answers and has made its first block."""
    address = url.replace("tcp://", "http://", 1)
    try:
        with urllib.request.urlopen(f"{address}/status", timeout=2) as answer:
            body: bytes = answer.read()
    except (OSError, urllib.error.URLError):
        return False
    return b'"latest_block_height":"0"' not in body.replace(b" ", b"")
