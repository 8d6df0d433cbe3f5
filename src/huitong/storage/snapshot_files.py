"""Snapshots on disk: one folder for each height, there as a whole or not at all.

``FOLDER/<height>/`` holds the chunks ``00000``, ``00001``, … and ``snapshot.json`` with
the format and the SHA-256 of each chunk. A snapshot is written under ``<height>.part``,
forced to the disk and renamed last; what a crash left of one is removed at the start.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from threading import Lock
from typing import Final

import orjson

from huitong.core.limits import SNAPSHOT_CHUNKS_MAX
from huitong.core.store.errors import StorageFullError
from huitong.core.store.snapshot_layout import FORMAT

_MANIFEST: Final = "snapshot.json"
_PART: Final = ".part"
_HASH_SIZE: Final = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredSnapshot:
    """A whole snapshot on this disk."""

    height: int
    """Height whose state it holds."""
    format: int
    """Layout of the stream (``core.store.snapshot_layout``)."""
    metadata: bytes
    """SHA-256 of each chunk, one after the other."""

    @property
    def chunk_count(self) -> int:
        """Number of chunks."""
        return len(self.metadata) // _HASH_SIZE

    @property
    def hash(self) -> bytes:
        """SHA-256 of the metadata: the same on every node that has this snapshot."""
        return sha256(self.metadata).digest()

    def chunk_hash(self, index: int) -> bytes:
        """Return the SHA-256 of a chunk."""
        return self.metadata[index * _HASH_SIZE : (index + 1) * _HASH_SIZE]


class SnapshotFiles:
    """The snapshots of one node; any thread reads, one writes."""

    def __init__(self, folder: Path) -> None:
        """Make the folder if it is missing, and remove what a crash left half made."""
        self._folder = folder
        self._lock = Lock()
        folder.mkdir(parents=True, exist_ok=True)
        for part in folder.glob(f"*{_PART}"):
            shutil.rmtree(part)
        found = (find_stored(item) for item in folder.iterdir() if item.is_dir())
        self._stored = {item.height: item for item in found if item is not None}

    def stored(self) -> list[StoredSnapshot]:
        """Return the snapshots, the newest first."""
        with self._lock:
            return [self._stored[height] for height in sorted(self._stored)[::-1]]

    def heights(self) -> list[int]:
        """Return the heights that there are snapshots of, ascending."""
        with self._lock:
            return sorted(self._stored)

    def find_chunk(self, height: int, format: int, index: int) -> bytes | None:
        """Return a chunk, or None where there is none or the disk has damaged it."""
        with self._lock:
            stored = self._stored.get(height)
        if stored is None or stored.format != format:
            return None
        if not 0 <= index < stored.chunk_count:
            return None
        try:
            chunk = (self._folder / str(height) / _chunk_name(index)).read_bytes()
        except FileNotFoundError:
            return None  # removed a moment ago
        return chunk if sha256(chunk).digest() == stored.chunk_hash(index) else None

    def save(self, height: int, chunks: Iterable[bytes]) -> StoredSnapshot:
        """Write a snapshot, wholly or not at all.

        Args:
            height: height whose state it holds; there is no snapshot of it yet.
            chunks: made as they are asked for; an error of theirs undoes everything.

        Raises:
            StorageFullError: the disk is full, or there are too many chunks.
        """
        part = self._folder / f"{height}{_PART}"
        try:
            stored = self._write(part, height, chunks)
            part.rename(self._folder / str(height))
            _sync(self._folder)
        except OSError as error:
            shutil.rmtree(part, ignore_errors=True)
            raise StorageFullError(path=str(part), reason=str(error)) from error
        except BaseException:
            shutil.rmtree(part, ignore_errors=True)
            raise
        with self._lock:
            self._stored[height] = stored
        return stored

    def keep_newest(self, kept: int) -> None:
        """Remove all snapshots but the newest ``kept``."""
        for height in self.heights()[: -kept or None]:
            with self._lock:
                del self._stored[height]
            gone = self._folder / f"{height}{_PART}"
            (self._folder / str(height)).rename(
                gone
            )  # never half of one under its name
            shutil.rmtree(gone)

    def _write(
        self, part: Path, height: int, chunks: Iterable[bytes]
    ) -> StoredSnapshot:
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir()
        hashes: list[bytes] = []
        for index, chunk in enumerate(chunks):
            if index == SNAPSHOT_CHUNKS_MAX:
                raise StorageFullError(
                    path=str(part), reason=f"more than {SNAPSHOT_CHUNKS_MAX} chunks"
                )
            _write_synced(part / _chunk_name(index), chunk)
            hashes.append(sha256(chunk).digest())
        manifest = {"format": FORMAT, "chunks": [item.hex() for item in hashes]}
        _write_synced(part / _MANIFEST, orjson.dumps(manifest))
        _sync(part)
        return StoredSnapshot(height=height, format=FORMAT, metadata=b"".join(hashes))


def _chunk_name(index: int) -> str:
    return f"{index:05d}"


def _write_synced(path: Path, data: bytes) -> None:
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def find_stored(folder: Path) -> StoredSnapshot | None:
    """Return what the folder says of itself, or None if it is no snapshot."""
    try:
        manifest = orjson.loads((folder / _MANIFEST).read_bytes())
        metadata = b"".join(bytes.fromhex(item) for item in manifest["chunks"])
        height, layout = int(folder.name), manifest["format"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return StoredSnapshot(height=height, format=layout, metadata=metadata)
