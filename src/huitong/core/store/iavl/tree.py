"""The newest version of one IAVL tree, changed in place and saved once per block.

Shape and hashes are those of cosmos/iavl v1 for the same operations in the same order:
every node on the way to a written leaf, and every node that a rotation moves, counts as
made in the present version.

Nodes are changed in place instead of being copied. Older versions are read from the
node table only, which never changes a record, so nobody else sees these objects. When a
saved node is touched, its old reference becomes an *orphan*: no later version needs it.

This is the hottest code of a zone, so the steps down are spelled out, not shared.
"""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256
from typing import Final

from huitong.core.invariants import invariant
from huitong.core.store.iavl.node import (
    EMPTY_ROOT_HASH,
    INNER_HEAD,
    LEAF_HEAD,
    LINK_HASH,
    LINK_HEIGHT_AT,
    REFERENCE_SIZE,
    ZIGZAGS,
    Node,
    hash_leaf,
    zigzag,
)

_VARINTS: Final = len(ZIGZAGS)
_BYTES: Final = tuple(bytes((number,)) for number in range(256))

LoadNode = Callable[[bytes], Node]
"""Returns the node behind a link, checked against the link's hash."""


class Tree:
    """One tree at its newest version; see the module for the rules."""

    __slots__ = ("_load", "loaded_count", "orphans", "root")

    root: Node | bytes
    """The root, or its link; empty for the empty tree."""
    orphans: list[bytes]
    """References that this version does not need any more, in order of touching."""
    loaded_count: int
    """Nodes that are held in memory."""

    def __init__(self, load: LoadNode, root_link: bytes) -> None:
        self._load = load
        self.root = root_link
        self.orphans = []
        self.loaded_count = 0

    def set(self, key: bytes, value: bytes) -> None:
        """Put ``value`` under ``key``; an equal value counts as a change too.

        Cost: one descent; for a new key also one ascent.
        """
        if self.root == b"":
            self.root = Node(key, value)
            self.loaded_count = 1
            return
        node = self.open_root()
        orphans = self.orphans
        path: list[Node] = []
        push = path.append
        while node.height:
            link = node.link
            if link is not None:
                orphans.append(link[:REFERENCE_SIZE])
                node.link = None
            push(node)
            if key < node.key:
                child = node.left
                if child.__class__ is bytes:
                    child = node.left = self._open(child)
            else:
                child = node.right
                if child.__class__ is bytes:
                    child = node.right = self._open(child)
            node = child  # type: ignore[assignment]
        if key == node.key:
            self._touch(node)
            node.value = value
        else:
            self._grow(path, node, key, value)

    def _grow(self, path: list[Node], leaf: Node, key: bytes, value: bytes) -> None:
        """Put a new leaf beside ``leaf``, then enlarge and balance the way up."""
        new = Node(key, value)
        if key < leaf.key:
            child = Node(leaf.key, None)
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
            if node.left is old:
                node.left = child
            else:
                node.right = child
            node.size += 1
            old = node
            if child.height < node.height:
                for above in path:
                    above.size += 1
                return
            child = self._balance(node)
        self.root = child

    def remove(self, key: bytes) -> bool:
        """Remove ``key``; return whether it was there. An absent key changes nothing."""
        if self.root == b"":
            return False
        node = self.open_root()
        path: list[Node] = []
        while node.height:
            path.append(node)
            if key < node.key:
                child = node.left
                if child.__class__ is bytes:
                    child = node.left = self._open(child)
            else:
                child = node.right
                if child.__class__ is bytes:
                    child = node.right = self._open(child)
            node = child  # type: ignore[assignment]
        if node.key != key:
            return False
        self._touch(node)
        if path:
            self.loaded_count -= 2
            self._shrink(path, node)
        else:
            self.root = b""
            self.loaded_count = 0
        return True

    def _shrink(self, path: list[Node], leaf: Node) -> None:
        """Put the sibling of ``leaf`` in place of their parent; balance the way up."""
        old = path.pop()
        self._touch(old)
        smallest: bytes | None = None
        if old.left is leaf:
            child = old.right
            smallest = old.key
        else:
            child = old.left
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
        """Count a node as made in this version."""
        if node.link is not None:
            self.orphans.append(node.link[:REFERENCE_SIZE])
            node.link = None

    def _open(self, child: Node | bytes) -> Node:
        """Return a child, loaded if it was a link only."""
        if isinstance(child, bytes):
            self.loaded_count += 1
            return self._load(child)
        return child

    def open_root(self) -> Node:
        """Return the root of a tree that is not empty, loaded if it was a link only."""
        self.root = root = self._open(self.root)
        return root

    def _balance(self, node: Node) -> Node:
        """Set the height of a fresh node; rotate if it leans by two; return the top."""
        left_height, right_height = _height(node.left), _height(node.right)
        if left_height - right_height > 1:
            left = node.left = self._open(node.left)
            if _height(left.left) < _height(left.right):
                node.left = self._rotate_left(left)
            return self._rotate_right(node)
        if right_height - left_height > 1:
            right = node.right = self._open(node.right)
            if _height(right.left) > _height(right.right):
                node.right = self._rotate_right(right)
            return self._rotate_left(node)
        node.height = max(left_height, right_height) + 1
        return node

    def _rotate_right(self, node: Node) -> Node:
        """Lift the left child above ``node``."""
        top = self._open(node.left)
        moved = self._open(top.right)
        self._touch(node)
        self._touch(top)
        node.left = moved
        top.right = node
        self._measure(node, top, moved)
        return top

    def _rotate_left(self, node: Node) -> Node:
        """Lift the right child above ``node``."""
        top = self._open(node.right)
        moved = self._open(top.left)
        self._touch(node)
        self._touch(top)
        node.right = moved
        top.left = node
        self._measure(node, top, moved)
        return top

    @staticmethod
    def _measure(node: Node, top: Node, moved: Node) -> None:
        """Set sizes and heights after ``top`` gave ``moved`` to ``node``, now below."""
        whole = node.size
        node.size = whole - top.size + moved.size
        top.size = whole
        node.height = max(_height(node.left), _height(node.right)) + 1
        top.height = max(_height(top.left), _height(top.right)) + 1

    def root_link(self) -> bytes:
        """Return the link of the root of the saved tree; empty for the empty tree."""
        if isinstance(self.root, bytes):
            return self.root
        link = self.root.link
        invariant(link is not None, "a tree is saved before its root is asked for")
        return link  # type: ignore[return-value]

    def root_hash(self) -> bytes:
        """Return the hash of the saved tree."""
        return self.root_link()[LINK_HASH] or EMPTY_ROOT_HASH

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
        if isinstance(root, bytes) or root.link is not None:
            return first
        return _save(root, version.to_bytes(8, "big"), zigzag(version), first, out)

    def shrink_cache(self, height: int) -> None:
        """Forget the saved nodes of at most ``height``, and count the others."""
        self.loaded_count = 0
        if isinstance(self.root, bytes):
            return
        if self.root.height <= height and self.root.link is not None:
            self.root = self.root.link
            return
        count = 0
        waiting = [self.root]
        while waiting:
            node = waiting.pop()
            count += 1
            if not node.height:
                continue
            left, right = node.left, node.right
            if left.__class__ is Node:
                if left.height <= height and left.link is not None:
                    node.left = left.link
                else:
                    waiting.append(left)
            if right.__class__ is Node:
                if right.height <= height and right.link is not None:
                    node.right = right.link
                else:
                    waiting.append(right)
        self.loaded_count = count


def _height(child: Node | bytes) -> int:
    return child[LINK_HEIGHT_AT] if isinstance(child, bytes) else child.height


def _save(
    node: Node,
    version_head: bytes,
    version: bytes,
    position: int,
    out: list[tuple[bytes, bytes]],
) -> int:
    """Save the fresh nodes of a subtree, children first; return the next position."""
    height = node.height
    if height:
        left, right = node.left, node.right
        if isinstance(left, Node):
            if left.link is None:
                position = _save(left, version_head, version, position, out)
            left = left.link  # type: ignore[assignment]
        if isinstance(right, Node):
            if right.link is None:
                position = _save(right, version_head, version, position, out)
            right = right.link  # type: ignore[assignment]
        size = node.size
        node_hash = sha256(
            b"".join(
                (
                    ZIGZAGS[height],
                    ZIGZAGS[size] if size < _VARINTS else zigzag(size),
                    version,
                    b" ",
                    left[LINK_HASH],  # type: ignore[index]
                    b" ",
                    right[LINK_HASH],  # type: ignore[index]
                )
            )
        ).digest()
        record = b"".join((INNER_HEAD.pack(height, size), left, right, node.key))  # type: ignore[arg-type]
    else:
        key = node.key
        value: bytes = node.value  # type: ignore[assignment]
        node.value = None
        node_hash = hash_leaf(version, key, value)
        record = b"".join((LEAF_HEAD.pack(0, len(key)), key, value))
    ref = version_head + position.to_bytes(4, "big")
    node.link = b"".join((ref, node_hash, _BYTES[height]))
    out.append((ref, record))
    return position + 1
