"""Answers about upgrades."""

from __future__ import annotations

from huitong.core.context import Context
from huitong.core.paging import page_of
from huitong.modules.upgrades.errors import UpgradeNotFoundError
from huitong.modules.upgrades.state import done_after, find_done, find_plan
from huitong.proto.huitong.upgrades.v1 import upgrades_pb2 as pb


def answer_plan(ctx: Context, request: pb.QueryPlanRequest) -> pb.QueryPlanResponse:
    """Return the planned upgrade, if there is one."""
    return pb.QueryPlanResponse(plan=find_plan(ctx))


def answer_done_upgrade(
    ctx: Context, request: pb.QueryDoneUpgradeRequest
) -> pb.QueryDoneUpgradeResponse:
    """Return an upgrade that was carried out.

    Raises:
        UpgradeNotFoundError: none of this name was.
    """
    done = find_done(ctx, request.name)
    if done is None:
        raise UpgradeNotFoundError(name=request.name)
    return pb.QueryDoneUpgradeResponse(upgrade=done)


def answer_done_upgrades(
    ctx: Context, request: pb.QueryDoneUpgradesRequest
) -> pb.QueryDoneUpgradesResponse:
    """Return the upgrades that were carried out, by ascending name."""
    found, more = page_of(done_after(ctx, request.start_after), request.limit)
    return pb.QueryDoneUpgradesResponse(
        upgrades=found, next=found[-1].name if more else ""
    )
