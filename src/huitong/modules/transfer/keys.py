"""Keys of the store ``transfer``, and the names that ICS-20 fixes."""

from __future__ import annotations

from typing import Final

from huitong.core.address import ADDRESS_SIZE_BYTES, Address, encode_address
from huitong.core.hashing import sha256

#: Name of the module's tree.
STORE: Final = "transfer"
#: The IBC port of ICS-20.
PORT_ID: Final = "transfer"
#: The version that both ends of a channel speak.
VERSION: Final = "ics20-1"
#: Where the zone's rules stand: one byte 1 and an encoded ``Params``.
PARAMS_KEY: Final = b"\x01"
#: Prefix of ``trace_key``.
TRACE_PREFIX: Final = b"\x02"
#: Prefix of ``escrow_total_key``.
ESCROW_TOTAL_PREFIX: Final = b"\x03"

#: The address that events name when vouchers are issued and redeemed: the one that the
#: Cosmos SDK derives from the name of its transfer account. Nobody has a key for it.
MODULE_ADDRESS: Final = encode_address(sha256(b"transfer")[:ADDRESS_SIZE_BYTES])


def trace_key(digest: bytes) -> bytes:
    """Return the key of the way that a voucher came, by the hash in its name.

    Its value is an encoded ``DenomTrace``.
    """
    return TRACE_PREFIX + digest


def escrow_total_key(denom: str) -> bytes:
    """Return the key of how much of a denomination all escrows hold, 32 bytes."""
    return ESCROW_TOTAL_PREFIX + denom.encode()


def escrow_address(port_id: str, channel_id: str) -> Address:
    """Return the address that holds what went out over a channel and may come back.

    Spec: ICS-20; the derivation is ibc-go's (ADR-028 of the Cosmos SDK). Nobody has a
    key for it.
    """
    content = f"{VERSION}\x00{port_id}/{channel_id}"
    return encode_address(sha256(content.encode())[:ADDRESS_SIZE_BYTES])
