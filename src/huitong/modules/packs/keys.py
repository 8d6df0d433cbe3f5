"""Keys of the store ``packs``: one byte of kind, then what it is about."""

from __future__ import annotations

from typing import Final

#: Name of the module's tree.
STORE: Final = "packs"
#: Prefix of ``pack_key``.
PACK_PREFIX: Final = b"\x01"
#: Prefix of all keys of versions.
VERSION_PREFIX: Final = b"\x02"
#: Where the number of packs stands, 8 bytes, big-endian.
COUNT_KEY: Final = b"\x03"


def pack_key(name: str) -> bytes:
    """Return the key of a pack; its value is an encoded ``Pack``."""
    return PACK_PREFIX + name.encode()


def versions_prefix(name: str) -> bytes:
    """Return the prefix of the versions of one pack; no name contains a slash."""
    return VERSION_PREFIX + name.encode() + b"/"


def version_key(name: str, numbers: tuple[int, int, int]) -> bytes:
    """Return the key of a version, which sorts like it; its value: ``PackVersion``."""
    encoded = b"".join(number.to_bytes(4, "big") for number in numbers)
    return versions_prefix(name) + encoded
