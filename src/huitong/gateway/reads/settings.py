"""Settings of proven reads; section ``[reads]`` of ``gateway.toml``."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class ReadsSettings(BaseModel):
    """How this gateway answers and asks for open records."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    serve: bool = Field(
        default=True, description="Whether other gateways may read open records here."
    )
    level_max: int = Field(
        default=2,
        ge=1,
        le=4,
        description="Highest data level of a record that is read without a request.",
    )
    stream: str = Field(
        default="reads",
        pattern="^[a-z0-9]([a-z0-9._-]{0,62}[a-z0-9])?$",
        description="Name of the access log on chain.",
    )
    anchor_period_s: int = Field(
        default=60,
        ge=1,
        le=86_400,
        description="Seconds between two anchors of the access log.",
    )
    batch_lines_max: int = Field(
        default=16_384,
        ge=1,
        le=65_536,
        description="Lines under one anchored root.",
    )
    document_size_bytes_max: int = Field(
        default=1_048_576,
        ge=1,
        le=16_777_216,
        description="Bytes of a record's payload that is given inside an answer.",
    )
    payload_cache_bytes: int = Field(
        default=67_108_864,
        ge=0,
        description="Bytes of open payloads kept in memory, decrypted.",
    )
    proof_cache: int = Field(
        default=10_000,
        ge=0,
        description="Proofs of the newest state kept in memory, about 1 KB each.",
    )
    minimum_grade: str = Field(
        default="proven",
        pattern="^(proven|attested|signed|unverified)$",
        description="Lowest trust grade of an answer that is taken.",
    )
    age_max_s: int = Field(
        default=120,
        ge=1,
        description="Seconds that the proven state may be old.",
    )
