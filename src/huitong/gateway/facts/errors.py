"""Failures of the gateway with facts; codespace fact_import.

What the own zone refuses keeps the codes of ``facts`` and of the light client.
"""

from __future__ import annotations

from huitong.core.errors import RejectedError, UnavailableError


class FactHeaderAwaitedError(
    UnavailableError,
    codespace="fact_import",
    code=2,
    text="known of {chain_id} as of {known}: {client_id} has no header that proves what "
    "came since",
    next_step="Let the relayer show one (refresh_after in relay.toml), or set "
    "update_client in [facts] of gateway.toml.",
):
    """The own zone cannot verify anything newer than what it has."""


class FactStepSkippedError(
    RejectedError,
    codespace="fact_import",
    code=3,
    text="a proof for fact {fact_id} cannot be brought by other means than its job",
    next_step="Refresh the fact.",
):
    """A person skipped a job whose outcome the zone alone can give."""
