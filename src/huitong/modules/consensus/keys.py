"""Keys of the store ``consensus``: one byte of kind, then what it is about."""

from __future__ import annotations

from typing import Final

#: Name of the module's tree.
STORE: Final = "consensus"
#: Prefix of ``validator_key``.
VALIDATOR_PREFIX: Final = b"\x01"
#: Where the limits of blocks stand.
BLOCK_PARAMS_KEY: Final = b"\x02"
#: Where it stands what the engine was told last: one row, read in every block.
TOLD_KEY: Final = b"\x03"
#: Prefix of ``misbehaviour_key``.
MISBEHAVIOUR_PREFIX: Final = b"\x04"
#: Where the unbonding time stands, 8 bytes; absent for the default.
UNBONDING_TIME_KEY: Final = b"\x05"


def validator_key(public_key: bytes) -> bytes:
    """Return the key of a validator; its value is an encoded ``Validator``."""
    return VALIDATOR_PREFIX + public_key


def misbehaviour_key(address: bytes) -> bytes:
    """Return the key of what a validator did; its value: a ``MisbehaviourRecord``."""
    return MISBEHAVIOUR_PREFIX + address
