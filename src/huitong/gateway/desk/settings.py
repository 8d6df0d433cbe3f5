"""Settings of the evidence desk; section ``[evidence]`` of ``gateway.toml``."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class EvidenceSettings(BaseModel):
    """How evidence is made and verified."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    authority: str | None = Field(
        default=None,
        max_length=1_024,
        pattern=r"^https?://[^/?#@\s]+(/\S*)?$",
        description="URL of a time-stamping authority (RFC 3161) that stamps every bundle; "
        "without it none does.",
    )
    collect_s: int = Field(
        default=60,
        ge=1,
        le=600,
        description="Seconds that collecting one bundle from the zones may take.",
    )
    at_once: int = Field(
        default=2,
        ge=1,
        le=64,
        description="Bundles that one process makes at once, and as many that it verifies.",
    )
