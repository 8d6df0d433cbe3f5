"""Failures of benchmarks, codespace ``bench``."""

from __future__ import annotations

from huitong.core.errors import UnavailableError


class PeerMissingError(
    UnavailableError,
    codespace="bench",
    code=2,
    text="not run: {name} is not installed",
    next_step="Run `make peers`.",
):
    """The program of others that ours is measured beside is not on this machine."""


class PeerFailedError(
    UnavailableError, codespace="bench", code=3, text="{name} failed: {reason}"
):
    """The program of others ended, or does not serve."""


class PacketLostError(
    UnavailableError,
    codespace="bench",
    code=4,
    text="a packet that was sent alone is not settled: {reason}",
):
    """The relayer does not relay, or one of the chains refuses what it brings."""


class BenchChildError(
    UnavailableError,
    codespace="bench",
    code=5,
    text="the process that measures {what} failed: {reason}",
    next_step="Check free disk space and memory.",
):
    """A benchmark's own child process ended without figures."""


class ExchangeLostError(
    UnavailableError,
    codespace="bench",
    code=6,
    text="what was begun at a gateway did not come to its end: {reason}",
    next_step="Check free disk space and memory.",
):
    """A publication or an exchange that everything else needs is refused or stuck."""
