"""Settings of the connectors; section ``[connectors]`` of ``gateway.toml``."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class ConnectorSettings(BaseModel):
    """Where connectors are defined, and how often their sources are read."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    folder: str = Field(
        default="connectors",
        min_length=1,
        max_length=1_024,
        description="Folder of the definitions, `*.yaml`; read again when a file changes.",
    )
    interval_s: int = Field(
        default=60,
        ge=1,
        le=86_400,
        description="Seconds between two runs of a source that says nothing of its own.",
    )
    subject_key: str = Field(
        default="keys/subjects.key",
        min_length=1,
        max_length=1_024,
        description="File with the key that pseudonyms of data subjects are made with; made "
        "when it is needed first. Who changes it finds no subject again.",
    )
