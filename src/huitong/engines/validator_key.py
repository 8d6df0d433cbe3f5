"""The validator's key in one file, readable by its owner only.

In clear it has the JSON form of CometBFT's ``priv_validator_key.json``, so that CometBFT
can sign with it itself. Under a passphrase it has a form of ours, with the public part in
clear; then this process signs for CometBFT (``engines.cometbft.signer``).
"""

from __future__ import annotations

import base64
import binascii
import json
import secrets
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import ed25519_zebra

from huitong.engines.errors import ValidatorKeyError
from huitong.keys.errors import DamagedKeyError, EmptyPassphraseError
from huitong.keys.key_file import encode_secret, open_secret
from huitong.keys.new_file import check_private, replace_file, write_new_file
from huitong.light.tendermint.signatures import address_of_public_key

PUBLIC_KEY_TYPE: Final = "tendermint/PubKeyEd25519"
PRIVATE_KEY_TYPE: Final = "tendermint/PrivKeyEd25519"
#: Version of the form under a passphrase.
SEALED_FORMAT: Final = "huitong-validator-key-1"
#: Version of the form of a key whose secret lies elsewhere.
PUBLIC_FORMAT: Final = "huitong-validator-public-1"
#: What the errors of a sealed key call it.
_NAME: Final = "validator"
_SEED_SIZE_BYTES: Final = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class ValidatorIdentity:
    """The public part of a stored validator key."""

    public_key: bytes
    """ed25519, 32 bytes."""
    address: bytes
    """First 20 bytes of the public key's SHA-256."""
    is_sealed: bool
    """Whether the secret is under a passphrase."""
    is_elsewhere: bool = False
    """Whether the secret is not in the file at all: a signer has it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ValidatorKey:
    """An ed25519 key that signs blocks."""

    seed: bytes = field(repr=False)
    """The secret, 32 bytes."""
    public_key: bytes
    """32 bytes."""
    address: bytes
    """First 20 bytes of the public key's SHA-256."""

    def sign(self, message: bytes) -> bytes:
        """Return the signature over ``message``, 64 bytes."""
        return bytes(ed25519_zebra.ed_sign(self.seed, message))


def validator_key_from_seed(seed: bytes) -> ValidatorKey:
    """Return the key of a 32-byte secret."""
    public_key = bytes(ed25519_zebra.ed_public_from_secret(seed))
    return ValidatorKey(
        seed=seed, public_key=public_key, address=address_of_public_key(public_key)
    )


def new_validator_key() -> ValidatorKey:
    """Draw a new key."""
    return validator_key_from_seed(secrets.token_bytes(_SEED_SIZE_BYTES))


def public_key_json(public_key: bytes) -> dict[str, str]:
    """Return the form of a public key in CometBFT's JSON."""
    return {"type": PUBLIC_KEY_TYPE, "value": base64.b64encode(public_key).decode()}


def save_validator_key(
    key: ValidatorKey, path: Path, passphrase: str | None = None
) -> None:
    """Write a new key file that only its owner can read; an existing one stays.

    Args:
        key: the key.
        path: where it shall lie; the folder exists.
        passphrase: what seals it; None stores it in clear.

    Raises:
        ValidatorKeyError: the file exists.
        EmptyPassphraseError: a passphrase of no characters.
    """
    try:
        write_new_file(path, _encoded(key, passphrase))
    except FileExistsError:
        raise ValidatorKeyError(path=path, reason="exists already") from None


def replace_validator_key(
    key: ValidatorKey, path: Path, passphrase: str | None
) -> None:
    """Write the file of a key anew, under another passphrase or in clear.

    At every moment there is the old file or the new one, whole.

    Raises:
        EmptyPassphraseError: a passphrase of no characters.
        OSError: it cannot be written; the old file stays.
    """
    replace_file(path, _encoded(key, passphrase))


def replace_by_public_part(identity: ValidatorIdentity, path: Path) -> None:
    """Leave nothing but the public part of a key in its file.

    Raises:
        OSError: it cannot be written; the old file stays.
    """
    document = _public_part(identity.public_key) | {"format": PUBLIC_FORMAT}
    replace_file(path, json.dumps(document, indent=2).encode() + b"\n")


def load_validator_key(path: Path, passphrase: str | None = None) -> ValidatorKey:
    """Read a key file.

    Raises:
        ValidatorKeyError: absent, malformed, or its parts contradict one another.
        LoosePermissionsError: others than its owner may read or write it.
        PassphraseNeededError: it is sealed and no passphrase was given.
        WrongPassphraseError: the passphrase does not open it.

    Cost: about 0.3 s and 32 MiB for a sealed key.
    """
    document = _document(path)
    if document.get("format") == SEALED_FORMAT:
        return _opened(document, passphrase, path)
    if document.get("format") == PUBLIC_FORMAT:
        raise ValidatorKeyError(
            path=path,
            reason="only its public part is here; [cometbft] signer in node.toml names "
            "who signs",
        )
    secret = _key_bytes(document, "priv_key", PRIVATE_KEY_TYPE, path)
    if len(secret) != 2 * _SEED_SIZE_BYTES:
        raise ValidatorKeyError(path=path, reason="priv_key needs 64 bytes")
    key = validator_key_from_seed(secret[:_SEED_SIZE_BYTES])
    if secret[_SEED_SIZE_BYTES:] != key.public_key:
        raise ValidatorKeyError(path=path, reason="the public key is not the secret's")
    _check_public_part(document, key.public_key, path)
    return key


def load_validator_identity(path: Path) -> ValidatorIdentity:
    """Read the public part of a key file; needs no passphrase.

    Raises:
        ValidatorKeyError: absent, malformed, or its parts contradict one another.
        LoosePermissionsError: others than its owner may read or write it.
    """
    document = _document(path)
    public_key = _key_bytes(document, "pub_key", PUBLIC_KEY_TYPE, path)
    _check_public_part(document, public_key, path)
    return ValidatorIdentity(
        public_key=public_key,
        address=address_of_public_key(public_key),
        is_sealed=document.get("format") == SEALED_FORMAT,
        is_elsewhere=document.get("format") == PUBLIC_FORMAT,
    )


def _encoded(key: ValidatorKey, passphrase: str | None) -> bytes:
    document = _public_part(key.public_key)
    if passphrase == "":
        raise EmptyPassphraseError()
    if passphrase is None:
        private = base64.b64encode(key.seed + key.public_key).decode()
        document["priv_key"] = {"type": PRIVATE_KEY_TYPE, "value": private}
    else:
        secret = encode_secret(key.seed, passphrase, _context(key.public_key))
        document |= {"format": SEALED_FORMAT, "name": _NAME, "secret": secret}
    return json.dumps(document, indent=2).encode() + b"\n"


def _public_part(public_key: bytes) -> dict[str, Any]:
    return {
        "address": address_of_public_key(public_key).hex().upper(),
        "pub_key": public_key_json(public_key),
    }


def _opened(
    document: dict[str, Any], passphrase: str | None, path: Path
) -> ValidatorKey:
    public_key = _key_bytes(document, "pub_key", PUBLIC_KEY_TYPE, path)
    _check_public_part(document, public_key, path)
    if document.get("name") != _NAME:
        raise ValidatorKeyError(path=path, reason=f"name needs to be {_NAME}")
    try:
        seed = open_secret(document, passphrase, _context(public_key), path)
    except DamagedKeyError as damaged:
        raise ValidatorKeyError(path=path, reason=damaged.fields["reason"]) from None
    key = validator_key_from_seed(seed)
    if key.public_key != public_key:
        raise ValidatorKeyError(path=path, reason="the public key is not the secret's")
    return key


def _context(public_key: bytes) -> bytes:
    return SEALED_FORMAT.encode() + b"\x00" + public_key


def _document(path: Path) -> dict[str, Any]:
    try:
        check_private(path)
        document = json.loads(path.read_bytes())
    except OSError as error:
        raise ValidatorKeyError(path=path, reason=error.strerror) from error
    except (ValueError, RecursionError) as error:
        raise ValidatorKeyError(path=path, reason="not JSON") from error
    if not isinstance(document, dict):
        raise ValidatorKeyError(path=path, reason="not an object")
    return document


def _check_public_part(document: dict[str, Any], public_key: bytes, path: Path) -> None:
    if _key_bytes(document, "pub_key", PUBLIC_KEY_TYPE, path) != public_key:
        raise ValidatorKeyError(path=path, reason="the public key is not the secret's")
    if document.get("address") != address_of_public_key(public_key).hex().upper():
        raise ValidatorKeyError(path=path, reason="the address is not the key's")


def _key_bytes(document: dict[str, Any], name: str, kind: str, path: Path) -> bytes:
    entry = document.get(name)
    if not isinstance(entry, dict) or entry.get("type") != kind:
        raise ValidatorKeyError(path=path, reason=f"{name} needs the type {kind}")
    try:
        return base64.b64decode(str(entry.get("value", "")), validate=True)
    except binascii.Error as error:
        raise ValidatorKeyError(path=path, reason=f"{name} is not base64") from error
