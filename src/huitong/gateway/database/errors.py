"""Failures of the gateway's database; codespace database."""

from __future__ import annotations

from huitong.core.errors import RejectedError, UnavailableError


class DatabaseUrlError(
    RejectedError,
    codespace="database",
    code=2,
    text="database URL: {reason}",
    next_step="Give sqlite:///path/to/gateway.db or postgresql://user@host/name.",
):
    """The URL names no database that the gateway can use; it may hold a password, so it
    is not shown."""


class DatabaseDownError(
    UnavailableError,
    codespace="database",
    code=3,
    text="the database does not answer: {reason}",
    next_step="Check that it runs and that the gateway may connect to it.",
):
    """Nothing was stored; the same may succeed later."""
