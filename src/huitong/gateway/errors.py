"""Failures of a gateway, by what it was doing; codespace vault."""

from __future__ import annotations

from huitong.core.errors import BrokenError, RejectedError, UnavailableError


class VaultKeyError(
    RejectedError,
    codespace="vault",
    code=2,
    text="key-encryption key: {reason}",
    next_step="Give 64 hexadecimal digits in a file of mode 0600 or in HUITONG_VAULT_KEY.",
):
    """The key that protects the vault is missing, malformed, or open to others."""


class VaultEntryNotFoundError(
    RejectedError, codespace="vault", code=3, text="no payload with digest {digest}"
):
    """Nothing was put into this vault under the digest."""


class VaultCorruptError(
    BrokenError,
    codespace="vault",
    code=4,
    text="vault entry {digest}: {reason}",
    next_step="Restore the entry from a backup; its digest is on chain.",
):
    """An entry was changed on disk, or belongs to another key."""


class VaultWriteError(
    UnavailableError,
    codespace="vault",
    code=5,
    text="cannot write to the vault {path}: {reason}",
    next_step="Check free space and rights of the folder.",
):
    """The disk is full or the folder is not ours."""


class VaultExistsError(
    RejectedError,
    codespace="vault",
    code=6,
    text="{path} is not empty",
    next_step="Choose a new folder; one that is a vault already keeps its key.",
):
    """A folder that may hold payloads under another key."""
