"""The node as a process: what it says, how it ends, how it refuses to start."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import grpc
import httpx
import orjson
import pytest
from click.testing import CliRunner, Result
from websockets.sync.client import connect

from huitong.cli.main import main as huitong_command
from huitong.testing.command import run_huitong

pytestmark = pytest.mark.slow
_COMMAND = [sys.executable, "-m", "huitong"]
_START = [*_COMMAND, "node", "start", "--rpc", "tcp://127.0.0.1:0", "--home"]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    folder = tmp_path / "home"
    run_huitong("node", "init", "--home", str(folder), "--chain-id", "hangzhou-1")
    return folder


@contextmanager
def _running(home: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Start the node; give the process and its HTTP address."""
    process = subprocess.Popen(
        [*_START, str(home)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        assert line.startswith("serving hangzhou-1 at height "), process.stderr
        yield process, line.split()[-1].replace("tcp://", "http://")
    finally:
        process.kill()
        process.communicate()


def _run(*arguments: str) -> Result:
    """Run a command that ends by itself, in this process: that is quicker."""
    return CliRunner().invoke(huitong_command, arguments)


def _check_refusal(done: Result, text: str) -> None:
    assert done.exit_code == 1, done
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    errors = [line for line in done.stderr.splitlines() if line.startswith("Error: ")]
    assert len(errors) == 1
    assert text in errors[0]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_node_serves_and_stops_cleanly(home: Path, number: signal.Signals) -> None:
    with _running(home) as (process, url):
        told = (home / "data" / "rpc_address").read_text().strip()
        assert told == url.replace("http://", "tcp://")
        assert (home / "node.pid").read_text() == f"{process.pid}\n"
        status = httpx.get(f"{url}/status").json()["result"]
        assert status["sync_info"]["catching_up"] is False
        process.send_signal(number)
        assert process.wait(20) == 0
        assert process.stderr is not None
        assert "Traceback" not in process.stderr.read()
    assert not (home / "data" / "rpc_address").exists()
    assert not (home / "node.pid").exists()


def test_node_goes_on_after_a_restart(home: Path) -> None:
    heights = []
    for _ in range(2):
        with _running(home) as (process, url):
            info = httpx.get(f"{url}/status").json()["result"]["sync_info"]
            heights.append(int(info["latest_block_height"]))
            process.terminate()
            process.wait(20)
    assert heights[1] > heights[0]


def test_real_websocket_follows_blocks(home: Path) -> None:
    with _running(home) as (_, url):
        address = f"{url.replace('http', 'ws')}/websocket"
        with connect(address) as websocket:
            request = {
                "jsonrpc": "2.0",
                "id": "x",
                "method": "subscribe",
                "params": {"query": "tm.event='NewBlock'"},
            }
            websocket.send(orjson.dumps(request).decode())
            assert json.loads(websocket.recv(10))["result"] == {}
            told = json.loads(websocket.recv(20))
    assert told["id"] == "x"
    assert told["result"]["data"]["type"] == "tendermint/event/NewBlock"


def test_second_node_in_one_home_is_refused(home: Path) -> None:
    with _running(home) as (process, _):
        done = _run("node", "start", "--home", str(home))
        _check_refusal(done, f"runs in {home} already (process {process.pid})")
        done = _run("node", "export", "--home", str(home))
        _check_refusal(done, "another process has it open")


def test_port_in_use_is_refused(home: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"tcp://127.0.0.1:{taken.getsockname()[1]}"
        done = _run("node", "start", "--home", str(home), "--rpc", address)
    _check_refusal(done, f"another process listens on {address}")
    assert "choose another port" in done.stderr


def test_status_of_a_running_node(home: Path) -> None:
    with _running(home):
        shown = json.loads(_run("node", "status", "--home", str(home), "--json").stdout)
        assert shown["ok"] is True
        assert shown["node_info"]["network"] == "hangzhou-1"
        assert (
            "hangzhou-1 (node) on tcp://"
            in _run("node", "status", "--home", str(home)).stdout
        )


def test_status_of_a_stopped_node_is_refused(home: Path) -> None:
    _check_refusal(_run("node", "status", "--home", str(home)), "it is not running")
    done = _run("node", "status", "--node", "tcp://127.0.0.1:1", "--json")
    assert done.exit_code == 1
    assert json.loads(done.stdout)["error"]["codespace"] == "node"


def _break_config(home: Path) -> None:
    (home / "config" / "node.toml").write_text("[rpc]\nlisten = 5\n")


def _break_genesis(home: Path) -> None:
    (home / "config" / "genesis.json").write_text("{")


def _break_genesis_state(home: Path) -> None:
    path = home / "config" / "genesis.json"
    document = json.loads(path.read_text())
    document["app_state"] = {"members": {"accounts": [{"address": "ht1nobody"}]}}
    path.write_text(json.dumps(document))


def _break_key(home: Path) -> None:
    (home / "config" / "validator_key.json").write_text("{}")


def _take_other_key(home: Path) -> None:
    other = home.parent / "other"
    run_huitong("node", "init", "--home", str(other), "--chain-id", "other-1")
    key = (other / "config" / "validator_key.json").read_bytes()
    (home / "config" / "validator_key.json").write_bytes(key)


def _break_sign_state(home: Path) -> None:
    (home / "data" / "validator_state.json").write_text("?")


def _break_database(home: Path) -> None:
    (home / "data" / "data.mdb").write_bytes(b"this is no database" * 1_000)


def _remove_key(home: Path) -> None:
    (home / "config" / "validator_key.json").unlink()


@pytest.mark.parametrize(
    ("damage", "text"),
    [
        (_break_config, "rpc.listen: needs to be a text"),
        (_break_genesis, "genesis: file"),
        (_break_genesis_state, "ht1nobody"),
        (_break_key, "pub_key needs the type"),
        (_break_sign_state, "validator_state.json: cannot be read"),
        (_break_database, "is damaged"),
        (_remove_key, "config/validator_key.json is missing"),
    ],
)
def test_damaged_home_is_refused_in_one_line(
    home: Path, damage: object, text: str
) -> None:
    assert callable(damage)
    damage(home)
    _check_refusal(_run("node", "start", "--home", str(home)), text)


def test_key_without_power_ends_with_the_fixed_code(home: Path) -> None:
    _take_other_key(home)
    done = _run("node", "start", "--home", str(home))
    assert done.exit_code == 70
    assert "would hold 0 of 10 voting power" in done.stderr
    assert "Traceback" not in done.stderr


def test_database_put_back_ends_with_the_fixed_code(home: Path) -> None:
    with _running(home) as (process, _):
        process.terminate()
        process.wait(20)
    for file in (home / "data").glob("*.mdb"):
        file.unlink()
    done = _run("node", "start", "--home", str(home))
    assert done.exit_code == 70
    assert "signed height" in done.stderr
    assert "Traceback" not in done.stderr


def test_export_is_byte_stable_and_starts_a_new_zone(home: Path) -> None:
    with _running(home) as (process, _):
        process.terminate()
        process.wait(20)
    first = _run("node", "export", "--home", str(home)).stdout
    assert first == _run("node", "export", "--home", str(home)).stdout
    file = home / "export.json"
    file.write_text(first)
    made = _run("genesis", "from-export", str(file), "--chain-id", "hangzhou-1")
    (home / "config" / "genesis.json").write_text(made.stdout)
    for file in (home / "data").iterdir():
        file.unlink()
    with _running(home) as (process, url):
        document = json.loads(made.stdout)
        info = httpx.get(f"{url}/status").json()["result"]["sync_info"]
        assert info["earliest_block_height"] == document["initial_height"]
        process.terminate()
        process.wait(20)
    replayed = json.loads(_run("node", "replay", "--home", str(home), "--json").stdout)
    assert (replayed["ok"], replayed["blocks"] >= 2) == (True, True)


def test_commands_on_no_home_are_refused(tmp_path: Path) -> None:
    for command in ("start", "status", "export", "replay"):
        done = _run("node", command, "--home", str(tmp_path / "none"))
        _check_refusal(done, "is not the home of a node")
    done = _run("genesis", "validate", "--home", str(tmp_path / "none"))
    _check_refusal(done, "is not the home of a node")


def test_home_that_exists_is_refused(home: Path) -> None:
    done = _run("node", "init", "--home", str(home), "--chain-id", "hangzhou-1")
    _check_refusal(done, "exists already and is not empty")
    done = _run("node", "init", "--home", str(home), "--chain-id", "x", "--json")
    assert json.loads(done.stdout)["ok"] is False


def test_genesis_command_wants_an_assignment(home: Path) -> None:
    done = _run("genesis", "set", "novalue", "--home", str(home))
    _check_refusal(done, "is not of the form KEY=VALUE")


def test_full_disk_stops_the_node_and_keeps_the_last_block(home: Path) -> None:
    """A file-size limit stands for the disk: writes beyond it fail."""
    script = (
        "import resource, sys; "
        "resource.setrlimit(resource.RLIMIT_FSIZE, (409600, 409600)); "
        "import signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN); "
        "sys.argv = ['huitong', 'node', 'start', '--rpc', 'tcp://127.0.0.1:0', "
        "'--home', sys.argv[1]]; "
        "from huitong.cli.main import main; main()"
    )
    config = home / "config" / "node.toml"
    config.write_text(config.read_text().replace('"5000ms"', '"1ms"'))
    done = subprocess.run(
        [sys.executable, "-c", script, str(home)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 1, done.stderr[-2000:]
    assert "no room for the state" in done.stderr
    assert "Traceback" not in done.stderr
    replayed = json.loads(_run("node", "replay", "--home", str(home), "--json").stdout)
    assert replayed["ok"] is True


@pytest.mark.parametrize("form", ["127.0.0.1:0", "tcp://127.0.0.1:0"])
def test_grpc_is_told_in_a_line_a_file_and_the_status(home: Path, form: str) -> None:
    process = subprocess.Popen(
        [*_START, str(home), "--grpc", form], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    try:
        process.stdout.readline()
        line = process.stdout.readline().strip()
        file = home / "data" / "grpc_address"
        address = file.read_text().strip()
        assert line == f"gRPC on {address}"
        told = json.loads(_run("node", "status", "--home", str(home), "--json").stdout)
        assert told["grpc"] == address
        with grpc.insecure_channel(address) as channel:
            method = "/cosmos.base.tendermint.v1beta1.Service/GetSyncing"
            assert channel.unary_unary(method)(b"", timeout=20) == b""
        process.terminate()
        assert process.wait(20) == 0
        assert not file.exists()
    finally:
        process.kill()
        process.communicate()


def test_grpc_can_be_turned_off(home: Path) -> None:
    process = subprocess.Popen(
        [*_START, str(home), "--grpc", ""], stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("serving")
        assert not (home / "data" / "grpc_address").exists()
        told = json.loads(_run("node", "status", "--home", str(home), "--json").stdout)
        assert told["grpc"] == ""
    finally:
        process.kill()
        process.communicate()


def test_grpc_port_that_is_taken_is_refused(home: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        place = f"127.0.0.1:{other.getsockname()[1]}"
        done = subprocess.run(
            [*_START, str(home), "--grpc", place],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert done.returncode == 1
    assert f"another process listens on tcp://{place}" in done.stderr
    assert "Traceback" not in done.stderr
