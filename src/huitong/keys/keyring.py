"""A folder of keys that sign transactions, one file for each (``key_file``)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, final

from huitong.core.address import Address, address_of_public_key
from huitong.core.secp256k1 import public_key_of_private_key
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
from huitong.keys.mnemonics import create_mnemonic, private_key_of_mnemonic

#: Version of the files' form.
FORMAT: Final = "huitong-key-1"


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
        check_may_add(self.path, name, passphrase)
        public_key = public_key_of_private_key(private_key)
        record = KeyRecord(
            name=name,
            address=address_of_public_key(public_key),
            public_key=public_key,
            is_protected=passphrase is not None,
        )
        content = {
            "format": FORMAT,
            "name": record.name,
            "address": record.address,
            "public_key": record.public_key.hex(),
            "secret": encode_secret(private_key, passphrase, _context_of(record)),
        }
        write_key_file(self.path, name, content)
        return record

    def list(self) -> tuple[KeyRecord, ...]:
        """Return the public parts of all keys, ordered by name.

        Raises:
            DamagedKeyError: a file in the folder is not a key's.
        """
        return tuple(self.get(name) for name in names_in(self.path))

    def get(self, name: str) -> KeyRecord:
        """Return the public part of a key.

        Raises:
            InvalidKeyNameError: the name cannot be one.
            KeyNotFoundError: there is no such key.
            DamagedKeyError: its file is not a key's.
        """
        content = read_key_file(self.path, name, FORMAT)
        return _record_of(content, path_of(self.path, name))

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

        Cost: about 0.3 s and 32 MiB for a sealed key.
        """
        content = read_key_file(self.path, name, FORMAT)
        path = path_of(self.path, name)
        record = _record_of(content, path)
        private_key = open_secret(content, passphrase, _context_of(record), path)
        if not _is_pair(private_key, record.public_key):
            raise DamagedKeyError(path=path, reason="private and public key differ")
        return private_key


def _record_of(content: dict[str, Any], path: Path) -> KeyRecord:
    is_protected = is_sealed(content, path)
    public_key = bytes_of(content, "public_key", path, size=33)
    address = address_of_public_key(public_key)
    if content.get("address") != address:
        raise DamagedKeyError(path=path, reason="address and key do not agree")
    return KeyRecord(
        name=content["name"],
        address=address,
        public_key=public_key,
        is_protected=is_protected,
    )


def _is_pair(private_key: bytes, public_key: bytes) -> bool:
    try:
        return public_key_of_private_key(private_key) == public_key
    except ValueError:  # zero, or not below the group's order
        return False


def _context_of(record: KeyRecord) -> bytes:
    return (
        FORMAT.encode() + b"\x00" + record.name.encode() + b"\x00" + record.public_key
    )
