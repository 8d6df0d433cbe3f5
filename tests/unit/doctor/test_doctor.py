"""The doctor: every finding is seen once well and once ill, and nothing is changed."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import shutil
import socket
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest
from click.testing import CliRunner

from huitong.cli.main import main as huitong_command
from huitong.core.codec import encode
from huitong.core.time import format_rfc3339
from huitong.engines.cometbft.binary import COMETBFT_VERSION
from huitong.engines.genesis import GenesisValidator
from huitong.node.config import CometBftConfig, NodeConfig, SnapshotConfig
from huitong.node.config.document import encode_config
from huitong.node.doctor import machine, network, software, store
from huitong.node.doctor.examine import CHECKS, EXAMINATION_S_MAX, examine, has_problem
from huitong.node.doctor.findings import Finding, Severity
from huitong.node.doctor.subject import NodeStatus, Subject, running_pid
from huitong.node.home import Home, make_home
from huitong.node.key_moving import move_key
from huitong.proto.huitong.consensus.v1 import consensus_pb2
from huitong.proto.huitong.governance.v1 import governance_pb2
from huitong.proto.huitong.upgrades.v1 import upgrades_pb2
from tests.unit.watch.clients import clients_answers
from tests.unit.watch.fake_rpc import STATUS, FakeRpc, fake_rpc

DAY_NS = 86_400 * 10**9


@pytest.fixture
def home(tmp_path: Path) -> Home:
    made = Home(tmp_path / "home")
    make_home(made, NodeConfig(moniker="tax", rpc_address="tcp://127.0.0.1:0"), "hz-1")
    return made


@pytest.fixture
def rpc() -> Iterator[FakeRpc]:
    with fake_rpc() as fake:
        fake.results["status"] = _status()
        fake.results["net_info"] = {"n_peers": "0", "peers": []}
        yield fake


def _status(**sync: Any) -> dict[str, Any]:
    told = {"latest_block_time": format_rfc3339(time.time_ns()), **sync}
    return {**STATUS, "sync_info": {**STATUS["sync_info"], **told}}


def _configure(home: Home, **changes: Any) -> None:
    config = NodeConfig(moniker="tax", rpc_address="tcp://127.0.0.1:0", **changes)
    home.config_file.write_text(encode_config(config))


def _find(found: list[Finding], check: str) -> Finding:
    matching = [item for item in found if item.id == check]
    assert matching, (check, [item.id for item in found])
    return max(matching, key=lambda item: list(Severity).index(item.severity))


def _has(found: list[Finding], check: str, severity: Severity, text: str = "") -> bool:
    item = _find(found, check)
    assert item.severity is severity, item
    assert text in item.seen, item
    assert (severity is Severity.OK) == (item.advice == ""), item
    return True


def _print_of(folder: Path) -> dict[str, tuple[int, str]]:
    """Return mode and content of every file."""
    return {
        str(path.relative_to(folder)): (
            path.stat().st_mode,
            hashlib.sha256(path.read_bytes()).hexdigest(),
        )
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


# --- a home ---------------------------------------------------------------------------------


def test_fresh_home_has_no_problem_and_is_not_changed(home: Home) -> None:
    before = _print_of(home.path)
    found = examine(home, None)
    assert not has_problem(found)
    assert _has(found, "python", Severity.OK)
    assert _has(found, "config", Severity.OK)
    assert _has(found, "database", Severity.OK, "no block yet")
    assert _has(found, "node", Severity.WARNING, "does not run")
    assert _print_of(home.path) == before


def test_unreadable_settings_are_told_with_their_field(home: Home) -> None:
    home.config_file.write_text("moniker = 3\n")
    home.genesis_file.write_text("{}")
    found = examine(home, None)
    assert _has(found, "config", Severity.PROBLEM, "moniker")
    assert _has(found, "genesis", Severity.PROBLEM)


@pytest.mark.parametrize(
    ("changes", "check", "severity"),
    [
        ({"is_durable": False}, "durable", Severity.WARNING),
        ({}, "watch", Severity.WARNING),
        (
            {
                "engine": "cometbft",
                "cometbft": CometBftConfig(state_sync_rpc=("tcp://a:1",)),
            },
            "config",
            Severity.PROBLEM,
        ),
        (
            {"engine": "cometbft", "cometbft": CometBftConfig(binary="/absent")},
            "cometbft",
            Severity.PROBLEM,
        ),
        (
            {"engine": "cometbft", "cometbft": CometBftConfig(is_run=False)},
            "cometbft",
            Severity.OK,
        ),
    ],
)
def test_settings_that_do_not_go_together(
    home: Home, changes: dict[str, Any], check: str, severity: Severity
) -> None:
    _configure(home, **changes)
    assert _has(examine(home, None), check, severity)


def test_rpc_open_to_everybody_is_told(home: Home) -> None:
    config = NodeConfig(moniker="tax", rpc_address="tcp://0.0.0.0:0")
    home.config_file.write_text(encode_config(config))
    assert _has(examine(home, None), "rpc-open", Severity.WARNING)


def test_one_process_cannot_be_several_validators(home: Home) -> None:
    genesis = home.load_genesis()
    second = GenesisValidator(public_key=bytes(range(32)), power=10, name="b")
    home.save_genesis(replace(genesis, validators=(*genesis.validators, second)))
    assert _has(examine(home, None), "engine", Severity.PROBLEM, "2 validators")
    _configure(home, engine="cometbft")
    assert _has(examine(home, None), "peers-configured", Severity.WARNING)


def test_files_that_others_may_write_or_read_are_told(home: Home) -> None:
    home.genesis_file.chmod(0o666)
    folder = home.path / "keyring"
    folder.mkdir()
    (folder / "tax.json").write_text("{}")
    (folder / "tax.json").chmod(0o640)
    found = examine(home, None)
    assert _has(found, "file-mode", Severity.WARNING, "genesis.json")
    assert _has(found, "secret-mode", Severity.PROBLEM, "tax.json")


def test_validator_key_is_told_without_its_secret(home: Home) -> None:
    found = examine(home, None)
    assert _has(found, "key", Severity.WARNING, "in clear")
    secret = json.loads(home.key_file.read_bytes())["priv_key"]["value"]
    assert secret not in str(found)
    home.key_file.write_text("{}")
    assert _has(examine(home, None), "key", Severity.PROBLEM)


def test_key_that_a_signer_has_is_not_missed(stopped: Home, tmp_path: Path) -> None:
    _configure(stopped, engine="cometbft")
    move_key(stopped, Home(tmp_path / "signer"))
    assert _has(examine(stopped, None), "key", Severity.PROBLEM, "no signer")
    signer = CometBftConfig(signer_address="tcp://127.0.0.1:1")
    _configure(stopped, engine="cometbft", cometbft=signer)
    found = examine(stopped, None)
    assert _has(found, "key", Severity.OK, "tcp://127.0.0.1:1")
    assert "sign-state" not in {item.id for item in found}


def test_port_of_another_process_is_told(home: Home) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        address = f"tcp://127.0.0.1:{other.getsockname()[1]}"
        home.config_file.write_text(
            encode_config(NodeConfig(moniker="tax", rpc_address=address))
        )
        assert _has(examine(home, None), "port-rpc", Severity.PROBLEM, "another")
    assert _has(examine(home, None), "port-rpc", Severity.OK, "free")


def test_grpc_port_of_another_process_is_told(home: Home) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        address = f"127.0.0.1:{other.getsockname()[1]}"
        _configure(home, grpc_address=address)
        assert _has(examine(home, None), "port-grpc", Severity.PROBLEM, "another")
    assert _has(examine(home, None), "port-grpc", Severity.OK, "free")


def test_grpc_port_of_a_running_node_is_the_one_that_it_picked(home: Home) -> None:
    _configure(home, grpc_address="127.0.0.1:0")
    home.data.mkdir(exist_ok=True)
    home.grpc_address_file.write_text("127.0.0.1:1\n")
    subject = Subject(home, None)
    subject.__dict__["pid"] = os.getpid()
    found = list(machine.check_ports(subject))
    assert _has(found, "port-grpc", Severity.PROBLEM, "nothing listens")


def test_grpc_that_listens_to_everybody_is_told(home: Home) -> None:
    _configure(home, grpc_address="0.0.0.0:9090")
    assert _has(examine(home, None), "grpc-open", Severity.WARNING)


def test_address_of_another_form_is_told(home: Home) -> None:
    _configure(home, watch_address="127.0.0.1")
    assert _has(examine(home, None), "port-watch", Severity.PROBLEM)


def test_running_node_whose_ports_are_silent_is_told(home: Home) -> None:
    _configure(home, watch_address="tcp://127.0.0.1:1")
    subject = Subject(home, None)
    subject.__dict__["pid"] = os.getpid()
    found = list(machine.check_ports(subject))
    assert _has(found, "port-watch", Severity.PROBLEM, "nothing listens")


# --- the machine -----------------------------------------------------------------------------


class _Disk:
    f_frsize = 1
    f_blocks = 10**12

    def __init__(self, free: int) -> None:
        self.f_bavail = free


@pytest.mark.parametrize(
    ("free", "severity"),
    [
        (machine.DISK_FREE_BYTES_MIN - 1, Severity.PROBLEM),
        (10**11 - 1, Severity.WARNING),
        (5 * 10**11, Severity.OK),
    ],
)
def test_disk_is_compared_with_what_is_needed(
    home: Home, monkeypatch: pytest.MonkeyPatch, free: int, severity: Severity
) -> None:
    monkeypatch.setattr(machine.os, "statvfs", lambda _: _Disk(free))
    assert _has(list(machine.check_disk(Subject(home, ""))), "disk", severity)


def test_disk_that_fills_soon_is_told_in_days() -> None:
    status = NodeStatus(
        chain_id="a-1",
        version="",
        height=100_001,
        time_ns=11 * DAY_NS,
        earliest_height=1,
        earliest_time_ns=DAY_NS,
        is_catching_up=False,
        power=1,
    )
    assert machine.days_left(100, 50, status) == pytest.approx(20)
    assert machine.days_left(100, 50, replace(status, height=10)) is None
    assert machine.days_left(100, 50, None) is None


def test_few_open_files_are_told(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine.resource, "getrlimit", lambda _: (1_024, 1_024))
    assert _has(
        list(machine.check_open_files(Subject(home, ""))),
        "open-files",
        Severity.WARNING,
    )
    monkeypatch.setattr(machine.resource, "getrlimit", lambda _: (-1, -1))
    assert _has(
        list(machine.check_open_files(Subject(home, ""))), "open-files", Severity.OK
    )


def test_packages_are_compared_with_the_lock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = tmp_path / "requirements.lock"
    lock.write_text("click==0.0.1 \\\n    --hash=sha256:00\nabsent-package==1.0\n")
    monkeypatch.setattr(software, "find_lock", lambda: lock)
    found = list(software.check_packages(Subject(None, "")))
    assert _has(found, "packages", Severity.WARNING, "click")
    assert "absent" not in str(found)
    monkeypatch.setattr(software, "find_lock", lambda: None)
    found = list(software.check_packages(Subject(None, "")))
    assert _has(found, "packages", Severity.OK)


def test_older_python_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(software, "PYTHON_MIN", (9, 9))
    assert _has(
        list(software.check_python(Subject(None, ""))), "python", Severity.PROBLEM
    )


@pytest.mark.parametrize(
    ("version", "severity"),
    [("0.38.1", Severity.WARNING), (COMETBFT_VERSION, Severity.OK)],
)
def test_version_of_the_program_is_compared(
    home: Home, tmp_path: Path, version: str, severity: Severity
) -> None:
    program = tmp_path / "cometbft"
    program.write_text(f"#!/bin/sh\necho {version}\n")
    program.chmod(0o755)
    _configure(home, engine="cometbft", cometbft=CometBftConfig(binary=str(program)))
    found = list(software.check_cometbft(Subject(home, "")))
    assert _has(found, "cometbft", severity, version)


# --- the database -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def used(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a home on the embedded engine with three blocks."""
    from contextlib import ExitStack

    from huitong.node.rooms.embedded import open_embedded

    made = Home(tmp_path_factory.mktemp("used") / "home")
    config = NodeConfig(
        moniker="tax", rpc_address="tcp://127.0.0.1:0", is_durable=False
    )
    make_home(made, config, "hz-1")
    with ExitStack() as stack:
        stack.enter_context(open_embedded(made, config)).engine.step()
    return made.path


@pytest.fixture
def stopped(used: Path, tmp_path: Path) -> Home:
    shutil.copytree(used, tmp_path / "stopped")
    return Home(tmp_path / "stopped")


def test_database_of_a_stopped_node_is_examined_without_touching_it(
    stopped: Home,
) -> None:
    before = _print_of(stopped.path)
    found = examine(stopped, None)
    assert _has(found, "database", Severity.OK, "state of height 2")
    assert _has(found, "sign-state", Severity.OK, "signed up to 2")
    assert not has_problem(found)
    assert _print_of(stopped.path) == before


def test_database_that_is_gone_damaged_or_cut_short_is_told(stopped: Home) -> None:
    file = stopped.data / "data.mdb"
    whole = file.read_bytes()
    file.write_bytes(whole[:4_096])
    assert _has(examine(stopped, None), "database", Severity.PROBLEM)
    file.write_bytes(bytes(len(whole)))
    assert _has(examine(stopped, None), "database", Severity.PROBLEM)
    file.unlink()
    assert _has(examine(stopped, None), "database", Severity.PROBLEM, "gone")


def test_data_older_than_what_was_signed_are_told(stopped: Home) -> None:
    record = json.loads(stopped.sign_state_file.read_bytes())
    stopped.sign_state_file.write_text(json.dumps({**record, "height": 9}))
    assert _has(examine(stopped, None), "sign-state", Severity.PROBLEM, "up to 9")


def test_missing_record_of_signatures_is_told(stopped: Home) -> None:
    stopped.sign_state_file.unlink()
    assert _has(examine(stopped, None), "sign-state", Severity.PROBLEM, "missing")


def test_old_record_of_signatures_beside_newer_data_is_told(
    stopped: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    _configure(stopped, engine="cometbft")
    stopped.cometbft.data.mkdir(parents=True)
    stopped.cometbft.sign_state_file.write_text('{"height": "1"}')
    monkeypatch.setattr("huitong.node.doctor.signing._BEHIND_BLOCKS_MAX", 0)
    assert _has(examine(stopped, None), "sign-state", Severity.WARNING)


@pytest.mark.parametrize(
    ("heights", "severity"),
    [((), Severity.WARNING), ((30,), Severity.WARNING), ((95, 100), Severity.OK)],
)
def test_snapshots_are_compared_with_the_height(
    home: Home, rpc: FakeRpc, heights: tuple[int, ...], severity: Severity
) -> None:
    _configure(home, engine="cometbft", snapshots=SnapshotConfig(every_blocks=10))
    for height in heights:
        (home.data / "snapshots" / str(height)).mkdir(parents=True)
    rpc.results["status"] = _status(latest_block_height="101")
    found = list(store.check_snapshots(Subject(home, rpc.address)))
    assert _has(found, "snapshots", severity)


# --- a running node -----------------------------------------------------------------------------


def test_running_node_is_examined_over_rpc_alone(rpc: FakeRpc) -> None:
    found = examine(None, rpc.address)
    assert not has_problem(found)
    assert _has(found, "node", Severity.OK, "hangzhou-1 at height 12")
    assert _has(found, "lag", Severity.OK)
    assert {item.id for item in found} & {"config", "disk", "key", "clock"} == set()


def test_stranger_at_the_address_of_a_stopped_node_is_not_the_node(
    home: Home, rpc: FakeRpc
) -> None:
    config = NodeConfig(moniker="tax", rpc_address=rpc.address)
    home.config_file.write_text(encode_config(config))
    found = examine(home, None)
    assert _has(found, "port-rpc", Severity.PROBLEM, "another process")
    assert _has(found, "node", Severity.WARNING, "does not run")


def test_zone_without_a_block_is_told(rpc: FakeRpc) -> None:
    rpc.results["status"] = _status(
        latest_block_height="0", latest_block_time="1970-01-01T00:00:00Z"
    )
    assert _has(examine(None, rpc.address), "lag", Severity.WARNING, "no block yet")


def test_silent_address_is_a_problem() -> None:
    assert _has(examine(None, "tcp://127.0.0.1:1"), "node", Severity.PROBLEM)


def test_something_else_behind_the_address_is_a_problem(rpc: FakeRpc) -> None:
    for body in (b"<html>", b"[]", b"[3]", b'{"id": 0, "result": {}}'):
        rpc.body = body
        assert _has(examine(None, rpc.address), "node", Severity.PROBLEM)


def test_process_that_does_not_answer_is_a_problem(home: Home) -> None:
    subject = Subject(home, "tcp://127.0.0.1:1")
    subject.__dict__["pid"] = 77
    found = list(network.check_node(subject))
    assert _has(found, "node", Severity.PROBLEM, "process 77")


def test_process_of_another_program_is_not_the_node(tmp_path: Path) -> None:
    file = tmp_path / "node.pid"
    assert running_pid(file) == 0
    file.write_text("1\n")
    assert running_pid(file) == 0
    file.write_text("what")
    assert running_pid(file) == 0


@pytest.mark.parametrize(
    ("sync", "check", "severity"),
    [
        ({"catching_up": True}, "lag", Severity.WARNING),
        ({"latest_block_time": "2026-01-02T03:04:05Z"}, "lag", Severity.PROBLEM),
        ({"latest_block_time": "2226-01-02T03:04:05Z"}, "clock", Severity.PROBLEM),
        ({}, "clock", Severity.OK),
    ],
)
def test_age_of_the_newest_block(
    home: Home, rpc: FakeRpc, sync: dict[str, Any], check: str, severity: Severity
) -> None:
    rpc.results["status"] = _status(**sync)
    assert _has(examine(home, rpc.address), check, severity)


def test_validator_without_power_is_told(home: Home, rpc: FakeRpc) -> None:
    rpc.results["status"] = {**_status(), "validator_info": {"voting_power": "0"}}
    assert _has(examine(home, rpc.address), "key-role", Severity.WARNING)
    rpc.results["status"] = _status()
    assert _has(examine(home, rpc.address), "key-role", Severity.OK, "power 10")


def test_another_version_of_cometbft_that_answers_is_told(rpc: FakeRpc) -> None:
    about = {**STATUS["node_info"], "version": "0.38.1"}
    rpc.results["status"] = {**_status(), "node_info": about}
    assert _has(examine(None, rpc.address), "cometbft-running", Severity.WARNING)


# --- peers -----------------------------------------------------------------------------------


def _entry(rpc: FakeRpc) -> dict[str, Any]:
    port = rpc.address.rpartition(":")[2]
    return {
        "remote_ip": "127.0.0.1",
        "node_info": {
            "moniker": "b",
            "other": {"rpc_address": f"tcp://0.0.0.0:{port}"},
        },
    }


def _commit(app_hash: str) -> dict[str, Any]:
    return {"signed_header": {"header": {"app_hash": app_hash}}}


@pytest.fixture
def peer(rpc: FakeRpc) -> Iterator[FakeRpc]:
    with fake_rpc() as fake:
        fake.results["status"] = _status()
        rpc.results["net_info"] = {"n_peers": "1", "peers": [_entry(fake)]}
        rpc.results["commit"] = fake.results["commit"] = _commit("AA")
        yield fake


def test_peers_with_the_same_state_are_fine(rpc: FakeRpc, peer: FakeRpc) -> None:
    found = examine(None, rpc.address)
    assert not has_problem(found)
    for check in ("peers", "lag-peers", "clock-peers", "app-hash"):
        assert _has(found, check, Severity.OK)


def test_peer_with_another_state_is_a_problem(rpc: FakeRpc, peer: FakeRpc) -> None:
    peer.results["commit"] = _commit("BB")
    assert _has(examine(None, rpc.address), "app-hash", Severity.PROBLEM, "b (127")


def test_peers_that_are_further_are_told(rpc: FakeRpc, peer: FakeRpc) -> None:
    peer.results["status"] = _status(latest_block_height="99")
    assert _has(examine(None, rpc.address), "lag-peers", Severity.WARNING, "87 blocks")


def test_clock_that_differs_from_the_peers_is_a_problem(
    rpc: FakeRpc, peer: FakeRpc, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(network, "_clock_offset_s", lambda _: 9.0)
    assert _has(examine(None, rpc.address), "clock-peers", Severity.PROBLEM)


def test_one_peer_of_three_with_a_wrong_clock_is_its_own_fault(
    rpc: FakeRpc, peer: FakeRpc, monkeypatch: pytest.MonkeyPatch
) -> None:
    offsets = iter([9.0, 0.1, 0.2])
    monkeypatch.setattr(network, "_clock_offset_s", lambda _: next(offsets))
    rpc.results["net_info"]["peers"] = [_entry(peer)] * 3
    assert _has(examine(None, rpc.address), "clock-peers", Severity.WARNING)


def test_hostile_peers_do_not_stop_the_examination(rpc: FakeRpc, peer: FakeRpc) -> None:
    hostile: list[Any] = [
        3,
        None,
        {},
        {"node_info": {"other": {"rpc_address": 5}}},
        {**_entry(peer), "remote_ip": "a b\nc"},
        {**_entry(peer), "remote_ip": "127.0.0.1:1/../"},
    ]
    rpc.results["net_info"] = {"n_peers": "9", "peers": hostile}
    assert _has(examine(None, rpc.address), "peers-rpc", Severity.OK)
    rpc.results["net_info"] = {"n_peers": "1", "peers": [_entry(peer)]}
    for body in (b"", b"[1]", b'[{"id":0,"result":7},{"id":1,"result":7}]'):
        peer.body = body
        assert _has(examine(None, rpc.address), "peers-rpc", Severity.OK)


def test_node_without_its_peers_is_a_problem(home: Home, rpc: FakeRpc) -> None:
    peers = CometBftConfig(persistent_peers=(f"{'ab' * 20}@127.0.0.1:1",))
    _configure(home, engine="cometbft", cometbft=peers)
    assert _has(
        list(network.check_peers(Subject(home, rpc.address))), "peers", Severity.PROBLEM
    )


# --- the zone ----------------------------------------------------------------------------------


def _answer_queries(rpc: FakeRpc, answers: dict[str, bytes]) -> None:
    def answer(params: dict[str, Any]) -> dict[str, Any]:
        value = answers.get(params["path"])
        if value is None:
            return {"response": {"code": 6, "value": None}}
        return {"response": {"code": 0, "value": base64.b64encode(value).decode()}}

    rpc.answers["abci_query"] = answer


def test_suspended_validators_are_told(rpc: FakeRpc) -> None:
    validators = [
        consensus_pb2.ValidatorInfo(
            validator=consensus_pb2.Validator(
                public_key=bytes([number]) * 32, name=f"v{number}", status=status
            )
        )
        for number, status in (
            (1, consensus_pb2.VALIDATOR_STATUS_ACTIVE),
            (2, consensus_pb2.VALIDATOR_STATUS_SUSPENDED),
        )
    ]
    answer = consensus_pb2.QueryValidatorsResponse(validators=validators)
    path = "/huitong.consensus.v1.Query/Validators"
    _answer_queries(rpc, {path: encode(answer)})
    found = examine(None, rpc.address)
    assert _has(found, "validator", Severity.WARNING, "v2")
    answer = consensus_pb2.QueryValidatorsResponse(validators=validators[:1])
    _answer_queries(rpc, {path: encode(answer)})
    assert _has(examine(None, rpc.address), "validator", Severity.OK)


def test_planned_upgrade_is_told(rpc: FakeRpc, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = upgrades_pb2.Plan(name="v2", height=112)
    answer = encode(upgrades_pb2.QueryPlanResponse(plan=plan))
    _answer_queries(rpc, {"/huitong.upgrades.v1.Query/Plan": answer})
    assert _has(
        examine(None, rpc.address), "upgrade", Severity.WARNING, "in 100 blocks"
    )
    monkeypatch.setattr("huitong.node.doctor.zone.MIGRATIONS", {"v2": lambda ctx: None})
    assert _has(examine(None, rpc.address), "upgrade", Severity.OK)


@pytest.mark.parametrize(
    ("age_ns", "is_frozen", "severity", "text"),
    [
        (DAY_NS, False, Severity.OK, "1 light clients"),
        (10 * DAY_NS, False, Severity.WARNING, "expires in 9"),
        (14 * DAY_NS, False, Severity.PROBLEM, "has expired"),
        (DAY_NS, True, Severity.PROBLEM, "frozen"),
    ],
)
def test_light_clients_are_judged_by_what_is_left(
    rpc: FakeRpc, age_ns: int, is_frozen: bool, severity: Severity, text: str
) -> None:
    made_ns = time.time_ns() - age_ns
    _answer_queries(rpc, dict(clients_answers(made_ns, is_frozen=is_frozen)))
    assert _has(examine(None, rpc.address), "client", severity, text)


def test_open_proposals_are_told(rpc: FakeRpc) -> None:
    proposal = governance_pb2.Proposal(proposal_id=7, title="admit", deadline=10**18)
    answer = encode(governance_pb2.QueryProposalsResponse(proposals=[proposal]))
    _answer_queries(rpc, {"/huitong.governance.v1.Query/Proposals": answer})
    assert _has(examine(None, rpc.address), "proposal", Severity.OK, "7 'admit'")


# --- the whole ---------------------------------------------------------------------------------


def test_examination_ends_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    now_s = iter(range(0, 10_000, int(EXAMINATION_S_MAX) // 3))
    monkeypatch.setattr(
        "huitong.node.doctor.examine.time.monotonic", lambda: next(now_s)
    )
    found = examine(None, "")
    assert _has(found, "time", Severity.WARNING, f"{len(CHECKS) - 3} checks")


def test_command_prints_findings_and_ends_with_one_for_a_problem(home: Home) -> None:
    arguments = ["doctor", "--home", str(home.path)]
    done = CliRunner().invoke(huitong_command, arguments)
    assert done.exit_code == 0, done.output
    assert "0 problems" in done.output
    home.key_file.chmod(0o644)
    done = CliRunner().invoke(huitong_command, [*arguments, "--json"])
    assert done.exit_code == 1
    told = orjson.loads(done.stdout)
    assert told["ok"] is False
    assert {"severity", "id", "seen", "advice"} == set(told["findings"][0])


def test_command_without_a_home_says_so(tmp_path: Path) -> None:
    done = CliRunner().invoke(huitong_command, ["doctor", "--home", str(tmp_path)])
    assert done.exit_code == 1
    assert "is not the home of a node" in done.stderr


def test_command_asks_a_node_elsewhere(rpc: FakeRpc) -> None:
    done = CliRunner().invoke(huitong_command, ["doctor", "--rpc", rpc.address])
    assert done.exit_code == 0, done.output
    assert "hangzhou-1 at height 12" in done.output
