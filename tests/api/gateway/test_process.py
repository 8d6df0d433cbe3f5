"""The gateway as a process: how its home is made, how it starts, answers and ends."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import httpx
import pytest

from huitong.localnet.gateway import GatewayProcess
from huitong.localnet.ports import free_ports
from huitong.localnet.process import NodeProcess, huitong_arguments
from tests.api.gateway_kit import answer_of, init, run
from tests.programs import processes_of

pytestmark = pytest.mark.slow
#: Nothing is asked there while a home is made.
NOWHERE = "tcp://127.0.0.1:9"


@pytest.fixture
def home(tmp_path: Path, node: NodeProcess) -> Path:
    """Make a gateway whose node runs."""
    folder = tmp_path / "gateway"
    assert answer_of(init(folder, node.rpc_url))["made"] is True
    return folder


# --- init ---------------------------------------------------------------------------------


def test_init_makes_settings_keys_and_database_for_the_owner_only(
    tmp_path: Path,
) -> None:
    home = tmp_path / "gateway"
    made = answer_of(init(home, NOWHERE))
    assert made["account"].startswith("ht1")
    assert len(made["mnemonic"].split()) == 24
    assert len(bytes.fromhex(made["reader_key"])) == 32
    assert home.stat().st_mode & 0o077 == 0
    for name in ("gateway.toml", "keys/vault.key", "keyring/gateway.json"):
        assert (home / name).stat().st_mode & 0o077 == 0, name
    assert (home / "gateway.db").stat().st_size > 0


def test_init_again_changes_nothing_and_shows_no_secret(tmp_path: Path) -> None:
    home = tmp_path / "gateway"
    first = answer_of(init(home, NOWHERE))
    before = {
        path: path.read_bytes()
        for path in home.rglob("*")
        if path.suffix != ".db"
        if path.is_file()
    }
    second = answer_of(init(home, NOWHERE))
    secrets = ("mnemonic", "api_key")
    assert second == {
        name: value for name, value in first.items() if name not in secrets
    } | {"made": False}
    assert all(path.read_bytes() == data for path, data in before.items())


def test_interrupted_init_is_completed_by_the_next_one(tmp_path: Path) -> None:
    home = tmp_path / "gateway"
    first = answer_of(init(home, NOWHERE))
    (home / "gateway.toml").unlink()
    (home / "keys" / "vault.key").unlink()
    second = answer_of(init(home, NOWHERE))
    assert second["made"] is True
    assert second["account"] == first["account"]
    assert (home / "keys" / "vault.key").exists()


def test_key_of_another_home_is_taken(tmp_path: Path, node: NodeProcess) -> None:
    done = init(
        tmp_path / "gateway", NOWHERE, "--key=gateway1", f"--key-from={node.home}"
    )
    answer = answer_of(done)
    assert answer["account"] == node.address("gateway1")
    assert "mnemonic" not in answer


@pytest.mark.parametrize(
    ("options", "code", "reason"),
    [
        (["--member=Hz Tax"], ("service", 2), "member"),
        (["--zone=hangzhou-1=ftp://x"], ("service", 2), "zone.node"),
        (["--other-zone=no chain=tcp://a:1"], ("service", 2), "zones.no chain"),
        (["--listen=tcp://0.0.0.0:1"], ("service", 2), "tls_certificate"),
        (["--database=mysql://db/x"], ("database", 2), "mysql"),
        (["--database=env:HUITONG_ABSENT"], ("service", 2), "HUITONG_ABSENT"),
        (["--database=postgresql://nobody@127.0.0.1:9/x"], ("database", 3), "answer"),
        (["--key=../gateway"], ("service", 2), "keys.account"),
    ],
)
def test_init_that_is_refused_says_why_and_makes_no_gateway(
    options: list[str], code: tuple[str, int], reason: str, tmp_path: Path
) -> None:
    home = tmp_path / "gateway"
    done = init(home, NOWHERE, *options)
    assert done.exit_code == 1
    error = answer_of(done)["error"]
    assert (error["codespace"], error["code"]) == code
    assert reason in error["message"]
    assert not (home / "gateway.toml").exists()


def test_folder_of_something_else_and_of_another_gateway_are_refused(
    tmp_path: Path,
) -> None:
    (tmp_path / "letters").mkdir()
    done = init(tmp_path, NOWHERE)
    assert answer_of(done)["error"]["code"] == 8
    home = tmp_path / "gateway"
    init(home, NOWHERE)
    done = init(home, NOWHERE, "--member=somebody-else")
    error = answer_of(done)["error"]
    assert error["code"] == 4
    assert "hz-tax-bureau" in error["message"]


# --- start --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("workers", "number"),
    [(1, signal.SIGTERM), (1, signal.SIGINT), (2, signal.SIGTERM)],
)
def test_gateway_answers_and_ends_cleanly(
    workers: int, number: signal.Signals, home: Path
) -> None:
    with GatewayProcess(home, options=[f"--workers={workers}"]) as gateway:
        assert httpx.get(f"{gateway.url}/health/live").json()["ok"] is True
        ready = httpx.get(f"{gateway.url}/health/ready")
        assert ready.status_code == 200
        assert [check["name"] for check in ready.json()["checks"]] == [
            "database",
            "zone",
        ]
        shown = answer_of(run("gateway", "status", f"--home={home}", "--json"))
        assert shown["ok"] is True
        assert shown["url"] == gateway.url
        os.kill(gateway.pid, number)
        assert gateway.stop() == 0
    assert not (home / "run" / "address").exists()
    assert "Traceback" not in gateway.log_tail(200)
    assert run("gateway", "status", f"--home={home}").exit_code == 1


def test_workers_of_a_killed_gateway_end_and_it_starts_again(home: Path) -> None:
    gateway = GatewayProcess(home, options=["--workers=2"])
    gateway.start()
    gateway.kill()
    with gateway:
        assert httpx.get(f"{gateway.url}/health/ready").status_code == 200
    assert processes_of(home) == []


def test_worker_that_is_killed_is_replaced(home: Path) -> None:
    with GatewayProcess(home, options=["--workers=2"]) as gateway:
        children = Path(f"/proc/{gateway.pid}/task/{gateway.pid}/children")
        before = children.read_text().split()
        # The first child may be the one that cleans up after multiprocessing.
        for child in before:
            if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes():
                os.kill(int(child), signal.SIGKILL)
                break
        while child in children.read_text().split():
            assert gateway.is_running
        assert httpx.get(f"{gateway.url}/health/ready").status_code == 200


def test_second_gateway_in_a_home_is_refused(home: Path) -> None:
    with GatewayProcess(home) as gateway:
        done = _start(home)
        assert done.returncode == 1
        assert "a gateway runs in" in done.stderr
        assert f"process {gateway.pid}" in done.stderr


def test_gateway_is_not_ready_while_its_node_is_down(
    tmp_path: Path, node: NodeProcess
) -> None:
    own = NodeProcess(tmp_path / "node", chain_id="hangzhou-1")
    own.init()
    own.start()
    home = tmp_path / "gateway"
    init(home, own.rpc_url)
    with GatewayProcess(home) as gateway:
        own.stop()
        answer = httpx.get(f"{gateway.url}/health/ready")
        assert answer.status_code == 503
        checks = {check["name"]: check for check in answer.json()["checks"]}
        assert checks["zone"]["ok"] is False
        assert checks["zone"]["seen"].startswith("zone_client/")
        assert checks["database"]["ok"] is True
        assert httpx.get(f"{gateway.url}/health/live").status_code == 200
        assert run("gateway", "status", f"--home={home}").exit_code == 1


def test_gateway_that_starts_before_its_node_waits_for_it(tmp_path: Path) -> None:
    node = NodeProcess(tmp_path / "node", chain_id="hangzhou-1")
    node.init()
    node.rpc_url = f"tcp://127.0.0.1:{free_ports(1)[0]}"
    home = tmp_path / "gateway"
    init(home, node.rpc_url)
    gateway = GatewayProcess(home)
    gateway.launch()
    try:
        while "zone_awaited" not in gateway.log_tail():
            assert gateway.is_running
        assert not gateway.is_answering()
        with node:
            while not gateway.is_answering():
                pass
            assert httpx.get(f"{gateway.url}/health/ready").status_code == 200
    finally:
        gateway.kill()


@pytest.mark.parametrize(
    ("break_it", "reason"),
    [
        ("absent", "is not the home of a gateway [service/3]"),
        ("unknown", "colour: is not known [service/2]"),
        ("zone", "is of zone hangzhou-1, not chongqing-1 [service/6]"),
        ("key", "there is no key named"),
        ("port", "listens"),
    ],
)
def test_gateway_that_cannot_start_says_why_in_one_line(
    break_it: str, reason: str, home: Path, node: NodeProcess
) -> None:
    file = home / "gateway.toml"
    text = file.read_text()
    if break_it == "absent":
        file.unlink()
    elif break_it == "unknown":
        file.write_text("colour = 1\n" + text)
    elif break_it == "zone":
        file.write_text(text.replace('"hangzhou-1"', '"chongqing-1"'))
    elif break_it == "key":
        (home / "keyring" / "gateway.json").unlink()
    elif break_it == "port":
        file.write_text(text.replace("tcp://127.0.0.1:0", node.rpc_url))
    done = _start(home)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert done.stderr.splitlines()[0].startswith("Error: ")
    assert reason in done.stderr


def test_database_of_an_older_form_is_migrated_unless_told_not_to(
    home: Path,
) -> None:
    (home / "gateway.db").unlink()
    done = _start(home, "--no-migrate")
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "database/4" in done.stderr
    shown = answer_of(run("gateway", "migrate", f"--home={home}", "--json"))
    assert shown["before"] == ""
    with GatewayProcess(home, options=["--no-migrate"]) as gateway:
        assert httpx.get(f"{gateway.url}/health/ready").status_code == 200


def _start(home: Path, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        huitong_arguments("gateway", "start", f"--home={home}", *options),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
