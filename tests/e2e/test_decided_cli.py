"""``huitong query`` shows what members have decided on."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from huitong.localnet.process import NodeProcess
from huitong.node.home import GENESIS_POWER, Home
from huitong.testing.command import run_huitong

pytestmark = pytest.mark.slow
DIGEST = base64.b64encode(bytes(range(32))).decode()
VERSIONS = [
    {"version": version, "digest": DIGEST, "title": "跨境贸易"}
    for version in ("1.0.0", "1.1.0")
]
STATE = {
    "packs": {"packs": [{"name": "customs", "versions": VERSIONS}]},
    "upgrades": {"plan": {"name": "v2", "height": "100000", "info": "Huitong 2.0"}},
}


@pytest.fixture
def zone(tmp_path: Path) -> Iterator[NodeProcess]:
    made = NodeProcess(tmp_path / "home", chain_id="hangzhou-1")
    made.init()
    file = Home(made.home).genesis_file
    genesis = json.loads(file.read_text())
    genesis["app_state"] |= STATE
    file.write_bytes(orjson.dumps(genesis))
    with made:
        yield made


def test_what_members_decided_is_shown(zone: NodeProcess) -> None:
    def answer(*arguments: str) -> Any:
        node = f"--node={zone.rpc_url}"
        return json.loads(run_huitong("query", *arguments, node, "--json"))

    key = Home(zone.home).load_key().public_key
    (info,) = answer("validators")["validators"]
    assert info["power_in_effect"] == GENESIS_POWER
    assert info["validator"]["public_key"] == key.hex()
    for text in (key.hex(), base64.b64encode(key).decode()):
        assert answer("validator", text)["info"] == info
    assert answer("validators", f"--after={key.hex()}") == {"validators": []}
    assert answer("block-params")["gas_max"] > 0
    plan = {"name": "v2", "height": 100_000, "info": "Huitong 2.0"}
    assert answer("upgrades") == {"plan": plan, "done": []}
    (pack,) = answer("packs")["packs"]
    assert pack["current"]["version"] == "1.1.0"
    assert [item["version"] for item in answer("pack-versions", "customs")["versions"]]
    assert answer("pack-versions", "customs", "--after=1.1.0") == {"versions": []}
    node = f"--node={zone.rpc_url}"
    assert "1.1.0" in run_huitong("query", "packs", node)
