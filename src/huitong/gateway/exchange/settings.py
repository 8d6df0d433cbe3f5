"""Settings of the exchanges; section ``[exchange]`` of ``gateway.toml``."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class ExchangeSettings(BaseModel):
    """How this gateway exchanges."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    minimum_grade: str = Field(
        default="proven",
        pattern="^(proven|attested|signed|unverified)$",
        description="Lowest trust grade of an answer that is taken and confirmed.",
    )
    packet_timeout_s: int = Field(
        default=600,
        ge=10,
        le=86_400,
        description="Seconds that a packet may be on its way.",
    )
    judge_requests: bool = Field(
        default=False,
        description="Whether a node of the issuer's zone is asked what that zone would "
        "say, so that a request which it would refuse is refused here and not sent. A "
        "refusal that is sent for is proven by that zone; one given here is not.",
    )
    confirm_automatically: bool = Field(
        default=True,
        description="Whether what was checked is confirmed without being asked.",
    )
