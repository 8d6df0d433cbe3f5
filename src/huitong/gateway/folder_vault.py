"""A member's own payloads at rest: a folder in which nothing is in clear.

Each payload lies in a file named by its digest, which is public on chain. It is encrypted
with AES-256-GCM under a data key of its own; the data key is wrapped (RFC 3394) by the
vault's key-encryption key, which lies in a file or comes from the environment, never in
the folder. Changing the key-encryption key rewrites 40 bytes for each payload.

Files appear whole or not at all: written aside, synced, renamed, folder synced.

Layout of a file: magic 8 ‖ key name 8 ‖ wrapped data key 40 ‖ nonce 12 ‖ ciphertext.
The digest is authenticated with the ciphertext, so that no file can stand for another.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Final, final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.keywrap import (
    InvalidUnwrap,
    aes_key_unwrap,
    aes_key_wrap,
)

from huitong.core.hashing import sha256
from huitong.gateway.vault.errors import (
    VaultCorruptError,
    VaultEntryNotFoundError,
    VaultKeyError,
    VaultStoreError,
)
from huitong.payload.document import Payload, decode_payload, encode_payload
from huitong.payload.errors import (
    PayloadFormError,
)

KEY_SIZE_BYTES: Final = 32
#: Environment variable that may hold the key-encryption key as hexadecimal digits.
KEY_VARIABLE: Final = "HUITONG_VAULT_KEY"
_MAGIC: Final = b"HTVAULT1"
_KEY_NAME_SIZE_BYTES: Final = 8
_WRAPPED_SIZE_BYTES: Final = KEY_SIZE_BYTES + 8
_NONCE_SIZE_BYTES: Final = 12
_KEY_NAME_AT: Final = len(_MAGIC)
_WRAPPED_AT: Final = _KEY_NAME_AT + _KEY_NAME_SIZE_BYTES
_NONCE_AT: Final = _WRAPPED_AT + _WRAPPED_SIZE_BYTES
_CIPHERTEXT_AT: Final = _NONCE_AT + _NONCE_SIZE_BYTES
_SUFFIX: Final = ".payload"
_ASIDE_SUFFIX: Final = ".tmp"


def make_key_file(path: Path) -> bytes:
    """Write a fresh key-encryption key to a new file of mode 0600 and return it.

    Raises:
        VaultKeyError: the file exists or cannot be written.
    """
    key = os.urandom(KEY_SIZE_BYTES)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(key.hex().encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise VaultKeyError(reason=f"{path}: {error.strerror}") from error
    return key


def load_key(path: Path | None, environment: Mapping[str, str]) -> bytes:
    """Return the key-encryption key from a file, else from the environment.

    Raises:
        VaultKeyError: no source, open to other users, or not 64 hexadecimal digits.
    """
    if path is None:
        text = environment.get(KEY_VARIABLE)
        if text is None:
            raise VaultKeyError(reason=f"no key file and no {KEY_VARIABLE}")
        return _parse_key(text)
    try:
        if stat.S_IMODE(path.stat().st_mode) & 0o077:
            raise VaultKeyError(reason=f"{path} can be read by others")
        return _parse_key(path.read_text("ascii"))
    except OSError as error:
        raise VaultKeyError(reason=f"{path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise VaultKeyError(reason=f"{path} is not hexadecimal") from error


@final
class Vault:
    """One member's folder of encrypted payloads."""

    def __init__(self, path: Path, key: bytes) -> None:
        """Open the folder, making it (mode 0700) if it is not there.

        Raises:
            VaultKeyError: the key-encryption key has not 32 bytes.
            VaultStoreError: the folder cannot be made.
        """
        if len(key) != KEY_SIZE_BYTES:
            raise VaultKeyError(reason=f"{len(key)} bytes instead of 32")
        self._path = path
        self._key = key
        try:
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise VaultStoreError(place=path, reason=error.strerror) from error

    def put(self, payload: Payload) -> bytes:
        """Store a payload; return its digest, 32 bytes. Storing twice changes nothing.

        Raises:
            VaultStoreError: the disk is full or the folder not writable.
        """
        digest = payload.commit().root
        if not self.has(digest):
            self._write(digest, _encrypt(encode_payload(payload), digest, self._key))
        return digest

    def get(self, digest: bytes) -> Payload:
        """Return the payload with this digest, decrypted and checked against it.

        Raises:
            VaultEntryNotFoundError: there is none.
            VaultCorruptError: the file was changed or belongs to another key.
        """
        plaintext = _decrypt(self._read(digest), digest, self._key)
        try:
            payload = decode_payload(plaintext)
        except PayloadFormError as error:
            raise VaultCorruptError(digest=digest, reason=str(error)) from error
        if payload.commit().root != digest:
            raise VaultCorruptError(
                digest=digest, reason="the content has another digest"
            )
        return payload

    def has(self, digest: bytes) -> bool:
        """Tell whether a payload with this digest was stored."""
        return self._file(digest).exists()

    def digests(self) -> list[bytes]:
        """Return the digests of all stored payloads, ascending."""
        names = sorted(path.stem for path in self._path.glob(f"*{_SUFFIX}"))
        return [bytes.fromhex(name) for name in names]

    def delete(self, digest: bytes) -> None:
        """Erase a payload; without its data key the ciphertext is lost for good.

        Raises:
            VaultEntryNotFoundError: there is none.
        """
        try:
            self._file(digest).unlink()
        except FileNotFoundError as error:
            raise VaultEntryNotFoundError(digest=digest) from error
        _sync_folder(self._path)

    def change_key(self, new_key: bytes) -> None:
        """Wrap every data key anew; after a crash, call again with the same keys.

        Raises:
            VaultKeyError: the new key has not 32 bytes.
            VaultCorruptError: an entry belongs to neither key.
        """
        if len(new_key) != KEY_SIZE_BYTES:
            raise VaultKeyError(reason=f"{len(new_key)} bytes instead of 32")
        for digest in self.digests():
            entry = self._read(digest)
            if entry[_KEY_NAME_AT:_WRAPPED_AT] == _key_name(new_key):
                continue
            data_key = _unwrap(entry, digest, self._key)
            head = _MAGIC + _key_name(new_key) + aes_key_wrap(new_key, data_key)
            self._write(digest, head + entry[_NONCE_AT:])
        self._key = new_key

    def _file(self, digest: bytes) -> Path:
        return self._path / f"{digest.hex()}{_SUFFIX}"

    def _read(self, digest: bytes) -> bytes:
        try:
            return self._file(digest).read_bytes()
        except FileNotFoundError as error:
            raise VaultEntryNotFoundError(digest=digest) from error
        except OSError as error:
            raise VaultCorruptError(digest=digest, reason=error.strerror) from error

    def _write(self, digest: bytes, data: bytes) -> None:
        final_path = self._file(digest)
        aside = final_path.with_suffix(_ASIDE_SUFFIX)
        try:
            descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            aside.replace(final_path)
            _sync_folder(self._path)
        except OSError as error:
            aside.unlink(missing_ok=True)
            raise VaultStoreError(place=self._path, reason=error.strerror) from error


def _encrypt(plaintext: bytes, digest: bytes, key: bytes) -> bytes:
    data_key = os.urandom(KEY_SIZE_BYTES)
    nonce = os.urandom(_NONCE_SIZE_BYTES)
    ciphertext = AESGCM(data_key).encrypt(nonce, plaintext, _MAGIC + digest)
    return _MAGIC + _key_name(key) + aes_key_wrap(key, data_key) + nonce + ciphertext


def _decrypt(entry: bytes, digest: bytes, key: bytes) -> bytes:
    data_key = _unwrap(entry, digest, key)
    nonce = entry[_NONCE_AT:_CIPHERTEXT_AT]
    try:
        return AESGCM(data_key).decrypt(nonce, entry[_CIPHERTEXT_AT:], _MAGIC + digest)
    except (InvalidTag, ValueError) as error:
        raise VaultCorruptError(digest=digest, reason="changed on disk") from error


def _unwrap(entry: bytes, digest: bytes, key: bytes) -> bytes:
    if len(entry) <= _CIPHERTEXT_AT or not entry.startswith(_MAGIC):
        raise VaultCorruptError(digest=digest, reason="not a vault entry")
    if entry[_KEY_NAME_AT:_WRAPPED_AT] != _key_name(key):
        raise VaultCorruptError(digest=digest, reason="wrapped with another key")
    try:
        return aes_key_unwrap(key, entry[_WRAPPED_AT:_NONCE_AT])
    except InvalidUnwrap as error:
        raise VaultCorruptError(digest=digest, reason="changed on disk") from error


def _key_name(key: bytes) -> bytes:
    """Name a key without giving it away: the head of a labelled hash."""
    return sha256(b"huitong/vault-key-name/1" + key)[:_KEY_NAME_SIZE_BYTES]


def _parse_key(text: str) -> bytes:
    try:
        key = bytes.fromhex(text.strip())
    except ValueError as error:
        raise VaultKeyError(reason="not hexadecimal") from error
    if len(key) != KEY_SIZE_BYTES:
        raise VaultKeyError(reason=f"{len(key)} bytes instead of 32")
    return key


def _sync_folder(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
