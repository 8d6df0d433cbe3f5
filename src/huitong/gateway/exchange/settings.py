"""Settings of the exchanges; section ``[exchange]`` of ``gateway.toml``."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class ExchangeSettings(BaseModel):
    """How this gateway exchanges."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    minimum_grade: str = Field(
        "proven",
        pattern="^(proven|attested|signed|unverified)$",
        description="Lowest trust grade of an answer that is taken and confirmed.",
    )
    packet_timeout_s: int = Field(
        600, ge=10, le=86_400, description="Seconds that a packet may be on its way."
    )
    confirm_automatically: bool = Field(
        True, description="Whether what was checked is confirmed without being asked."
    )


class OutboxSettings(BaseModel):
    """How steps are carried out; section ``[outbox]``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    attempts_max: int = Field(
        12, ge=1, le=1_000, description="Attempts before a step is stuck."
    )
    retry_first_s: float = Field(
        0.5, gt=0, le=3_600, description="Seconds before the second attempt."
    )
    retry_longest_s: float = Field(
        300, gt=0, le=86_400, description="Most seconds between two attempts."
    )
    batch_messages_max: int = Field(
        50, ge=1, le=1_000, description="Messages in one transaction."
    )
    lease_s: float = Field(
        10,
        ge=1,
        le=600,
        description="Seconds after which another process takes over from a dead one.",
    )
