"""Reads a snapshot (``snapshot_layout``): chunk by chunk, every hash from the leaves up.

Nothing is trusted but the app hash that the caller brings. What is held in memory is one
subtree's link per level, the item that a chunk cuts, and the rows of the chunk in hand.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from hashlib import sha256
from typing import Final, NoReturn

from huitong.core.limits import (
    SNAPSHOT_STORES_MAX,
    SNAPSHOT_TREE_HEIGHT_MAX,
    SNAPSHOT_VALUE_SIZE_BYTES_MAX,
    STORE_KEY_SIZE_BYTES_MAX,
)
from huitong.core.store.backend import Batch
from huitong.core.store.errors import SnapshotInvalidError
from huitong.core.store.iavl.node import (
    EMPTY_ROOT_HASH,
    INNER_HEAD,
    LEAF_HEAD,
    LINK_HASH,
    LINK_HEIGHT_AT,
    POSITION_SIZE,
    hash_leaf,
    version_of,
    zigzag,
)
from huitong.core.store.roots import StoreRoot, app_hash
from huitong.core.store.snapshot_layout import (
    COUNT,
    END_OF_ITEMS,
    HEAD,
    INNER,
    ITEM,
    LEAF,
    MAGIC,
    PARTS,
    GetValue,
    SideRestore,
    SideRows,
)
from huitong.core.store.tables import NODES, flat_table

#: Each gets a position of its own.
_NODES_MAX: Final = 2 ** (8 * POSITION_SIZE)
_Subtree = tuple[bytes, int, bytes]
"""Link, number of leaves and smallest key of a subtree that is whole."""
_Phase = Callable[[bytes, int, Batch], int]
"""Reads one part of the stream from a place on; returns the same place for lack of bytes."""


class SnapshotReader:
    """Takes the chunks of one snapshot in order."""

    roots: tuple[StoreRoot, ...]
    """Roots of the stores that are whole, by name."""
    node_count: int
    """Number of nodes so far."""

    def __init__(
        self,
        *,
        version: int,
        app_hash: bytes,
        store_names: Collection[str],
        sides: Sequence[SideRows],
        initial_height: int,
    ) -> None:
        """Begin before the first byte.

        Args:
            version: which version the snapshot is of.
            app_hash: the app hash that it must have, 32 bytes.
            store_names: the stores that this software knows.
            sides: what must come along beside the state.
            initial_height: height of the zone's first block.
        """
        self.roots = ()
        self.node_count = 0
        self._version = version
        self._app_hash = app_hash
        self._known = frozenset(store_names)
        self._sides = list(sides)
        self._initial_height = initial_height
        self._restores: list[SideRestore] = []
        self._stores_left = 0
        self._name = ""
        self._nodes_left = 0
        self._stack: list[_Subtree] = []
        self._last_key = b""
        self._rest = b""
        self._phase: _Phase = self._read_head
        self._is_whole = False

    def feed(self, chunk: bytes) -> Batch:
        """Take the next chunk and return the rows that it holds.

        Raises:
            SnapshotInvalidError: it is malformed, or the state is not the trusted one.

        Cost: about 6 µs per node.
        """
        batch = Batch()
        data, at = self._rest + chunk, 0
        while not self._is_whole:
            phase = self._phase
            after = phase(data, at, batch)
            if after == at and self._phase == phase:
                break
            at = after
        if self._is_whole and at < len(data):
            self._refuse("bytes follow its end")
        self._rest = data[at:]
        if NODES in batch.rows:
            batch.rows[NODES].sort()  # neighbours share a page of the database
        return batch

    def finish(self, get: GetValue) -> None:
        """Check that the stream is at its end, and what came along beside the state.

        Args:
            get: reads the state that was written from the rows.

        Raises:
            SnapshotInvalidError: it was cut off, or a side part does not fit the state.
        """
        if not self._is_whole:
            self._refuse("it is cut off")
        for restore in self._restores:
            restore.check(get)

    # --- the parts of the stream ------------------------------------------------------

    def _read_head(self, data: bytes, at: int, batch: Batch) -> int:
        if len(data) < at + HEAD.size:
            return at
        magic, version, stores = HEAD.unpack_from(data, at)
        if magic != MAGIC:
            self._refuse("it does not begin like one")
        if version != self._version:
            self._refuse(f"it holds version {version}, not {self._version}")
        if stores > SNAPSHOT_STORES_MAX:
            self._refuse(f"it has {stores} stores")
        self._stores_left = stores
        self._phase = self._read_store
        return at + HEAD.size

    def _read_store(self, data: bytes, at: int, batch: Batch) -> int:
        if not self._stores_left:
            if app_hash(self.roots) != self._app_hash:
                self._refuse("its state has another app hash")
            self._phase = self._read_parts
            return at
        name, after = self._read_name(data, at)
        if after + COUNT.size > len(data) or after == at:
            return at
        if name not in self._known:
            self._refuse(f"this software has no store {name!r}")
        if self.roots and name <= self._name:
            self._refuse("its stores are not in order")
        leaves: int = COUNT.unpack_from(data, after)[0]
        nodes = max(0, 2 * leaves - 1)
        if self.node_count + nodes > _NODES_MAX:
            self._refuse(f"store {name} has {leaves} leaves")
        self._name, self._last_key = name, b""
        self._nodes_left = nodes
        self._phase = self._read_nodes
        return after + COUNT.size

    def _read_nodes(self, data: bytes, at: int, batch: Batch) -> int:
        if not self._nodes_left:
            self._end_store()
            return at
        before = at
        nodes: list[tuple[bytes, bytes]] = []
        pairs: list[tuple[bytes, bytes]] = []
        end = len(data)
        while self._nodes_left and at + LEAF.size <= end:
            if data[at]:
                at = self._read_inner(data, at, nodes)
            else:
                after = self._read_leaf(data, at, nodes, pairs)
                if after == at:
                    break
                at = after
            self._nodes_left -= 1
        else:
            # An inner node is shorter than a leaf, and may be all that is left.
            while self._nodes_left and at + INNER.size <= end and data[at]:
                at = self._read_inner(data, at, nodes)
                self._nodes_left -= 1
        if at > before:
            self.node_count += len(nodes)
            batch.write(NODES, nodes)
            batch.write(flat_table(self._name), pairs)
        return at

    def _read_leaf(
        self,
        data: bytes,
        at: int,
        nodes: list[tuple[bytes, bytes]],
        pairs: list[tuple[bytes, bytes]],
    ) -> int:
        key_size: int
        value_size: int
        _, version, key_size, value_size = LEAF.unpack_from(data, at)
        if not 0 < key_size <= STORE_KEY_SIZE_BYTES_MAX:
            self._refuse(f"a key has {key_size} bytes")
        if value_size > SNAPSHOT_VALUE_SIZE_BYTES_MAX:
            self._refuse(f"a value has {value_size} bytes")
        key_at = at + LEAF.size
        key_end = key_at + key_size
        end = key_end + value_size
        if end > len(data):
            return at
        key, value = data[key_at:key_end], data[key_end:end]
        if key <= self._last_key:
            self._refuse("its keys are not in order")
        self._last_key = key
        leaf_hash = hash_leaf(self._encode_version(version), key, value)
        ref = self._next_reference(version, nodes)
        self._push((ref + leaf_hash + b"\0", 1, key))
        nodes.append((ref, LEAF_HEAD.pack(0, key_size) + data[key_at:end]))
        pairs.append((key, value))
        return end

    def _read_inner(
        self, data: bytes, at: int, nodes: list[tuple[bytes, bytes]]
    ) -> int:
        kind, version = INNER.unpack_from(data, at)
        if kind != 1 or len(self._stack) < 2:
            self._refuse("a node has no place in its tree")
        right, right_size, key = self._stack.pop()
        left, left_size, smallest = self._stack.pop()
        height = max(left[LINK_HEIGHT_AT], right[LINK_HEIGHT_AT]) + 1
        if height > SNAPSHOT_TREE_HEIGHT_MAX:
            self._refuse("a tree is too high")
        size = left_size + right_size
        parts = (
            zigzag(height),
            zigzag(size),
            self._encode_version(version),
            b" ",
            left[LINK_HASH],
            b" ",
            right[LINK_HASH],
        )
        ref = self._next_reference(version, nodes)
        link = ref + sha256(b"".join(parts)).digest() + bytes((height,))
        self._push((link, size, smallest))
        nodes.append((ref, INNER_HEAD.pack(height, size) + left + right + key))
        return at + INNER.size

    def _end_store(self) -> None:
        if len(self._stack) > 1:
            self._refuse(f"store {self._name} is not one tree")
        link = self._stack.pop()[0] if self._stack else b""
        root_hash = link[LINK_HASH] or EMPTY_ROOT_HASH
        root = StoreRoot(name=self._name, hash=root_hash, link=link)
        self.roots = (*self.roots, root)
        self._stores_left -= 1
        self._phase = self._read_store

    def _read_parts(self, data: bytes, at: int, batch: Batch) -> int:
        if len(data) < at + PARTS.size:
            return at
        if PARTS.unpack_from(data, at)[0] != len(self._sides):
            self._refuse("it brings other parts beside the state")
        self._phase = self._read_part
        return at + PARTS.size

    def _read_part(self, data: bytes, at: int, batch: Batch) -> int:
        if len(self._restores) == len(self._sides):
            self._is_whole = True
            return at
        name, after = self._read_name(data, at)
        if after == at:
            return at
        side = self._sides[len(self._restores)]
        if name != side.name:
            self._refuse(f"it brings {name!r} beside the state, not {side.name!r}")
        self._restores.append(side.restore(self._version, self._initial_height))
        self._phase = self._read_items
        return after

    def _read_items(self, data: bytes, at: int, batch: Batch) -> int:
        take = self._restores[-1].take
        while at + ITEM.size <= len(data):
            if data[at : at + ITEM.size] == END_OF_ITEMS:
                self._phase = self._read_part
                return at + ITEM.size
            size = ITEM.unpack_from(data, at)[0]
            if size > SNAPSHOT_VALUE_SIZE_BYTES_MAX:
                self._refuse(f"an item has {size} bytes")
            start = at + ITEM.size
            if start + size > len(data):
                break
            for table, row in take(data[start : start + size]):
                batch.rows.setdefault(table, []).append(row)
            at = start + size
        return at

    # --- details ----------------------------------------------------------------------

    def _read_name(self, data: bytes, at: int) -> tuple[str, int]:
        """Return a name and the place after it; the same place for lack of bytes."""
        if at >= len(data) or at + 1 + data[at] > len(data):
            return "", at
        after = at + 1 + data[at]
        try:
            return data[at + 1 : after].decode(), after
        except UnicodeDecodeError:
            self._refuse("a name is not UTF-8")

    def _encode_version(self, version: bytes) -> bytes:
        if not 0 < int.from_bytes(version, "big") <= self._version:
            self._refuse("a node is newer than its version")
        return version_of(version)

    def _next_reference(
        self, version: bytes, nodes: Sequence[tuple[bytes, bytes]]
    ) -> bytes:
        """Return where the next node belongs, after ``nodes`` that are not counted yet."""
        position = self.node_count + len(nodes)
        return version + position.to_bytes(POSITION_SIZE, "big")

    def _push(self, subtree: _Subtree) -> None:
        if len(self._stack) > SNAPSHOT_TREE_HEIGHT_MAX:
            self._refuse("a tree is too high")
        self._stack.append(subtree)

    def _refuse(self, reason: str) -> NoReturn:
        raise SnapshotInvalidError(reason=reason)
