"""Anchor the next batch of a member's log.

Rules: [ANCHORS.1] a log is its member's, and the member is the signer's; [ANCHORS.2] the
batches of a stream are numbered without gaps and each names the root before it, so that
nothing is left out, anchored twice or changed; [ANCHORS.3] one member does not fill a
block; [ANCHORS.4] a log has no lines of the future.
"""

from __future__ import annotations

from huitong.core.context import Context
from huitong.core.errors import InvalidRequestError
from huitong.core.fields import DIGEST_SIZE_BYTES, check_name, check_size
from huitong.core.limits import (
    ANCHOR_CLOCK_DRIFT_S,
    ANCHOR_LINES_MAX,
    ANCHORS_PER_BLOCK_MAX,
)
from huitong.core.time import NS_PER_SECOND
from huitong.modules.anchors import events
from huitong.modules.anchors.errors import (
    AnchorChainError,
    AnchorSequenceError,
    AnchorTimeError,
    TooManyAnchorsError,
)
from huitong.modules.anchors.state import (
    KINDS,
    add_anchor,
    count_in_block,
    count_one_more,
    find_newest,
)
from huitong.modules.members.state import get_member_id
from huitong.proto.huitong.anchors.v1 import anchors_pb2 as pb


def check_anchor(ctx: Context, msg: pb.MsgAnchor) -> None:
    """Raise unless this is the next batch of the log.

    Raises:
        InvalidRequestError: a field is malformed.
        NoMemberError: the signer acts for no member.
        AnchorTimeError: it has lines of the future.
        TooManyAnchorsError: the member has had its share of this block.
        AnchorSequenceError: another number is next.
        AnchorChainError: it follows another batch than the newest.

    Cost: 4 reads.
    """
    member_id = get_member_id(ctx, msg.signer)  # [ANCHORS.1]
    anchor = _made(ctx, msg, member_id)
    check_form(anchor)
    latest = ctx.block.time_ns + ANCHOR_CLOCK_DRIFT_S * NS_PER_SECOND
    if msg.last_time > latest:  # [ANCHORS.4]
        raise AnchorTimeError(last_time=msg.last_time, now=ctx.block.time_ns)
    count = count_in_block(ctx, member_id)
    if count >= ANCHORS_PER_BLOCK_MAX:  # [ANCHORS.3]
        raise TooManyAnchorsError(
            member_id=member_id, count=count, maximum=ANCHORS_PER_BLOCK_MAX
        )
    check_follows(ctx, anchor)


def apply_anchor(ctx: Context, msg: pb.MsgAnchor) -> pb.MsgAnchorResponse:
    """Write the anchor as the newest of its stream. Cost: 3 writes."""
    anchor = _made(ctx, msg, get_member_id(ctx, msg.signer))
    add_anchor(ctx, anchor)
    count_one_more(ctx, anchor.member_id)
    ctx.emit(events.log_anchored(anchor))
    return pb.MsgAnchorResponse(sequence=anchor.sequence)


def check_form(anchor: pb.Anchor) -> None:
    """Check what no state could make right.

    Raises:
        InvalidRequestError: kind, stream, root, count or times are malformed.
    """
    if anchor.kind not in KINDS:
        raise InvalidRequestError(reason=f"kind {anchor.kind} is unknown")
    check_name(anchor.stream, "stream")
    check_size(anchor.root, "root", DIGEST_SIZE_BYTES)
    check_size(
        anchor.previous_root,
        "previous_root",
        DIGEST_SIZE_BYTES,
        required=anchor.sequence > 1,
    )
    if not 1 <= anchor.count <= ANCHOR_LINES_MAX:
        raise InvalidRequestError(
            reason=f"count {anchor.count}, expected 1 to {ANCHOR_LINES_MAX}"
        )
    if not 0 < anchor.first_time <= anchor.last_time:
        raise InvalidRequestError(
            reason=f"lines from {anchor.first_time} until {anchor.last_time}"
        )


def check_follows(ctx: Context, anchor: pb.Anchor) -> None:
    """Check that an anchor is the next one of its stream.

    Raises:
        AnchorSequenceError, AnchorChainError: it is not.
    """
    newest = find_newest(ctx, anchor.member_id, anchor.kind, anchor.stream)
    expected = 1 if newest is None else newest.sequence + 1
    if anchor.sequence != expected:  # [ANCHORS.2]
        raise AnchorSequenceError(
            actual=anchor.sequence, stream=anchor.stream, expected=expected
        )
    root = b"" if newest is None else newest.root
    if anchor.previous_root != root:
        raise AnchorChainError(
            sequence=anchor.sequence,
            stream=anchor.stream,
            actual=anchor.previous_root,
            expected=root,
        )


def _made(ctx: Context, msg: pb.MsgAnchor, member_id: str) -> pb.Anchor:
    return pb.Anchor(
        member_id=member_id,
        kind=msg.kind,
        stream=msg.stream,
        sequence=msg.sequence,
        root=msg.root,
        count=msg.count,
        first_time=msg.first_time,
        last_time=msg.last_time,
        previous_root=msg.previous_root,
        anchored_height=ctx.block.height.revision_height,
        anchored_time=ctx.block.time_ns,
        anchored_by=msg.signer,
    )
