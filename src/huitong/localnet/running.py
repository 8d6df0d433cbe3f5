"""Keeps a zone running until told to stop, and finds who keeps it running."""

from __future__ import annotations

import fcntl
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Final

from huitong.engines.cometbft.binary import find_binary
from huitong.localnet.consortium import LocalZone
from huitong.localnet.errors import NodeStartError, ZoneRunsError
from huitong.node.config import load_config
from huitong.node.home import Home

#: Seconds in which whoever keeps a zone running must have stopped it.
STOP_TIMEOUT_S: Final = 60.0
_LOCK_TIMEOUT_S: Final = 1.0
_POLL_S: Final = 0.05
#: Seconds between two looks whether to stop, while the zone runs.
_IDLE_POLL_S: Final = 0.2


class _ToldToStopError(BaseException):
    """SIGINT or SIGTERM came; not an error that anybody else should catch."""


def run_zone(zone: LocalZone, on_ready: Callable[[LocalZone], None]) -> None:
    """Start all nodes and keep them until SIGINT or SIGTERM; then stop them.

    Args:
        zone: made first if it has no nodes yet; nothing stays of a making that is told
            to stop.
        on_ready: called when all nodes answer.

    Raises:
        CometBftMissingError, CometBftProgramError, CometBftVersionError: the engine is
            not to be had; nothing is made or started.
        ZoneRunsError: another process keeps it running, or makes it.
        RejectedError: it cannot be made.
        NodeStartError: a node does not start; the others are stopped.
    """
    _find_engine(zone)
    if not zone.nodes:
        with _interruptible():
            try:
                zone.init()
            except _ToldToStopError:
                return
    with _owned(zone.folder), _pause_until_told() as pause:
        try:
            zone.start(pause=pause)
            on_ready(zone)
            while True:
                pause(_IDLE_POLL_S)
        except _ToldToStopError:
            return
        finally:
            try:
                zone.stop()  # what was just launched is known here, not by its files yet
            finally:
                # Nodes may have been added or restarted from another shell meanwhile.
                LocalZone.load(zone.folder).stop()


def _find_engine(zone: LocalZone) -> None:
    """Check that the nodes will find their engine."""
    if zone.engine != "cometbft":
        return
    configs = [load_config(Home(node.home).config_file) for node in zone.nodes]
    for program in {config.cometbft.binary for config in configs} or {""}:
        find_binary(program)


def stop_zone(zone: LocalZone) -> bool:
    """Stop a zone, whoever keeps it running; return whether anything ran.

    Raises:
        NodeStartError: a node, or who keeps the zone running, does not stop.
    """
    pid = runner_pid(zone.folder)
    was_running = bool(pid) or zone.is_running
    if pid:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
    deadline_s = time.monotonic() + STOP_TIMEOUT_S
    while runner_pid(zone.folder):
        if time.monotonic() > deadline_s:
            what = f"runs on after {STOP_TIMEOUT_S:.0f} s"
            raise NodeStartError(name=f"process {pid}", what=what, reason="stop it")
        time.sleep(_POLL_S)
    zone.stop()
    return was_running


def runner_pid(folder: Path) -> int:
    """Return the process that keeps the zone of ``folder`` running; 0 for none."""
    try:
        handle = os.open(_pid_file(folder), os.O_RDWR)
    except FileNotFoundError:
        return 0
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        text = os.read(handle, 32).strip()
        return int(text) if text.isdigit() else 0
    finally:
        os.close(handle)
    return 0


def _pid_file(folder: Path) -> Path:
    return folder / "localnet.pid"


@contextmanager
def _owned(folder: Path) -> Iterator[None]:
    """Keep the zone to this process."""
    handle = os.open(_pid_file(folder), os.O_RDWR | os.O_CREAT, 0o644)
    try:
        deadline_s = time.monotonic() + _LOCK_TIMEOUT_S
        while not _is_locked_now(handle):  # somebody who looks holds it for a moment
            if time.monotonic() > deadline_s:
                raise ZoneRunsError(path=folder, pid=runner_pid(folder))
            time.sleep(_POLL_S)
        os.ftruncate(handle, 0)
        os.write(handle, f"{os.getpid()}\n".encode())
        yield
    finally:
        os.close(handle)


def _is_locked_now(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextmanager
def _interruptible() -> Iterator[None]:
    """Let SIGINT and SIGTERM raise, wherever the program is: it starts no process."""

    def told(_: int, __: FrameType | None) -> None:
        raise _ToldToStopError

    with _handled_by(told):
        yield


@contextmanager
def _pause_until_told() -> Iterator[Callable[[float], None]]:
    """Yield what sleeps for some seconds, and raises if SIGINT or SIGTERM came.

    Raised nowhere else: a process that is just being started would run on, unknown to us.
    """
    came: list[int] = []

    def pause(seconds: float) -> None:
        if not came:
            time.sleep(seconds)
        if came:
            raise _ToldToStopError

    def told(number: int, _: FrameType | None) -> None:
        came.append(number)

    with _handled_by(told):
        yield pause


@contextmanager
def _handled_by(handler: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, handler) for number in numbers]
    try:
        yield
    finally:
        for number, former in zip(numbers, before, strict=True):
            signal.signal(number, former)
