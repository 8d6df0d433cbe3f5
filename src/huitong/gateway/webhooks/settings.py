"""Settings of section ``[webhooks]``: where events may be sent, and how patiently."""

from __future__ import annotations

import ipaddress
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field


def _check_network(text: str) -> str:
    try:
        ipaddress.ip_network(text)
    except ValueError:
        raise ValueError("it is not a network such as 10.20.0.0/16") from None
    return text


Network = Annotated[str, AfterValidator(_check_network)]
"""A network of IPv4 or IPv6."""


class WebhookSettings(BaseModel):
    """Where webhooks may go."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    public: bool = Field(
        default=True,
        description="Whether receivers may be at addresses of the public internet.",
    )
    networks: tuple[Network, ...] = Field(
        default=(),
        max_length=256,
        description="Other networks in which receivers may be, such as `10.20.0.0/16`; loopback too stands here or is refused.",
    )
    ca_file: str | None = Field(
        default=None,
        min_length=1,
        max_length=1_024,
        description="PEM file of the authorities that certify receivers; without it the public ones do.",
    )
    timeout_s: float = Field(
        default=10,
        gt=0,
        le=60,
        description="Seconds in which a receiver must answer.",
    )
    pending_max: int = Field(
        default=200,
        ge=1,
        le=10_000,
        description="Events of one webhook that are on their way or stuck at one time; the others wait in their order.",
    )
    webhooks_max: int = Field(
        default=100, ge=1, le=1_000, description="Webhooks of this gateway."
    )
