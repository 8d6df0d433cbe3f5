"""Settings of section ``[tracing]``: where spans are sent."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints


def _check_url(text: str) -> str:
    try:
        parts = urlsplit(text)
        _ = parts.port  # read for its range
    except ValueError as error:
        raise ValueError(str(error)) from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("it is not a URL such as http://127.0.0.1:4318/v1/traces")
    return text


Header = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z0-9-]+=[ -~]+$", max_length=1_024)
]
"""Name and value of a header."""


class TracingSettings(BaseModel):
    """Traces in the form of OpenTelemetry, sent as OTLP over HTTP."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    endpoint: Annotated[str, AfterValidator(_check_url)] | None = Field(
        default=None,
        max_length=1_024,
        description="URL that takes spans (OTLP over HTTP, protobuf), such as `http://127.0.0.1:4318/v1/traces`; without it nothing is traced.",
    )
    headers: tuple[Header, ...] = Field(
        default=(),
        max_length=16,
        description="Headers that the receiver of spans wants, each as `NAME=VALUE`; the value `env:NAME` comes from an environment variable, as a token should.",
    )
    ca_file: str | None = Field(
        default=None,
        min_length=1,
        max_length=1_024,
        description="PEM file of the authorities that certify the receiver; without it the public ones do.",
    )
    sample: float = Field(
        default=1.0,
        ge=0,
        le=1,
        description="Part of the traces begun here that is recorded; what a caller's `traceparent` says goes first.",
    )
    service_name: str = Field(
        default="huitong-gateway",
        min_length=1,
        max_length=128,
        description="`service.name` of the spans.",
    )
