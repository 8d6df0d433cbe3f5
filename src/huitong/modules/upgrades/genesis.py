"""Upgrades in the genesis file: ``{"plan": Plan, "done": [DoneUpgrade…]}``.

Both may be left out. What was carried out stays known, so that no name is used twice.
"""

from __future__ import annotations

from typing import Any

from huitong.core.context import Context
from huitong.core.errors import RejectedError
from huitong.core.fields import check_name, check_text
from huitong.core.genesis import (
    GenesisError,
    check_known_keys,
    message_from_json,
    message_to_json,
    messages_from_json,
)
from huitong.core.limits import TEXT_BYTES_MAX, UPGRADES_MAX
from huitong.modules.upgrades.state import (
    done_after,
    find_done,
    find_plan,
    save_done,
    save_plan,
)
from huitong.proto.huitong.upgrades.v1.upgrades_pb2 import DoneUpgrade, Plan


def init_genesis(ctx: Context, state: dict[str, Any]) -> None:
    """Write the plan and the upgrades done of a genesis file.

    Raises:
        GenesisError: anything in it is unknown, malformed, twice or too late.
    """
    check_known_keys(state, ("plan", "done"), "upgrades")
    done = messages_from_json(DoneUpgrade, state.get("done", []), "upgrades.done")
    if len(done) > UPGRADES_MAX:
        raise GenesisError(where="upgrades.done", reason=f"at most {UPGRADES_MAX}")
    for index, upgrade in enumerate(done):
        where = f"upgrades.done[{index}]"
        _check_name(upgrade.name, where)
        if find_done(ctx, upgrade.name) is not None:
            raise GenesisError(where=where, reason=f"{upgrade.name} stands twice")
        save_done(ctx, upgrade)
    if "plan" in state:
        _init_plan(ctx, message_from_json(Plan, state["plan"], "upgrades.plan"))


def export_genesis(ctx: Context) -> dict[str, Any]:
    """Return the plan, if there is one, and all upgrades done."""
    plan = find_plan(ctx)
    exported: dict[str, Any] = {
        "done": [message_to_json(upgrade) for upgrade in done_after(ctx, "")]
    }
    if plan is not None:
        exported["plan"] = message_to_json(plan)
    return exported


def _init_plan(ctx: Context, plan: Plan) -> None:
    where = "upgrades.plan"
    _check_name(plan.name, where)
    try:
        check_text(plan.info, "info", TEXT_BYTES_MAX, required=True)
    except RejectedError as wrong:
        raise GenesisError(where=where, reason=str(wrong)) from wrong
    if find_done(ctx, plan.name) is not None:
        raise GenesisError(where=where, reason=f"{plan.name} was carried out")
    first = ctx.block.height.revision_height
    if plan.height < first:
        raise GenesisError(
            where=where, reason=f"height {plan.height}, but the zone begins at {first}"
        )
    save_plan(ctx, plan)


def _check_name(name: str, where: str) -> None:
    try:
        check_name(name, "name")
    except RejectedError as wrong:
        raise GenesisError(where=where, reason=str(wrong)) from wrong
