"""Keys of the store ``upgrade``.

The store has the name and leaves the room that the Cosmos SDK and ibc-go give it: a
chain whose headers change in an upgrade commits there, below ``upgradedIBCState/``, to
the states with which its clients go on (ICS-2). No upgrade of ours has changed headers,
so nothing lies there; our own keys begin with bytes that no such path begins with.
"""

from __future__ import annotations

from typing import Final

#: Name of the module's tree, which counterparties have in their clients' upgrade path.
STORE: Final = "upgrade"
#: Where the plan stands.
PLAN_KEY: Final = b"\x01"
#: Prefix of ``done_key``.
DONE_PREFIX: Final = b"\x02"
#: Where the number of upgrades done stands, 8 bytes, big-endian.
DONE_COUNT_KEY: Final = b"\x03"
#: Where the newest upgrade that was carried out stands, an encoded ``DoneUpgrade``.
NEWEST_DONE_KEY: Final = b"\x04"


def done_key(name: str) -> bytes:
    """Return the key of an upgrade that was carried out; its value: ``DoneUpgrade``."""
    return DONE_PREFIX + name.encode()
