"""Takes a backup of a home while its node runs.

Order: the database first, in one read transaction; then CometBFT's data. So the blocks of
the copy reach at least as far as its state, and CometBFT carries out the rest again when
it starts from it. The backup is written beside its place and moved there when all of it,
the manifest last, is on the disk: what has the name of a backup is a whole one.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import tarfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from huitong import __version__
from huitong.engines.cometbft.data_copy import copy_cometbft_data
from huitong.engines.cometbft.signer.sign_state import load_signed_step
from huitong.engines.validator_key import load_validator_identity
from huitong.keys.errors import DamagedKeyError
from huitong.keys.key_file import is_sealed
from huitong.node.backup.durable import make_durable, sync, write_durable
from huitong.node.backup.errors import (
    BackupExistsError,
    BackupRunsError,
    ClearKeysError,
)
from huitong.node.backup.manifest import (
    MANIFEST,
    Manifest,
    encode_manifest,
    entry_of,
    files_below,
)
from huitong.node.config import NodeConfig
from huitong.node.home import KEY_FOLDERS, Home
from huitong.storage.copying import copy_database
from huitong.storage.inspection import inspect_database

#: Ending of a backup that is one file.
TAR: Final = ".tar"


@dataclass(frozen=True, slots=True, kw_only=True)
class TakenBackup:
    """What was written."""

    path: Path
    """The folder, or the file if its name ends in ``.tar``."""
    manifest: Manifest
    """What it holds."""
    held_s: float
    """How long CometBFT was held meanwhile, seconds."""


def take_backup(
    home: Home, config: NodeConfig, target: Path, *, with_keys: bool = False
) -> TakenBackup:
    """Write a backup of a home, whose node may run.

    Args:
        home: the node's folder.
        config: how it runs.
        target: where the backup shall lie; one file if its name ends in ``.tar``.
        with_keys: take keys along, the validator's and those of accounts and readers,
            all under their passphrases.

    Raises:
        BackupExistsError: something is there already.
        BackupRunsError: another backup of this home is being taken.
        ClearKeysError: a key that should be taken along lies in clear.
        CometBftHeldError: CometBFT could not be held.
        HuitongError: the home cannot be used.
        OSError: no room; nothing is left of the backup.
    """
    home.check()
    if target.exists():
        raise BackupExistsError(path=target)
    key_files = sealed_key_files(home) if with_keys else ()
    with _alone(home), _beside(target) as partial:
        held_s = _copy(home, config, partial)
        for name in key_files:
            _copy_file(home.path / name, partial / name)
        manifest = _described(home, config, partial, has_keys=with_keys)
        make_durable(partial)
        write_durable(partial / MANIFEST, encode_manifest(manifest))
        if target.suffix == TAR:
            _pack(partial, target)
        else:
            sync(partial)
            partial.rename(target)
        sync(target.parent)
    return TakenBackup(path=target, manifest=manifest, held_s=held_s)


def sealed_key_files(home: Home) -> tuple[str, ...]:
    """Return the files of a home's keys, relative to it; all of them are sealed.

    Raises:
        ClearKeysError: one of them is not.
    """
    clear = []
    names = [home.key_file]
    identity = load_validator_identity(home.key_file)
    if not (identity.is_sealed or identity.is_elsewhere):
        clear.append("validator")
    for folder in sorted(KEY_FOLDERS):
        for path in sorted((home.path / folder).glob("*.json")):
            names.append(path)
            if not _is_sealed(path):
                clear.append(f"{folder}/{path.stem}")
    if clear:
        raise ClearKeysError(names=", ".join(clear))
    return tuple(path.relative_to(home.path).as_posix() for path in names)


def _is_sealed(path: Path) -> bool:
    try:
        content = json.loads(path.read_bytes())
    except ValueError:
        raise DamagedKeyError(path=path, reason="no JSON") from None
    return isinstance(content, dict) and is_sealed(content, path)


def _copy(home: Home, config: NodeConfig, partial: Path) -> float:
    copied = Home(partial)
    copied.data.mkdir()
    copied.config_file.parent.mkdir()
    _copy_file(home.config_file, copied.config_file)
    _copy_file(home.genesis_file, copied.genesis_file)
    # Before the database: this record must never be ahead of the blocks beside it.
    if home.sign_state_file.exists():
        _copy_file(home.sign_state_file, copied.sign_state_file)
    copy_database(home.data, copied.data)
    if config.engine != "cometbft" or not home.cometbft.data.exists():
        return 0.0
    return copy_cometbft_data(home.cometbft, copied.cometbft.data)


def _described(
    home: Home, config: NodeConfig, partial: Path, *, has_keys: bool
) -> Manifest:
    copied = Home(partial)
    standing = inspect_database(copied.data)
    return Manifest(
        chain_id=home.load_genesis().chain_id,
        engine=config.engine,
        software=__version__,
        taken_ns=time.time_ns(),
        height=standing.version,
        app_hash=standing.app_hash.hex().upper(),
        validator=home.load_identity().address.hex().upper(),
        signed_height=_signed_height(copied, config, standing.version),
        has_keys=has_keys,
        files=tuple(entry_of(partial, name) for name in sorted(files_below(partial))),
    )


def _signed_height(copied: Home, config: NodeConfig, height: int) -> int:
    record = copied.cometbft.sign_state_file
    if config.engine != "cometbft":
        return height
    return load_signed_step(record).place.height if record.exists() else 0


@contextmanager
def _alone(home: Home) -> Iterator[None]:
    """Let one process at a time take backups of a home."""
    handle = os.open(home.path / "backup.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise BackupRunsError(path=home.path) from None
        yield
    finally:
        os.close(handle)


@contextmanager
def _beside(target: Path) -> Iterator[Path]:
    """Give an empty folder beside the target, which is gone afterwards."""
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f".{target.name}.partial")
    # Left by a process that was killed; no other one is at work, see ``_alone``.
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(mode=0o700)
    try:
        yield partial
    finally:
        shutil.rmtree(partial, ignore_errors=True)
        with suppress(FileNotFoundError):
            _packed(target).unlink()


def _pack(partial: Path, target: Path) -> None:
    """Put the backup into one file, which appears whole and replaces nothing."""
    packed = _packed(target)
    packed.unlink(missing_ok=True)
    handle = os.open(packed, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        with tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as tar:
            for name in sorted(files_below(partial)):
                tar.add(partial / name, arcname=name, recursive=False)
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(packed, target)
    except FileExistsError:
        raise BackupExistsError(path=target) from None


def _packed(target: Path) -> Path:
    return target.with_name(f".{target.name}.packed")


def _copy_file(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    write_durable(target, source.read_bytes())
