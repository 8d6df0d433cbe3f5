"""A lane whose time is up leaves nothing that runs."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.programs import processes_of

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
LANE = """
import pathlib, time
import pytest
from huitong.localnet.process import NodeProcess

@pytest.fixture
def node():
    node = NodeProcess(pathlib.Path({home!r}), chain_id="hangzhou-1")
    node.init()
    with node:
        yield node

def test_takes_too_long(node):
    pathlib.Path({mark!r}).touch()
    while True:
        time.sleep(0.1)

def test_is_never_reached():
    pathlib.Path({mark!r}).unlink()
"""


def test_lane_that_is_told_to_stop_stops_its_nodes(tmp_path: Path) -> None:
    home, mark = tmp_path / "node", tmp_path / "mark"
    lane = tmp_path / "test_lane.py"
    lane.write_text(LANE.format(home=str(home), mark=str(mark)))
    options = ("-q", "-n", "0", "-p", "tests.conftest", "-p", "no:randomly")
    run = subprocess.Popen(
        [sys.executable, "-m", "pytest", *options, "-c", "pyproject.toml", str(lane)],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        while not mark.exists():
            assert run.poll() is None
        assert processes_of(home)
        run.send_signal(signal.SIGTERM)
        assert run.wait(60) == pytest.ExitCode.INTERRUPTED
        assert processes_of(home) == []
        assert mark.exists()
    finally:
        run.kill()
        run.wait()
