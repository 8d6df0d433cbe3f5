"""From settings to a vault."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from huitong.gateway.database.engine import Database
from huitong.gateway.vault.keyring import KeyRing
from huitong.gateway.vault.keys import load_key
from huitong.gateway.vault.object_room import open_objects
from huitong.gateway.vault.settings import VaultSettings
from huitong.gateway.vault.vault import Vault


def open_vault(
    database: Database,
    settings: VaultSettings,
    *,
    base: Path,
    environment: Mapping[str, str],
) -> Vault:
    """Return the vault that the settings describe.

    Args:
        database: keeps wrapped keys, and what lies where.
        settings: store, keys, scanner and limits.
        base: folder that relative paths are taken from.
        environment: where keys and access keys may be.

    Raises:
        VaultKeyError: a key-encryption key is missing, malformed, or open to others.
        VaultStoreError: the folder cannot be made.
    """
    present, *previous = (
        load_key(_at(base, key), environment)
        for key in (settings.key, *settings.previous_keys)
    )
    objects = open_objects(_at(base, settings.store), environment)
    return Vault(database, objects, KeyRing(present, previous), settings)


def _at(base: Path, settings: Any) -> Any:
    """Return settings whose relative paths begin at ``base``."""
    if not isinstance(settings, BaseModel):
        raise TypeError(settings)
    changed = {
        name: base / value
        for name, value in settings
        if isinstance(value, Path) and not value.is_absolute()
    }
    return settings.model_copy(update=changed)
