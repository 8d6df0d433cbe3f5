"""``huitong genesis`` says what it did."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from huitong.cli.genesis import genesis
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
