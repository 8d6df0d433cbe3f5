"""Why a zone on this machine cannot be made, started or found; codespace ``localnet``."""

from __future__ import annotations

from huitong.core.errors import RejectedError, UnavailableError


class ZoneRunsError(
    UnavailableError,
    codespace="localnet",
    code=2,
    text="the zone in {path} runs already (process {pid})",
    next_step="Stop it with `huitong localnet stop --dir DIR`, or use another folder.",
):
    """Another process keeps this zone running."""


class ZoneMissingError(
    RejectedError,
    codespace="localnet",
    code=3,
    text="there is no zone in {path}",
    next_step="Make one with `huitong localnet start --dir DIR`.",
):
    """The folder holds no zone of ``huitong localnet``."""


class ZoneFolderError(
    RejectedError,
    codespace="localnet",
    code=4,
    text="{path} is not empty and holds no whole zone: {reason}",
    next_step="Use another folder, or remove this one if nothing in it is needed.",
):
    """The folder holds something else, or a zone that was never finished."""


class NodeUnknownError(
    RejectedError,
    codespace="localnet",
    code=5,
    text="the zone has no node {name}; it has {known}",
):
    """No node has this name or number."""


class ZoneNotRunningError(
    UnavailableError,
    codespace="localnet",
    code=6,
    text="the zone in {path} does not run",
    next_step="Start it with `huitong localnet start --dir DIR`.",
):
    """A node can only join a zone that makes blocks."""


class NodeStartError(
    UnavailableError,
    codespace="localnet",
    code=7,
    text="{name} {what}: {reason}",
    next_step="Its logs, node.log and cometbft.log in its home, tell the rest.",
):
    """A node did not do what it was told."""


class ZoneShapeError(
    RejectedError,
    codespace="localnet",
    code=8,
    text="{reason}",
):
    """No zone can be made or extended this way."""


class ZoneMadeError(
    RejectedError,
    codespace="localnet",
    code=9,
    text="the zone in {path} has {option} {has}, not {asked}",
    next_step="Leave the option out, or use another folder. The pause between blocks "
    "is changed in config/node.toml of every node, the voting period by vote "
    "(`huitong propose rules`).",
):
    """What a zone was made with is not changed by starting it."""
