"""The demonstration as a person runs it, with real processes, and what it leaves."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from huitong.evidence.container import decode_container
from huitong.evidence.trust import load_trust
from huitong.evidence.verify import verify_bundle
from huitong.localnet.process import NodeProcess, huitong_arguments
from tests.vectors import SHARED

pytestmark = pytest.mark.slow


@dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    """A finished demonstration."""

    out: Path
    report: dict[str, Any]
    kept: Path

    @property
    def bundle(self) -> Path:
        return Path(self.report["evidence"])

    @property
    def trust(self) -> Path:
        return Path(self.report["trust"])


def _run(*arguments: object, **options: Any) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        huitong_arguments(*(str(argument) for argument in arguments)),
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
        **options,
    )
    assert "Traceback" not in done.stdout + done.stderr, done.stderr
    return done


@pytest.fixture(scope="module")
def left(tmp_path_factory: pytest.TempPathFactory) -> Left:
    out = tmp_path_factory.mktemp("demo")
    done = _run("demo", "--json", "--keep", "--out", out)
    assert done.returncode == 0, done.stderr
    (kept,) = out.glob("huitong-demo-*")
    return Left(out=out, report=json.loads(done.stdout), kept=kept)


@pytest.fixture
def zones(left: Left) -> Iterator[list[NodeProcess]]:
    """Start the nodes of the demonstration once more."""
    nodes = [
        NodeProcess(left.kept / name, chain_id=name)
        for name in ("hangzhou-1", "chongqing-1")
    ]
    try:
        for node in nodes:
            node.start()
        yield nodes
    finally:
        for node in nodes:
            node.stop()


def _processes_below(folder: Path) -> list[str]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            except OSError:
                continue
            is_started = "node start" in command or "gateway start" in command
            if str(folder) in command and is_started:
                found.append(command)
    return found


def test_demo_prints_one_object_with_the_keys_that_were_promised(left: Left) -> None:
    report = left.report
    assert set(report) == {
        "ok",
        "seconds",
        "zones",
        "exchanges",
        "trust_grade",
        "evidence",
        "trust",
        "attacks",
    }
    assert report["ok"] is True
    assert report["zones"] == ["hangzhou-1", "chongqing-1"]
    assert report["exchanges"] == 1
    assert report["trust_grade"] == "proven"
    assert report["seconds"] > 0
    assert [set(attack) for attack in report["attacks"]] == [
        {"name", "refused", "reason"}
    ] * 3
    assert all(attack["refused"] for attack in report["attacks"])
    codes = [attack["reason"].rsplit("[", 1)[1] for attack in report["attacks"]]
    assert codes == ["fields/4]", "07-tendermint/110]", "channel/22]"]


def test_evidence_is_proven_offline_and_by_the_command(left: Left) -> None:
    assert _run("verify", "--trust", left.trust, left.bundle).returncode == 0
    assert _run("verify", left.bundle).returncode == 3


def test_nothing_of_the_payload_is_outside_the_bundle_and_the_sealed_vault(
    left: Left,
) -> None:
    secret = "沈示例".encode()  # a field that was not granted
    given = "杭州西泠丝织".encode()
    entries = decode_container(left.bundle.read_bytes())
    assert given in entries["payload/document.json"]
    assert all(secret not in data for data in entries.values())
    for path in left.kept.rglob("*"):
        if path.is_file():
            assert secret not in path.read_bytes(), path


def test_two_thousand_changed_bytes_of_the_bundle_are_all_refused(left: Left) -> None:
    data, trust = left.bundle.read_bytes(), load_trust(left.trust)
    now_ns = time.time_ns()
    assert verify_bundle(data, trust, now_ns=now_ns).grade == "proven"
    draw = random.Random(2_000)
    for _ in range(2_000):
        changed = bytearray(data)
        changed[draw.randrange(len(data))] ^= draw.randrange(1, 256)
        assert verify_bundle(bytes(changed), trust, now_ns=now_ns).grade is None


def test_no_process_is_left(left: Left) -> None:
    assert _processes_below(left.out) == []


def test_bundle_is_refreshed_to_a_newer_header_and_proven_against_it(
    left: Left, zones: list[NodeProcess], tmp_path: Path
) -> None:
    fresh = tmp_path / "fresh.zip"
    done = _run(
        "evidence",
        "refresh",
        left.bundle,
        *(f"--node={node.rpc_url}" for node in zones),
        "--out",
        fresh,
    )
    assert done.returncode == 0, done.stderr
    anchors = []
    for side, chain_id in (("provider", "hangzhou-1"), ("requester", "chongqing-1")):
        name = f"addenda/01/{side}/header.json"
        block = json.loads(decode_container(fresh.read_bytes())[name])
        signed = block["commit"]["signed_header"]
        anchors.append(
            {
                "chain_id": chain_id,
                "height": block["height"],
                "hash": signed["commit"]["block_id"]["hash"],
                "validators_hash": signed["header"]["validators_hash"],
            }
        )
    newer = tmp_path / "newer.json"
    newer.write_text(json.dumps({"zones": anchors}))
    assert _run("verify", "--trust", newer, fresh).returncode == 0
    assert _run("verify", "--trust", left.trust, fresh).returncode == 0
    refused = _run("verify", "--trust", newer, left.bundle)
    assert refused.returncode == 1
    assert "newer than the bundle" in refused.stdout
    genesis = tmp_path / "genesis.json"
    entries = [
        {
            "chain_id": name,
            "genesis": str(left.kept / name / "config" / "genesis.json"),
        }
        for name in ("hangzhou-1", "chongqing-1")
    ]
    genesis.write_text(json.dumps({"zones": entries}))
    assert _run("verify", "--trust", genesis, left.bundle).returncode == 0


def test_bundle_made_by_the_command_is_the_same(
    left: Left, zones: list[NodeProcess], tmp_path: Path
) -> None:
    entries = decode_container(left.bundle.read_bytes())
    disclosure = tmp_path / "disclosure.json"
    disclosure.write_bytes(entries["payload/disclosure.json"])
    subject = json.loads(entries["evidence.json"])
    out = tmp_path / "again.zip"
    done = _run(
        "evidence",
        "make",
        "--provider",
        zones[0].rpc_url,
        "--requester",
        zones[1].rpc_url,
        "--channel",
        subject["requester"]["channel_id"],
        "--sequence",
        subject["sequence"],
        "--disclosure",
        disclosure,
        "--home",
        zones[1].home,
        "--from",
        "bank",
        "--out",
        out,
    )
    assert done.returncode == 0, done.stderr
    assert _run("verify", "--trust", left.trust, out).returncode == 0
    again = decode_container(out.read_bytes())
    assert again["payload/document.json"] == entries["payload/document.json"]


@pytest.mark.parametrize(
    ("number", "disposition", "delay_s"),
    [
        (signal.SIGINT, signal.SIG_DFL, 0),
        (signal.SIGTERM, signal.SIG_DFL, 0),
        (signal.SIGHUP, signal.SIG_DFL, 0),
        (signal.SIGINT, signal.SIG_IGN, 0),  # as in the background of a script
        (signal.SIGTERM, signal.SIG_DFL, 1.5),  # while the gateways start
    ],
)
def test_interrupted_demo_leaves_no_process_and_no_folder(
    number: signal.Signals,
    disposition: signal.Handlers,
    delay_s: float,
    tmp_path: Path,
) -> None:
    environment = os.environ | {"TMPDIR": str(tmp_path)}
    with subprocess.Popen(
        huitong_arguments("demo", "--out", str(tmp_path / "out")),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=environment,
        preexec_fn=lambda: signal.signal(number, disposition),
    ) as running:
        assert running.stdout is not None
        for line in running.stdout:
            if "link them by IBC" in line:
                time.sleep(delay_s)
                break
        for _ in range(5):  # whoever is impatient presses Ctrl-C again
            running.send_signal(number)
            time.sleep(0.03)
        rest = running.stdout.read()
    assert running.returncode == 130, rest
    assert "interrupted" in rest
    assert "Traceback" not in rest
    assert _processes_below(tmp_path) == []
    assert list(tmp_path.glob("huitong-demo-*")) == []


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--document", "{tmp}/absent"], "No such file"),
        (["--document", "{tmp}"], "Is a directory"),
        (["--document", "/dev/null"], "is empty"),
        (["--out", "/dev/null"], "cannot write to"),
    ],
)
def test_demo_that_cannot_begin_says_why_in_one_line(
    arguments: list[str], reason: str, tmp_path: Path
) -> None:
    filled = [argument.format(tmp=tmp_path) for argument in arguments]
    done = _run("demo", *filled, cwd=tmp_path)
    assert done.returncode == 1
    assert reason in done.stderr.splitlines()[0]
    assert done.stdout == ""
    done = _run("demo", "--json", *filled, cwd=tmp_path)
    assert json.loads(done.stdout)["ok"] is False


def test_other_document_is_exchanged_as_one_field(tmp_path: Path) -> None:
    samples = sorted((SHARED / "samples" / "tax").glob("*.xml"))
    if not samples:
        pytest.skip("documents of others are not on this machine")
    done = _run("demo", "--json", "--document", samples[-1], "--out", tmp_path)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    entries = decode_container(Path(report["evidence"]).read_bytes())
    assert entries["payload/document.xml"] == samples[-1].read_bytes()
    assert (
        _run("verify", "--trust", report["trust"], report["evidence"]).returncode == 0
    )
