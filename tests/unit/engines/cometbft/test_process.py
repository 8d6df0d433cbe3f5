"""The program as a child: started, stopped, ended by itself, never outliving its parent."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from huitong.engines.cometbft import process as module
from huitong.engines.cometbft.errors import (
    CometBftEndedError,
    CometBftProgramError,
    CometBftRunsError,
)
from huitong.engines.cometbft.home import CometBftHome
from huitong.engines.cometbft.process import (
    CometBftProcess,
    go_environment,
    running_pid,
)


@pytest.fixture
def home(tmp_path: Path) -> CometBftHome:
    made = CometBftHome(tmp_path / "node")
    made.data.mkdir(parents=True)
    return made


@pytest.fixture
def start(tmp_path: Path, home: CometBftHome) -> Iterator:
    """Start a shell script as the program; it is stopped in the end."""
    made: list[CometBftProcess] = []

    def run(script: str) -> CometBftProcess:
        program = tmp_path / "cometbft"
        program.write_text(f"#!/bin/bash\n{script}\n")
        program.chmod(0o755)
        process = CometBftProcess(program, home)
        made.append(process)
        process.start()
        return process

    yield run
    for process in made:
        process.stop()


def until(condition) -> None:
    deadline_s = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline_s
        time.sleep(0.01)


def test_stop_lets_the_program_end_in_order(start, home):
    process = start("trap 'echo bye; kill $!; exit 0' TERM; echo up; sleep 100 & wait")
    until(lambda: "up" in home.log_file.read_text())
    assert process.is_running
    assert running_pid(home)
    process.stop()
    process.stop()
    process.wait()
    assert not process.is_running
    assert running_pid(home) == 0
    assert "bye" in home.log_file.read_text()


def test_program_that_does_not_stop_is_killed(start, home, monkeypatch):
    monkeypatch.setattr(module, "STOP_TIMEOUT_S", 0.1)
    process = start("trap '' TERM; echo up; while true; do sleep 0.05; done")
    until(lambda: "up" in home.log_file.read_text())
    process.stop()
    assert not process.is_running


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ("ERROR: failed to create node: no space", "ERROR: failed to create node"),
        ("I[2026] all is well\\npanic: Failed to process block", "panic: Failed"),
        ("nothing special", "nothing special"),
        ("", "it said nothing"),
    ],
)
def test_end_that_nobody_asked_for_is_told_with_the_reason(start, said, reason):
    process = start(f"printf '{said}'; exit 4")
    with pytest.raises(CometBftEndedError) as ended:
        process.wait()
    assert ended.value.fields["exit_code"] == 4
    assert str(ended.value.fields["reason"]).startswith(reason)


def test_program_of_another_format_is_refused(tmp_path, home):
    program = tmp_path / "cometbft"
    program.write_bytes(b"\x00\x01")
    program.chmod(0o755)
    with pytest.raises(CometBftProgramError, match="Exec format error"):
        CometBftProcess(program, home).start()


def test_no_code_runs_in_a_fork_of_the_node(start):
    """gRPC's handlers of forks abort there, if another thread is just calling it."""
    forks = []
    os.register_at_fork(before=lambda: forks.append("fork"))
    process = start("exit 0")
    with pytest.raises(CometBftEndedError):
        process.wait()
    assert forks == []


def test_program_is_there_once_start_returns(start, home):
    start("sleep 100")
    assert running_pid(home)


def test_program_that_runs_on_the_home_already_is_not_joined(start, home, monkeypatch):
    monkeypatch.setattr(module, "_GONE_TIMEOUT_S", 0.1)
    start("sleep 100")
    until(lambda: running_pid(home))
    with pytest.raises(CometBftRunsError):
        start("sleep 100")


def test_pid_of_a_stranger_counts_as_nobody(home):
    home.pid_file.write_text(f"{os.getpid()}\n")
    assert running_pid(home) == 0
    home.pid_file.write_text("garbage")
    assert running_pid(home) == 0


def test_long_log_is_put_aside_at_the_start(start, home, monkeypatch):
    monkeypatch.setattr(module, "_LOG_SIZE_BYTES_MAX", 4)
    home.log_file.write_text("from before")
    start("echo up")
    assert home.log_file.with_suffix(".log.1").read_text() == "from before"


@pytest.mark.slow
def test_program_dies_with_its_parent_however_that_ends(tmp_path, home):
    program = tmp_path / "cometbft"
    program.write_text("#!/bin/bash\nsleep 100\n")
    program.chmod(0o755)
    parent = textwrap.dedent(f"""
        import time
        from pathlib import Path
        from huitong.engines.cometbft.home import CometBftHome
        from huitong.engines.cometbft.process import CometBftProcess
        CometBftProcess(Path({str(program)!r}), CometBftHome(Path({str(home.node_path)!r}))).start()
        print("up", flush=True)
        time.sleep(100)
    """)
    child = subprocess.Popen(
        [sys.executable, "-c", parent], stdout=subprocess.PIPE, text=True
    )
    try:
        assert child.stdout is not None
        assert child.stdout.readline() == "up\n"
        until(lambda: running_pid(home))
        child.send_signal(signal.SIGKILL)
        child.wait()
        until(lambda: not running_pid(home))
    finally:
        with suppress(ProcessLookupError):
            child.kill()
        child.wait()
        if child.stdout is not None:
            child.stdout.close()


def test_go_is_told_how_to_run_unless_the_operator_tells_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("GOMAXPROCS", "GOGC"):
        monkeypatch.delenv(name, raising=False)
    told = go_environment()
    assert int(told["GOMAXPROCS"]) >= 4  # fewer stall CometBFT's socket client
    assert int(told["GOGC"]) > 100
    monkeypatch.setenv("GOMAXPROCS", "3")
    assert go_environment()["GOMAXPROCS"] == "3"
