"""Failures of the gateway's service; codespace service."""

from __future__ import annotations

from huitong.core.errors import RejectedError, UnavailableError


class SettingsError(
    RejectedError,
    codespace="service",
    code=2,
    text="{path}: {entry}: {reason}",
    next_step="The page gateway.toml of the reference lists every entry.",
):
    """An entry of ``gateway.toml`` is wrong, unknown or missing."""


class GatewayHomeMissingError(
    RejectedError,
    codespace="service",
    code=3,
    text="{path} is not the home of a gateway",
    next_step="Make one with `huitong gateway init`.",
):
    """There is no ``gateway.toml``."""


class GatewayDiffersError(
    RejectedError,
    codespace="service",
    code=4,
    text="{path} says {entry} = {actual}, not {wanted}",
    next_step="Edit the file, or choose another home; init changes nothing that is there.",
):
    """``huitong gateway init`` was called for a home that is another gateway's."""


class GatewayRunsError(
    RejectedError,
    codespace="service",
    code=5,
    text="a gateway runs in {path} already (process {pid})",
    next_step="Stop it, or choose another home.",
):
    """Two gateways would use the same home folder."""


class WrongZoneError(
    RejectedError,
    codespace="service",
    code=6,
    text="the node {url} is of zone {actual}, not {expected}",
    next_step="Set [zone] in gateway.toml to a node of the member's zone.",
):
    """The node that the gateway is to believe serves another zone."""


class NotReadyError(
    UnavailableError,
    codespace="service",
    code=7,
    text="{what} does not answer: {reason}",
    next_step="`huitong gateway status` tells which part is down.",
):
    """A part that the gateway depends on is down."""


class GatewayHomeTakenError(
    RejectedError,
    codespace="service",
    code=8,
    text="{path} holds {found}, which is no gateway's",
    next_step="Choose a new folder.",
):
    """A gateway is made in a folder of its own."""


class WorkerFailedError(
    UnavailableError,
    codespace="service",
    code=9,
    text="the gateway did not begin to answer",
    next_step="Its log says why, in the line gateway_failed.",
):
    """A process of the gateway ended while it was starting."""


class PeerKnownError(
    RejectedError,
    codespace="service",
    code=10,
    text="{path} knows the gateway of {member} already",
    next_step="Edit the file to change its address or certificate.",
):
    """A peer is added once; what stands in the file is changed by hand."""
