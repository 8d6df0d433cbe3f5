"""Answers about packs."""

from __future__ import annotations

from huitong.core.context import Context
from huitong.core.paging import page_of
from huitong.modules.packs.state import get_pack, packs_after, versions_after
from huitong.proto.huitong.packs.v1 import packs_pb2 as pb


def answer_pack(ctx: Context, request: pb.QueryPackRequest) -> pb.QueryPackResponse:
    """Return one pack with its newest version.

    Raises:
        PackNotFoundError: there is none.
    """
    return pb.QueryPackResponse(pack=get_pack(ctx, request.name))


def answer_packs(ctx: Context, request: pb.QueryPacksRequest) -> pb.QueryPacksResponse:
    """Return packs by ascending name, retired ones included."""
    found, more = page_of(packs_after(ctx, request.start_after), request.limit)
    return pb.QueryPacksResponse(packs=found, next=found[-1].name if more else "")


def answer_pack_versions(
    ctx: Context, request: pb.QueryPackVersionsRequest
) -> pb.QueryPackVersionsResponse:
    """Return the versions of a pack, the oldest first.

    Raises:
        PackNotFoundError: there is no such pack.
        PackVersionError: ``start_after`` is no version.
    """
    get_pack(ctx, request.name)
    versions = versions_after(ctx, request.name, request.start_after)
    found, more = page_of(versions, request.limit)
    return pb.QueryPackVersionsResponse(
        versions=found, next=found[-1].version if more else ""
    )
