"""At the height of an upgrade: software that knows it migrates, other software stops.

===========================  =======================  ================================
the block is                 software knows the plan  what happens
===========================  =======================  ================================
before the planned height    no                       the block is made
before the planned height    yes                      ``UpgradeTooEarlyError``
at the planned height        no                       ``UpgradeNeededError``
at the planned height        yes                      it migrates, once, and goes on
===========================  =======================  ================================

Afterwards, software that does not know the newest upgrade carried out stops as well: it
would write the state as it was before.

Software made for an upgrade refuses the blocks before it, because it may carry them out
otherwise than the software that the other validators still run: one node alone would
then stand on another app hash. So until the first new block is committed nothing has
been written by the new software, and going back to the old one is safe.
"""

from __future__ import annotations

from huitong.core.context import Context
from huitong.core.invariants import invariant
from huitong.modules.upgrades import events
from huitong.modules.upgrades.errors import UpgradeNeededError, UpgradeTooEarlyError
from huitong.modules.upgrades.registry import MIGRATIONS
from huitong.modules.upgrades.state import (
    delete_plan,
    find_newest_done,
    find_plan,
    save_done,
)
from huitong.proto.huitong.upgrades.v1.upgrades_pb2 import DoneUpgrade


def upgrade_if_due(ctx: Context) -> None:
    """Carry out the planned upgrade at its height. Cost: 2 reads in other blocks.

    Raises:
        UpgradeNeededError: it is due, or was carried out, and this software does not
            know it.
        UpgradeTooEarlyError: it is still to come and this software is made for it.
    """
    height = ctx.block.height.revision_height
    newest = find_newest_done(ctx)
    if newest is not None and newest.name not in MIGRATIONS:
        raise UpgradeNeededError(
            height=newest.height, name=newest.name, info="it was carried out"
        )
    plan = find_plan(ctx)
    if plan is None:
        return
    migrate = MIGRATIONS.get(plan.name)
    if height < plan.height:
        if migrate is not None:
            raise UpgradeTooEarlyError(
                height=height, name=plan.name, planned=plan.height
            )
        return
    invariant(
        height == plan.height,
        "no block passes the height of a planned upgrade",
        height=height,
        planned=plan.height,
    )
    if migrate is None:
        raise UpgradeNeededError(height=height, name=plan.name, info=plan.info)
    delete_plan(ctx)
    done = DoneUpgrade(name=plan.name, height=height, time=ctx.block.time_ns)
    save_done(ctx, done)
    migrate(ctx)
    ctx.emit(events.upgrade_done(done))
