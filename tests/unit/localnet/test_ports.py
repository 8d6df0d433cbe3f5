"""A port is one node's, also while nobody listens on it yet."""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from huitong.localnet import ports
from huitong.localnet.errors import ZoneShapeError
from huitong.localnet.ports import free_ports

#: Asks for ports, tells them, and lives until its input ends.
OTHER = """
import sys
from huitong.localnet import ports
ports._LOWEST, ports._HIGHEST = map(int, sys.argv[2:])
try:
    print(*ports.free_ports(int(sys.argv[1])), flush=True)
except ports.ZoneShapeError:
    print(flush=True)
sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def _own_register(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep what these tests take apart from what others run beside them."""
    monkeypatch.setattr(ports, "_register", ports._Register())
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path))


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch) -> tuple[int, int]:
    """Leave few ports to choose from, so that a choice meets those before it."""
    lowest = random.SystemRandom().randint(20_000, 31_900)
    monkeypatch.setattr(ports, "_LOWEST", lowest)
    monkeypatch.setattr(ports, "_HIGHEST", lowest + 99)
    return lowest, lowest + 99


@contextmanager
def other_process(count: int, bounds: tuple[int, int]) -> Iterator[list[int]]:
    command = [sys.executable, "-c", OTHER, *map(str, (count, *bounds))]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        yield [int(port) for port in other.stdout.readline().split()]


def test_ports_differ_and_lie_below_those_of_connections() -> None:
    chosen = free_ports(20)
    assert len(set(chosen)) == 20
    assert all(20_000 <= port <= 32_000 for port in chosen)


def test_processes_with_one_seed_do_not_ask_for_the_same_ports() -> None:
    chosen = []
    for _ in range(2):
        random.seed(7)
        chosen.append(free_ports(20))
    assert chosen[0] != chosen[1]


def test_port_is_chosen_once_although_nobody_listens_there_yet(
    narrow: tuple[int, int],
) -> None:
    chosen = [port for _ in range(10) for port in free_ports(5)]
    assert len(set(chosen)) == 50


def test_processes_that_live_at_one_time_choose_different_ports(
    narrow: tuple[int, int],
) -> None:
    with other_process(40, narrow) as theirs:
        assert len(theirs) == 40
        assert set(free_ports(40)).isdisjoint(theirs)


def test_ports_of_a_process_that_is_gone_can_be_chosen_again(
    narrow: tuple[int, int],
) -> None:
    with other_process(90, narrow) as theirs:
        assert len(theirs) == 90
    assert len(free_ports(90)) == 90


def test_ports_that_were_not_enough_are_left_to_others(narrow: tuple[int, int]) -> None:
    with pytest.raises(ZoneShapeError, match="101 free ports"):
        free_ports(101)
    with other_process(50, narrow) as theirs:
        assert len(theirs) == 50


def test_folder_that_takes_no_file_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "gone"))
    with pytest.raises(ZoneShapeError, match="keeps track of ports"):
        free_ports(1)
