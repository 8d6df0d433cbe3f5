"""Reading a saved version of an IAVL tree straight from its records.

Records never change, so any number of readers work on any version that is kept, while
the newest one grows elsewhere. A tree is given by the reference of its root; None is the
empty tree.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from huitong.core.store.iavl.node import (
    INNER_KEY_AT,
    LEAF_HEAD,
    LEAF_KEY_AT,
    LEFT_AT,
    REFERENCE_SIZE,
    RIGHT_AT,
    is_record_of,
)

GetRecord = Callable[[bytes], bytes]
"""Returns the record under a reference; raises where there is none."""

Step = tuple[bytes, bytes, bool]
"""An inner node on the way down: reference, record, and whether the way goes left."""

_LEFT_REF = slice(LEFT_AT, LEFT_AT + REFERENCE_SIZE)
_RIGHT_REF = slice(RIGHT_AT, RIGHT_AT + REFERENCE_SIZE)


def child_ref(record: bytes, left: bool) -> bytes:
    """Return the reference of a child from the record of an inner node."""
    return record[_LEFT_REF if left else _RIGHT_REF]


def leaf_pair(record: bytes) -> tuple[bytes, bytes]:
    """Return key and value from the record of a leaf."""
    key_end = LEAF_KEY_AT + LEAF_HEAD.unpack_from(record)[1]
    return record[LEAF_KEY_AT:key_end], record[key_end:]


def find_value(get: GetRecord, root: bytes | None, key: bytes) -> bytes | None:
    """Return the value under ``key``, or None if there is none."""
    if root is None:
        return None
    record = get(root)
    while record[0]:
        left = key < record[INNER_KEY_AT:]
        record = get(record[_LEFT_REF if left else _RIGHT_REF])
    leaf_key, value = leaf_pair(record)
    return value if leaf_key == key else None


def iterate_tree(
    get: GetRecord,
    root: bytes | None,
    start: bytes,
    end: bytes | None,
    *,
    reverse: bool = False,
) -> Iterator[tuple[bytes, bytes]]:
    """Walk over the pairs with ``start <= key < end`` in the order of the keys."""
    waiting = [] if root is None else [root]
    while waiting:
        record = get(waiting.pop())
        if not record[0]:
            key, value = leaf_pair(record)
            if start <= key and (end is None or key < end):
                yield key, value
            continue
        split = record[INNER_KEY_AT:]
        children = []
        if end is None or split < end:
            children.append(child_ref(record, left=False))
        if start < split:
            children.append(child_ref(record, left=True))
        waiting.extend(reversed(children) if reverse else children)


def iterate_nodes(
    get: Callable[[bytes], bytes | None], root_link: bytes
) -> Iterator[tuple[bytes, bytes | None]]:
    """Walk over all nodes, children before parents, left before right.

    Args:
        get: returns the record under a reference, or None.
        root_link: link of the root; nothing for the empty tree.

    Returns:
        Reference and record; None in place of a record that is missing or has another
        hash than its parent says, and then the walk is over.
    """
    waiting: list[tuple[bytes, bytes | None]] = [(root_link, None)] if root_link else []
    while waiting:
        link, passed = waiting.pop()
        ref = link[:REFERENCE_SIZE]
        if passed is not None:
            yield ref, passed
            continue
        record = get(ref)
        if record is None or not is_record_of(record, link):
            yield ref, None
            return
        if not record[0]:
            yield ref, record
            continue
        waiting.append((link, record))
        waiting.append((record[RIGHT_AT:INNER_KEY_AT], None))
        waiting.append((record[LEFT_AT:RIGHT_AT], None))


def descend(get: GetRecord, root: bytes, key: bytes) -> tuple[list[Step], bytes, bytes]:
    """Go down to the leaf where ``key`` is or would be.

    Returns:
        The inner nodes passed, and reference and record of the leaf.
    """
    path: list[Step] = []
    ref, record = root, get(root)
    while record[0]:
        left = key < record[INNER_KEY_AT:]
        path.append((ref, record, left))
        ref = child_ref(record, left)
        record = get(ref)
    return path, ref, record


def descend_beside(
    get: GetRecord, path: list[Step], left: bool
) -> tuple[list[Step], bytes, bytes] | None:
    """Go from the leaf below ``path`` to its neighbour on the left or on the right.

    Returns:
        What ``descend`` returns, for the neighbour; None at the edge of the tree.
    """
    turn = len(path) - 1
    while turn >= 0 and path[turn][2] is left:
        turn -= 1
    if turn < 0:
        return None
    ref, record, _ = path[turn]
    beside = [*path[:turn], (ref, record, left)]
    ref = child_ref(record, left)
    record = get(ref)
    while record[0]:
        beside.append((ref, record, not left))
        ref = child_ref(record, not left)
        record = get(ref)
    return beside, ref, record
