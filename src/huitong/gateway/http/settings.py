"""Settings of section ``[http]``: limits of what callers may send."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class HttpSettings(BaseModel):
    """Limits of the HTTP interface; each of them has a default."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    errors_url: str = Field(
        default="/errors",
        max_length=512,
        description="Page of the error codes, to which a problem's `type` leads with `#codespace-code`.",
    )
    body_bytes_max: int = Field(
        default=1_048_576,
        ge=1_024,
        description="Bytes of a body, unless an operation says otherwise.",
    )
    bodies_bytes_max: int = Field(
        default=134_217_728,
        ge=1_048_576,
        description="Bytes of all bodies together that one process holds in memory.",
    )
    body_first_s: float = Field(
        default=10,
        gt=0,
        description="Seconds that a sender has, whatever the size of the body.",
    )
    body_bytes_per_s_min: int = Field(
        default=16_384,
        ge=1,
        description="Least speed of a body after that.",
    )
    body_pause_s: float = Field(
        default=10,
        gt=0,
        description="Seconds that may pass between two parts of a body.",
    )
    cursor_age_s: int = Field(
        default=86_400,
        ge=60,
        description="Seconds after which a cursor is stale.",
    )
    idempotency_age_s: int = Field(
        default=86_400,
        ge=60,
        description="Seconds for which an Idempotency-Key and its answer are remembered.",
    )
    idempotency_lease_s: int = Field(
        default=60,
        ge=1,
        description="Seconds after which a request that was not answered, for example because the process died, may be sent again with its key.",
    )
    idempotency_keys_max: int = Field(
        default=1_000_000,
        ge=1,
        description="Keys remembered for one caller.",
    )
    requests_per_s: float = Field(
        default=200,
        gt=0,
        description="Requests a second of one caller, in each worker process.",
    )
    requests_burst: int = Field(
        default=400,
        ge=1,
        description="Requests that one caller may send at once, in each worker process.",
    )
    anonymous_per_s: float = Field(
        default=20,
        gt=0,
        description="Requests a second without valid credentials from one address, in each worker process.",
    )
    anonymous_burst: int = Field(
        default=40,
        ge=1,
        description="Requests without valid credentials that one address may send at once.",
    )
    requests_per_day: int = Field(
        default=0,
        ge=0,
        description="Requests of one caller in one day (UTC), over all processes; 0: no quota.",
    )
    cors_origins: tuple[str, ...] = Field(
        default=(),
        max_length=64,
        description="Origins whose pages may call the gateway from a browser; none by default.",
    )
