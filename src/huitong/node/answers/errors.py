"""Refusals of a node's answers, in the numbers and words of the Cosmos SDK."""

from __future__ import annotations

from huitong.core.errors import RejectedError


class HeightError(
    RejectedError,
    codespace="sdk",
    code=26,
    text="requested height {asked} but height must not be less than 1 or greater than "
    "the current height {newest}: invalid height",
):
    """There is no such block, or not yet."""


class ModuleUnknownError(
    RejectedError,
    codespace="upgrade",
    code=2,
    text="x/upgrade: QueryModuleVersions module {name} not found: module version not "
    "found",
):
    """The zone has no module of this name."""
