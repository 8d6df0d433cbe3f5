"""The accumulator in the state, and its nodes beside it."""

from __future__ import annotations

from collections.abc import Iterable

from huitong.core.codec import encode
from huitong.core.context import Context
from huitong.modules.history.keys import (
    ACCUMULATOR_KEY,
    NODES_TABLE,
    STORE,
    node_key,
)
from huitong.modules.history.mountain import (
    Mountains,
    NodeReader,
    Position,
    peak_positions,
)
from huitong.proto.huitong.history.v1.history_pb2 import Accumulator


def find_accumulator(ctx: Context) -> Accumulator | None:
    """Return the accumulator, or None before the first block."""
    value = ctx.store(STORE).get(ACCUMULATOR_KEY)
    return None if value is None else Accumulator.FromString(value)


def save_accumulator(ctx: Context, accumulator: Accumulator) -> None:
    """Write the accumulator."""
    ctx.store(STORE).set(ACCUMULATOR_KEY, encode(accumulator))


def save_nodes(ctx: Context, nodes: Iterable[tuple[Position, bytes]]) -> None:
    """Keep complete nodes beside the state."""
    for position, node in nodes:
        ctx.put_side_row(NODES_TABLE, node_key(position), node)


def save_peaks(ctx: Context, accumulator: Accumulator) -> None:
    """Keep the peaks of an accumulator beside the state: later leaves stand on them."""
    positions = peak_positions(accumulator.leaf_count)
    save_nodes(ctx, zip(positions, accumulator.peaks, strict=True))


def node_reader(ctx: Context) -> NodeReader:
    """Return how to read the nodes that are kept."""
    return lambda position: ctx.find_side_row(NODES_TABLE, node_key(position))


def mountains_of(accumulator: Accumulator) -> Mountains:
    """Return the mountains of an accumulator."""
    return Mountains(leaf_count=accumulator.leaf_count, peaks=tuple(accumulator.peaks))
