"""A folder of keys, one JSON file for each, readable by its owner only.

A file appears whole or not at all and is never overwritten. It holds the public part in
clear and the private key sealed under a passphrase, or in clear if the caller said so.
"""

from __future__ import annotations

import binascii
import os
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, final

import orjson

from huitong.core.address import Address, address_of_public_key
from huitong.core.tx import PRIVATE_KEY_SIZE_BYTES, public_key_of_private_key
from huitong.keys.errors import (
    DamagedKeyError,
    EmptyPassphraseError,
    InvalidKeyNameError,
    KeyExistsError,
    KeyNotFoundError,
    PassphraseNeededError,
    WrongPassphraseError,
)
from huitong.keys.mnemonics import create_mnemonic, private_key_of_mnemonic
from huitong.keys.sealed import (
    NONCE_SIZE_BYTES,
    SALT_SIZE_BYTES,
    SealedKey,
    find_opened,
    seal,
)

#: Version of the files' form.
FORMAT: Final = "huitong-key-1"
_KIND_SEALED: Final = "scrypt-aes256gcm"
_KIND_PLAIN: Final = "plain"
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)
_SUFFIX: Final = ".json"
_TAG_SIZE_BYTES: Final = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRecord:
    """The public part of a stored key."""

    name: str
    """What its owner calls it, 1 to 64 characters."""
    address: Address
    """The account that it signs for."""
    public_key: bytes
    """Compressed secp256k1, 33 bytes."""
    is_protected: bool
    """Whether the private key is sealed under a passphrase."""


@final
class Keyring:
    """The keys in one folder; several processes may use it at the same time."""

    def __init__(self, path: Path | str) -> None:
        """Use the folder ``path``, which is made when the first key is added."""
        self.path = Path(path)

    def create(
        self, name: str, mnemonic: str | None = None, passphrase: str | None = None
    ) -> tuple[KeyRecord, str]:
        """Add a key and return its public part and its words.

        Args:
            name: what to call it.
            mnemonic: words that it already has; new ones are made if None.
            passphrase: what seals it; None stores it in clear.

        Raises:
            InvalidKeyNameError: the name cannot be one.
            KeyExistsError: the name is taken.
            InvalidMnemonicError: the words are no mnemonic.
            EmptyPassphraseError: a passphrase of no characters.
        """
        words = mnemonic if mnemonic is not None else create_mnemonic()
        return self.add(name, private_key_of_mnemonic(words), passphrase), words

    def add(self, name: str, private_key: bytes, passphrase: str | None) -> KeyRecord:
        """Add a key whose 32 bytes are known, and return its public part.

        Raises:
            InvalidKeyNameError: the name cannot be one.
            KeyExistsError: the name is taken.
            EmptyPassphraseError: a passphrase of no characters.
        """
        path = self._path_of(name)
        if path.exists():
            raise KeyExistsError(name=name)
        if passphrase == "":
            raise EmptyPassphraseError()
        public_key = public_key_of_private_key(private_key)
        record = KeyRecord(
            name=name,
            address=address_of_public_key(public_key),
            public_key=public_key,
            is_protected=passphrase is not None,
        )
        self._write(path, _encoded(record, private_key, passphrase), name)
        return record

    def list(self) -> tuple[KeyRecord, ...]:
        """Return the public parts of all keys, ordered by name.

        Raises:
            DamagedKeyError: a file in the folder is not a key's.
        """
        names = sorted(path.stem for path in self.path.glob("*" + _SUFFIX))
        return tuple(self.get(name) for name in names)

    def get(self, name: str) -> KeyRecord:
        """Return the public part of a key.

        Raises:
            InvalidKeyNameError: the name cannot be one.
            KeyNotFoundError: there is no such key.
            DamagedKeyError: its file is not a key's.
        """
        return _record_of(self._read(name), self._path_of(name), name)

    def unlock(self, name: str, passphrase: str | None = None) -> bytes:
        """Return the 32 bytes of a private key.

        Args:
            name: which key.
            passphrase: what sealed it; not looked at if the key is stored in clear.

        Raises:
            InvalidKeyNameError: the name cannot be one.
            KeyNotFoundError: there is no such key.
            PassphraseNeededError: it is sealed and no passphrase was given.
            WrongPassphraseError: the passphrase does not open it.
            DamagedKeyError: its file is not a key's.

        Cost: about 0.1 s and 32 MiB for a sealed key.
        """
        path, content = self._path_of(name), self._read(name)
        record = _record_of(content, path, name)
        private_key = _opened(content, record, passphrase, path)
        if not _is_pair(private_key, record.public_key):
            raise DamagedKeyError(path=path, reason="private and public key differ")
        return private_key

    def _path_of(self, name: str) -> Path:
        if _NAME.fullmatch(name) is None:
            raise InvalidKeyNameError(name=name)
        return self.path / (name + _SUFFIX)

    def _read(self, name: str) -> dict[str, Any]:
        path = self._path_of(name)
        try:
            content = orjson.loads(path.read_bytes())
        except FileNotFoundError:
            raise KeyNotFoundError(name=name, folder=self.path) from None
        except orjson.JSONDecodeError:
            raise DamagedKeyError(path=path, reason="no JSON") from None
        if not isinstance(content, dict) or content.get("format") != FORMAT:
            raise DamagedKeyError(path=path, reason=f"expected format {FORMAT}")
        return content

    def _write(self, path: Path, content: dict[str, Any], name: str) -> None:
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        data = orjson.dumps(content, option=orjson.OPT_INDENT_2) + b"\n"
        # A temporary file has mode 0600 from its first byte.
        handle, temporary = tempfile.mkstemp(prefix=".", dir=self.path)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            # Unlike a rename, a link never replaces what another process wrote.
            os.link(temporary, path)
        except FileExistsError:
            raise KeyExistsError(name=name) from None
        finally:
            os.unlink(temporary)
        _sync_folder(self.path)


def _encoded(
    record: KeyRecord, private_key: bytes, passphrase: str | None
) -> dict[str, Any]:
    secret: dict[str, str]
    if passphrase is None:
        secret = {"kind": _KIND_PLAIN, "private_key": private_key.hex()}
    else:
        sealed = seal(private_key, passphrase, _context_of(record))
        secret = {
            "kind": _KIND_SEALED,
            "salt": sealed.salt.hex(),
            "nonce": sealed.nonce.hex(),
            "ciphertext": sealed.ciphertext.hex(),
        }
    return {
        "format": FORMAT,
        "name": record.name,
        "address": record.address,
        "public_key": record.public_key.hex(),
        "secret": secret,
    }


def _record_of(content: dict[str, Any], path: Path, name: str) -> KeyRecord:
    secret = content.get("secret")
    kind = secret.get("kind") if isinstance(secret, dict) else None
    public_key = _bytes_of(content, "public_key", path, size=33)
    address = address_of_public_key(public_key)
    if kind not in (_KIND_SEALED, _KIND_PLAIN):
        raise DamagedKeyError(path=path, reason=f"secret of unknown kind {kind}")
    if content.get("name") != name or content.get("address") != address:
        raise DamagedKeyError(path=path, reason="name, address and key do not agree")
    return KeyRecord(
        name=name,
        address=address,
        public_key=public_key,
        is_protected=kind == _KIND_SEALED,
    )


def _opened(
    content: dict[str, Any], record: KeyRecord, passphrase: str | None, path: Path
) -> bytes:
    secret = content["secret"]
    if not record.is_protected:
        return _bytes_of(secret, "private_key", path, size=PRIVATE_KEY_SIZE_BYTES)
    sealed = SealedKey(
        salt=_bytes_of(secret, "salt", path, size=SALT_SIZE_BYTES),
        nonce=_bytes_of(secret, "nonce", path, size=NONCE_SIZE_BYTES),
        ciphertext=_bytes_of(
            secret, "ciphertext", path, size=PRIVATE_KEY_SIZE_BYTES + _TAG_SIZE_BYTES
        ),
    )
    if passphrase is None:
        raise PassphraseNeededError(name=record.name)
    private_key = find_opened(sealed, passphrase, _context_of(record))
    if private_key is None:
        raise WrongPassphraseError(name=record.name)
    return private_key


def _is_pair(private_key: bytes, public_key: bytes) -> bool:
    try:
        return public_key_of_private_key(private_key) == public_key
    except ValueError:  # zero, or not below the group's order
        return False


def _context_of(record: KeyRecord) -> bytes:
    return (
        FORMAT.encode() + b"\x00" + record.name.encode() + b"\x00" + record.public_key
    )


def _bytes_of(content: dict[str, Any], field: str, path: Path, *, size: int) -> bytes:
    value = content.get(field)
    try:
        data = binascii.unhexlify(value) if isinstance(value, str) else b""
    except ValueError:
        data = b""
    if len(data) != size:
        raise DamagedKeyError(path=path, reason=f"{field} is not {size} bytes in hex")
    return data


def _sync_folder(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
