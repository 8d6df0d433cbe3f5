"""Refusals of the module ``upgrades``, and why software must not make a block."""

from __future__ import annotations

from huitong.core.errors import BrokenError, RejectedError


class UpgradeNeededError(
    BrokenError,
    codespace="upgrades",
    code=2,
    text="from height {height} on the zone runs the upgrade {name}: {info}",
    next_step="Install the version that the upgrade names, and start the node again.",
):
    """This software does not know the upgrade that is due, or that was carried out."""


class UpgradeTooEarlyError(
    BrokenError,
    codespace="upgrades",
    code=3,
    text=(
        "height {height} comes before the upgrade {name} at {planned}, for which this "
        "software is made"
    ),
    next_step="Run the version before it until it stops at that height by itself.",
):
    """Blocks before an upgrade are made by the software that all others still run."""


class UpgradePlannedError(
    RejectedError,
    codespace="upgrades",
    code=4,
    text="the upgrade {name} is planned for height {height}",
    next_step="Cancel it first; one proposal may do both.",
):
    """One upgrade is planned at a time."""


class UpgradeDoneError(
    RejectedError,
    codespace="upgrades",
    code=5,
    text="the upgrade {name} was carried out at height {height}",
):
    """A migration runs once, so its name is used once."""


class UpgradeHeightError(
    RejectedError,
    codespace="upgrades",
    code=6,
    text="an upgrade at height {planned}, but height {height} is under way",
):
    """The height needs to be one that is still to come."""


class UpgradeNotPlannedError(
    RejectedError,
    codespace="upgrades",
    code=7,
    text="no upgrade {name} is planned",
):
    """There is nothing to cancel, or it has another name."""


class UpgradeNotFoundError(
    RejectedError,
    codespace="upgrades",
    code=8,
    text="no upgrade {name} was carried out",
):
    """The zone knows no such upgrade."""


class TooManyUpgradesError(
    RejectedError,
    codespace="upgrades",
    code=9,
    text="the zone has carried out {count} upgrades, at most {maximum}",
):
    """The record of upgrades is full."""
