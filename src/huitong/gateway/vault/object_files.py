"""Objects of a folder as files: many at once, and as durable as one.

Places are strings here, because a ``Path`` for each of thousands of small files costs as
much as writing them.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from huitong.core.time import TimeNs

#: Bytes that are read at once.
PIECE_SIZE_BYTES: Final = 1_048_576
#: What stands in the name of a file that is not finished.
FRAGMENT_MARK: Final = "#"


def write_files(root: Path, files: Sequence[tuple[str, bytes]]) -> list[OSError | None]:
    """Write new files, each whole or not at all; return for each why it is not there.

    Each is written aside, synced and renamed; the folders from it up to ``root`` are
    synced once for all. Only their owner may read them.
    """
    failures: list[OSError | None] = []
    folder = str(root)
    for name, data in files:
        try:
            _write(os.path.join(folder, name), data)
        except OSError as error:
            failures.append(error)
        else:
            failures.append(None)
    written = [
        name
        for (name, _), failure in zip(files, failures, strict=True)
        if failure is None
    ]
    try:
        _sync_folders(folder, (os.path.join(folder, name) for name in written))
    except OSError as error:
        return [failure or error for failure in failures]
    return failures


def read_pieces(
    asked: Sequence[tuple[Path, int]],
) -> list[tuple[bytes, bool] | OSError]:
    """Return ``read_piece`` of many, or why one cannot be read."""
    found: list[tuple[bytes, bool] | OSError] = []
    for path, at in asked:
        try:
            found.append(read_piece(path, at))
        except OSError as error:
            found.append(error)
    return found


def read_piece(path: Path, at: int) -> tuple[bytes, bool]:
    """Return one piece of a file from ``at`` on, and whether more is behind it."""
    # Opened for each piece, so that a stream that nobody reads to its end holds nothing.
    with path.open("rb", buffering=0) as file:
        piece = os.pread(file.fileno(), PIECE_SIZE_BYTES, at)
        is_short = len(piece) < PIECE_SIZE_BYTES
        has_more = not is_short or os.fstat(file.fileno()).st_size > at + len(piece)
        return piece, bool(piece) and has_more


def remove_files(root: Path, names: Collection[str]) -> None:
    """Remove files; nothing happens for one that is not there."""
    folder = str(root)
    for name in names:
        with suppress(FileNotFoundError):
            os.unlink(os.path.join(folder, name))


def remove_fragments(root: Path, before_ns: TimeNs) -> int:
    """Remove files that a crash left unfinished; return how many."""
    removed = 0
    for path in root.rglob(f"*{FRAGMENT_MARK}*"):
        if path.is_file() and path.stat().st_mtime_ns < before_ns:
            path.unlink(missing_ok=True)
            removed += 1
    return removed


def sync_file(root: Path, path: Path) -> None:
    """Sync a file and every folder from it up to the root; only its owner may read it."""
    with _opened(str(path), os.O_RDONLY) as descriptor:
        os.fchmod(descriptor, 0o600)
        os.fsync(descriptor)
    _sync_folders(str(root), [str(path)])


def _sync_folders(root: str, paths: Iterable[str]) -> None:
    """Sync every folder from files up to the root, once."""
    folders: dict[str, None] = {}
    for path in paths:
        folder = os.path.dirname(path)
        while folder not in folders:
            folders[folder] = None
            if folder == root:
                break
            folder = os.path.dirname(folder)
    for folder in folders:
        with _opened(folder, os.O_RDONLY | os.O_DIRECTORY) as descriptor:
            os.fsync(descriptor)


def _write(path: str, data: bytes) -> None:
    aside = f"{path}{FRAGMENT_MARK}1"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
    try:
        try:
            descriptor = os.open(aside, flags, 0o600)
        except FileNotFoundError:
            os.makedirs(os.path.dirname(path), exist_ok=True)
            descriptor = os.open(aside, flags, 0o600)
        with os.fdopen(descriptor, "wb", buffering=0) as file:
            _write_all(file.fileno(), data)
            os.fsync(file.fileno())
        os.rename(aside, path)
    except OSError:
        with suppress(OSError):
            os.unlink(aside)
        raise


def _write_all(descriptor: int, data: bytes) -> None:
    left = memoryview(data)
    while left:
        left = left[os.write(descriptor, left) :]


@contextmanager
def _opened(path: str, flags: int) -> Iterator[int]:
    descriptor = os.open(path, flags)
    try:
        yield descriptor
    finally:
        os.close(descriptor)
