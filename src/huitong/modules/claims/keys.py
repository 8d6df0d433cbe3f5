"""Keys of the store ``claims``.

Every holding and every supply stands alone under its key, so each is provable alone. Both
are 32 bytes, big-endian; what would be zero has no key.
"""

from __future__ import annotations

from typing import Final

from huitong.core.address import ADDRESS_SIZE_BYTES, decode_address, encode_address

#: Name of the module's tree.
STORE: Final = "claims"
#: Prefix of ``holding_key``.
HOLDING_PREFIX: Final = b"\x01"
#: Prefix of ``supply_key``.
SUPPLY_PREFIX: Final = b"\x02"


def holding_key(address: str, denom: str) -> bytes:
    """Return the key of what an address holds of a denomination.

    Raises:
        InvalidAddressError: the text is no address.
    """
    return holdings_prefix(address) + denom.encode()


def holdings_prefix(address: str) -> bytes:
    """Return the prefix of ``holding_key`` for one address.

    Raises:
        InvalidAddressError: the text is no address.
    """
    return HOLDING_PREFIX + decode_address(address)


def parts_of_holding_key(key: bytes) -> tuple[str, str]:
    """Return the address and the denomination in a ``holding_key``."""
    start = len(HOLDING_PREFIX)
    end = start + ADDRESS_SIZE_BYTES
    return encode_address(key[start:end]), key[end:].decode()


def supply_key(denom: str) -> bytes:
    """Return the key of the sum of all that is held of a denomination."""
    return SUPPLY_PREFIX + denom.encode()
