"""Backups of nodes that run under load, and nodes that go on from them."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from huitong.client import ZoneClient
from huitong.client.calls import all_answered
from huitong.localnet.consortium import LocalZone
from huitong.localnet.node import LocalNode
from huitong.localnet.process import huitong_arguments
from huitong.node.home import Home
from tests.cluster.chain import (
    block_hashes,
    height_of,
    newest_height,
    wait_past,
    wait_until,
)
from tests.cluster.ledger import Load, check_all_there

WAIT_S = 60.0
PASSPHRASE = "of the validators"


@pytest.fixture
def passphrase(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "passphrase"
    path.write_text(f"{PASSPHRASE}\n")
    path.chmod(0o600)
    monkeypatch.setenv("HUITONG_PASSPHRASE_FILE", str(path))
    return path


def huitong(*arguments: object) -> dict[str, Any]:
    done = subprocess.run(
        huitong_arguments(*map(str, arguments), "--json"),
        capture_output=True,
        text=True,
        check=False,
    )
    told: dict[str, Any] = json.loads(done.stdout)
    assert told["ok"], told
    return told


async def app_hash_after(node: LocalNode, height: int) -> str:
    """Return the hash of the state after a block, from the header that follows it."""
    async with ZoneClient(node.rpc_url) as client:
        await client.wait_height(height + 1)
        header = await client.header(height + 1)
    return str(header["app_hash"])


def own_address(home: Path, port: str = "0") -> None:
    """Let a copied home listen elsewhere than the one that it was copied from."""
    file = home / "config" / "node.toml"
    text = re.sub(
        r'^(listen|p2p) = "tcp://([^:"]+):\d+"',
        rf'\1 = "tcp://\2:{port}"',
        file.read_text(),
        flags=re.M,
    )
    file.write_text(text)


def test_backup_under_load_goes_on_with_the_same_state(
    tmp_path: Path, passphrase: Path
) -> None:
    zone = LocalZone(tmp_path / "zone", "hangzhou-1", validators=1, engine="embedded")
    zone.init()
    (node,) = zone.nodes
    huitong("node", "key", "encrypt", "--home", node.home)
    target, copy = tmp_path / "backup", tmp_path / "copy"
    with zone:
        with Load(zone, {"org-0": "org-0"}) as load:
            wait_until(lambda: len(load.acknowledged()) > 30, WAIT_S, "load")
            before = load.acknowledged()
            told = huitong(
                "node", "backup", "--home", node.home, "--to", target, "--with-keys"
            )
            wait_past([node], told["height"] + 1, WAIT_S)
        app_hash = asyncio.run(app_hash_after(node, told["height"]))
        assert told["app_hash"] == app_hash
        assert max(before.values()) <= told["height"]
    restored = huitong("node", "restore", target, "--home", copy, "--as-validator")
    assert restored["app_hash"] == app_hash
    replayed = huitong("node", "replay", "--home", copy)
    assert (replayed["height"], replayed["app_hash"]) == (told["height"], app_hash)
    own_address(copy)
    second = LocalNode(copy, rpc_url="", p2p_address="", is_validator=True)
    second.launch()
    try:
        rpc_file = Home(copy).rpc_address_file
        wait_until(rpc_file.exists, WAIT_S, "the copy serves")
        second.rpc_url = rpc_file.read_text().strip()
        assert asyncio.run(app_hash_after(second, told["height"])) == app_hash
        asyncio.run(check_all_there(second, before))
    finally:
        second.kill()


@pytest.mark.heavy
@pytest.mark.usefixtures("cometbft")
def test_lost_validator_comes_back_from_a_backup_and_signs_again(
    tmp_path: Path, passphrase: Path
) -> None:
    zone = LocalZone(tmp_path / "zone", "hangzhou-1", validators=4)
    zone.init()
    lost, others = zone.nodes[3], zone.nodes[:3]
    for node in zone.nodes:
        huitong("node", "key", "encrypt", "--home", node.home)
    target = tmp_path / "backup.tar"
    with zone, Load(zone, {"org-0": "org-0", "org-1": "org-1"}) as load:
        wait_until(lambda: len(load.acknowledged()) > 50, WAIT_S, "load")
        told = huitong(
            "node", "backup", "--home", lost.home, "--to", target, "--with-keys"
        )
        assert told["held_ms"] > 0
        wait_past(others, told["height"] + 10, WAIT_S)
        lost.kill()
        shutil.rmtree(lost.home)
        ended = newest_height(others)
        restored = huitong(
            *("node", "restore", target, "--home", lost.home),
            *("--as-validator", "--signed-up-to", ended + 1),
        )
        assert restored["signed_height"] == ended + 1
        lost.start(WAIT_S)
        wait_past(zone.nodes, ended + 10, WAIT_S)
        acknowledged = load.acknowledged()
        address = restored["validator"]
        wait_until(
            lambda: asyncio.run(has_signed(others[0], address, ended + 1)),
            WAIT_S,
            "the validator signs again",
        )
        wait_past(zone.nodes, max(acknowledged.values()), WAIT_S)
        asyncio.run(check_all_there(lost, acknowledged))
        last = min(map(height_of, zone.nodes)) - 1
        assert last > ended
        hashes = [
            asyncio.run(block_hashes(node, told["height"], last)) for node in zone.nodes
        ]
        assert hashes.count(hashes[0]) == len(hashes)


async def has_signed(node: LocalNode, address: str, above: int) -> bool:
    """Tell whether a validator signed the newest block, which is above a height."""
    async with ZoneClient(node.rpc_url) as client:
        height = await client.latest_height() - 1
        calls = [("commit", {"height": str(height)})]
        (answer,) = all_answered(await client.rpc.call_many(calls))
    commit = answer["signed_header"]["commit"]
    signers = {each.get("validator_address") for each in commit["signatures"]}
    return height > above and address in signers


@pytest.mark.heavy
@pytest.mark.usefixtures("cometbft")
def test_export_of_every_node_is_the_same_and_a_zone_goes_on_from_it(
    tmp_path: Path,
) -> None:
    zone = LocalZone(tmp_path / "zone", "hangzhou-1", validators=2)
    zone.init()
    with zone, Load(zone, {"org-0": "org-0"}) as load:
        wait_until(lambda: len(load.acknowledged()) > 30, WAIT_S, "load")
        acknowledged = load.acknowledged()
        wait_past(zone.nodes, max(acknowledged.values()) + 3, WAIT_S)
    height = max(acknowledged.values()) + 2
    exports = [
        run("node", "export", f"--home={each.home}", f"--height={height}")
        for each in zone.nodes
    ]
    assert exports[0] == exports[1]
    file = tmp_path / "export.json"
    file.write_bytes(exports[0])
    genesis = run("genesis", "from-export", str(file), "--chain-id", "hangzhou-2")
    for node in zone.nodes:
        for left in ("data", "cometbft/data"):
            shutil.rmtree(node.home / left)
        (node.home / "data").mkdir()
        (node.home / "config" / "genesis.json").write_bytes(genesis)
    with zone:
        wait_past(zone.nodes, height + 3, WAIT_S)
        for node in zone.nodes:
            asyncio.run(check_all_there(node, acknowledged))
        hashes = [
            asyncio.run(block_hashes(node, height + 1, height + 3))
            for node in zone.nodes
        ]
        assert hashes[0] == hashes[1]


def run(*arguments: str) -> bytes:
    done = subprocess.run(
        huitong_arguments(*arguments), capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
