"""A zone of the demonstration as a consortium runs it: four validators on CometBFT."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, final

from huitong.client import RpcError, UnreachableError, ZoneClient
from huitong.demo.errors import StageError
from huitong.localnet.consortium import LocalZone
from huitong.localnet.node import LocalNode
from huitong.localnet.zone import AccountSpec, MemberSpec

VALIDATORS: Final = 4
#: Seconds until all nodes must serve; eight of them share the machine's processors.
START_TIMEOUT_S: Final = 120.0
#: Seconds that the nodes may take to stop before they are killed.
STOP_TIMEOUT_S: Final = 15.0
_POLL_S: Final = 0.05
#: CometBFT tells of a block before the application has carried it out; with the second
#: one, the state after the first can be asked for.
_FIRST_HEIGHT: Final = 2
#: Every local zone has these keys already.
_GIVEN_KEYS: Final = ("operator", "relayer")


@final
class Consortium:
    """One zone of four organisations beside those that play."""

    def __init__(
        self, folder: Path, chain_id: str, block_time: str, told: Callable[[str], None]
    ) -> None:
        """Prepare; nothing is written or started yet.

        Args:
            folder: where the zone lies; ``make`` makes it.
            chain_id: the zone.
            block_time: pause between blocks.
            told: called with a line when a node serves.
        """
        self.chain_id = chain_id
        """The zone."""
        self._folder = folder
        self._block_time = block_time
        self._told = told
        self._zone = LocalZone(folder, chain_id)

    def make(
        self, members: Sequence[MemberSpec], accounts: Sequence[AccountSpec]
    ) -> None:
        """Make homes, keys and genesis.

        Raises:
            RejectedError: a member or an account is refused.
        """
        self._zone = LocalZone(
            self._folder,
            self.chain_id,
            validators=VALIDATORS,
            block_time=self._block_time,
            members=members,
            accounts=[each for each in accounts if each.name not in _GIVEN_KEYS],
        )
        self._zone.init()

    def private_key(self, name: str) -> bytes:
        """Return the 32 bytes of the key called ``name``."""
        return self._zone.private_key(name)

    @property
    def keyring(self) -> Path:
        """The folder of its keys."""
        return self._zone.keyring.path

    @property
    def rpc_url(self) -> str:
        """Where its first node serves."""
        return self._zone.nodes[0].rpc_url

    @property
    def place(self) -> str:
        """What runs, for people."""
        return f"{VALIDATORS} validators on CometBFT, {self.rpc_url}"

    async def start(self) -> None:
        """Start all nodes and return once each has a block.

        Raises:
            StageError: one ended, or does not serve in time.
        """
        for node in self._zone.nodes:
            node.launch()
        try:
            async with asyncio.timeout(START_TIMEOUT_S):
                await asyncio.gather(
                    *(self._wait_until_serving(node) for node in self._zone.nodes)
                )
        except TimeoutError:
            reason = f"{self.chain_id}: no block after {START_TIMEOUT_S:.0f} s"
            raise StageError(reason=reason) from None

    async def stop(self) -> None:
        """Stop all nodes, and kill those that do not; none runs when it returns."""
        nodes = [node for node in self._zone.nodes if node.is_running]
        deadline_s = time.monotonic() + STOP_TIMEOUT_S
        try:
            for node in nodes:
                node.ask_to_stop()
            while time.monotonic() < deadline_s:
                if not any(node.is_running for node in nodes):
                    break
                await asyncio.sleep(_POLL_S)
        finally:
            self._zone.kill()  # what is still there, also if we are interrupted again

    async def _wait_until_serving(self, node: LocalNode) -> None:
        async with ZoneClient(node.rpc_url) as client:
            while not await _is_serving(client):
                if not node.is_running:
                    reason = f"{self.chain_id} {node.name}: it ended: "
                    raise StageError(reason=reason + node.last_line())
                await asyncio.sleep(_POLL_S)
        self._told(f"{self.chain_id} {node.name} serves at {node.rpc_url}")


async def _is_serving(client: ZoneClient) -> bool:
    try:
        return await client.latest_height() >= _FIRST_HEIGHT
    except (UnreachableError, RpcError):
        return False
