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
#: Prefix of ``account_of_member_key``.
ACCOUNT_OF_MEMBER_PREFIX: Final = b"\x04"
#: Prefix of ``call_key``.
EMERGENCY_CALL_PREFIX: Final = b"\x05"
#: Prefix of ``legal_id_key``.
LEGAL_ID_PREFIX: Final = b"\x06"


def member_key(member_id: str) -> bytes:
    """Return the key of a member; its value is an encoded ``Member``."""
    return MEMBER_PREFIX + member_id.encode()


def account_key(address: str) -> bytes:
    """Return the key of an account; its value is an encoded ``Account``.

    Raises:
        InvalidAddressError: the text is no address.
    """
    return ACCOUNT_PREFIX + decode_address(address)


def accounts_of_member_prefix(member_id: str) -> bytes:
    """Return what the keys of the list of a member's accounts begin with."""
    return ACCOUNT_OF_MEMBER_PREFIX + member_id.encode() + b"\x00"


def account_of_member_key(member_id: str, address: str) -> bytes:
    """Return the key of an entry in the list of a member's accounts; empty: of none."""
    return accounts_of_member_prefix(member_id) + decode_address(address)


def call_key(member_id: str) -> bytes:
    """Return the key of the call to freeze a member; its value is an ``EmergencyCall``."""
    return EMERGENCY_CALL_PREFIX + member_id.encode()


def legal_id_key(legal_id: str) -> bytes:
    """Return the key under which a legal id has its member's id; ``a`` and ``A`` are one.

    Letters beyond ASCII stay as they are: what is upper case there depends on the version
    of Unicode, and all nodes must agree.
    """
    return LEGAL_ID_PREFIX + legal_id.encode().upper()
