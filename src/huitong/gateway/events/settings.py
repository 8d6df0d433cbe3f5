"""Settings of section ``[events]``: how long events are kept, and who may listen."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class EventSettings(BaseModel):
    """Events, and the streams of them."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    keep_days: int = Field(
        default=30,
        ge=1,
        le=3_650,
        description="Days for which events are kept; whoever comes back later is told that some are gone.",
    )
    streams_per_caller_max: int = Field(
        default=4,
        ge=1,
        le=1_000,
        description="Streams of one caller at one time, in each worker process.",
    )
    streams_max: int = Field(
        default=256,
        ge=1,
        le=1_500,
        description="Streams of all callers at one time, in each worker process.",
    )
    stream_s_max: int = Field(
        default=3_600,
        ge=1,
        le=86_400,
        description="Seconds after which a stream is ended; its reader goes on where it was with `Last-Event-ID`.",
    )
    heartbeat_s: float = Field(
        default=15,
        ge=0.05,
        le=300,
        description="Seconds of silence after which a stream says that it is alive, and looks whether its caller still may listen.",
    )
    stall_s: float = Field(
        default=30,
        ge=0.05,
        le=3_600,
        description="Seconds for which a reader may take nothing before its stream is ended.",
    )
