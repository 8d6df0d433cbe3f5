"""The validator's key, in the JSON form of CometBFT's ``priv_validator_key.json``."""

from __future__ import annotations

import base64
import binascii
import json
import os
import secrets
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import ed25519_zebra

from huitong.engines.errors import ValidatorKeyError
from huitong.light.tendermint.signatures import address_of_public_key

PUBLIC_KEY_TYPE: Final = "tendermint/PubKeyEd25519"
PRIVATE_KEY_TYPE: Final = "tendermint/PrivKeyEd25519"
_SEED_SIZE_BYTES: Final = 32


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


def save_validator_key(key: ValidatorKey, path: Path) -> None:
    """Write a new key file that only its owner can read; an existing one stays.

    Raises:
        ValidatorKeyError: the file exists.
    """
    private = base64.b64encode(key.seed + key.public_key).decode()
    document = {
        "address": key.address.hex().upper(),
        "pub_key": public_key_json(key.public_key),
        "priv_key": {"type": PRIVATE_KEY_TYPE, "value": private},
    }
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise ValidatorKeyError(path=path, reason="exists already") from None
    with os.fdopen(handle, "w") as file:
        json.dump(document, file, indent=2)
        file.write("\n")
        file.flush()
        os.fsync(file.fileno())


def load_validator_key(path: Path) -> ValidatorKey:
    """Read a key file.

    Raises:
        ValidatorKeyError: absent, malformed, or its parts contradict one another.
    """
    try:
        document = json.loads(path.read_bytes())
    except OSError as error:
        raise ValidatorKeyError(path=path, reason=error.strerror) from error
    except (ValueError, RecursionError) as error:
        raise ValidatorKeyError(path=path, reason="not JSON") from error
    secret = _key_bytes(document, "priv_key", PRIVATE_KEY_TYPE, path)
    if len(secret) != 2 * _SEED_SIZE_BYTES:
        raise ValidatorKeyError(path=path, reason="priv_key needs 64 bytes")
    key = validator_key_from_seed(secret[:_SEED_SIZE_BYTES])
    public_key = _key_bytes(document, "pub_key", PUBLIC_KEY_TYPE, path)
    if public_key != key.public_key or secret[_SEED_SIZE_BYTES:] != public_key:
        raise ValidatorKeyError(path=path, reason="the public key is not the secret's")
    if document.get("address") != key.address.hex().upper():
        raise ValidatorKeyError(path=path, reason="the address is not the key's")
    return key


def _key_bytes(document: Any, name: str, kind: str, path: Path) -> bytes:
    entry = document.get(name) if isinstance(document, dict) else None
    if not isinstance(entry, dict) or entry.get("type") != kind:
        raise ValidatorKeyError(path=path, reason=f"{name} needs the type {kind}")
    try:
        return base64.b64decode(str(entry.get("value", "")), validate=True)
    except binascii.Error as error:
        raise ValidatorKeyError(path=path, reason=f"{name} is not base64") from error
