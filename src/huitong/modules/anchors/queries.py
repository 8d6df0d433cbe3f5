"""Answers about anchors."""

from __future__ import annotations

from huitong.core.context import Context
from huitong.core.errors import InvalidRequestError
from huitong.core.fields import check_name
from huitong.core.paging import page_of
from huitong.modules.anchors.errors import AnchorNotFoundError
from huitong.modules.anchors.state import (
    KINDS,
    anchors_after,
    find_newest,
    get_anchor,
    kind_name,
    streams_after,
)
from huitong.proto.huitong.anchors.v1 import anchors_pb2 as pb


def answer_anchor(
    ctx: Context, request: pb.QueryAnchorRequest
) -> pb.QueryAnchorResponse:
    """Return one anchor; sequence 0 means the newest.

    Raises:
        InvalidRequestError: member, kind or stream is malformed.
        AnchorNotFoundError: there is none.
    """
    member_id, kind, stream = request.member_id, request.kind, request.stream
    _check_place(member_id, kind, stream)
    if request.sequence:
        anchor = get_anchor(ctx, member_id, kind, stream, request.sequence)
        return pb.QueryAnchorResponse(anchor=anchor)
    newest = find_newest(ctx, member_id, kind, stream)
    if newest is None:
        raise AnchorNotFoundError(
            member_id=member_id, kind=kind_name(kind), stream=stream, sequence=1
        )
    return pb.QueryAnchorResponse(anchor=newest)


def answer_anchors(
    ctx: Context, request: pb.QueryAnchorsRequest
) -> pb.QueryAnchorsResponse:
    """Return the anchors of a stream by ascending sequence.

    Raises:
        InvalidRequestError: member, kind or stream is malformed.
    """
    member_id, kind, stream = request.member_id, request.kind, request.stream
    _check_place(member_id, kind, stream)
    after = anchors_after(ctx, member_id, kind, stream, request.start_after)
    anchors, more = page_of(after, request.limit)
    return pb.QueryAnchorsResponse(
        anchors=anchors, next=anchors[-1].sequence if more else 0
    )


def answer_streams(
    ctx: Context, request: pb.QueryStreamsRequest
) -> pb.QueryStreamsResponse:
    """Return the newest anchor of each log of a member.

    Raises:
        InvalidRequestError: the member id is malformed.
    """
    check_name(request.member_id, "member_id")
    after = streams_after(ctx, request.member_id, request.start_after)
    pairs, more = page_of(after, request.limit)
    return pb.QueryStreamsResponse(
        newest=[anchor for _, anchor in pairs], next=pairs[-1][0] if more else b""
    )


def _check_place(member_id: str, kind: int, stream: str) -> None:
    check_name(member_id, "member_id")
    check_name(stream, "stream")
    if kind not in KINDS:
        raise InvalidRequestError(reason=f"kind {kind} is unknown")
