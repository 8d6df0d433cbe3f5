"""Key-encryption keys: in a file, in the environment, or in a token.

A key of the first two kinds is in this process; one in a token never is. All that the
vault sees is ``wrap`` and ``unwrap``. The id of a key is written beside what it wraps and
into logs, and gives nothing away.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Protocol, final

from huitong.core.hashing import sha256
from huitong.gateway.vault.errors import VaultKeyError
from huitong.gateway.vault.settings import (
    KEY_VARIABLE,
    EnvironmentKeySettings,
    FileKeySettings,
    KeySettings,
    TokenKeySettings,
)
from huitong.gateway.vault.token_key import TokenKey
from huitong.gateway.vault.wrapping import (
    KEY_SIZE_BYTES,
    make_key,
    unwrap_key,
    wrap_key,
)

_NAME_LABEL: Final = b"huitong/vault-key-name/1"
_NAME_SIZE_BYTES: Final = 8
#: Bytes of a file with a key or a PIN.
_SECRET_FILE_SIZE_BYTES_MAX: Final = 4_096


class KeyEncryptionKey(Protocol):
    """Wraps the keys of subjects. Calls may block, and may come from any thread."""

    @property
    def id(self) -> str:
        """What tells this key from others, without giving it away."""

    @property
    def may_block(self) -> bool:
        """Whether calls wait for something outside of this process."""

    def wrap(self, key: bytes, context: bytes) -> bytes:
        """Return ``key``, 32 bytes, wrapped for ``context`` (see ``wrapping``).

        Raises:
            VaultTokenError: the token does not work.
        """

    def unwrap(self, wrapped: bytes, context: bytes) -> bytes:
        """Return what ``wrap`` wrapped.

        Raises:
            WrongKeyError: changed bytes, another key, or another context.
            VaultTokenError: the token does not work.
        """


@final
class SecretKey:
    """A key-encryption key in this process."""

    may_block: Final = False

    def __init__(self, key: bytes) -> None:
        """Use ``key``.

        Raises:
            VaultKeyError: it has not 32 bytes.
        """
        if len(key) != KEY_SIZE_BYTES:
            raise VaultKeyError(reason=f"{len(key)} bytes instead of 32")
        self._key = key
        self.id = sha256(_NAME_LABEL + key)[:_NAME_SIZE_BYTES].hex()

    def wrap(self, key: bytes, context: bytes) -> bytes:
        """See ``KeyEncryptionKey``."""
        return wrap_key(self._key, key, context)

    def unwrap(self, wrapped: bytes, context: bytes) -> bytes:
        """See ``KeyEncryptionKey``."""
        return unwrap_key(self._key, wrapped, context)


def load_key(settings: KeySettings, environment: Mapping[str, str]) -> KeyEncryptionKey:
    """Return the key that ``settings`` name; a token is first used when it is needed.

    Raises:
        VaultKeyError: it is missing, malformed, or open to other users.
    """
    if isinstance(settings, FileKeySettings):
        return SecretKey(_parse_key(_read_secret(settings.path)))
    if isinstance(settings, EnvironmentKeySettings):
        return SecretKey(_parse_key(_variable(settings.variable, environment)))
    return TokenKey(
        settings.module, settings.token, settings.label, _pin(settings, environment)
    )


def load_key_of_command(
    path: Path | None, environment: Mapping[str, str]
) -> KeyEncryptionKey:
    """Return the key in a file, or without one from ``HUITONG_VAULT_KEY``.

    Raises:
        VaultKeyError: no source, open to other users, or not 64 hexadecimal digits.
    """
    if path is not None:
        return load_key(FileKeySettings(path=path), environment)
    if KEY_VARIABLE not in environment:
        raise VaultKeyError(reason=f"no key file and no {KEY_VARIABLE}")
    return load_key(EnvironmentKeySettings(source="environment"), environment)


def make_key_file(path: Path) -> SecretKey:
    """Write a fresh key-encryption key to a new file of mode 0600 and return it.

    Raises:
        VaultKeyError: the file exists or cannot be written.
    """
    key = make_key()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(key.hex().encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise VaultKeyError(reason=f"{path}: {error.strerror}") from error
    return SecretKey(key)


def _pin(settings: TokenKeySettings, environment: Mapping[str, str]) -> str:
    if settings.pin_file is not None:
        return _read_secret(settings.pin_file).strip()
    return _variable(settings.pin_variable, environment)


def _variable(name: str, environment: Mapping[str, str]) -> str:
    if name not in environment:
        raise VaultKeyError(reason=f"there is no {name} in the environment")
    return environment[name]


def _read_secret(path: Path) -> str:
    try:
        with path.open("rb") as file:
            if stat.S_IMODE(os.fstat(file.fileno()).st_mode) & 0o077:
                raise VaultKeyError(reason=f"{path} can be read by others")
            return file.read(_SECRET_FILE_SIZE_BYTES_MAX).decode("ascii")
    except OSError as error:
        raise VaultKeyError(reason=f"{path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise VaultKeyError(reason=f"{path} is not ASCII text") from error


def _parse_key(text: str) -> bytes:
    try:
        key = bytes.fromhex(text.strip())
    except ValueError as error:
        raise VaultKeyError(reason="not hexadecimal") from error
    if len(key) != KEY_SIZE_BYTES:
        raise VaultKeyError(reason=f"{len(key)} bytes instead of 32")
    return key
