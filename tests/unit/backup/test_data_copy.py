"""Copying the data of a CometBFT that runs: held shortly, and always let go on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from huitong.engines.cometbft import data_copy
from huitong.engines.cometbft.data_copy import copy_cometbft_data
from huitong.engines.cometbft.errors import CometBftHeldError
from huitong.engines.cometbft.home import CometBftHome

WAIT_S = 10.0
#: Stands for CometBFT: each round appends to a file, then to another, moves a file over
#: a third, and makes and removes one.
WRITER = """
import os, sys
data = sys.argv[1]
first, second = (open(os.path.join(data, name), "ab", 0) for name in ("first", "second"))
count = 0
while True:
    count += 1
    first.write(b"x")
    made = os.path.join(data, f"made-{count}")
    with open(made, "wb") as file:
        file.write(b"%d" % count)
    os.replace(made, os.path.join(data, "third"))
    second.write(b"x")
"""


def state_of(pid: int) -> str:
    text = Path(f"/proc/{pid}/stat").read_text()
    return text.rpartition(")")[2].split()[0]


def wait_until(what: object) -> None:
    deadline_s = time.monotonic() + WAIT_S
    assert callable(what)
    while not what():
        assert time.monotonic() < deadline_s
        time.sleep(0.005)


@contextmanager
def writing(home: CometBftHome) -> Iterator[int]:
    home.data.mkdir(parents=True)
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(home.data), f"--home={home.path}"]
    )
    try:
        home.pid_file.write_text(f"{process.pid}\n")
        wait_until((home.data / "third").exists)
        yield process.pid
    finally:
        process.kill()
        process.wait()


@pytest.fixture
def home(tmp_path: Path) -> CometBftHome:
    return CometBftHome(tmp_path)


def test_copy_is_what_a_crash_would_have_left(
    home: CometBftHome, tmp_path: Path
) -> None:
    with writing(home) as pid:
        for number in range(5):
            target = tmp_path / f"copy-{number}"
            held_s = copy_cometbft_data(home, target)
            assert held_s > 0.0
            first, second = (
                (target / name).stat().st_size for name in ("first", "second")
            )
            assert 0 <= first - second <= 1
            assert 0 <= first - int((target / "third").read_bytes()) <= 1
            wait_until(lambda: state_of(pid) != "T")


def test_data_of_a_process_that_rests_is_copied_at_once(
    home: CometBftHome, tmp_path: Path
) -> None:
    (home.data / "blockstore.db").mkdir(parents=True)
    (home.data / "blockstore.db" / "000001.log").write_bytes(b"blocks")
    (home.data / "blockstore.db" / "LOCK").write_bytes(b"")
    assert copy_cometbft_data(home, tmp_path / "copy") == 0.0
    assert [path.name for path in (tmp_path / "copy" / "blockstore.db").iterdir()] == [
        "000001.log"
    ]


def test_process_goes_on_if_the_copy_fails(
    home: CometBftHome, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, calls = data_copy._copied, iter(range(2))

    def failing(*arguments: object) -> object:
        if next(calls) == 1:
            raise OSError(28, "No space left on device")
        return real(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(data_copy, "_copied", failing)
    with writing(home) as pid:
        with pytest.raises(OSError, match="No space"):
            copy_cometbft_data(home, tmp_path / "copy")
        wait_until(lambda: state_of(pid) != "T")


def test_copy_that_holds_too_long_does_not_count(
    home: CometBftHome, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(data_copy, "HOLD_S_MAX", 0.0)
    with writing(home) as pid:
        with pytest.raises(CometBftHeldError, match="copying took"):
            copy_cometbft_data(home, tmp_path / "copy")
        wait_until(lambda: state_of(pid) != "T")


def test_process_goes_on_if_whoever_held_it_is_killed(home: CometBftHome) -> None:
    holder = (
        "import sys, time\n"
        "from huitong.engines.cometbft.data_copy import _held\n"
        "with _held(int(sys.argv[1])):\n"
        "    print('held', flush=True)\n"
        "    time.sleep(60)\n"
    )
    with writing(home) as pid:
        process = subprocess.Popen(
            [sys.executable, "-c", holder, str(pid)], stdout=subprocess.PIPE
        )
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == b"held\n"
            assert state_of(pid) == "T"
        finally:
            os.kill(process.pid, signal.SIGKILL)
            process.communicate()
        wait_until(lambda: state_of(pid) != "T")
