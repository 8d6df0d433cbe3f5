"""Whether a light client may be relied on."""

from __future__ import annotations

from enum import StrEnum, unique


@unique
class Status(StrEnum):
    """State of a client; the texts are those of ICS-02 and appear in queries."""

    ACTIVE = "Active"
    """It verifies headers and proofs."""
    FROZEN = "Frozen"
    """Misbehaviour was proven; only recovery by governance revives it."""
    EXPIRED = "Expired"
    """Its newest header is older than the trusting period."""
    UNKNOWN = "Unknown"
    """There is no such client."""
