"""Anchors in the state."""

from __future__ import annotations

from collections.abc import Iterator

from huitong.core.codec import encode
from huitong.core.context import Context
from huitong.core.store.kv import iterate_prefix, prefix_end
from huitong.modules.anchors.errors import AnchorNotFoundError
from huitong.modules.anchors.keys import (
    ANCHOR_PREFIX,
    STORE,
    anchor_key,
    anchor_prefix,
    block_count_key,
    newest_key,
    newest_prefix,
    parts_of_newest_key,
)
from huitong.proto.huitong.anchors.v1 import anchors_pb2
from huitong.proto.huitong.anchors.v1.anchors_pb2 import Anchor

ACCESS_LOG = anchors_pb2.ANCHOR_KIND_ACCESS_LOG
AUDIT_LOG = anchors_pb2.ANCHOR_KIND_AUDIT_LOG
STATEMENT = anchors_pb2.ANCHOR_KIND_STATEMENT
KINDS = (ACCESS_LOG, AUDIT_LOG, STATEMENT)


def kind_name(kind: int) -> str:
    """Return the kind of a log in lower case, for events and texts."""
    if kind not in KINDS:
        return str(kind)
    name = anchors_pb2.AnchorKind.Name(kind).removeprefix("ANCHOR_KIND_")
    return name.lower().replace("_", "-")


def find_newest(ctx: Context, member_id: str, kind: int, stream: str) -> Anchor | None:
    """Return the newest anchor of a stream, or None before the first."""
    value = ctx.store(STORE).get(newest_key(member_id, kind, stream))
    if value is None:
        return None
    return get_anchor(ctx, member_id, kind, stream, int.from_bytes(value, "big"))


def find_anchor(
    ctx: Context, member_id: str, kind: int, stream: str, sequence: int
) -> Anchor | None:
    """Return an anchor, or None."""
    value = ctx.store(STORE).get(anchor_key(member_id, kind, stream, sequence))
    return None if value is None else Anchor.FromString(value)


def get_anchor(
    ctx: Context, member_id: str, kind: int, stream: str, sequence: int
) -> Anchor:
    """Return an anchor.

    Raises:
        AnchorNotFoundError: there is none.
    """
    anchor = find_anchor(ctx, member_id, kind, stream, sequence)
    if anchor is None:
        raise AnchorNotFoundError(
            member_id=member_id, kind=kind_name(kind), stream=stream, sequence=sequence
        )
    return anchor


def add_anchor(ctx: Context, anchor: Anchor) -> None:
    """Write an anchor as the newest one of its stream."""
    place = anchor.member_id, anchor.kind, anchor.stream
    store = ctx.store(STORE)
    store.set(anchor_key(*place, anchor.sequence), encode(anchor))
    store.set(newest_key(*place), anchor.sequence.to_bytes(8, "big"))


def count_in_block(ctx: Context, member_id: str) -> int:
    """Return how many anchors a member has had in this block so far."""
    value = ctx.store(STORE).get(block_count_key(member_id))
    if value is None or int.from_bytes(value[:8], "big") != _height(ctx):
        return 0
    return int.from_bytes(value[8:], "big")


def count_one_more(ctx: Context, member_id: str) -> None:
    """Count an anchor of a member in this block."""
    count = count_in_block(ctx, member_id) + 1
    value = _height(ctx).to_bytes(8, "big") + count.to_bytes(4, "big")
    ctx.store(STORE).set(block_count_key(member_id), value)


def all_anchors(ctx: Context) -> Iterator[Anchor]:
    """Walk over all anchors by member, kind, stream and sequence."""
    for _, value in iterate_prefix(ctx.store(STORE), ANCHOR_PREFIX):
        yield Anchor.FromString(value)


def anchors_after(
    ctx: Context, member_id: str, kind: int, stream: str, start_after: int
) -> Iterator[Anchor]:
    """Walk over the anchors of a stream, those behind ``start_after``."""
    prefix = anchor_prefix(member_id, kind, stream)
    start = prefix + start_after.to_bytes(8, "big") + b"\x00"
    for _, value in ctx.store(STORE).iterate(start, prefix_end(prefix)):
        yield Anchor.FromString(value)


def streams_after(
    ctx: Context, member_id: str, start_after: bytes
) -> Iterator[tuple[bytes, Anchor]]:
    """Walk over the newest anchors of a member's streams, with keys to go on from."""
    prefix = newest_prefix(member_id)
    start = max(start_after + b"\x00", prefix) if start_after else prefix
    end = prefix_end(prefix)
    if end is not None and start >= end:
        return
    for key, value in ctx.store(STORE).iterate(start, end):
        place = parts_of_newest_key(key)
        yield key, get_anchor(ctx, *place, int.from_bytes(value, "big"))


def _height(ctx: Context) -> int:
    return ctx.block.height.revision_height
