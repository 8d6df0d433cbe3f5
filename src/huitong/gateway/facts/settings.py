"""Settings of facts; section ``[facts]`` of ``gateway.toml``."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class FactsSettings(BaseModel):
    """How this gateway keeps facts of other zones."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    look_s: int = Field(
        default=60,
        ge=1,
        le=86_400,
        description="Seconds between two looks at the sources of watched facts.",
    )
    refresh_before_s: int = Field(
        default=86_400,
        ge=1,
        le=7_776_000,
        description="Seconds before its end at which a fact is refreshed; half of its term "
        "if that is less.",
    )
    update_client: bool = Field(
        default=False,
        description="Whether a newer header is shown to the zone's light client if a fact "
        "needs one; the account `keys.account` needs the role relayer for it. Without it "
        "the relayer does that.",
    )
