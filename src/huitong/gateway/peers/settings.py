"""Settings of the connections between gateways: ``[peer]`` and ``[peers.<member>]``."""

from __future__ import annotations

from typing import Final, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, model_validator

#: Hosts that only this machine reaches.
LOOPBACK: Final = ("127.0.0.1", "::1", "localhost")


class OwnPeerSettings(BaseModel):
    """How the gateways of others reach this one."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    listen: str = Field(
        default="tcp://127.0.0.1:8481",
        description="Where deliveries are taken, `tcp://HOST:PORT`; port 0 takes a free "
        "one.",
    )
    certificate: str = Field(
        default="peer.crt",
        description="PEM file with this gateway's self-signed certificate.",
    )
    key: str = Field(
        default="peer.key", description="PEM file of mode 0600 with its private key."
    )
    plain_http: bool = Field(
        default=False,
        description="Whether TLS is left out, for trials; on this machine only.",
    )

    @model_validator(mode="after")
    def _check_plain(self) -> Self:
        host = urlsplit(self.listen).hostname or ""
        if self.plain_http and host not in LOOPBACK:
            raise ValueError("plain_http is for 127.0.0.1 only")
        return self


class PeerSettings(BaseModel):
    """The gateway of another member, by the member's id."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: str = Field(
        max_length=1_024,
        pattern=r"^https?://[^/?#@]+/?$",
        description="Where it takes deliveries, such as `https://gateway.example:8481`.",
    )
    certificate: str | None = Field(
        default=None,
        description="PEM file with its self-signed certificate; needed with https.",
    )
    zone: str | None = Field(
        default=None,
        pattern=r"^[A-Za-z0-9][A-Za-z0-9-]{0,49}$",
        description="Chain id of its zone, with which its reads are logged; not needed if "
        "only one other zone is known.",
    )

    @model_validator(mode="after")
    def _check_tls(self) -> Self:
        parts = urlsplit(self.url)
        if parts.scheme == "https" and not self.certificate:
            raise ValueError("https needs the peer's certificate")
        if parts.scheme == "http" and parts.hostname not in LOOPBACK:
            raise ValueError("plain http is for 127.0.0.1 only")
        return self
