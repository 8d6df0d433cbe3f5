"""``huitong genesis`` says what it did."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from huitong.cli.genesis import genesis
from huitong.cli.node import node
from huitong.node.config import NodeConfig
from huitong.node.home import Home, make_home
from huitong.testing.actors import address_of

BOB = address_of("bob")


@pytest.fixture
def home(tmp_path: Path) -> Home:
    made = Home(tmp_path / "home")
    make_home(made, NodeConfig(moniker="a"), "hangzhou-1")
    return made


def run(home: Home, *arguments: str) -> Result:
    return CliRunner().invoke(genesis, [*arguments, "--home", str(home.path)])


def test_each_change_is_told(home: Home) -> None:
    admitted = run(home, "add-member", "bank", "--name", "B", "--role", "requester")
    assert admitted.stdout == "hangzhou-1: member bank admitted, role requester\n"
    added = run(home, "add-account", BOB, "--member", "bank", "--role", "requester")
    assert added.stdout == (
        f"hangzhou-1: account {BOB} added, role requester, signs for bank\n"
    )
    other = run(home, "add-account", address_of("eve"), "--json")
    assert json.loads(other.stdout) == {
        "ok": True,
        "chain_id": "hangzhou-1",
        "changed": f"account {address_of('eve')} added, no role",
    }
    value = run(home, "set", "consensus_params.block.max_gas=100000000")
    assert (
        value.stdout == "hangzhou-1: consensus_params.block.max_gas set to 100000000\n"
    )


def test_refused_change_is_not_told(home: Home) -> None:
    run(home, "add-account", BOB, "--role", "relayer")
    again = run(home, "add-account", BOB, "--role", "relayer")
    assert again.exit_code == 1
    assert again.stdout == ""
    assert "is there already" in again.stderr


def test_validators_of_other_organisations_are_added_with_their_members(
    home: Home, tmp_path: Path
) -> None:
    other = Home(tmp_path / "other")
    make_home(other, NodeConfig(moniker="b", engine="cometbft"), "hangzhou-1")
    told = CliRunner().invoke(node, ["id", "--json", "--home", str(other.path)])
    key = json.loads(told.stdout)["validator_public_key"]
    alone = CliRunner().invoke(node, ["id", "--only=key", "--home", str(other.path)])
    assert alone.stdout == f"{key}\n"
    run(home, "add-member", "bank", "--name", "B")
    added = run(home, "add-validator", key, "--member", "bank", "--power", "7")
    assert added.stdout == f"hangzhou-1: validator {key} added, of bank\n"
    genesis = home.load_genesis()
    assert [item.power for item in genesis.validators] == [10, 7]
    assert genesis.validators[1].public_key == other.load_identity().public_key
    assert genesis.app_state["consensus"]["validators"][0]["member_id"] == "bank"
    assert "is there already" in run(home, "add-validator", key).stderr


def test_own_validator_gets_its_member_and_nothing_is_added(home: Home) -> None:
    told = CliRunner().invoke(node, ["id", "--only=key", "--home", str(home.path)])
    key = told.stdout.strip()
    run(home, "add-member", "tax", "--name", "T")
    assert run(home, "add-validator", key, "--member", "tax").exit_code == 0
    genesis = home.load_genesis()
    assert len(genesis.validators) == 1
    assert genesis.app_state["consensus"]["validators"][0]["member_id"] == "tax"


def test_id_by_which_peers_know_a_node_stays(home: Home) -> None:
    ask = ["id", "--only=node-id", "--home", str(home.path)]
    first = CliRunner().invoke(node, ask).stdout
    assert len(first.strip()) == 40
    assert CliRunner().invoke(node, ask).stdout == first


def test_rules_of_a_module_are_set_by_its_name(home: Home) -> None:
    done = run(home, "set", "transfer.allow_any_client=true")
    assert done.stdout == "hangzhou-1: transfer.allow_any_client set to true\n"
    assert home.load_genesis().app_state["transfer"] == {"allow_any_client": True}
    again = run(home, "set", "app_state.transfer.allow_any_client=false")
    assert again.exit_code == 0
    assert home.load_genesis().app_state["transfer"] == {"allow_any_client": False}


@pytest.mark.parametrize("chain_id", ["foo", "foo-2", "foo-02"])
def test_chain_id_is_set_by_the_rule_that_homes_are_made_by(
    home: Home, tmp_path: Path, chain_id: str
) -> None:
    assert run(home, "set", f"chain_id={chain_id}").exit_code == 0
    made = ["init", "--chain-id", chain_id, "--home", str(tmp_path / "other")]
    assert CliRunner().invoke(node, made).exit_code == 0
    assert home.load_genesis().chain_id == chain_id


@pytest.mark.parametrize("chain_id", ["hang zhou", "hangzhou-99999999999999999999"])
def test_malformed_chain_id_makes_no_home(tmp_path: Path, chain_id: str) -> None:
    made = ["init", "--chain-id", chain_id, "--home", str(tmp_path / "other")]
    assert CliRunner().invoke(node, made).exit_code == 1
    assert not (tmp_path / "other").exists()


@pytest.mark.parametrize(
    ("assignment", "words"),
    [
        ("transfer.allow_any=true", "unknown entries allow_any"),
        ("transfer.allow_any_client=maybe", "allow_any_client"),
        ("transfer.allow_any_client=null", "null is no value"),
        ("transfer.allow_any_client=1", "allow_any_client"),
        ("chain_id=hang zhou", "chain id hang zhou: invalid identifier"),
        ("chain_id=hangzhou-99999999999999999999", "revision of chain id"),
        (
            "transfr.allow_any_client=true",
            "transfr is no entry; modules: anchors, claims,",
        ),
        ('transfer.allowed_clients=["07-tendermint-0"]', "does not exist"),
    ],
)
def test_unknown_names_are_refused_and_nothing_is_kept(
    home: Home, assignment: str, words: str
) -> None:
    before = home.load_genesis()
    refused = run(home, "set", assignment)
    assert refused.exit_code == 1
    assert words in refused.stderr
    assert home.load_genesis() == before
