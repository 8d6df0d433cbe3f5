"""Tracing as the settings want it; nothing of OpenTelemetry is loaded while it is off."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from huitong import __version__
from huitong.gateway.database.settings import ENVIRONMENT_PREFIX
from huitong.gateway.service.errors import SettingsError
from huitong.gateway.tracing.settings import TracingSettings
from huitong.gateway.tracing.spans import NO_TRACING, Tracing

#: Where the settings stand, for the refusal.
FILE_NAME: Final = "gateway.toml"


def open_tracing(
    settings: TracingSettings, base: Path, *, member_id: str, chain_id: str
) -> Tracing:
    """Return who records spans.

    Args:
        settings: whether, and where to.
        base: folder that paths are below of.
        member_id: the member whose gateway this is.
        chain_id: its zone.

    Raises:
        SettingsError: a header is to come from a variable that is not set.
    """
    if settings.endpoint is None:
        return NO_TRACING
    from huitong.gateway.tracing.otlp import OtlpTracing

    about = {
        "service.name": settings.service_name,
        "service.version": __version__,
        "huitong.member": member_id,
        "huitong.chain": chain_id,
    }
    return OtlpTracing(
        settings.endpoint,
        headers=dict(_header(base, text) for text in settings.headers),
        ca_file=None if settings.ca_file is None else str(base / settings.ca_file),
        sample=settings.sample,
        about=about,
    )


def _header(base: Path, text: str) -> tuple[str, str]:
    name, _, value = text.partition("=")
    if not value.startswith(ENVIRONMENT_PREFIX):
        return name, value
    variable = value.removeprefix(ENVIRONMENT_PREFIX)
    if variable not in os.environ:
        raise SettingsError(
            path=base / FILE_NAME,
            entry="tracing.headers",
            reason=f"the environment has no {variable}",
        )
    return name, os.environ[variable]
