"""Makes a home from a backup.

Nothing is taken on trust: every file is compared with the manifest before the home
appears, and it appears whole or not at all.

A validator's key in two places signs twice, and a zone suspends it for that. So a home is
restored as a full node, with a new key, unless the caller says that the old node never
comes back; then it says how far that one may have signed, and nothing up to there is
signed again.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from huitong.engines.cometbft.signer.sign_state import (
    NOTHING_SIGNED,
    Place,
    SignedStep,
    Step,
    load_signed_step,
    save_signed_step,
)
from huitong.engines.validator_key import new_validator_key, save_validator_key
from huitong.node.backup.durable import empty_folder, make_durable, sync
from huitong.node.backup.errors import (
    BackupDamagedError,
    NoValidatorKeyError,
    RestoreRunsError,
    SignedBeyondError,
)
from huitong.node.backup.manifest import (
    MANIFEST,
    Manifest,
    check_files,
    decode_manifest,
    files_below,
)
from huitong.node.errors import HomeExistsError
from huitong.node.home import Home

#: Last round that CometBFT can count.
_ROUND_LAST: Final = 2**31 - 1
#: Names of files in a tar are not longer; ours have less than a hundred characters.
_NAME_BYTES_MAX: Final = 255
#: Files in a backup: CometBFT has one for each few megabytes of blocks.
_FILES_MAX: Final = 1_000_000
#: Bytes of a manifest: some two hundred for each file.
_MANIFEST_SIZE_BYTES_MAX: Final = 256 * _FILES_MAX


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoredHome:
    """What was made."""

    manifest: Manifest
    """The backup's description of itself."""
    is_validator: bool
    """Whether the home signs with the key of the old one."""
    validator: str
    """Address of the key that it has, hexadecimal."""
    signed_height: int
    """Up to this height the key signs nothing again; 0 for a new key."""


def restore_backup(
    source: Path,
    home: Home,
    *,
    as_validator: bool = False,
    signed_up_to: int = 0,
) -> RestoredHome:
    """Make a home from a backup, after checking all of it.

    Args:
        source: the backup, a folder or a ``.tar`` file.
        home: where; absent or an empty folder.
        as_validator: take over the validator's key as well. The node that it was taken
            from must never run again.
        signed_up_to: height up to which the key may have signed elsewhere since the
            backup; look at another node of the zone. 0 if nothing is known.

    Raises:
        HomeExistsError: something lies there already.
        BackupDamagedError: the backup is not what was taken.
        RestoreRunsError: another process makes a home there.
        NoValidatorKeyError: a validator was asked for, and the key is not in it.
        SignedBeyondError: the embedded engine would make other blocks at heights that
            are signed.
        OSError: no room; nothing is left of the home.
    """
    home = Home(home.path.absolute())
    if home.path.exists() and any(home.path.iterdir()):
        raise HomeExistsError(path=home.path)
    with _beside(home) as partial:
        if source.is_dir():
            _copy(source, partial.path)
        elif source.is_file():
            _unpack(source, partial.path)
        else:
            raise BackupDamagedError(path=source, reason="neither file nor folder")
        manifest = _checked(partial.path, source)
        make_durable(partial.path)
        if as_validator:
            signed_height = _keep_key(partial, manifest, source, signed_up_to)
        else:
            signed_height = 0
            _change_key(partial, manifest)
        validator = partial.load_identity().address.hex().upper()
        (partial.path / MANIFEST).unlink()
        sync(partial.path)
        if home.path.exists():
            home.path.rmdir()
        partial.path.rename(home.path)
        sync(home.path.parent)
    return RestoredHome(
        manifest=manifest,
        is_validator=as_validator,
        validator=validator,
        signed_height=signed_height,
    )


def _checked(folder: Path, source: Path) -> Manifest:
    manifest = _read_manifest(folder, source)
    check_files(folder, manifest, source)
    return manifest


def _read_manifest(folder: Path, source: Path) -> Manifest:
    file = folder / MANIFEST
    if file.is_symlink() or not file.is_file():
        raise BackupDamagedError(path=source, reason="it has no manifest")
    if file.stat().st_size > _MANIFEST_SIZE_BYTES_MAX:
        raise BackupDamagedError(path=source, reason="its manifest is too large")
    return decode_manifest(file.read_bytes(), source)


def _keep_key(
    partial: Home, manifest: Manifest, source: Path, signed_up_to: int
) -> int:
    """Leave the old key in the home, and let it sign nothing up to a height."""
    if not manifest.has_keys or partial.load_identity().is_elsewhere:
        raise NoValidatorKeyError(path=source)
    signed = max(signed_up_to, manifest.signed_height)
    if manifest.engine != "cometbft":
        if signed > manifest.height:
            raise SignedBeyondError(signed=signed, height=manifest.height)
        return signed
    record = partial.cometbft.sign_state_file
    last = load_signed_step(record) if record.exists() else NOTHING_SIGNED
    if signed_up_to > last.place.height or not record.exists():
        place = Place(height=signed, round=_ROUND_LAST, step=Step.PRECOMMIT)
        record.parent.mkdir(parents=True, exist_ok=True)
        save_signed_step(record, SignedStep(place=place, sign_bytes=b"", signature=b""))
    return signed


def _change_key(partial: Home, manifest: Manifest) -> None:
    """Give the home a key of its own, which signed nothing yet."""
    partial.key_file.unlink(missing_ok=True)
    save_validator_key(new_validator_key(), partial.key_file)
    if manifest.engine == "cometbft":
        record = partial.cometbft.sign_state_file
        record.parent.mkdir(parents=True, exist_ok=True)
        save_signed_step(record, NOTHING_SIGNED)


def _copy(source: Path, target: Path) -> None:
    """Copy a folder of plain files as long as its manifest says, and nothing else.

    Raises:
        BackupDamagedError: other things are in it, links and longer files among them.
    """
    manifest = _read_manifest(source, source)
    sizes = {entry.path: entry.size_bytes for entry in manifest.files}
    for name in files_below(source):
        size_bytes = (source / name).lstat().st_size
        if name != MANIFEST and sizes.get(name) != size_bytes:
            reason = f"{name} was changed or does not belong to it"
            raise BackupDamagedError(path=source, reason=reason)
        place = target / name
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source / name, place, follow_symlinks=False)


def _unpack(source: Path, target: Path) -> None:
    """Unpack plain files with relative names, and nothing else.

    Raises:
        BackupDamagedError: no tar file, or other things are in it.
    """
    try:
        with tarfile.open(source, "r:") as tar:
            for count, item in enumerate(tar):
                name = Path(item.name)
                # A sparse file has bytes that the archive does not: any number of them.
                is_plain = item.isreg() and not item.issparse()
                is_plain = is_plain and not name.is_absolute() and bool(name.parts)
                if not is_plain or ".." in name.parts or count >= _FILES_MAX:
                    raise BackupDamagedError(
                        path=source, reason=f"{item.name!a} does not belong to it"
                    )
                content = tar.extractfile(item)
                if content is None or len(item.name.encode()) > _NAME_BYTES_MAX:
                    raise BackupDamagedError(path=source, reason="a name is too long")
                place = target / name
                place.parent.mkdir(parents=True, exist_ok=True)
                with place.open("xb") as file:
                    shutil.copyfileobj(content, file)
    except (FileExistsError, NotADirectoryError, IsADirectoryError):
        reason = f"{item.name!a} stands in it twice"
        raise BackupDamagedError(path=source, reason=reason) from None
    except (tarfile.TarError, EOFError, UnicodeError) as wrong:
        raise BackupDamagedError(path=source, reason=str(wrong)) from None


@contextmanager
def _beside(home: Home) -> Iterator[Home]:
    """Give an empty folder beside the home, which is gone afterwards.

    Raises:
        RestoreRunsError: another process works there.
    """
    home.path.parent.mkdir(parents=True, exist_ok=True)
    partial = home.path.with_name(f".{home.path.name}.restoring")
    partial.mkdir(mode=0o700, exist_ok=True)
    handle = os.open(partial, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        _lock(handle, partial, home)
        empty_folder(partial)  # left by a process that was killed
        try:
            yield Home(partial)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
    finally:
        os.close(handle)


def _lock(handle: int, partial: Path, home: Home) -> None:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        is_same = os.path.samestat(os.fstat(handle), os.lstat(partial))
    except (BlockingIOError, FileNotFoundError):
        is_same = False
    if not is_same:  # it may have become a home between our look and our lock
        raise RestoreRunsError(path=home.path)
