"""Names and keys of the tables in which the state is kept.

* ``nodes``: the trees' records, by reference (``iavl.node``);
* ``flat/<store>``: the newest pairs of each store, so that a read is one look-up;
* ``roots``: per version the roots of all stores (``roots``);
* ``orphans``: per version the references that it made superfluous, in chunks;
* ``meta``: format, latest and oldest version, and what came from a snapshot.
"""

from __future__ import annotations

from typing import Final

META: Final = b"meta"
NODES: Final = b"nodes"
ROOTS: Final = b"roots"
ORPHANS: Final = b"orphans"

FORMAT_KEY: Final = b"format"
LATEST_KEY: Final = b"latest"
OLDEST_KEY: Final = b"oldest"
RESTORING_KEY: Final = b"restoring"
"""There while a snapshot is being read: the rows are not a state yet."""
RESTORED_KEY: Final = b"restored"
"""The version that a snapshot brought; absent in a state that began with genesis."""

FORMAT: Final = b"1"
"""Layout of these tables; another layout gets another number and a migration."""


def flat_table(store_name: str) -> bytes:
    """Return the table of the newest pairs of a store."""
    return b"flat/" + store_name.encode()


def version_key(version: int) -> bytes:
    """Return the key of a version: 8 bytes, big-endian, so that keys sort by version."""
    return version.to_bytes(8, "big")


def orphans_key(version: int, chunk: int) -> bytes:
    """Return the key of one chunk of the references orphaned by a version."""
    return version_key(version) + chunk.to_bytes(4, "big")
