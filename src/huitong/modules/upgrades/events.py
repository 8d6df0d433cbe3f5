"""What the module ``upgrades`` tells the world."""

from __future__ import annotations

from huitong.core.events import Event, event
from huitong.proto.huitong.upgrades.v1.upgrades_pb2 import DoneUpgrade, Plan


def upgrade_scheduled(plan: Plan) -> Event:
    """Members decided on another version of the software."""
    return event(
        "upgrade_scheduled", name=plan.name, upgrade_height=plan.height, info=plan.info
    )


def upgrade_cancelled(plan: Plan, *, reason: str) -> Event:
    """Members decided against it after all."""
    return event(
        "upgrade_cancelled",
        name=plan.name,
        upgrade_height=plan.height,
        reason=reason,
    )


def upgrade_done(upgrade: DoneUpgrade) -> Event:
    """The zone goes on with another version of the software."""
    return event("upgrade_done", name=upgrade.name, upgrade_height=upgrade.height)
