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


class DatabaseOlderError(
    RejectedError,
    codespace="database",
    code=4,
    text="the database has the form {found}, this software needs {newest}",
    next_step="Make a backup, then run `huitong gateway migrate`.",
):
    """Steps between the two forms have not been taken."""


class DatabaseNewerError(
    RejectedError,
    codespace="database",
    code=5,
    text="the database has the form {found}, which this software does not know",
    next_step="Run the newer software, or restore the database from before its first start.",
):
    """Newer software has migrated the database."""
