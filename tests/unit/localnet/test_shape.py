"""What may be asked of a zone that is made already, at the command."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest
from click.testing import CliRunner

from huitong.cli.localnet import localnet
from huitong.localnet.consortium import LocalZone
from huitong.localnet.errors import ZoneMadeError
from huitong.localnet.shape import check_same
from huitong.node.config import load_config
from huitong.node.home import Home, save_config


def make(folder: Path, **given: Any) -> LocalZone:
    zone = LocalZone(folder / "zone", "hangzhou-1", validators=2, **given)
    zone.init()
    return zone


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"validators": 2},
        {"engine": "cometbft"},
        {"chain_id": "hangzhou-1"},
        {"block_time": "2s"},
        {"block_time": "2000ms"},
        {"voting_period": 70},
        {"validators": None, "block_time": None, "voting_period": 70},
    ],
)
def test_what_a_zone_has_may_be_asked_again(
    tmp_path: Path, asked: dict[str, Any]
) -> None:
    zone = make(tmp_path, block_time="2s", voting_period_s=70)
    check_same(LocalZone.load(zone.folder), asked)


def test_default_of_the_voting_period_may_be_asked_as_well(tmp_path: Path) -> None:
    zone = make(tmp_path)
    check_same(zone, {"voting_period": 259_200, "block_time": "200ms"})


@pytest.mark.parametrize(
    ("asked", "has"),
    [
        ({"validators": 3}, "--validators 2, not 3"),
        ({"engine": "embedded"}, "--engine cometbft, not embedded"),
        ({"chain_id": "hangzhou-2"}, "--chain-id hangzhou-1, not hangzhou-2"),
        ({"block_time": "201ms"}, "--block-time 200ms, not 201ms"),
        ({"block_time": "soon"}, "--block-time 200ms, not soon"),
        ({"block_time": ""}, "--block-time 200ms, not "),
        (
            {"voting_period": 71},
            "--voting-period 259200, not 71",
        ),
    ],
)
def test_something_else_than_a_zone_has_is_refused(
    tmp_path: Path, asked: dict[str, Any], has: str
) -> None:
    with pytest.raises(ZoneMadeError, match=has):
        check_same(make(tmp_path), asked)


def test_nodes_that_differ_have_no_one_block_time(tmp_path: Path) -> None:
    zone = make(tmp_path)
    home = Home(zone.nodes[1].home)
    config = load_config(home.config_file)
    pace = replace(config.pace, block_time_ns=300_000_000)
    save_config(home, replace(config, pace=pace))
    with pytest.raises(ZoneMadeError, match="200ms and 300ms, not 200ms"):
        check_same(zone, {"block_time": "200ms"})


def test_command_refuses_another_block_time_before_anything_starts(
    tmp_path: Path,
) -> None:
    zone = make(tmp_path)
    options = ["--dir", str(zone.folder), "--block-time", "1s", "--json"]
    done = CliRunner().invoke(localnet, ["start", *options])
    assert done.exit_code == 1
    error = orjson.loads(done.stdout)["error"]
    assert (error["codespace"], error["code"]) == ("localnet", 9)
    assert not zone.is_running


def test_node_of_a_zone_that_is_stopped_is_not_restarted(tmp_path: Path) -> None:
    zone = make(tmp_path)
    command = ["restart", "1", "--dir", str(zone.folder), "--json"]
    done = CliRunner().invoke(localnet, command)
    assert done.exit_code == 1
    error = orjson.loads(done.stdout)["error"]
    assert (error["codespace"], error["code"]) == ("localnet", 6)
    assert "localnet start" in str(error)
    assert not zone.is_running
