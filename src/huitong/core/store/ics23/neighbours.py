"""Where a leaf stands, seen from the inner nodes above it: at an edge, or side by side."""

from __future__ import annotations

from collections.abc import Sequence

from huitong.core.store.ics23.specs import Rules
from huitong.proto.cosmos.ics23.v1.proofs_pb2 import InnerOp

Path = Sequence[InnerOp]
"""Inner nodes from the leaf up."""


def is_left_most(rules: Rules, path: Path) -> bool:
    """Tell whether nothing can stand to the left: only first children, or empty ones."""
    return all(
        _branch(rules, step) == 0 or _has_empty_left(rules, step) for step in path
    )


def is_right_most(rules: Rules, path: Path) -> bool:
    """Tell whether nothing can stand to the right: only last children, or empty ones."""
    last = len(rules.order) - 1
    return all(
        _branch(rules, step) == last or _has_empty_right(rules, step) for step in path
    )


def is_left_neighbour(rules: Rules, left: Path, right: Path) -> bool:
    """Tell whether no leaf can stand between the leaves below two paths."""
    left_at, right_at = len(left) - 1, len(right) - 1
    while left_at >= 0 and right_at >= 0:
        on_left, on_right = left[left_at], right[right_at]
        is_same = (
            on_left.prefix == on_right.prefix and on_left.suffix == on_right.suffix
        )
        if not is_same:
            return (
                _is_left_step(rules, on_left, on_right)
                and is_right_most(rules, left[:left_at])
                and is_left_most(rules, right[:right_at])
            )
        left_at -= 1
        right_at -= 1
    return False  # one leaf would stand above the other, or both are the same


def _is_left_step(rules: Rules, left: InnerOp, right: InnerOp) -> bool:
    left_branch, right_branch = _branch(rules, left), _branch(rules, right)
    if left_branch is None or right_branch is None:
        return False
    return right_branch == left_branch + 1


def _branch(rules: Rules, step: InnerOp) -> int | None:
    """Return which child of ``step`` is proven, by the room left for the others."""
    prefix_size, suffix_size = len(step.prefix), len(step.suffix)
    for branch in range(len(rules.order)):
        position = rules.order.index(branch)
        before = position * rules.child_size
        after = (len(rules.order) - 1 - position) * rules.child_size
        if suffix_size == after and (
            rules.prefix_min <= prefix_size - before <= rules.prefix_max
        ):
            return branch
    return None


def _has_empty_left(rules: Rules, step: InnerOp) -> bool:
    """Tell whether every child to the left of the proven one is empty."""
    branch = _branch(rules, step)
    if not branch:
        return False
    first = len(step.prefix) - branch * rules.child_size
    return all(
        _child(step.prefix, first, rules.order.index(left), rules) == rules.empty_child
        for left in range(branch)
    )


def _has_empty_right(rules: Rules, step: InnerOp) -> bool:
    """Tell whether every child to the right of the proven one is empty."""
    branch = _branch(rules, step)
    if branch is None or branch == len(rules.order) - 1:
        return False
    count = len(rules.order) - 1 - branch
    return all(
        _child(step.suffix, 0, rules.order.index(right), rules) == rules.empty_child
        for right in range(count)
    )


def _child(data: bytes, first: int, position: int, rules: Rules) -> bytes:
    """Return one child of those that begin at ``first``; never the empty text."""
    start = first + position * rules.child_size
    return data[start : start + rules.child_size] if first >= 0 else b"?"
