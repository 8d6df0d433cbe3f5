"""Why CometBFT cannot be run beside the application; codespace ``engine``, 30 to 39, 56."""

from __future__ import annotations

from huitong.core.errors import RejectedError, UnavailableError

_INSTALL = (
    "Install it with `go install github.com/cometbft/cometbft/cmd/cometbft@v0.38.25`, "
    "or with `make peers`; or name the program as [cometbft] binary in node.toml."
)


class CometBftMissingError(
    UnavailableError,
    codespace="engine",
    code=30,
    text="there is no program cometbft: looked in {places}",
    next_step=_INSTALL,
):
    """The program that decides blocks is not installed."""


class CometBftVersionError(
    RejectedError,
    codespace="engine",
    code=31,
    text="{path} is CometBFT {found}, this software speaks with {wanted}",
    next_step=_INSTALL,
):
    """The program is of another line, whose protocol differs."""


class CometBftProgramError(
    UnavailableError,
    codespace="engine",
    code=32,
    text="{path} cannot be run: {reason}",
    next_step=_INSTALL,
):
    """The program exists, and does not do what it is asked."""


class CometBftEndedError(
    UnavailableError,
    codespace="engine",
    code=33,
    text="CometBFT ended by itself with code {exit_code}: {reason}",
    next_step="Its log, cometbft.log in the home, tells the rest.",
):
    """The program ended while the node wanted it to run."""


class CometBftRunsError(
    UnavailableError,
    codespace="engine",
    code=34,
    text="CometBFT runs on {path} already (process {pid})",
    next_step="Stop that process first; two on one home would destroy its data.",
):
    """A CometBFT from before has the home."""


class NodeKeyError(
    RejectedError,
    codespace="engine",
    code=35,
    text="key of the node {path}: {reason}",
    next_step=(
        "Put back the file, or remove it: a new one is made, and the other nodes must "
        "be told the new id."
    ),
):
    """The key that names the node among its peers cannot be used."""


class CometBftHeldError(
    UnavailableError,
    codespace="engine",
    code=56,
    text="CometBFT could not be held for a copy of its data: {reason}",
    next_step="Try again when the machine has less to do, or stop the node first.",
):
    """A copy of running data would not be what a crash leaves."""
