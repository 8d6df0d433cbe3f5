"""One node on CometBFT: it serves, ends when CometBFT does, and frees everything."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from dataclasses import replace
from pathlib import Path

import pytest

from huitong.engines.cometbft.binary import find_binary
from huitong.engines.cometbft.process import running_pid
from huitong.localnet.consortium import LocalZone
from huitong.localnet.node import LocalNode
from huitong.node.config import load_config
from huitong.node.home import Home, save_config

pytestmark = pytest.mark.heavy


@pytest.fixture
def zone(tmp_path: Path) -> LocalZone:
    made = LocalZone(tmp_path / "zone", "hangzhou-1", validators=1)
    made.init()
    return made


def until(condition) -> None:
    deadline_s = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline_s
        time.sleep(0.02)


def cometbft_pid(node: LocalNode) -> int:
    return running_pid(Home(node.home).cometbft)


def test_node_leaves_no_process_and_no_address_behind_when_it_stops(zone):
    node = zone.nodes[0]
    with zone:
        assert cometbft_pid(node)
        assert Home(node.home).rpc_address_file.read_text().strip() == node.rpc_url
    assert cometbft_pid(node) == 0
    assert not Home(node.home).rpc_address_file.exists()
    assert not Home(node.home).pid_file.exists()
    assert not (node.home / "data" / "abci.sock").exists()


def test_node_ends_with_the_reason_when_cometbft_does(zone):
    node = zone.nodes[0]
    with zone:
        os.kill(cometbft_pid(node), signal.SIGKILL)
        until(lambda: not node.is_running)
        told = "CometBFT ended by itself with code -9: it was killed, by somebody or by"
        assert told in node.last_line()
        node.start()
        node.wait_height(2)


def test_cometbft_ends_with_a_node_that_is_killed(zone):
    node = zone.nodes[0]
    with zone:
        os.kill(node.pid, signal.SIGKILL)
        until(lambda: not (cometbft_pid(node) or node.is_running))
        node.start()
        node.wait_height(2)


def test_home_with_a_long_path_serves(tmp_path):
    """The path of a Unix socket has about a hundred bytes; homes may lie deeper."""
    folder = tmp_path / ("d" * 60) / ("e" * 60)
    zone = LocalZone(folder, "hangzhou-1", validators=1)
    zone.init()
    with zone:
        zone.wait_height(2)


def test_cometbft_that_something_else_runs_is_served(zone):
    node = zone.nodes[0]
    home = Home(node.home)
    config = load_config(home.config_file)
    save_config(home, replace(config, cometbft=replace(config.cometbft, is_run=False)))
    node.launch()
    try:
        until(lambda: home.cometbft.config_file.exists())
        command = [find_binary(), "start", f"--home={home.cometbft.path}"]
        with (home.path / "elsewhere.log").open("wb") as log:
            other = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
        try:
            node.wait_until_serving()
            node.wait_height(2)
        finally:
            other.terminate()
            other.wait()
        node.stop()
    finally:
        node.kill()
