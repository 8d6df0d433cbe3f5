"""A folder of reader keys: X25519 keys that payloads are sealed to, one file for each.

Whoever asks for a record names the public key in the request; the private key opens what
is delivered. Stored as keys that sign are (``huitong.keys.key_file``). A reader key has
no words: who loses its file can open nothing that was sealed to it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, final

from huitong.keys.errors import DamagedKeyError
from huitong.keys.key_file import (
    bytes_of,
    check_may_add,
    encode_secret,
    is_sealed,
    names_in,
    open_secret,
    path_of,
    read_key_file,
    write_key_file,
)
from huitong.payload.sealing import (
    KEY_SIZE_BYTES,
    encryption_public_key,
    make_encryption_key,
)

#: Version of the files' form.
FORMAT: Final = "huitong-reader-key-1"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReaderKey:
    """The public part of a stored reader key."""

    name: str
    """What its owner calls it, 1 to 64 characters."""
    public_key: bytes
    """X25519, 32 bytes; what a request names."""
    is_protected: bool
    """Whether the private key is sealed under a passphrase."""


@final
class ReaderKeys:
    """The reader keys in one folder; several processes may use it at the same time."""

    def __init__(self, path: Path) -> None:
        """Use the folder ``path``, which is made when the first key is added."""
        self.path = path

    def create(self, name: str, passphrase: str | None) -> ReaderKey:
        """Make a key and return its public part.

        Args:
            name: what to call it.
            passphrase: what seals it; None stores it in clear.

        Raises:
            InvalidKeyNameError: the name cannot be one.
            KeyExistsError: the name is taken.
            EmptyPassphraseError: a passphrase of no characters.
        """
        check_may_add(self.path, name, passphrase)
        private_key, public_key = make_encryption_key()
        key = ReaderKey(
            name=name, public_key=public_key, is_protected=passphrase is not None
        )
        content = {
            "format": FORMAT,
            "name": name,
            "public_key": public_key.hex(),
            "secret": encode_secret(private_key, passphrase, _context_of(key)),
        }
        write_key_file(self.path, name, content)
        return key

    def list(self) -> tuple[ReaderKey, ...]:
        """Return the public parts of all keys, ordered by name.

        Raises:
            DamagedKeyError: a file in the folder is not a reader key's.
        """
        return tuple(self.get(name) for name in names_in(self.path))

    def get(self, name: str) -> ReaderKey:
        """Return the public part of a key.

        Raises:
            InvalidKeyNameError: the name cannot be one.
            KeyNotFoundError: there is no such key.
            DamagedKeyError: its file is not a reader key's.
        """
        content = read_key_file(self.path, name, FORMAT)
        return _key_of(content, path_of(self.path, name))

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
            DamagedKeyError: its file is not a reader key's.

        Cost: about 0.3 s and 32 MiB for a sealed key.
        """
        content = read_key_file(self.path, name, FORMAT)
        path = path_of(self.path, name)
        key = _key_of(content, path)
        private_key = open_secret(content, passphrase, _context_of(key), path)
        if encryption_public_key(private_key) != key.public_key:
            raise DamagedKeyError(path=path, reason="private and public key differ")
        return private_key


def _key_of(content: dict[str, Any], path: Path) -> ReaderKey:
    return ReaderKey(
        name=content["name"],
        public_key=bytes_of(content, "public_key", path, size=KEY_SIZE_BYTES),
        is_protected=is_sealed(content, path),
    )


def _context_of(key: ReaderKey) -> bytes:
    return FORMAT.encode() + b"\x00" + key.name.encode() + b"\x00" + key.public_key
