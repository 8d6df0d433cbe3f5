"""Four validators on CometBFT stop at a voted height; the next version goes on."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import pytest

from huitong.client import Sender, ZoneClient
from huitong.client.voting import decide
from huitong.core.store.multistore import MultiStore
from huitong.localnet.consortium import LocalZone
from huitong.localnet.node import LocalNode
from huitong.modules.zone import STORE_NAMES
from huitong.node.home import Home
from huitong.proto.huitong.governance.v1 import governance_pb2
from huitong.proto.huitong.upgrades.v1 import upgrades_pb2 as pb
from huitong.storage.environment import LmdbEnvironment
from huitong.storage.nodes import LmdbBackend
from tests.cluster.chain import check_no_fork, newest_height, wait_past
from tests.crash import upgraded_software

ORGANISATIONS: Final = tuple(f"org-{number}" for number in range(4))
VOTING_PERIOD_S: Final = 15
#: Blocks from the proposal to the upgrade: at five in a second, the vote ends before.
NOTICE_BLOCKS: Final = 120
STOPPED_FOR_UPGRADE: Final = 75
PATIENCE_S: Final = 90.0
#: Seconds until that many blocks are made, also by a slow machine.
NOTICE_S: Final = 300.0
#: Seconds in which two of four validators must not make a block.
SILENCE_S: Final = 3.0


class Processes:
    """The nodes' processes, each of the old or of the new software."""

    def __init__(self, folder: Path, zone: LocalZone) -> None:
        self.folder = folder
        self.zone = zone
        self.running: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, nodes: Sequence[LocalNode], *, is_new: bool = False) -> None:
        """Start nodes; those that ended before are started again."""
        script = (upgraded_software.__file__, str(self.folder))
        program = script if is_new else ("-m", "huitong")
        for node in nodes:
            with (self.folder / f"{node.name}.log").open("ab") as log:
                self.running[node.name] = subprocess.Popen(
                    [sys.executable, *program, "node", "start", "--home", node.home],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                )

    def exit_codes(self, nodes: Sequence[LocalNode]) -> list[int]:
        """Wait until these nodes have ended by themselves."""
        return [self.running[node.name].wait(NOTICE_S) for node in nodes]

    def log_of(self, node: LocalNode) -> str:
        return (self.folder / f"{node.name}.log").read_text()

    def stop(self) -> None:
        for process in self.running.values():
            process.terminate()
        for process in self.running.values():
            process.wait(PATIENCE_S)


@pytest.fixture
def processes(cometbft: Path, tmp_path: Path) -> Iterator[Processes]:
    zone = LocalZone(
        tmp_path / "zone", "hangzhou-1", validators=4, voting_period_s=VOTING_PERIOD_S
    )
    zone.init()
    made = Processes(tmp_path, zone)
    try:
        yield made
    finally:
        zone.kill()
        for process in made.running.values():
            process.kill()
            process.wait()


async def schedule(zone: LocalZone) -> int:
    """Let the organisations decide on the upgrade; return its height."""
    async with ZoneClient(zone.nodes[0].rpc_url) as client:
        senders = [Sender(client, zone.private_key(name)) for name in ORGANISATIONS]
        height = await client.latest_height() + NOTICE_BLOCKS
        message = pb.MsgScheduleUpgrade(name="v2", height=height, info="Huitong 2.0")
        proposal = await decide(senders, message)
    assert proposal.status == governance_pb2.PROPOSAL_STATUS_PASSED, proposal
    return height


def runs(node: LocalNode) -> tuple[int, bytes | None]:
    """Return the height of a stopped node, and how often its migration ran."""
    backend = LmdbBackend(LmdbEnvironment(Home(node.home).data, durable=False))
    try:
        names = [*STORE_NAMES, upgraded_software.STORE]
        state = MultiStore(backend, names, versions_kept=0)
        return state.version, state.store(upgraded_software.STORE).get(b"runs")
    finally:
        backend.close()


@pytest.mark.heavy
@pytest.mark.timeout(600)
def test_all_stop_at_the_height_and_the_new_version_migrates_once(
    processes: Processes,
) -> None:
    nodes = processes.zone.nodes
    processes.start(nodes)
    wait_past(nodes, 2, PATIENCE_S)
    height = asyncio.run(schedule(processes.zone))
    assert processes.exit_codes(nodes) == [STOPPED_FOR_UPGRADE] * 4
    for node in nodes:
        assert f"from height {height} on the zone runs the upgrade v2" in (
            processes.log_of(node)
        )
        assert runs(node) == (height - 1, None)
    _mix(processes, height)
    processes.start(nodes[:2], is_new=True)
    wait_past(nodes, height + 3, PATIENCE_S)
    asyncio.run(check_no_fork(nodes, 1, height + 3))
    processes.stop()
    for node in nodes:
        reached, count = runs(node)
        assert reached > height
        assert count == b"1"


def _mix(processes: Processes, height: int) -> None:
    """Two nodes are still old, two are new: no blocks are made, and none forked."""
    old, new = processes.zone.nodes[:2], processes.zone.nodes[2:]
    processes.start(old)
    processes.start(new, is_new=True)
    assert processes.exit_codes(old) == [STOPPED_FOR_UPGRADE] * 2
    wait_past(new, height - 1, PATIENCE_S)
    with pytest.raises(AssertionError, match="not within"):
        wait_past(new, height, SILENCE_S)
    assert newest_height(new) == height
    for node in old:
        assert runs(node) == (height - 1, None)
