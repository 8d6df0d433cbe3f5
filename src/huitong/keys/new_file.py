"""Files that only their owner reads: written whole or not at all."""

from __future__ import annotations

import errno
import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final

from huitong.keys.errors import LoosePermissionsError

#: What a file's group and everybody else may do.
_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO


def check_private(path: Path) -> None:
    """Check that nobody but its owner may read or write a file.

    Raises:
        LoosePermissionsError: others may.
        OSError: there is no such file.
    """
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & _OTHERS:
        raise LoosePermissionsError(path=path, mode=f"{mode:04o}")


def write_new_file(path: Path, data: bytes) -> None:
    """Write a file of mode 0600 in a folder that exists; one that is there stays.

    Raises:
        FileExistsError: there is a file of this name, which stays as it is.
        OSError: the disk is full or the folder not writable; nothing is left.
    """
    with new_file(path) as file:
        file.write(data)


@contextmanager
def new_file(path: Path) -> Iterator[IO[bytes]]:
    """Give a file to write to, which is at ``path`` once the block has ended well.

    Raises:
        What ``write_new_file`` raises.
    """
    if path.exists():
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path))
    with _temporary(path.parent) as (temporary, file):
        yield file
    try:
        # Unlike a rename, a link never replaces what another process wrote.
        os.link(temporary, path)
    except FileExistsError:
        raise FileExistsError(
            errno.EEXIST, os.strerror(errno.EEXIST), str(path)
        ) from None
    finally:
        os.unlink(temporary)
    _sync_folder(path.parent)


def replace_file(path: Path, data: bytes) -> None:
    """Put a file of mode 0600 in the place of another, durably.

    Raises:
        OSError: the disk is full or the folder not writable; the old file stays.
    """
    temporary = _written(path.parent, data)
    try:
        os.replace(temporary, path)
    except OSError:
        os.unlink(temporary)
        raise
    _sync_folder(path.parent)


def _written(folder: Path, data: bytes) -> str:
    """Write a new file of a name that nobody knows, and return its path."""
    with _temporary(folder) as (temporary, file):
        file.write(data)
    return temporary


@contextmanager
def _temporary(folder: Path) -> Iterator[tuple[str, IO[bytes]]]:
    """Give a file of a name that nobody knows; it stays if the block ends well."""
    # A temporary file has mode 0600 from its first byte.
    handle, temporary = tempfile.mkstemp(prefix=".", dir=folder)
    try:
        with os.fdopen(handle, "wb") as file:
            yield temporary, file
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        os.unlink(temporary)
        raise


def _sync_folder(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
