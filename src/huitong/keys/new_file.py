"""A new file that only its owner reads: whole or not at all, never over another."""

from __future__ import annotations

import errno
import os
import tempfile
from pathlib import Path


def write_new_file(path: Path, data: bytes) -> None:
    """Write a file of mode 0600 in a folder that exists.

    Raises:
        FileExistsError: there is a file of this name, which stays as it is.
        OSError: the disk is full or the folder not writable; nothing is left.
    """
    # A temporary file has mode 0600 from its first byte.
    handle, temporary = tempfile.mkstemp(prefix=".", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        # Unlike a rename, a link never replaces what another process wrote.
        os.link(temporary, path)
    except FileExistsError:
        raise FileExistsError(
            errno.EEXIST, os.strerror(errno.EEXIST), str(path)
        ) from None
    finally:
        os.unlink(temporary)
    _sync_folder(path.parent)


def _sync_folder(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
