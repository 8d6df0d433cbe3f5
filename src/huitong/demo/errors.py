"""Failures of the demonstration, codespace ``demo``."""

from __future__ import annotations

from huitong.core.errors import BrokenError, RejectedError, UnavailableError


class StageError(
    UnavailableError,
    codespace="demo",
    code=2,
    text="a zone did not start: {reason}",
    next_step="Run again with --keep to look at the logs of the nodes.",
):
    """A node process ended or does not serve."""


class OutFolderError(
    RejectedError, codespace="demo", code=3, text="cannot write to {path}: {reason}"
):
    """The folder for the results cannot be used."""


class EvidenceRefusedError(
    BrokenError,
    codespace="demo",
    code=4,
    text="the evidence fails its check {check}: {detail}",
):
    """The bundle that was just made does not verify: a bug of ours."""


class AttackSucceededError(
    BrokenError, codespace="demo", code=5, text="the attack {name} was not refused"
):
    """What must be refused was accepted: a bug of ours."""


class InterruptedDemoError(
    RejectedError, codespace="demo", code=6, text="interrupted; everything was stopped"
):
    """Somebody pressed Ctrl-C or sent a signal."""


class GatewayRefusedError(
    RejectedError,
    codespace="demo",
    code=7,
    text="gateway of {member}: {detail} [{error}]",
):
    """A gateway refuses what the story needs."""
