"""A copy of CometBFT's data folder, taken while CometBFT runs.

CometBFT is held (SIGSTOP) while the copy is made whole, so the copy is what a crash at
that moment would have left, which CometBFT recovers from. Most of its files never change
once written; they are copied before, so that the pause is short. Whatever becomes of this
process, CometBFT is let go on: a small process of its own watches over that.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from huitong.engines.cometbft.errors import CometBftHeldError
from huitong.engines.cometbft.home import CometBftHome
from huitong.engines.cometbft.process import running_pid

#: Longest that CometBFT is held. A validator that is silent for longer is missed.
HOLD_S_MAX: Final = 10.0
#: How long the signal may take to be obeyed.
_OBEY_S_MAX: Final = 2.0
_POLL_S: Final = 0.001
#: A file that changed so recently may change again without another time of change.
_SETTLED_NS: Final = 2_000_000_000
#: Files that only stand for a validator whose key is elsewhere, and locks.
_LEFT_OUT: Final = frozenset(
    {"unused_key.json", "unused_state.json", "priv_validator_state.lock", "LOCK"}
)


@dataclass(frozen=True, slots=True)
class _Look:
    """What a file looked like before it was copied."""

    inode: int
    size_bytes: int
    changed_ns: int
    seen_ns: int

    @property
    def is_settled(self) -> bool:
        """Whether another look would tell that it changed."""
        return self.seen_ns - self.changed_ns > _SETTLED_NS


def copy_cometbft_data(home: CometBftHome, target: Path) -> float:
    """Copy the data folder into ``target``, which is made.

    Returns:
        How long CometBFT was held, seconds; 0.0 if it did not run.

    Raises:
        CometBftHeldError: it could not be held, or not for as long as it took.
        OSError: no room, or files that cannot be read; CometBFT goes on.
    """
    target.mkdir(parents=True)
    looks = _copied(home.data, target, {})
    pid = running_pid(home)
    if not pid:
        _copied(home.data, target, looks)
        return 0.0
    with _held(pid) as held_s:
        _copied(home.data, target, looks)
        duration_s = held_s()
    if duration_s > HOLD_S_MAX:
        raise CometBftHeldError(reason=f"copying took {duration_s:.1f} s")
    return duration_s


def _copied(source: Path, target: Path, before: dict[str, _Look]) -> dict[str, _Look]:
    """Copy what is new or changed since ``before``, remove what is gone."""
    looks: dict[str, _Look] = {}
    for folder, _, names in os.walk(source):
        inside = Path(folder).relative_to(source)
        (target / inside).mkdir(exist_ok=True)
        for name in names:
            place = str(inside / name)
            if name in _LEFT_OUT:
                continue
            look = _look(source / place)
            if look is None:
                continue
            known = before.get(place)
            if known is None or not _is_same(known, look):
                try:
                    shutil.copyfile(source / place, target / place)
                except FileNotFoundError:  # CometBFT removed it a moment ago
                    continue
            looks[place] = look
    for place in before.keys() - looks.keys():
        (target / place).unlink(missing_ok=True)
    return looks


def _look(path: Path) -> _Look | None:
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return _Look(found.st_ino, found.st_size, found.st_mtime_ns, time.time_ns())


def _is_same(known: _Look, look: _Look) -> bool:
    return known.is_settled and (known.inode, known.size_bytes, known.changed_ns) == (
        look.inode,
        look.size_bytes,
        look.changed_ns,
    )


@contextmanager
def _held(pid: int) -> Iterator[Callable[[], float]]:
    """Hold a process; give how long it has been held so far, seconds."""
    # Its input ends when this process does, however that happens.
    watcher = subprocess.Popen(
        ["/bin/sh", "-c", 'read _; kill -CONT "$0"', str(pid)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    began_s = time.monotonic()
    try:
        os.kill(pid, signal.SIGSTOP)
        _wait_until_held(pid)
        yield lambda: time.monotonic() - began_s
    except ProcessLookupError:
        raise CometBftHeldError(reason="it ended meanwhile") from None
    finally:
        _let_go(pid)
        watcher.communicate()


def _let_go(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGCONT)
    except ProcessLookupError:
        return


def _wait_until_held(pid: int) -> None:
    deadline_s = time.monotonic() + _OBEY_S_MAX
    while time.monotonic() < deadline_s:
        if _state_of(pid) == "T":
            return
        time.sleep(_POLL_S)
    raise CometBftHeldError(reason="it does not obey")


def _state_of(pid: int) -> str:
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        raise CometBftHeldError(reason="it ended meanwhile") from None
    return text.rpartition(")")[2].split()[0]
