"""The demonstration with two consortia: eight nodes, the same result, nothing left."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from pathlib import Path

import pytest

from huitong.localnet.process import huitong_arguments


def _processes_naming(folder: Path) -> list[str]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and entry.name != str(os.getpid()):
            try:
                command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            except OSError:
                continue
            if str(folder) in command:
                found.append(command)
    return found


@pytest.mark.heavy
@pytest.mark.usefixtures("cometbft")
def test_two_consortia_give_the_same_result(tmp_path: Path) -> None:
    done = subprocess.run(
        huitong_arguments(
            *("demo", "--engine", "cometbft", "--json", "--out", str(tmp_path / "out"))
        ),
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
        env=os.environ | {"TMPDIR": str(tmp_path)},
    )
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["zones"] == ["hangzhou-1", "chongqing-1"]
    assert (report["exchanges"], report["trust_grade"]) == (1, "proven")
    codes = [attack["reason"].rsplit("[", 1)[1] for attack in report["attacks"]]
    assert codes == ["fields/4]", "07-tendermint/110]", "channel/22]"]
    assert _processes_naming(tmp_path) == []
    assert list(tmp_path.glob("huitong-demo-*")) == []


@pytest.mark.heavy
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("seen", ["serves at", "link them by IBC"])
def test_interruption_stops_all_eight_nodes(
    number: signal.Signals, seen: str, tmp_path: Path
) -> None:
    with subprocess.Popen(
        huitong_arguments(
            "demo", "--engine", "cometbft", "--out", str(tmp_path / "out")
        ),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=os.environ | {"TMPDIR": str(tmp_path)},
    ) as running:
        assert running.stdout is not None
        for line in running.stdout:
            if seen in line:
                break
        for _ in range(3):  # whoever is impatient sends it again
            running.send_signal(number)
        rest = running.stdout.read()
    assert running.returncode == 130, rest
    assert "interrupted" in rest
    assert "Traceback" not in rest
    assert _processes_naming(tmp_path) == []
    assert list(tmp_path.glob("huitong-demo-*")) == []
