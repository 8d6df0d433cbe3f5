"""Addresses of accounts: 20 bytes of a public key's hash, written in bech32.

address = RIPEMD-160(SHA-256(compressed secp256k1 public key)), as in the Cosmos SDK.
RIPEMD-160 comes from pycryptodome, because OpenSSL 3 no longer offers it by default.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache
from typing import Final, NewType

import bech32
from Crypto.Hash import RIPEMD160

from huitong.core.errors import InvalidAddressError
from huitong.core.invariants import invariant

#: An account's address in bech32, lower case, checked.
Address = NewType("Address", str)

#: The part of an address before the separator.
ADDRESS_PREFIX: Final = "ht"
ADDRESS_SIZE_BYTES: Final = 20
#: Characters of an address: prefix, separator, 32 of data, 6 of checksum.
ADDRESS_CHARACTERS: Final = len(ADDRESS_PREFIX) + 1 + 32 + 6
#: Results kept; accounts that are active at a time recur in every block.
_KEPT: Final = 65_536


@lru_cache(maxsize=_KEPT)
def address_of_public_key(public_key: bytes) -> Address:
    """Return the address of the account that the 33 bytes of ``public_key`` sign for."""
    digest = RIPEMD160.new(hashlib.sha256(public_key).digest()).digest()
    return encode_address(digest)


@lru_cache(maxsize=_KEPT)
def decode_address(text: str) -> bytes:
    """Return the 20 bytes of an address of this software, written in lower case.

    Raises:
        InvalidAddressError: no bech32, another prefix, another length, upper case.
    """
    if len(text) != ADDRESS_CHARACTERS:
        raise InvalidAddressError(
            address=text, reason=f"expected {ADDRESS_CHARACTERS} characters"
        )
    if text != text.lower():
        raise InvalidAddressError(address=text, reason="expected lower case")
    prefix, words = bech32.bech32_decode(text)
    if prefix is None or words is None:
        raise InvalidAddressError(address=text, reason="wrong checksum or characters")
    if prefix != ADDRESS_PREFIX:
        raise InvalidAddressError(
            address=text, reason=f"expected prefix {ADDRESS_PREFIX}, got {prefix}"
        )
    data = bech32.convertbits(words, 5, 8, False)
    if data is None or len(data) != ADDRESS_SIZE_BYTES:
        raise InvalidAddressError(
            address=text, reason=f"expected {ADDRESS_SIZE_BYTES} bytes"
        )
    return bytes(data)


def encode_address(data: bytes) -> Address:
    """Return 20 bytes as an address.

    Raises:
        InvalidAddressError: not 20 bytes.
    """
    if len(data) != ADDRESS_SIZE_BYTES:
        raise InvalidAddressError(
            address=data, reason=f"expected {ADDRESS_SIZE_BYTES} bytes"
        )
    return Address(encode_bech32(ADDRESS_PREFIX, data))


def encode_bech32(prefix: str, data: bytes) -> str:
    """Return any bytes in bech32, for addresses that are not those of accounts."""
    words = bech32.convertbits(data, 8, 5, True)
    invariant(words is not None, "whole bytes always regroup with padding")
    return str(bech32.bech32_encode(prefix, words or []))


def with_prefix(address: str, prefix: str) -> str:
    """Return the same 20 bytes as another chain writes them, for example ``cosmos1…``.

    Raises:
        InvalidAddressError: ``address`` is none of this software.
    """
    words = bech32.convertbits(decode_address(address), 8, 5, True)
    invariant(words is not None, "whole bytes always regroup with padding")
    return str(bech32.bech32_encode(prefix, words or []))


#: Signer of messages that a passed proposal carries out: the address that the Cosmos SDK
#: derives from the name of its governance account. Nobody has a key for it.
GOVERNANCE_ADDRESS: Final = encode_address(
    hashlib.sha256(b"gov").digest()[:ADDRESS_SIZE_BYTES]
)


def check_address(text: str) -> Address:
    """Return ``text`` as an address.

    Raises:
        InvalidAddressError: it is none.
    """
    decode_address(text)
    return Address(text)
