"""Keys of the store ``consensus``: one byte of kind, then the validator's public key."""

from __future__ import annotations

from typing import Final

#: Name of the module's tree.
STORE: Final = "consensus"
#: Prefix of ``validator_key``.
VALIDATOR_PREFIX: Final = b"\x01"
#: Where the limits of blocks stand.
BLOCK_PARAMS_KEY: Final = b"\x02"
#: Prefix of ``told_power_key``.
TOLD_POWER_PREFIX: Final = b"\x03"


def validator_key(public_key: bytes) -> bytes:
    """Return the key of a validator; its value is an encoded ``Validator``."""
    return VALIDATOR_PREFIX + public_key


def told_power_key(public_key: bytes) -> bytes:
    """Return the key of the power that the engine was told last, 8 bytes, big-endian."""
    return TOLD_POWER_PREFIX + public_key
