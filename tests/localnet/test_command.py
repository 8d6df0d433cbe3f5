"""``huitong localnet`` as a person uses it: one shell keeps the zone, another acts."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from huitong.localnet.consortium import LocalZone
from huitong.localnet.process import huitong_arguments
from tests.programs import processes_of

pytestmark = pytest.mark.heavy


class Shell:
    """Starts zones in one folder; nothing of them is left after the test."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.runners: list[subprocess.Popen[str]] = []

    def start(self, *options: str) -> subprocess.Popen[str]:
        command = huitong_arguments(
            "localnet", "start", f"--dir={self.folder}", "--json", *options
        )
        runner = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self.runners.append(runner)
        return runner

    def end(self) -> None:
        for runner in self.runners:
            runner.kill()
            runner.wait()
        while left := processes_of(self.folder):
            for pid in left:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Shell]:
    opened = Shell(tmp_path / "zone")
    try:
        yield opened
    finally:
        opened.end()


@pytest.fixture
def folder(shell: Shell) -> Path:
    return shell.folder


def first_line(runner: subprocess.Popen[str]) -> dict[str, Any]:
    assert runner.stdout is not None
    told: dict[str, Any] = json.loads(runner.stdout.readline())
    return told


def ended(runner: subprocess.Popen[str]) -> int:
    assert runner.stdout is not None
    runner.stdout.close()
    return runner.wait(60)


def ask(folder: Path, *arguments: str) -> dict[str, Any]:
    command = huitong_arguments("localnet", *arguments, f"--dir={folder}", "--json")
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def test_zone_is_run_watched_killed_restarted_and_stopped(shell, folder):
    runner = shell.start("--validators=2", "--chain-id=hangzhou-1")
    told = first_line(runner)
    assert told["chain_id"] == "hangzhou-1"
    assert [list(node) for node in told["nodes"]] == [
        ["name", "rpc", "grpc", "home", "validator"]
    ] * 2
    status = ask(folder, "status")
    assert status["runner"] == runner.pid
    assert all(node["running"] and node["height"] for node in status["nodes"])

    again = shell.start()
    assert first_line(again)["error"]["code"] == 2
    assert ended(again) == 1

    assert ask(folder, "kill", "1") == {
        "ok": True,
        "name": "node1",
        "was_running": True,
    }
    assert [node["running"] for node in ask(folder, "status")["nodes"]] == [True, False]
    assert ask(folder, "restart", "1")["ok"]
    added = ask(folder, "add-node")
    assert (added["name"], added["validator"]) == ("node2", False)

    assert ask(folder, "stop") == {"ok": True, "was_running": True}
    assert ended(runner) == 0
    assert not LocalZone.load(folder).is_running


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal_stops_all_nodes_and_the_zone_goes_on_later(shell, folder, number):
    runner = shell.start("--validators=1")
    before = first_line(runner)
    runner.send_signal(number)
    assert ended(runner) == 0
    zone = LocalZone.load(folder)
    assert not zone.is_running

    runner = shell.start()
    assert first_line(runner) == before
    runner.send_signal(number)
    assert ended(runner) == 0


def test_zone_whose_keeper_was_killed_can_be_stopped_and_taken_over(shell, folder):
    runner = shell.start("--engine=embedded")
    first_line(runner)
    runner.kill()
    ended(runner)
    assert LocalZone.load(folder).is_running
    runner = shell.start()
    first_line(runner)
    assert ask(folder, "stop")["was_running"]
    assert ended(runner) == 0


@pytest.mark.parametrize("attempt", range(3))
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_start_that_is_interrupted_leaves_no_process(shell, folder, number, attempt):
    runner = shell.start("--validators=1", "--engine=embedded")
    while not processes_of(folder / "node0"):  # the signal falls into the launch itself
        assert runner.poll() is None
    runner.send_signal(number)
    assert ended(runner) == 0
    assert processes_of(folder / "node0") == []
