"""What makes a folder a zone of this machine, and what is refused."""

from __future__ import annotations

import json
import socket
from dataclasses import replace
from pathlib import Path

import pytest

from huitong.engines.genesis import decode_genesis
from huitong.localnet.consortium import LocalZone
from huitong.localnet.errors import (
    NodeStartError,
    NodeUnknownError,
    ZoneFolderError,
    ZoneMissingError,
    ZoneNotRunningError,
    ZoneShapeError,
)
from huitong.localnet.record import load_record
from huitong.localnet.zone import AccountSpec, MemberSpec
from huitong.node.config import load_config
from huitong.node.home import Home


def make(folder: Path, **given) -> LocalZone:
    zone = LocalZone(folder, "hangzhou-1", **given)
    zone.init()
    return zone


# --- a new zone -----------------------------------------------------------------------


def test_new_zone_has_one_genesis_and_a_validator_of_each_organisation(tmp_path):
    zone = make(tmp_path / "z", validators=3)
    files = {Home(node.home).genesis_file.read_bytes() for node in zone.nodes}
    assert len(files) == 1
    genesis = decode_genesis(files.pop())
    keys = [Home(node.home).load_identity().public_key for node in zone.nodes]
    assert [item.public_key for item in genesis.validators] == keys
    members = [item["member_id"] for item in genesis.app_state["members"]["members"]]
    assert members == ["org-0", "org-1", "org-2"]
    owners = genesis.app_state["consensus"]["validators"]
    assert [item["member_id"] for item in owners] == members
    accounts = {item["address"] for item in genesis.app_state["members"]["accounts"]}
    named = ["org-0", "org-1", "org-2", "operator", "relayer"]
    assert accounts == {zone.address(name) for name in named}
    assert all(len(zone.private_key(name)) == 32 for name in named)


def test_nodes_of_a_new_zone_know_one_another_and_share_no_port(tmp_path):
    zone = make(tmp_path / "z", validators=4, block_time="70ms")
    configs = [load_config(Home(node.home).config_file) for node in zone.nodes]
    peers = [
        f"{Home(node.home).cometbft.ensure_node_id()}@"
        f"{node.p2p_address.removeprefix('tcp://')}"
        for node in zone.nodes
    ]
    for number, config in enumerate(configs):
        assert set(config.cometbft.persistent_peers) == set(peers) - {peers[number]}
        assert config.engine == "cometbft"
        assert config.pace.block_time_ns == 70_000_000
    places = [item.rpc_address for item in configs] + [
        item.cometbft.p2p_address for item in configs
    ]
    assert len(set(places)) == 8


def test_members_accounts_and_state_of_ones_own_are_in_the_genesis(tmp_path):
    zone = make(
        tmp_path / "z",
        validators=1,
        members=[MemberSpec(member_id="bank")],
        accounts=[AccountSpec(name="b", member_id="bank", roles=("requester",))],
        app_state_changes={"consensus": {"misbehaviours": []}, "records": {}},
        adjust=lambda config: replace(config, log_level="error"),
    )
    state = Home(zone.nodes[0].home).load_genesis().app_state
    assert state["members"]["members"][-1]["member_id"] == "bank"
    assert state["members"]["accounts"][-1]["address"] == zone.address("b")
    assert state["consensus"]["misbehaviours"] == []
    assert len(state["consensus"]["validators"]) == 1
    assert state["records"] == {}
    assert load_config(Home(zone.nodes[0].home).config_file).log_level == "error"


def test_zone_of_the_embedded_engine_has_one_node_without_peers(tmp_path):
    zone = make(tmp_path / "z", validators=1, engine="embedded")
    config = load_config(Home(zone.nodes[0].home).config_file)
    assert config.engine == "embedded"
    assert zone.nodes[0].p2p_address == ""
    assert config.cometbft.persistent_peers == ()


@pytest.mark.parametrize(
    "given",
    [
        {"validators": 0},
        {"validators": 501},
        {"validators": 2, "engine": "embedded"},
        {"engine": "raft"},
    ],
)
def test_zone_that_cannot_be_is_refused_and_leaves_nothing(tmp_path, given):
    with pytest.raises(ZoneShapeError):
        make(tmp_path / "z", **given)
    assert not (tmp_path / "z").exists()


# --- a folder -------------------------------------------------------------------------


def test_zone_is_loaded_as_it_was_made(tmp_path):
    made = make(tmp_path / "z", validators=2)
    loaded = LocalZone.load(tmp_path / "z")
    assert (loaded.chain_id, loaded.engine) == ("hangzhou-1", "cometbft")
    assert [(n.name, n.rpc_url) for n in loaded.nodes] == [
        (n.name, n.rpc_url) for n in made.nodes
    ]
    assert loaded.private_key("org-1") == made.private_key("org-1")


def test_folder_without_a_zone_is_refused(tmp_path):
    with pytest.raises(ZoneMissingError):
        load_record(tmp_path / "absent")
    with pytest.raises(ZoneMissingError):
        load_record(tmp_path)


def test_folder_with_half_a_zone_is_neither_loaded_nor_made_anew(tmp_path):
    zone = make(tmp_path / "z", validators=1)
    (zone.folder / "localnet.json").unlink()
    with pytest.raises(ZoneFolderError):
        LocalZone.load(zone.folder)
    with pytest.raises(ZoneFolderError):
        zone.init()


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"nodes": 5}', '{"nodes": [{"name": "a"}]}', "\\xff"]
)
def test_damaged_record_is_refused(tmp_path, text):
    (tmp_path / "localnet.json").write_text(text)
    with pytest.raises(ZoneFolderError):
        load_record(tmp_path)


# --- nodes ----------------------------------------------------------------------------


def test_node_is_found_by_name_and_by_number(tmp_path):
    zone = make(tmp_path / "z", validators=2)
    assert zone.node("node1") is zone.node("1") is zone.nodes[1]
    for name in ("node2", "2", "", "-1"):
        with pytest.raises(NodeUnknownError):
            zone.node(name)


def test_zone_that_never_ran_is_stopped_and_killed_without_complaint(tmp_path):
    zone = make(tmp_path / "z", validators=1)
    assert not zone.is_running
    zone.stop()
    zone.kill()
    assert zone.nodes[0].find_height() is None


def test_process_id_of_a_stranger_is_not_taken_for_the_node(tmp_path):
    zone = make(tmp_path / "z", validators=1)
    Home(zone.nodes[0].home).pid_file.write_text("1\n")
    assert not zone.nodes[0].is_running
    zone.kill()  # would end this machine otherwise


def test_node_joins_a_running_zone_of_cometbft_only(tmp_path):
    alone = make(tmp_path / "a", validators=1, engine="embedded")
    with pytest.raises(ZoneShapeError):
        alone.add_node()
    stopped = make(tmp_path / "b", validators=1)
    with pytest.raises(ZoneShapeError):
        stopped.add_node("magic")
    with pytest.raises(ZoneNotRunningError):
        stopped.add_node()
    assert json.loads((tmp_path / "b/localnet.json").read_text())["nodes"][1:] == []


@pytest.mark.slow
def test_node_whose_port_is_taken_says_so(tmp_path):
    zone = make(tmp_path / "z", validators=1, engine="embedded")
    port = int(zone.nodes[0].rpc_url.rpartition(":")[2])
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", port))
        taken.listen()
        with pytest.raises(NodeStartError, match="another process listens"):
            zone.start()
