"""``huitong localnet`` on zones that do not run: what it says, and with which code."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from huitong.cli.localnet import localnet
from huitong.localnet.consortium import LocalZone


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    zone = LocalZone(tmp_path / "zone", "hangzhou-1", validators=2)
    zone.init()
    return zone.folder


def run(folder: Path, *arguments: str) -> Result:
    return CliRunner().invoke(localnet, [*arguments, f"--dir={folder}"])


def refusal(result: Result) -> tuple[str, int]:
    assert result.exit_code == 1
    error = json.loads(result.stdout)["error"]
    return error["codespace"], error["code"]


def test_zone_whose_engine_is_absent_is_not_made(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    monkeypatch.setenv("GOBIN", "")
    monkeypatch.setenv("GOPATH", "")
    monkeypatch.setenv("HOME", str(tmp_path / "nobody"))
    result = run(tmp_path / "zone", "start", "--engine=cometbft", "--json")
    assert refusal(result) == ("engine", 30)
    assert "go install" in json.loads(result.stdout)["error"]["next_step"]
    assert not (tmp_path / "zone").exists()


@pytest.mark.parametrize(
    "command", [["status"], ["stop"], ["kill", "0"], ["restart", "0"], ["add-node"]]
)
def test_folder_without_a_zone_is_refused(tmp_path, command):
    absent = tmp_path / "absent"
    assert refusal(run(absent, *command, "--json")) == ("localnet", 3)


@pytest.mark.parametrize("command", ["kill", "restart"])
def test_unknown_node_is_refused_with_those_there_are(folder, command):
    result = run(folder, command, "9", "--json")
    assert refusal(result) == ("localnet", 5)
    assert "node0, node1" in result.stdout


def test_zone_that_does_not_run_takes_no_node(folder):
    assert refusal(run(folder, "add-node", "--json")) == ("localnet", 6)


def test_stopping_and_killing_what_does_not_run_is_no_failure(folder):
    assert json.loads(run(folder, "stop", "--json").stdout) == {
        "ok": True,
        "was_running": False,
    }
    killed = json.loads(run(folder, "kill", "node1", "--json").stdout)
    assert killed == {"ok": True, "name": "node1", "was_running": False}
    assert run(folder, "stop").stdout == "nothing was running\n"


def test_status_of_a_stopped_zone_names_its_nodes(folder):
    told = json.loads(run(folder, "status", "--json").stdout)
    assert (told["chain_id"], told["engine"], told["runner"]) == (
        "hangzhou-1",
        "cometbft",
        0,
    )
    assert [(n["name"], n["running"], n["validator"]) for n in told["nodes"]] == [
        ("node0", False, True),
        ("node1", False, True),
    ]
    assert run(folder, "status").stdout.count("stopped") == 2


@pytest.mark.parametrize(
    "option",
    [
        "--validators=3",
        "--engine=embedded",
        "--chain-id=chongqing-1",
        "--block-time=1s",
        "--voting-period=9",
    ],
)
def test_zone_that_exists_is_not_made_into_another(folder, option):
    assert refusal(run(folder, "start", option, "--json")) == ("localnet", 9)


def test_folder_with_something_else_is_left_alone(tmp_path):
    (tmp_path / "letter.txt").write_text("dear")
    assert refusal(run(tmp_path, "start", "--json")) == ("localnet", 4)
    assert [item.name for item in tmp_path.iterdir()] == ["letter.txt"]
