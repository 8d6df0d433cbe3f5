"""An upgrade with real processes: the old one stops, the new one migrates once."""

from __future__ import annotations

import base64
import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import orjson
import pytest

from huitong.core.store.multistore import MultiStore
from huitong.modules.zone import STORE_NAMES
from huitong.proto.huitong.upgrades.v1 import upgrades_pb2
from huitong.storage.environment import LmdbEnvironment
from huitong.storage.nodes import LmdbBackend
from huitong.testing.command import run_huitong
from tests.crash.upgraded_software import STORE

pytestmark = pytest.mark.slow
HEIGHT = 4
OLD = (sys.executable, "-m", "huitong")
NEW = (sys.executable, str(Path(__file__).with_name("upgraded_software.py")))
STOPPED_FOR_UPGRADE, NOT_AS_IT_IS, KILLED = 75, 70, -9
TIMEOUT_S = 60
#: Seconds until a node answers that is busy, as with a migration.
ANSWER_S = 30.0


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Return the home of a zone whose genesis plans the upgrade."""
    folder = tmp_path / "home"
    run_huitong("node", "init", "--home", str(folder), "--chain-id", "hangzhou-1")
    file = folder / "config" / "genesis.json"
    genesis = json.loads(file.read_text())
    plan = {"name": "v2", "height": str(HEIGHT), "info": "Huitong 2.0"}
    genesis["app_state"]["upgrades"] = {"plan": plan}
    file.write_bytes(orjson.dumps(genesis, option=orjson.OPT_INDENT_2))
    settings = folder / "config" / "node.toml"
    text = settings.read_text()
    settings.write_text(re.sub('heartbeat = ".*"', 'heartbeat = "100ms"', text))
    return folder


def _start(command: tuple[str, ...], home: Path) -> list[str]:
    folder = (str(home.parent),) if command is NEW else ()
    options = ("node", "start", "--rpc", "tcp://127.0.0.1:0", "--home", str(home))
    return [*command, *folder, *options]


def _run_to_the_end(command: tuple[str, ...], home: Path) -> tuple[int, str]:
    """Start a node that is to stop by itself; return its exit code and what it said."""
    done = subprocess.run(
        _start(command, home),
        capture_output=True,
        text=True,
        check=False,
        timeout=TIMEOUT_S,
    )
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, done.stderr


@contextmanager
def _serving(command: tuple[str, ...], home: Path) -> Iterator[str]:
    process = subprocess.Popen(
        _start(command, home),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        yield line.split()[-1].replace("tcp://", "http://")
        process.terminate()
        assert process.wait(TIMEOUT_S) == 0
    finally:
        process.kill()
        process.communicate()


def _done(url: str) -> upgrades_pb2.DoneUpgrade:
    request = upgrades_pb2.QueryDoneUpgradeRequest(name="v2")
    params = {
        "path": '"/huitong.upgrades.v1.Query/DoneUpgrade"',
        "data": f"0x{request.SerializeToString().hex()}",
    }
    answer = httpx.get(f"{url}/abci_query", params=params, timeout=ANSWER_S).json()[
        "result"
    ]["response"]
    value = base64.b64decode(answer["value"])
    return upgrades_pb2.QueryDoneUpgradeResponse.FromString(value).upgrade


def _state(home: Path) -> tuple[int, bytes | None]:
    """Return the committed height, and how often the migration ran."""
    backend = LmdbBackend(LmdbEnvironment(home / "data", durable=False))
    try:
        state = MultiStore(backend, [*STORE_NAMES, STORE], versions_kept=0)
        state.check_integrity()
        return state.version, state.store(STORE).get(b"runs")
    finally:
        backend.close()


def _wait_for(url: str, height: int) -> None:
    for _ in range(TIMEOUT_S * 20):
        status = httpx.get(f"{url}/status", timeout=ANSWER_S).json()["result"][
            "sync_info"
        ]
        if int(status["latest_block_height"]) >= height:
            return
        time.sleep(0.05)
    raise AssertionError(f"no block {height}")


@pytest.mark.parametrize("is_killed", [False, True])
def test_the_old_node_stops_and_the_new_one_migrates_once(
    home: Path, is_killed: bool
) -> None:
    for _ in range(2):  # a supervisor that does not know better changes nothing
        code, said = _run_to_the_end(OLD, home)
        assert code == STOPPED_FOR_UPGRADE
        assert "from height 4 on the zone runs the upgrade v2: Huitong 2.0" in said
        assert _state(home) == (HEIGHT - 1, None)
    if is_killed:
        (home.parent / "kill").touch()
        assert _run_to_the_end(NEW, home)[0] == KILLED
        assert _state(home) == (HEIGHT - 1, None)
    for _ in range(2):
        with _serving(NEW, home) as url:
            _wait_for(url, HEIGHT)
            assert _done(url).height == HEIGHT
    height, runs = _state(home)
    assert (height > HEIGHT, runs) == (True, b"1")
    code, said = _run_to_the_end(OLD, home)
    assert code == STOPPED_FOR_UPGRADE
    assert _state(home) == (height, b"1"), "the old software writes nothing any more"


def test_the_new_node_makes_no_block_before_the_height(home: Path) -> None:
    code, said = _run_to_the_end(NEW, home)
    assert code == NOT_AS_IT_IS
    assert "height 1 comes before the upgrade v2 at 4" in said
    assert _run_to_the_end(OLD, home)[0] == STOPPED_FOR_UPGRADE
