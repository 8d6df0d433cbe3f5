"""Bundles as files: read with a bound, written whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

from huitong.core.limits import BUNDLE_SIZE_BYTES_MAX
from huitong.evidence.errors import (
    BundleTooLargeError,
    BundleUnreadableError,
    BundleWriteError,
)


def read_bundle(path: Path) -> bytes:
    """Return the bytes of a bundle's file.

    Raises:
        BundleUnreadableError: no such file, or not readable.
        BundleTooLargeError: larger than any bundle.
    """
    try:
        with path.open("rb") as file:
            data = file.read(BUNDLE_SIZE_BYTES_MAX + 1)
            if len(data) > BUNDLE_SIZE_BYTES_MAX:
                size = path.stat().st_size
                raise BundleTooLargeError(
                    path=path, size=size, maximum=BUNDLE_SIZE_BYTES_MAX
                )
    except OSError as error:
        raise BundleUnreadableError(path=path, reason=error.strerror) from error
    return data


def write_file(path: Path, data: bytes) -> None:
    """Write a file beside its place, sync it and put it there.

    Raises:
        BundleWriteError: the disk is full or the folder not writable.
    """
    aside = path.with_name(path.name + ".tmp")
    try:
        with aside.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        aside.replace(path)
    except OSError as error:
        aside.unlink(missing_ok=True)
        raise BundleWriteError(path=path, reason=error.strerror) from error
