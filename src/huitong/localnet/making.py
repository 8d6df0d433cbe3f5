"""Making a zone's folder, wholly or not at all.

A mark lies in the folder from before the first file until after the last. Whoever makes
the zone holds a lock on it; a mark that nobody holds belongs to a making that was killed,
in which no node ever ran, so what it left may be removed.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from huitong.localnet.errors import ZoneFolderError, ZoneRunsError

RECORD_NAME: Final = "localnet.json"
"""The file that makes a folder a zone, written last."""
_MARK: Final = "localnet.making"


def is_half_made(folder: Path) -> bool:
    """Tell whether a zone is being made in the folder, or was and never finished."""
    return (folder / _MARK).is_file()


@contextmanager
def being_made(folder: Path) -> Iterator[None]:
    """Keep an empty folder to this process; if the body raises, nothing of it stays.

    Raises:
        ZoneFolderError: something lies in the folder already.
        ZoneRunsError: another process makes a zone there.
    """
    was_there = folder.is_dir()
    if was_there and any(folder.iterdir()) and not is_half_made(folder):
        raise ZoneFolderError(path=folder, reason="nothing was made")
    folder.mkdir(parents=True, exist_ok=True)
    handle = os.open(folder / _MARK, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        _lock(handle, folder)
        if (folder / RECORD_NAME).exists():  # finished between our look and our lock
            (folder / _MARK).unlink()
            raise ZoneFolderError(path=folder, reason="another process made it")
        _empty(folder)
        try:
            yield
        except BaseException:  # Ctrl-C as well
            _empty(folder)
            (folder / _MARK).unlink()
            if not was_there:
                folder.rmdir()
            raise
        (folder / _MARK).unlink()
    finally:
        os.close(handle)


def _lock(handle: int, folder: Path) -> None:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        text = os.read(handle, 32).strip()
        raise ZoneRunsError(path=folder, pid=text.decode("ascii", "replace")) from None
    if os.fstat(handle).st_nlink == 0:
        raise ZoneFolderError(path=folder, reason="another process made it just now")
    os.ftruncate(handle, 0)
    os.write(handle, f"{os.getpid()}\n".encode())


def _empty(folder: Path) -> None:
    """Remove all but the mark."""
    for item in folder.iterdir():
        if item.name == _MARK:
            continue
        if item.is_dir() and not item.is_symlink():
            shutil.rmtree(item)
        else:
            item.unlink()
