"""A zone's folder is made wholly or not at all, and only by one process."""

from __future__ import annotations

import fcntl
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from huitong.core.errors import RejectedError
from huitong.localnet.consortium import LocalZone
from huitong.localnet.errors import ZoneFolderError, ZoneMissingError, ZoneRunsError
from huitong.localnet.making import being_made, is_half_made
from huitong.localnet.process import huitong_arguments
from huitong.localnet.record import load_record


class StoppedError(BaseException):
    """What a signal raises."""


def make(folder: Path) -> LocalZone:
    zone = LocalZone(folder, "hangzhou-1", validators=1)
    zone.init()
    return zone


def make_until(folder: Path, error: type[BaseException]) -> None:
    with being_made(folder):
        (folder / "node0").mkdir()
        (folder / "node0" / "file").touch()
        raise error


def half_make(folder: Path) -> None:
    """Leave what a kill -9 amid the making leaves."""
    code = (
        "import os, pathlib, sys; from huitong.localnet.making import being_made\n"
        "folder = pathlib.Path(sys.argv[1])\n"
        "with being_made(folder):\n"
        "    (folder / 'node0' / 'config').mkdir(parents=True)\n"
        "    (folder / 'link').symlink_to(folder.parent / 'precious')\n"
        "    os._exit(9)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(folder)], check=False)
    assert done.returncode == 9


@pytest.mark.parametrize("was_there", [True, False])
@pytest.mark.parametrize("error", [KeyboardInterrupt, StoppedError, OSError])
def test_making_that_is_interrupted_leaves_nothing(
    tmp_path: Path, was_there: bool, error: type[BaseException]
) -> None:
    folder = tmp_path / "zone"
    if was_there:
        folder.mkdir()
    with pytest.raises(error):
        make_until(folder, error)
    assert folder.exists() == was_there
    assert not was_there or not any(folder.iterdir())


def test_making_that_is_refused_leaves_nothing(tmp_path: Path) -> None:
    zone = LocalZone(tmp_path / "zone", "a-1", validators=1, voting_period_s=1 << 60)
    with pytest.raises(RejectedError):
        zone.init()
    assert not zone.folder.exists()


def test_making_that_was_killed_counts_as_none_and_is_begun_anew(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "zone"
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "file").touch()
    half_make(folder)
    assert is_half_made(folder)
    with pytest.raises(ZoneMissingError):
        load_record(folder)
    zone = make(folder)
    assert load_record(folder).chain_id == "hangzhou-1"
    assert not is_half_made(folder)
    assert not (folder / "link").is_symlink()
    assert (tmp_path / "precious" / "file").exists()
    assert zone.nodes


def test_two_processes_do_not_make_one_folder(tmp_path: Path) -> None:
    folder = tmp_path / "zone"
    with being_made(folder):
        (folder / "node0").mkdir()
        with pytest.raises(ZoneRunsError):
            make(folder)
        assert (folder / "node0").exists()


def test_zone_that_another_process_finished_meanwhile_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "zone"
    flock = fcntl.flock

    def lock_late(handle: int, operation: int) -> None:
        monkeypatch.undo()
        (folder / "localnet.making").unlink()
        make(folder)
        (folder / "localnet.making").touch()
        flock(handle, operation)

    monkeypatch.setattr(fcntl, "flock", lock_late)
    with pytest.raises(ZoneFolderError):
        make(folder)
    assert load_record(folder).chain_id == "hangzhou-1"


def test_folder_of_somebody_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "letter").write_text("dear")
    with pytest.raises(ZoneFolderError):
        make(tmp_path)
    assert [item.name for item in tmp_path.iterdir()] == ["letter"]


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_start_that_is_told_to_stop_while_it_makes_homes_can_be_repeated(
    tmp_path: Path, number: signal.Signals
) -> None:
    folder = tmp_path / "zone"
    options = [f"--dir={folder}", "--validators=300", "--chain-id=hangzhou-1"]
    runner = subprocess.Popen(huitong_arguments("localnet", "start", *options))
    while not (folder / "node3").exists():
        assert runner.poll() is None
    runner.send_signal(number)
    assert runner.wait(60) == (-number if number == signal.SIGKILL else 0)
    assert (folder / "localnet.json").exists() is False
    assert folder.exists() == (number == signal.SIGKILL)
    assert make(folder).nodes
