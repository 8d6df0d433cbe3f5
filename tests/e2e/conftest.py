"""Two zones, running, and a relayer that both know."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from huitong.keys import Keyring
from huitong.localnet.process import NodeProcess
from huitong.localnet.zone import AccountSpec, MemberSpec
from huitong.relayer.config import load_config, save_config
from huitong.testing.command import run_huitong


@pytest.fixture
def zones(tmp_path: Path):
    """Both zones, running, with the relayer's account in each; and the relayer's home."""
    relay_home = tmp_path / "relay"
    made = json.loads(
        run_huitong(
            *("relay", "init", f"--home={relay_home}", "--json"),
            "--zone=hangzhou-1=tcp://127.0.0.1:1",
            "--zone=chongqing-1=tcp://127.0.0.1:1",
        )
    )
    key = _relayer_key(relay_home)
    provider = NodeProcess(
        tmp_path / "hangzhou",
        chain_id="hangzhou-1",
        members=[MemberSpec(member_id="hz-tax", name="杭州市税务局")],
        accounts=[
            AccountSpec(name="relayer", roles=("relayer",), private_key=key),
            AccountSpec(name="operator", roles=("operator",)),
            AccountSpec(
                name="tax",
                member_id="hz-tax",
                roles=("delegate", "officer", "publisher"),
            ),
        ],
        block_time="50ms",
    )
    requester = NodeProcess(
        tmp_path / "chongqing",
        chain_id="chongqing-1",
        members=[MemberSpec(member_id="cq-bank")],
        accounts=[
            AccountSpec(name="relayer", roles=("relayer",), private_key=key),
            AccountSpec(name="bank", member_id="cq-bank", roles=("requester",)),
            AccountSpec(name="taker", member_id="cq-bank", roles=("officer",)),
        ],
        block_time="50ms",
    )
    for zone in (provider, requester):
        zone.init()
        assert zone.address("relayer") == made["address"]
    with provider, requester:
        _point_to_nodes(relay_home, provider, requester)
        yield provider, requester, relay_home


def _relayer_key(relay_home: Path) -> bytes:
    return Keyring(relay_home / "keyring").unlock("relayer")


def _point_to_nodes(relay_home: Path, *zones: NodeProcess) -> None:
    config = load_config(relay_home)
    urls = {zone.chain_id: zone.rpc_url for zone in zones}
    moved = tuple(replace(zone, rpc=urls[zone.chain_id]) for zone in config.zones)
    save_config(relay_home, replace(config, zones=moved))
