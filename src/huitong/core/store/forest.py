"""The trees of all stores at their newest version, in memory as far as they are used.

Nodes are loaded when a write passes them and checked against the hash that their parent
keeps, so that a damaged disk stops the zone instead of changing its state. Above a limit
the deepest loaded nodes are forgotten again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from huitong.core.invariants import invariant
from huitong.core.limits import STORE_NODES_CACHED_MAX
from huitong.core.store.backend import Row, TableReader
from huitong.core.store.errors import StorageCorruptError
from huitong.core.store.iavl.node import (
    REFERENCE_SIZE,
    Node,
    is_record_of,
    load_node,
)
from huitong.core.store.iavl.tree import Tree
from huitong.core.store.roots import StoreRoot, app_hash
from huitong.core.store.tables import NODES, flat_table


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingCommit:
    """A block's state, hashed and not yet written."""

    version: int
    """Version that it will have: the block's height, from 1."""
    root_hash: bytes
    """App hash, 32 bytes."""
    roots: tuple[StoreRoot, ...]
    """Roots of all stores, by name."""
    nodes: tuple[tuple[bytes, bytes], ...]
    """New records of the trees, references ascending."""
    orphans: tuple[bytes, ...]
    """References that this version does not need any more."""
    rows: tuple[tuple[bytes, tuple[Row, ...]], ...]
    """Table and rows of the newest pairs, per changed store."""


class Forest:
    """The newest version of every tree."""

    __slots__ = ("_forgotten_height", "_latest", "_names", "_path", "_trees")

    def __init__(self, latest: TableReader, names: Sequence[str], path: str) -> None:
        """Take the stores ``names``; ``path`` names the database in errors."""
        self._latest = latest
        self._names = tuple(sorted(names))
        self._path = path
        self._trees: dict[str, Tree] = {}
        self._forgotten_height = 0

    def open(self, roots: Sequence[StoreRoot]) -> None:
        """Begin from these roots with nothing loaded; unsaved changes are forgotten."""
        by_name = {root.name: root for root in roots}
        self._trees = {
            name: Tree(self.load, by_name[name].link if name in by_name else b"")
            for name in self._names
        }

    def apply(
        self, version: int, changes: Mapping[str, Iterable[Row]]
    ) -> PendingCommit:
        """Apply a block's writes and hash; the trees are those of ``version`` then.

        Raises:
            StorageCorruptError: a node is missing or damaged; the trees are to be
                opened again.
        """
        nodes: list[tuple[bytes, bytes]] = []
        orphans: list[bytes] = []
        roots: list[StoreRoot] = []
        rows: list[tuple[bytes, tuple[Row, ...]]] = []
        for name in self._names:
            tree = self._trees[name]
            changed = tuple(changes.get(name, ()))
            if changed:
                _write(tree, changed)
                rows.append((flat_table(name), changed))
                tree.save(version, len(nodes), nodes)
                orphans += tree.orphans
                tree.orphans.clear()
            roots.append(_root_of(name, tree))
        return PendingCommit(
            version=version,
            root_hash=app_hash(roots),
            roots=tuple(roots),
            nodes=tuple(nodes),
            orphans=tuple(orphans),
            rows=tuple(rows),
        )

    def load(self, link: bytes) -> Node:
        """Return the node behind a link.

        Raises:
            StorageCorruptError: its record is missing or has another hash.
        """
        ref = link[:REFERENCE_SIZE]
        record = self._latest.get(NODES, ref)
        if record is None:
            raise StorageCorruptError(
                path=self._path, reason=f"node {ref.hex()} is missing"
            )
        if not is_record_of(record, link):
            raise StorageCorruptError(
                path=self._path, reason=f"node {ref.hex()} has another hash"
            )
        return load_node(link, record)

    def load_roots(self) -> None:
        """Load the root of every tree.

        Raises:
            StorageCorruptError: one is missing or damaged.
        """
        for tree in self._trees.values():
            if tree.root != b"":
                tree.open_root()

    @property
    def loaded_count(self) -> int:
        """Nodes in memory; for whoever watches, from any thread."""
        return sum(tree.loaded_count for tree in self._trees.values())

    def shrink(self) -> None:
        """Keep the number of loaded nodes bounded; those near the roots stay.

        Cost: one step for each node that stays; the height that was right last time is
        tried first.
        """
        trees = self._trees.values()
        if self.loaded_count <= STORE_NODES_CACHED_MAX:
            return
        height = max(self._forgotten_height - 1, 0)
        while True:
            for tree in trees:
                tree.shrink_cache(height)
            if self.loaded_count <= STORE_NODES_CACHED_MAX // 2:
                break
            height += 1
        self._forgotten_height = height


def _write(tree: Tree, rows: Sequence[Row]) -> None:
    last = b""
    write, remove = tree.set, tree.remove
    for key, value in rows:
        if key <= last:
            invariant(False, "writes come by ascending key", last=last, key=key)
        last = key
        if value is None:
            remove(key)
        else:
            write(key, value)


def _root_of(name: str, tree: Tree) -> StoreRoot:
    return StoreRoot(name=name, hash=tree.root_hash(), link=tree.root_link())
