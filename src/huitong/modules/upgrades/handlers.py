"""What members decide about upgrades; each message by vote only."""

from __future__ import annotations

from huitong.core.context import Context
from huitong.core.fields import check_name, check_text
from huitong.core.limits import TEXT_BYTES_MAX, UPGRADES_MAX
from huitong.modules.upgrades import events
from huitong.modules.upgrades.errors import (
    TooManyUpgradesError,
    UpgradeDoneError,
    UpgradeHeightError,
    UpgradeNotPlannedError,
    UpgradePlannedError,
)
from huitong.modules.upgrades.state import (
    delete_plan,
    done_count,
    find_done,
    find_plan,
    save_plan,
)
from huitong.proto.huitong.upgrades.v1 import upgrades_pb2 as pb


def check_schedule_upgrade(ctx: Context, msg: pb.MsgScheduleUpgrade) -> None:
    """Raise unless the upgrade may be planned.

    Raises:
        InvalidRequestError: the name or the text is malformed.
        UpgradePlannedError: another one is planned.
        UpgradeDoneError: the name was used.
        UpgradeHeightError: the height is not above the block under way.
        TooManyUpgradesError: the record is full.
    """
    check_name(msg.name, "name")
    check_text(msg.info, "info", TEXT_BYTES_MAX, required=True)
    plan = find_plan(ctx)
    if plan is not None:
        raise UpgradePlannedError(name=plan.name, height=plan.height)
    done = find_done(ctx, msg.name)
    if done is not None:
        raise UpgradeDoneError(name=done.name, height=done.height)
    height = ctx.block.height.revision_height
    if msg.height <= height:
        raise UpgradeHeightError(planned=msg.height, height=height)
    count = done_count(ctx)
    if count >= UPGRADES_MAX:
        raise TooManyUpgradesError(count=count, maximum=UPGRADES_MAX)


def apply_schedule_upgrade(
    ctx: Context, msg: pb.MsgScheduleUpgrade
) -> pb.MsgScheduleUpgradeResponse:
    """Write the plan."""
    plan = pb.Plan(name=msg.name, height=msg.height, info=msg.info)
    save_plan(ctx, plan)
    ctx.emit(events.upgrade_scheduled(plan))
    return pb.MsgScheduleUpgradeResponse()


def check_cancel_upgrade(ctx: Context, msg: pb.MsgCancelUpgrade) -> None:
    """Raise unless this upgrade is planned.

    Raises:
        InvalidRequestError: the reason is malformed or missing.
        UpgradeNotPlannedError: none is planned, or another.
    """
    check_text(msg.reason, "reason", TEXT_BYTES_MAX, required=True)
    plan = find_plan(ctx)
    if plan is None or plan.name != msg.name:
        raise UpgradeNotPlannedError(name=msg.name)


def apply_cancel_upgrade(
    ctx: Context, msg: pb.MsgCancelUpgrade
) -> pb.MsgCancelUpgradeResponse:
    """Forget the plan."""
    plan = find_plan(ctx) or pb.Plan()
    delete_plan(ctx)
    ctx.emit(events.upgrade_cancelled(plan, reason=msg.reason))
    return pb.MsgCancelUpgradeResponse()
