"""How a snapshot of one version is laid out: format 2.

A snapshot is a stream of bytes, the same on every node that holds the version. It
is cut into chunks of ``SNAPSHOT_CHUNK_SIZE_BYTES``; where the cuts fall means nothing.
All numbers are big-endian. The stream::

    "huitong-snapshot-2"  version 8  number of stores 2
    per store by name:    length 1, name; number of leaves 8; its nodes
    number of side parts 2
    per side part:        length 1, name; items; an end mark of 4 bytes 0xff

Nodes come children before parents, left before right:

* leaf: ``0x00``, version 8, length of the key 2, length of the value 4, key, value;
* inner node: ``0x01``, version 8. Height, size, hashes, links and key follow from the
  children.

The version of a node is the block that made it, and part of its hash. So the app hash
covers every byte before the side parts: whatever was forged has another app hash.
Positions, the other part of a reference, are each database's own and not in the stream;
the reader numbers the nodes as they come.

An item of a side part is its length 4 and its bytes. A side part holds rows that no
hash covers but that can be recomputed and checked against the state.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from struct import Struct
from typing import Final, Protocol

from huitong.core.store.backend import Row
from huitong.core.store.view import ReadView

FORMAT: Final = 2
"""Number of this layout, as nodes tell each other."""
MAGIC: Final = b"huitong-snapshot-2"
HEAD: Final = Struct(f">{len(MAGIC)}sQH")
"""Magic, version, number of stores."""
LEAF: Final = Struct(">B8sHI")
"""Kind 0, version, length of the key, length of the value."""
INNER: Final = Struct(">B8s")
"""Kind 1, version."""
COUNT: Final = Struct(">Q")
"""Number of leaves of a store."""
PARTS: Final = Struct(">H")
"""Number of side parts."""
ITEM: Final = Struct(">I")
"""Length of an item of a side part."""
END_OF_ITEMS: Final = b"\xff\xff\xff\xff"

GetValue = Callable[[str, bytes], bytes | None]
"""Returns what the restored state holds: store, key."""


class SideRestore(Protocol):
    """Takes one side part of one snapshot."""

    def take(self, item: bytes) -> Sequence[tuple[bytes, Row]]:
        """Return the rows that an item stands for, each with its table.

        Raises:
            SnapshotInvalidError: it is malformed.
        """
        ...

    def check(self, get: GetValue) -> None:
        """Check all that was taken against the state, whose hash is verified.

        Raises:
            SnapshotInvalidError: it does not belong to this state.
        """
        ...


class SideRows(Protocol):
    """Rows of one module beside the state that a restored node needs for its queries."""

    @property
    def name(self) -> str:
        """Name of the side part."""
        ...

    def items(self, view: ReadView) -> Iterator[bytes]:
        """Return what stands for the rows at the view's version, the same everywhere."""
        ...

    def restore(self, version: int, initial_height: int) -> SideRestore:
        """Begin to take the side part of the snapshot of ``version``."""
        ...
