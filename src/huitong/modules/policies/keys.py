"""Keys of the store ``policies``: one byte of kind, then what it is about."""

from __future__ import annotations

from typing import Final

from huitong.core.codec import delimited

#: Name of the module's tree.
STORE: Final = "policies"
#: Prefix of ``policy_key``.
POLICY_PREFIX: Final = b"\x01"
#: Prefix of ``version_key``.
VERSION_PREFIX: Final = b"\x02"
#: Where the number of record types with a policy stands, 8 bytes, big-endian.
COUNT_KEY: Final = b"\x03"
#: Prefix of ``use_key``.
USE_PREFIX: Final = b"\x04"
#: Where the id of the next use stands, 8 bytes, big-endian.
NEXT_USE_ID_KEY: Final = b"\x05"
#: Prefix of ``due_key``.
DUE_PREFIX: Final = b"\x06"
#: Prefix of ``unreviewed_key``.
UNREVIEWED_PREFIX: Final = b"\x07"
#: Where the module's rules stand, an encoded ``Params``.
PARAMS_KEY: Final = b"\x08"


def policy_key(record_type: str) -> bytes:
    """Return the key of a type's newest policy; its value is an encoded ``Policy``."""
    return POLICY_PREFIX + record_type.encode()


def version_key(record_type: str, version: int) -> bytes:
    """Return the key of one version of a policy; its value is an encoded ``Policy``."""
    return VERSION_PREFIX + record_type.encode() + b"/" + version.to_bytes(8, "big")


def use_key(use_id: int) -> bytes:
    """Return the key of a use of broken glass; its value is a ``BreakGlassUse``."""
    return USE_PREFIX + use_id.to_bytes(8, "big")


def due_key(due_ns: int, use_id: int) -> bytes:
    """Return the key that orders uses by the time of their review; its value: one byte."""
    return due_prefix(due_ns) + use_id.to_bytes(8, "big")


def due_prefix(due_ns: int) -> bytes:
    """Return the prefix of ``due_key`` for one point in time."""
    return DUE_PREFIX + due_ns.to_bytes(8, "big")


def unreviewed_key(user: str, due_ns: int, use_id: int) -> bytes:
    """Return the key that lists a user's uses without a review, the first due first."""
    moment = due_ns.to_bytes(8, "big") + use_id.to_bytes(8, "big")
    return unreviewed_prefix(user) + moment


def unreviewed_prefix(user: str) -> bytes:
    """Return the prefix of ``unreviewed_key`` for one user."""
    return UNREVIEWED_PREFIX + delimited(user.encode())
