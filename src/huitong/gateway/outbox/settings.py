"""Settings of the outbox; section ``[outbox]`` of ``gateway.toml``."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class OutboxSettings(BaseModel):
    """How steps are carried out."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    attempts_max: int = Field(
        default=12, ge=1, le=1_000, description="Attempts before a step is stuck."
    )
    retry_first_s: float = Field(
        default=0.5, gt=0, le=3_600, description="Seconds before the second attempt."
    )
    retry_longest_s: float = Field(
        default=300, gt=0, le=86_400, description="Most seconds between two attempts."
    )
    batch_messages_max: int = Field(
        default=50, ge=1, le=1_000, description="Messages in one transaction."
    )
    lease_s: float = Field(
        default=10,
        ge=1,
        le=600,
        description="Seconds after which another process takes over from a dead one.",
    )
