"""What a backup holds: where the node stood, and every file with its hash."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from huitong.core.canonical_json import decode_canonical_json, encode_json
from huitong.core.errors import HuitongError
from huitong.core.hashing import sha256
from huitong.core.time import format_rfc3339, parse_rfc3339
from huitong.node.backup.errors import BackupDamagedError

#: Name of the manifest in a backup.
MANIFEST: Final = "manifest.json"
#: Version of a backup's form.
FORMAT: Final = "huitong-backup-1"
_INDENT: Final = 2
_PIECE_SIZE_BYTES: Final = 1_048_576


@dataclass(frozen=True, slots=True, kw_only=True)
class FileEntry:
    """One file of a backup."""

    path: str
    """Relative to the home, with slashes."""
    size_bytes: int
    """Its length."""
    digest: str
    """SHA-256, 64 hexadecimal characters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """A backup's description of itself."""

    chain_id: str
    """The zone."""
    engine: str
    """Which engine drove the node."""
    software: str
    """Version of Huitong that took it."""
    taken_ns: int
    """When it was taken, nanoseconds since the epoch, UTC."""
    height: int
    """Newest version of the state in it; blocks may go on after it."""
    app_hash: str
    """Hash of that state, hexadecimal."""
    validator: str
    """Address of the node's validator key, hexadecimal."""
    signed_height: int
    """Highest height that the key signed for, as far as the backup knows."""
    has_keys: bool
    """Whether sealed keys are in it."""
    files: tuple[FileEntry, ...]
    """Everything else in the backup, by ascending path."""


def encode_manifest(manifest: Manifest) -> bytes:
    """Return the file: canonical JSON with the SHA-256 of everything else in it."""
    document = _document(manifest)
    digest = sha256(encode_json(document)).hex()
    return encode_json(document | {"digest": digest}, indent=_INDENT)


def decode_manifest(data: bytes, path: object) -> Manifest:
    """Read a manifest.

    Args:
        data: the file.
        path: the backup, for errors.

    Raises:
        BackupDamagedError: another file, or one that was changed or cut off.
    """
    try:
        document = decode_canonical_json(data, indent=_INDENT)
        if document["format"] != FORMAT:
            raise BackupDamagedError(path=path, reason=f"expected format {FORMAT}")
        digest = document.pop("digest")
        if digest != sha256(encode_json(document)).hex():
            raise BackupDamagedError(path=path, reason="its manifest was changed")
        return _manifest(document)
    except BackupDamagedError:
        raise
    except (HuitongError, KeyError, TypeError, ValueError, AttributeError):
        raise BackupDamagedError(path=path, reason="its manifest is none") from None


def check_files(folder: Path, manifest: Manifest, path: object) -> None:
    """Check that a folder holds what the manifest lists, and nothing else.

    Raises:
        BackupDamagedError: a file is missing, differs, or is one too many.

    Cost: reads every file.
    """
    found = set(files_below(folder)) - {MANIFEST}
    listed = {entry.path for entry in manifest.files}
    for name in sorted(listed ^ found):
        reason = "is missing" if name in listed else "does not belong to it"
        raise BackupDamagedError(path=path, reason=f"{name} {reason}")
    for entry in manifest.files:
        if entry_of(folder, entry.path) != entry:
            raise BackupDamagedError(path=path, reason=f"{entry.path} was changed")


def entry_of(folder: Path, name: str) -> FileEntry:
    """Return the entry of a file as it is; flushes nothing."""
    digest = hashlib.sha256()
    size_bytes = 0
    with (folder / name).open("rb") as file:
        while piece := file.read(_PIECE_SIZE_BYTES):
            digest.update(piece)
            size_bytes += len(piece)
    return FileEntry(path=name, size_bytes=size_bytes, digest=digest.hexdigest())


def files_below(folder: Path) -> Iterator[str]:
    """Return the names of all files below a folder, relative to it.

    Raises:
        BackupDamagedError: something is neither a file nor a folder.
    """
    for place, folders, names in os.walk(folder):
        for name in (*names, *folders):
            path = Path(place) / name
            mode = path.lstat().st_mode
            if stat.S_ISREG(mode):
                yield path.relative_to(folder).as_posix()
            elif not stat.S_ISDIR(mode):
                raise BackupDamagedError(path=folder, reason=f"{name} is no file")


def _document(manifest: Manifest) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "chain_id": manifest.chain_id,
        "engine": manifest.engine,
        "software": manifest.software,
        "taken": format_rfc3339(manifest.taken_ns),
        "height": str(manifest.height),
        "app_hash": manifest.app_hash,
        "validator": manifest.validator,
        "signed_height": str(manifest.signed_height),
        "has_keys": manifest.has_keys,
        "files": [
            {
                "path": entry.path,
                "size_bytes": str(entry.size_bytes),
                "sha256": entry.digest,
            }
            for entry in manifest.files
        ],
    }


def _manifest(document: dict[str, Any]) -> Manifest:
    return Manifest(
        chain_id=document["chain_id"],
        engine=document["engine"],
        software=document["software"],
        taken_ns=parse_rfc3339(document["taken"]),
        height=int(document["height"]),
        app_hash=document["app_hash"],
        validator=document["validator"],
        signed_height=int(document["signed_height"]),
        has_keys=document["has_keys"],
        files=tuple(
            FileEntry(
                path=entry["path"],
                size_bytes=int(entry["size_bytes"]),
                digest=entry["sha256"],
            )
            for entry in document["files"]
        ),
    )
