"""CometBFT's folder: the node's key, the record of votes, the settings."""

from __future__ import annotations

import base64
import json
import stat
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest

from huitong.engines.cometbft.errors import NodeKeyError
from huitong.engines.cometbft.home import CometBftHome
from huitong.engines.cometbft.settings import (
    CometBftSettings,
    StateSync,
    encode_settings,
)
from huitong.engines.errors import SignStateError

SETTINGS = CometBftSettings(
    moniker='税务 "A" \\ 1',
    abci_address="unix:///home/data/abci.sock",
    rpc_address="tcp://127.0.0.1:26657",
    p2p_address="tcp://0.0.0.0:26656",
    persistent_peers=("aa@10.0.0.1:26656", "bb@10.0.0.2:26656"),
    block_time_ns=250_000_000,
    mempool_txs_max=77,
    mempool_size_bytes_max=88,
)


def read(settings: CometBftSettings) -> dict:
    return tomllib.loads(encode_settings(settings))


# --- settings -------------------------------------------------------------------------


def test_settings_say_what_the_node_was_told():
    told = read(SETTINGS)
    assert told["moniker"] == SETTINGS.moniker
    assert told["proxy_app"] == SETTINGS.abci_address
    assert told["rpc"]["laddr"] == SETTINGS.rpc_address
    assert told["p2p"]["laddr"] == SETTINGS.p2p_address
    assert told["p2p"]["persistent_peers"] == "aa@10.0.0.1:26656,bb@10.0.0.2:26656"
    assert told["consensus"]["timeout_commit"] == "250ms"
    assert told["mempool"]["size"] == 77
    assert told["mempool"]["max_txs_bytes"] == 88
    assert told["statesync"] == {"enable": False}
    assert told["instrumentation"]["prometheus"] is False


def test_genesis_is_the_one_of_the_home():
    told = read(SETTINGS)
    assert told["genesis_file"] == "../config/genesis.json"
    assert told["priv_validator_key_file"] == "../config/validator_key.json"


def test_key_and_record_of_a_signer_elsewhere_are_out_of_reach():
    """CometBFT would make a key that is absent, and write its record of votes anew."""
    told = read(replace(SETTINGS, signer_address="unix:///home/data/signer.sock"))
    assert told["priv_validator_laddr"] == "unix:///home/data/signer.sock"
    assert "validator_key.json" not in told["priv_validator_key_file"].split("/")
    assert told["priv_validator_state_file"] != "data/priv_validator_state.json"


def test_beginning_from_a_snapshot_names_sources_and_a_trusted_header():
    wanted = StateSync(
        rpc_addresses=("tcp://a:1", "http://b:2"), trust_height=40, trust_hash="ab" * 32
    )
    told = read(replace(SETTINGS, state_sync=wanted))["statesync"]
    assert told["enable"] is True
    assert told["rpc_servers"] == "http://a:1,http://b:2"
    assert (told["trust_height"], told["trust_hash"]) == (40, "AB" * 32)
    assert told["trust_period"].endswith("h")


def test_metrics_of_cometbft_are_served_where_the_node_says():
    told = read(replace(SETTINGS, metrics_address="127.0.0.1:9"))["instrumentation"]
    assert told["prometheus"] is True
    assert told["prometheus_listen_addr"] == "127.0.0.1:9"


# --- the node's key -------------------------------------------------------------------


@pytest.fixture
def home(tmp_path: Path) -> CometBftHome:
    return CometBftHome(tmp_path)


def test_id_of_a_node_is_made_once_and_stays(home):
    node_id = home.ensure_node_id()
    assert len(bytes.fromhex(node_id)) == 20
    assert home.ensure_node_id() == node_id
    assert stat.S_IMODE(home.node_key_file.stat().st_mode) == 0o600


def test_id_is_the_one_that_cometbft_gives_the_key(home):
    """Both as CometBFT v0.38.25 made and showed them."""
    value = (
        "BI69KK11Fy6hTjnEWTOYwyTWVUSZ5/4XCIuIkzZCZLYm"
        "7S+a9HfUj0ArmTHPmoQ+1qmpumlGQLF/tXAWMYA6Bg=="
    )
    document = {"priv_key": {"type": "tendermint/PrivKeyEd25519", "value": value}}
    home.node_key_file.parent.mkdir(parents=True)
    home.node_key_file.write_text(json.dumps(document))
    assert home.ensure_node_id() == "b7ac232037823c4e4524dd79c925c42564046bd7"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"priv_key": 5}',
        '{"priv_key": {"type": "tendermint/PrivKeyEd25519", "value": "!"}}',
        '{"priv_key": {"type": "tendermint/PrivKeyEd25519", "value": "AAAA"}}',
        '{"priv_key": {"type": "tendermint/PrivKeySecp256k1", "value": "'
        + base64.b64encode(bytes(64)).decode()
        + '"}}',
        '{"priv_key": {"type": "tendermint/PrivKeyEd25519", "value": "'
        + base64.b64encode(bytes(64)).decode()
        + '"}}',
    ],
)
def test_key_of_a_node_that_cannot_be_used_is_refused(home, text):
    home.node_key_file.parent.mkdir(parents=True)
    home.node_key_file.write_text(text)
    with pytest.raises(NodeKeyError):
        home.ensure_node_id()


def test_key_of_a_node_that_cannot_be_read_is_refused(home):
    home.node_key_file.mkdir(parents=True)
    with pytest.raises(NodeKeyError):
        home.ensure_node_id()


# --- preparing ------------------------------------------------------------------------


def test_preparing_writes_what_cometbft_looks_for_and_can_be_repeated(home):
    home.prepare(SETTINGS)
    node_id = home.ensure_node_id()
    assert json.loads(home.sign_state_file.read_text())["height"] == "0"
    home.sign_state_file.write_text('{"height": "7"}')
    home.prepare(replace(SETTINGS, moniker="other"))
    assert tomllib.loads(home.config_file.read_text())["moniker"] == "other"
    assert home.ensure_node_id() == node_id
    assert json.loads(home.sign_state_file.read_text()) == {"height": "7"}


def test_missing_record_of_votes_beside_blocks_is_refused(home):
    """A new record would let the validator sign heights again that it signed before."""
    home.prepare(SETTINGS)
    (home.data / "blockstore.db").mkdir()
    home.sign_state_file.unlink()
    with pytest.raises(SignStateError):
        home.prepare(SETTINGS)


def test_preparing_removes_what_an_end_of_cometbft_left(home):
    home.prepare(SETTINGS)
    left = home.config_file.parent / "write-file-atomic-123"
    left.touch()
    home.prepare(SETTINGS)
    assert not left.exists()
