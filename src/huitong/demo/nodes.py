"""Nodes of the demonstration: homes made here, processes that never outlive us.

A node runs in a session of its own, so that Ctrl-C on the terminal reaches only this
program, which then stops its nodes in order. Everything is asynchronous, so that an
interruption ends every wait at once.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from signal import SIGKILL, SIGTERM
from typing import Final, final

from huitong.client import UnreachableError, ZoneClient
from huitong.demo.errors import StageError
from huitong.keys import Keyring
from huitong.localnet.zone import KEYRING_FOLDER, AccountSpec, MemberSpec, make_zone
from huitong.node.home import Home

#: Seconds until a node must serve.
START_TIMEOUT_S: Final = 60.0
#: Seconds that a node may take to stop before it is killed.
STOP_TIMEOUT_S: Final = 5.0
_POLL_S: Final = 0.02
_LOG_LINES: Final = 5


@final
class LocalNode:
    """One node of one zone on this machine."""

    def __init__(self, folder: Path, chain_id: str, block_time: str) -> None:
        """Prepare; nothing is written or started yet.

        Args:
            folder: the node's home; ``make`` makes it.
            chain_id: the zone.
            block_time: least time between blocks, as ``huitong node start`` takes it.
        """
        self.chain_id = chain_id
        """The zone."""
        self.rpc_url = ""
        """Where it serves, once it does."""
        self._home = Home(folder)
        self._block_time = block_time
        self._process: asyncio.subprocess.Process | None = None

    def make(
        self, members: Sequence[MemberSpec], accounts: Sequence[AccountSpec]
    ) -> None:
        """Make home, keys and genesis.

        Raises:
            RejectedError: a member or an account is refused.
        """
        make_zone(self._home, self.chain_id, members, accounts)

    def private_key(self, name: str) -> bytes:
        """Return the 32 bytes of the key called ``name``."""
        return Keyring(self.keyring).unlock(name)

    @property
    def keyring(self) -> Path:
        """The folder of its keys."""
        return self._home.path / KEYRING_FOLDER

    @property
    def place(self) -> str:
        """What runs, for people."""
        return f"process {self._process.pid if self._process else 0}, {self.rpc_url}"

    async def start(self) -> None:
        """Start the node and return once it serves and has made its first block.

        Raises:
            StageError: it ended, or does not serve in time.
        """
        with self._log_path.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "huitong",
                "node",
                "start",
                f"--home={self._home.path}",
                "--rpc=tcp://127.0.0.1:0",
                f"--block-time={self._block_time}",
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        deadline_s = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < deadline_s:
            if self._process.returncode is not None:
                raise self._failure(f"it ended with {self._process.returncode}")
            if await self._is_serving():
                return
            await asyncio.sleep(_POLL_S)
        raise self._failure(f"it does not serve after {START_TIMEOUT_S} s")

    async def stop(self) -> None:
        """Stop the node, and kill it if it does not; does nothing if it does not run."""
        process = self._process
        if process is None or process.returncode is not None:
            return
        _send(process.pid, SIGTERM)
        try:
            async with asyncio.timeout(STOP_TIMEOUT_S):
                await process.wait()
        except TimeoutError:
            pass  # it is killed below
        finally:
            if process.returncode is None:  # too slow, or we are interrupted once more
                _send(process.pid, SIGKILL)
        await process.wait()

    @property
    def _log_path(self) -> Path:
        return self._home.path / "node.log"

    async def _is_serving(self) -> bool:
        if not self._home.rpc_address_file.exists():
            return False
        url = self._home.rpc_address_file.read_text().strip()
        if not url:
            return False
        async with ZoneClient(url) as client:
            try:
                if await client.latest_height() < 1:
                    return False
            except UnreachableError:
                return False
        self.rpc_url = url
        return True

    def _failure(self, what: str) -> StageError:
        text = self._log_path.read_text(encoding="utf-8", errors="replace")
        last = " / ".join(text.splitlines()[-_LOG_LINES:])
        return StageError(reason=f"{self.chain_id}: {what}: {last}")


def _send(pid: int, number: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, number)
