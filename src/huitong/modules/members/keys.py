"""Keys of the store ``members``: one byte of kind, then the id.

A member's and an account's value is provable alone, under the key that the functions
below build.
"""

from __future__ import annotations

from typing import Final

from huitong.core.address import decode_address

#: Name of the module's tree.
STORE: Final = "members"
#: Prefix of ``member_key``.
MEMBER_PREFIX: Final = b"\x01"
#: Prefix of ``account_key``.
ACCOUNT_PREFIX: Final = b"\x02"
#: Where the number of the next account stands, as 8 bytes, big-endian.
NEXT_ACCOUNT_NUMBER_KEY: Final = b"\x03"


def member_key(member_id: str) -> bytes:
    """Return the key of a member; its value is an encoded ``Member``."""
    return MEMBER_PREFIX + member_id.encode()


def account_key(address: str) -> bytes:
    """Return the key of an account; its value is an encoded ``Account``.

    Raises:
        InvalidAddressError: the text is no address.
    """
    return ACCOUNT_PREFIX + decode_address(address)
