"""The newest version of one IAVL tree, changed in place and saved once per block.

Shape and hashes are those of cosmos/iavl v1 for the same operations in the same order:
every node on the way to a written leaf, and every node that a rotation moves, counts as
made in the present version.

Nodes are changed in place instead of being copied. Older versions are read from the
node table only, which never changes a record, so nobody else sees these objects. When a
saved node is touched, its old reference becomes an *orphan*: no later version needs it.
"""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256

from huitong.core.invariants import invariant
from huitong.core.store.iavl.node import (
    EMPTY_ROOT_HASH,
    INNER_HEAD,
    LEAF_HEAD,
    ZIGZAGS,
    Node,
    strip_node,
    uvarint,
    zigzag,
)

FillNode = Callable[[Node], None]
"""Loads what a bare node lacks, checked against the node's hash."""


class Tree:
    """One tree at its newest version; see the module for the rules."""

    __slots__ = ("_load", "loaded_count", "orphans", "root")

    root: Node | None
    """The root; None for the empty tree."""
    orphans: list[bytes]
    """References that this version does not need any more, in order of touching."""
    loaded_count: int
    """Upper bound of the nodes that are held in memory and not bare."""

    def __init__(self, load: FillNode, root: Node | None) -> None:
        self._load = load
        self.root = root
        self.orphans = []
        self.loaded_count = 0

    def set(self, key: bytes, value: bytes) -> None:
        """Put ``value`` under ``key``; an equal value counts as a change too.

        Cost: one descent; for a new key also one ascent.
        """
        root = self.root
        if root is None:
            self.root = Node(key, value)
            return
        node = root
        path: list[Node] = []
        push = path.append
        while True:
            node_key = node.key
            if node_key is None:
                node_key = self._fill(node)
            ref = node.ref
            if not node.height:
                break
            if ref is not None:
                self.orphans.append(ref)
                node.ref = None
            push(node)
            node = node.left if key < node_key else node.right
        if key == node_key:
            if ref is not None:
                self.orphans.append(ref)
                node.ref = None
            node.value = value
            return
        self._grow(path, node, node_key, key, value)

    def _grow(
        self, path: list[Node], leaf: Node, leaf_key: bytes, key: bytes, value: bytes
    ) -> None:
        """Put a new leaf beside ``leaf``, then enlarge and balance the way up."""
        new = Node(key, value)
        if key < leaf_key:
            child = Node(leaf_key, None)
            child.left, child.right = new, leaf
        else:
            child = Node(key, None)
            child.left, child.right = leaf, new
        child.height = 1
        child.size = 2
        self.loaded_count += 2
        old = leaf
        while path:
            node = path.pop()
            left = node.left
            right = node.right
            if left is old:
                node.left = left = child
            else:
                node.right = right = child
            node.size += 1
            old = node
            balance = left.height - right.height
            height = (left.height if balance > 0 else right.height) + 1
            if height == node.height:
                for above in path:
                    above.size += 1
                return
            if -2 < balance < 2:
                node.height = height
                child = node
            else:
                child = self._balance(node)
        self.root = child

    def remove(self, key: bytes) -> bool:
        """Remove ``key``; return whether it was there. An absent key changes nothing."""
        root = self.root
        if root is None:
            return False
        node = root
        path: list[Node] = []
        while True:
            node_key = node.key
            if node_key is None:
                node_key = self._fill(node)
            if not node.height:
                break
            path.append(node)
            node = node.left if key < node_key else node.right
        if node_key != key:
            return False
        self._touch(node)
        if not path:
            self.root = None
            return True
        self.loaded_count -= 2
        self._shrink(path, node)
        return True

    def _shrink(self, path: list[Node], leaf: Node) -> None:
        """Put the sibling of ``leaf`` in place of their parent; balance the way up."""
        old = path.pop()
        self._touch(old)
        if old.left is leaf:
            child = old.right
            smallest = old.key
        else:
            child = old.left
            smallest = None
        while path:
            node = path.pop()
            self._touch(node)
            if node.left is old:
                node.left = child
            else:
                node.right = child
                if smallest is not None:
                    # The leaf was the smallest of this right subtree.
                    node.key, smallest = smallest, None
            node.size -= 1
            old = node
            child = self._balance(node)
        self.root = child

    def _touch(self, node: Node) -> None:
        if node.ref is not None:
            self.orphans.append(node.ref)
            node.ref = None

    def _fill(self, node: Node) -> bytes:
        """Load what a bare node lacks and return its key."""
        self._load(node)
        self.loaded_count += 1
        return node.key  # type: ignore[return-value]

    def _balance(self, node: Node) -> Node:
        """Set the height of a fresh node; rotate if it leans by two; return the top."""
        left = node.left
        right = node.right
        balance = left.height - right.height
        if balance > 1:
            if left.key is None:
                self._fill(left)
            if left.left.height < left.right.height:
                node.left = self._rotate_left(left)
            return self._rotate_right(node)
        if balance < -1:
            if right.key is None:
                self._fill(right)
            if right.left.height > right.right.height:
                node.right = self._rotate_right(right)
            return self._rotate_left(node)
        node.height = (left.height if balance > 0 else right.height) + 1
        return node

    def _rotate_right(self, node: Node) -> Node:
        """Lift the left child above ``node``."""
        top = node.left
        self._open(node)
        self._open(top)
        moved = top.right
        if moved.key is None:
            self._fill(moved)
        size = node.size
        node.size = size - top.size + moved.size
        top.size = size
        node.left = moved
        top.right = node
        self._raise(node)
        self._raise(top)
        return top

    def _rotate_left(self, node: Node) -> Node:
        """Lift the right child above ``node``."""
        top = node.right
        self._open(node)
        self._open(top)
        moved = top.left
        if moved.key is None:
            self._fill(moved)
        size = node.size
        node.size = size - top.size + moved.size
        top.size = size
        node.right = moved
        top.left = node
        self._raise(node)
        self._raise(top)
        return top

    def _open(self, node: Node) -> None:
        """Make sure that a node is loaded, and count it as made in this version."""
        if node.key is None:
            self._fill(node)
        self._touch(node)

    @staticmethod
    def _raise(node: Node) -> None:
        left = node.left
        right = node.right
        node.height = max(left.height, right.height) + 1

    def root_hash(self) -> bytes:
        """Return the hash of the saved tree."""
        if self.root is None:
            return EMPTY_ROOT_HASH
        invariant(self.root.ref is not None, "a tree is saved before its hash is asked")
        return self.root.hash

    def save(self, version: int, first: int, out: list[tuple[bytes, bytes]]) -> int:
        """Hash all fresh nodes and add their records to ``out``, references ascending.

        Args:
            version: the version being made; it becomes part of hashes and references.
            first: position within the version of the first record.
            out: where the records go, children before parents.

        Returns:
            The position after the last record.
        """
        root = self.root
        if root is None or root.ref is not None:
            return first
        return _save(root, version.to_bytes(8, "big"), zigzag(version), first, out)

    def shrink_cache(self, height: int) -> None:
        """Make the saved nodes of at most ``height`` bare, and recount the others."""
        self.loaded_count = 0
        if self.root is None:
            return
        waiting = [self.root]
        while waiting:
            node = waiting.pop()
            if node.key is None:
                continue
            if node.height <= height and node.ref is not None:
                strip_node(node)
                continue
            self.loaded_count += 1
            if node.height:
                waiting.append(node.left)
                waiting.append(node.right)


def _save(
    node: Node,
    version_head: bytes,
    version: bytes,
    position: int,
    out: list[tuple[bytes, bytes]],
) -> int:
    height = node.height
    key: bytes = node.key  # type: ignore[assignment]
    if height:
        left = node.left
        right = node.right
        if left.ref is None:
            position = _save(left, version_head, version, position, out)
        if right.ref is None:
            position = _save(right, version_head, version, position, out)
        left_hash = left.hash
        right_hash = right.hash
        size = node.size
        node.hash = sha256(
            b"".join(
                (
                    ZIGZAGS[height],
                    ZIGZAGS[size] if size < 4096 else zigzag(size),
                    version,
                    b" ",
                    left_hash,
                    b" ",
                    right_hash,
                )
            )
        ).digest()
        record = (
            INNER_HEAD.pack(
                height,
                left.height,
                right.height,
                size,
                left.ref,
                right.ref,
                left_hash,
                right_hash,
            )
            + key
        )
    else:
        value: bytes = node.value  # type: ignore[assignment]
        node.value = None
        key_size = len(key)
        node.hash = sha256(
            b"".join(
                (
                    b"\0\2",
                    version,
                    uvarint(key_size),
                    key,
                    b" ",
                    sha256(value).digest(),
                )
            )
        ).digest()
        record = b"".join((LEAF_HEAD.pack(0, key_size), key, value))
    node.ref = ref = version_head + position.to_bytes(4, "big")
    out.append((ref, record))
    return position + 1
