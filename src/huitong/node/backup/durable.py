"""Files that are on the disk before something tells that they are there."""

from __future__ import annotations

import os
import shutil
from pathlib import Path


def make_durable(folder: Path) -> None:
    """Wait until all below a folder is on the disk; only its owner may read it then."""
    for place, _, names in os.walk(folder):
        for name in names:
            path = Path(place) / name
            path.chmod(0o600)
            sync(path)
        sync(Path(place))


def write_durable(path: Path, data: bytes) -> None:
    """Write a new file that only its owner may read, and wait for the disk."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def sync(path: Path) -> None:
    """Wait until a file, or the names in a folder, are on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def empty_folder(folder: Path) -> None:
    """Remove all that is in a folder; where links lead to stays."""
    for item in folder.iterdir():
        if item.is_dir() and not item.is_symlink():
            shutil.rmtree(item)
        else:
            item.unlink()
