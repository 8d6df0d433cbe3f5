"""A Merkle mountain range: a list that only grows, with proofs of log n hashes.

The leaves are cut, from the first one on, into perfect trees ("mountains") whose sizes
are the powers of two in the leaf count, the largest first. The accumulator holds the
count and the peak of each mountain. Appending a leaf merges equal mountains at the end.
A perfect tree, once complete, never changes, so its nodes can be kept aside for ever and
serve every later accumulator.

Hashes are those of RFC 6962: a leaf behind a zero byte, a pair behind a one byte, so
neither stands for the other. A node's position is its level, 0 for leaves, and its index
among the nodes of its level.

All functions are pure; where nodes are kept is the caller's matter.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from huitong.core.hashing import HASH_SIZE_BYTES, inner_hash, leaf_hash

#: Level, 0 for leaves, and index among the nodes of that level.
Position: TypeAlias = tuple[int, int]
#: Returns the hash of a complete node, or None if it is not kept.
NodeReader: TypeAlias = Callable[[Position], bytes | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mountains:
    """What stands for the whole list."""

    leaf_count: int
    """How many leaves there are, 0 ≤ n < 2^64."""
    peaks: tuple[bytes, ...]
    """Root of each mountain, 32 bytes, the largest mountain first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One sibling on the way from a leaf up to its peak."""

    sibling: bytes
    """Hash of the other node of the pair, 32 bytes."""
    sibling_is_left: bool
    """Whether it stands left of the node that is known."""


EMPTY = Mountains(leaf_count=0, peaks=())


def append(
    mountains: Mountains, item: bytes
) -> tuple[Mountains, list[tuple[Position, bytes]]]:
    """Add ``item`` as the last leaf.

    Returns:
        The new accumulator, and every node that is complete now and was not before:
        the leaf and the nodes above it, lowest first.

    Cost: two hashes on average, at most one for each bit of the count.
    """
    index = mountains.leaf_count
    peaks = list(mountains.peaks)
    node = leaf_hash(item)
    nodes = [((0, index), node)]
    level = 0
    while index & 1:
        node = inner_hash(peaks.pop(), node)
        level += 1
        index >>= 1
        nodes.append(((level, index), node))
    peaks.append(node)
    grown = Mountains(leaf_count=mountains.leaf_count + 1, peaks=tuple(peaks))
    return grown, nodes


def mountain_of(leaf_count: int, index: int) -> tuple[int, int]:
    """Return which peak, counted from 0, a leaf is below, and that mountain's height.

    Args:
        leaf_count: how many leaves the accumulator has.
        index: the leaf, 0 ≤ index < leaf_count.
    """
    start, place = 0, 0
    for level in range(leaf_count.bit_length() - 1, -1, -1):
        size = 1 << level
        if leaf_count & size:
            if index < start + size:
                return place, level
            start += size
            place += 1
    raise IndexError(f"leaf {index} of {leaf_count}")


def peak_positions(leaf_count: int) -> tuple[Position, ...]:
    """Return where the peaks of a list of ``leaf_count`` leaves are, as nodes."""
    positions: list[Position] = []
    start = 0
    for level in range(leaf_count.bit_length() - 1, -1, -1):
        if leaf_count >> level & 1:
            positions.append((level, start >> level))
            start += 1 << level
    return tuple(positions)


def prove(
    leaf_count: int, index: int, read_node: NodeReader
) -> tuple[Step, ...] | None:
    """Return the way from a leaf to its peak, or None if a node on it is not kept.

    Args:
        leaf_count: how many leaves the accumulator has that the proof is for.
        index: the leaf, 0 ≤ index < leaf_count.
        read_node: where complete nodes are kept; newer ones do no harm.

    Cost: one read for each level of the mountain.
    """
    _, height = mountain_of(leaf_count, index)
    steps = []
    for level in range(height):
        beside = (index >> level) ^ 1
        sibling = read_node((level, beside))
        if sibling is None:
            return None
        steps.append(Step(sibling=sibling, sibling_is_left=not beside & 1))
    return tuple(steps)


def verify(
    mountains: Mountains, index: int, item: bytes, steps: tuple[Step, ...]
) -> bool:
    """Return whether ``item`` is the leaf at ``index``.

    The place decides how many steps there are and on which side each sibling stands, so
    a proof for one place never passes for another.
    """
    if not 0 <= index < mountains.leaf_count or not is_well_formed(mountains):
        return False
    place, height = mountain_of(mountains.leaf_count, index)
    if len(steps) != height:
        return False
    node = leaf_hash(item)
    for level, step in enumerate(steps):
        is_right = bool(index >> level & 1)
        if step.sibling_is_left != is_right or len(step.sibling) != HASH_SIZE_BYTES:
            return False
        node = (
            inner_hash(step.sibling, node)
            if is_right
            else inner_hash(node, step.sibling)
        )
    return node == mountains.peaks[place]


def is_well_formed(mountains: Mountains) -> bool:
    """Return whether there is one peak of 32 bytes for each power of two in the count."""
    return len(mountains.peaks) == mountains.leaf_count.bit_count() and all(
        len(peak) == HASH_SIZE_BYTES for peak in mountains.peaks
    )
