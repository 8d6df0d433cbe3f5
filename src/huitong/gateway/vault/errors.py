"""Failures of the vault; codespace vault."""

from __future__ import annotations

from typing import ClassVar

from huitong.core.errors import BrokenError, RejectedError, UnavailableError


class VaultKeyError(
    RejectedError,
    codespace="vault",
    code=2,
    text="key-encryption key: {reason}",
    next_step="Give 64 hexadecimal digits in a file of mode 0600 or in HUITONG_VAULT_KEY, "
    "or the label of an AES-256 key in a PKCS#11 token.",
):
    """The key that protects the vault is missing, malformed, or open to others."""


class VaultEntryNotFoundError(
    RejectedError, codespace="vault", code=3, text="no payload with digest {digest}"
):
    """Nothing was put into this vault under the digest."""

    http_status: ClassVar[int] = 404


class VaultCorruptError(
    BrokenError,
    codespace="vault",
    code=4,
    text="vault entry {digest}: {reason}",
    next_step="Restore the entry from a backup; its digest is on chain.",
):
    """Ciphertext or a wrapped key was changed, is missing, or belongs to another key."""


class VaultStoreError(
    UnavailableError,
    codespace="vault",
    code=5,
    text="the store of the vault, {place}: {reason}",
    next_step="Check free space and rights of the folder, or that the server answers.",
):
    """The disk is full, the folder is not ours, or the object server does not answer."""


class VaultExistsError(
    RejectedError,
    codespace="vault",
    code=6,
    text="{path} is not empty",
    next_step="Choose a new folder; one that is a vault already keeps its key.",
):
    """A folder that may hold payloads under another key."""


class VaultErasedError(
    RejectedError,
    codespace="vault",
    code=7,
    text="the payload {digest} was erased",
    next_step="Its history on chain stays valid; ask its issuer if it must be had again.",
):
    """The key of its data subject was destroyed; nothing recovers it."""

    http_status: ClassVar[int] = 410


class VaultUnknownKeyError(
    BrokenError,
    codespace="vault",
    code=8,
    text="key {key_id} is wrapped under the key-encryption key {wrapping_id}, "
    "which is not among those of this vault",
    next_step="Add the former key to `previous_keys` until `rotate` has run.",
):
    """A key-encryption key was changed in the settings and the former one left out."""


class VaultTokenError(
    UnavailableError,
    codespace="vault",
    code=9,
    text="PKCS#11 token {token}: {reason}",
    next_step="Check that the token is there and that its PIN is right.",
):
    """The token that holds the key-encryption key does not work."""


class VaultFormatError(
    RejectedError,
    codespace="vault",
    code=10,
    text="{path} is no vault of this form: {reason}",
    next_step="Make a new one by `huitong vault init`, and publish into that.",
):
    """A folder of an older form, or of something else."""


class ContentRefusedError(
    RejectedError,
    codespace="vault",
    code=11,
    text="the scanner refuses the document: {finding}",
    next_step="Clean the document; if the finding is wrong, tell whoever runs the scanner.",
):
    """The scanner found something; nothing was stored."""


class ScannerDownError(
    UnavailableError,
    codespace="vault",
    code=12,
    text="the scanner gives no verdict: {reason}",
    next_step="Check that the scanner runs; until then no document is taken.",
):
    """Without a verdict nothing is stored."""
