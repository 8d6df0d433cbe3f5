"""New nodes join a zone on CometBFT: by replay, by snapshot, past sources that lie."""

from __future__ import annotations

import json
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from huitong.localnet import node as node_module
from huitong.localnet.consortium import LocalZone
from huitong.localnet.joining import join_zone
from huitong.localnet.node import LocalNode
from huitong.localnet.serving import find_status
from huitong.node.config import NodeConfig
from huitong.node.home import Home
from huitong.storage.snapshot_files import (
    SnapshotFiles,
    StoredSnapshot,
    find_stored,
)
from tests.cluster.chain import newest_height, wait_until

pytestmark = pytest.mark.heavy

EVERY_BLOCKS = 20
LIARS = ("node2", "node3")
#: Nodes that join until one has met a liar.
JOINING_MAX = 4
_UNLIKE = str(Path(__file__).with_name("unlike_node.py"))


@pytest.fixture
def zone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalZone]:
    """Run four validators with snapshots in many chunks, of which two nodes give wrong ones."""

    def arguments(*given: str) -> list[str]:
        is_liar = any(given[-1].endswith(name) for name in LIARS)
        return [
            "/usr/bin/env",
            f"LIAR={'1' if is_liar else ''}",
            sys.executable,
            _UNLIKE,
            *given,
        ]

    monkeypatch.setattr(node_module, "huitong_arguments", arguments)
    made = LocalZone(
        tmp_path / "zone", "hangzhou-1", snapshot_every_blocks=EVERY_BLOCKS
    )
    made.init()
    with made:
        made.wait_height(EVERY_BLOCKS + 3)
        yield made


def _header(node: LocalNode, height: int) -> dict[str, Any]:
    url = node.rpc_url.replace("tcp://", "http://", 1)
    with urllib.request.urlopen(f"{url}/header?height={height}") as answer:
        found: dict[str, Any] = json.load(answer)["result"]["header"]
    return found


def _earliest(node: LocalNode) -> int:
    status = wait_until(lambda: find_status(node.rpc_url), 60, f"{node.name} answers")
    return int(status["sync_info"]["earliest_block_height"])


def _log(node: LocalNode) -> str:
    return (node.home / "node.log").read_text()


def _wait_for_log(node: LocalNode, text: str) -> None:
    deadline_s = time.monotonic() + 60
    while text not in _log(node):
        assert time.monotonic() < deadline_s, _log(node)
        time.sleep(0.01)


def _wait_for_snapshot(node: LocalNode, height: int) -> StoredSnapshot:
    """Return a snapshot that is made by another process at this moment, or was."""
    path = node.home / "data" / "snapshots" / str(height)
    deadline_s = time.monotonic() + 30
    while not path.exists():
        assert time.monotonic() < deadline_s, _log(node)
        time.sleep(0.05)
    found = find_stored(path)
    assert found is not None
    return found


def test_node_joins_by_replay_and_by_snapshot_and_both_agree(zone: LocalZone) -> None:
    replayed = zone.add_node(sync="replay")
    # Which of the sources is asked for a chunk is chance, and a liar on a busy machine
    # may not have the newest snapshot yet; another node then meets one.
    for _ in range(JOINING_MAX):
        synced = zone.add_node(sync="snapshot")
        if "chunk_refused" in _log(synced):
            break
    assert _earliest(replayed) == 1
    assert _earliest(synced) > EVERY_BLOCKS
    assert "snapshot_restored" in _log(synced)
    assert "snapshot_restored" not in _log(replayed)
    # Two of four sources lied: they were found out, and others were asked.
    assert "chunk_refused" in _log(synced)
    height = newest_height(zone.nodes)
    due = height - height % EVERY_BLOCKS + EVERY_BLOCKS
    zone.wait_height(due + 3)
    hashes = {_header(node, due + 1)["app_hash"] for node in zone.nodes}
    assert len(hashes) == 1
    made = [_wait_for_snapshot(node, due) for node in zone.nodes]
    assert len({snapshot.hash for snapshot in made}) == 1
    assert made[0].chunk_count > 10


def test_node_killed_while_it_joins_begins_again(zone: LocalZone) -> None:
    record = join_zone(zone.folder, zone.nodes, zone.nodes, is_snapshot=True)
    zone._remember(record)
    joining = zone.nodes[-1]
    for moment in ("snapshot_accepted", "snapshot_restored"):
        joining.launch()
        _wait_for_log(joining, moment)
        joining.kill()
    joining.start()
    height = newest_height(zone.nodes)
    joining.wait_height(height)
    hashes = {_header(node, height)["app_hash"] for node in (zone.nodes[0], joining)}
    assert len(hashes) == 1


def _keep_little(config: NodeConfig) -> NodeConfig:
    # Three, so that the one a node chose is there still after it looked around for others.
    snapshots = replace(config.snapshots, kept=3)
    return replace(config, blocks_kept=10, snapshots=snapshots)


def test_old_blocks_go_but_those_after_a_kept_snapshot(tmp_path: Path) -> None:
    zone = LocalZone(
        tmp_path / "zone",
        "hangzhou-1",
        validators=1,
        snapshot_every_blocks=20,
        adjust=_keep_little,
    )
    zone.init()
    home = Home(zone.nodes[0].home)
    genesis = home.load_genesis()
    params = replace(genesis.params, evidence_age_blocks_max=3)
    home.save_genesis(replace(genesis, params=params))
    with zone:
        node = zone.nodes[0]
        wait_until(lambda: _earliest(node) >= 40, 120, "blocks before 40 are gone")
        files = SnapshotFiles(home.data / "snapshots")
        earliest = _earliest(node)
        assert earliest <= files.heights()[0]
        url = node.rpc_url.replace("tcp://", "http://", 1)
        with pytest.raises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(f"{url}/block?height={earliest - 1}")
        told = caught.value.read().decode()
        assert f"height {earliest - 1} is not available, lowest height is" in told
        synced = zone.add_node(sync="snapshot")
        assert _earliest(synced) > earliest
