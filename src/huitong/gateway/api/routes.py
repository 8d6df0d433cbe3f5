"""All routes of a gateway, put together."""

from __future__ import annotations

from typing import Final

from fastapi import FastAPI

from huitong.gateway.api import (
    audit,
    callers,
    exchanges,
    grants,
    health,
    jobs,
    records,
    zones,
)
from huitong.gateway.http.exchange_forms import Form

#: Operations that take or give something else than JSON.
FORMS: Final[tuple[Form, ...]] = (*records.FORMS, *exchanges.FORMS)


def install(app: FastAPI) -> None:
    """Add every route to the application."""
    for resource in (
        exchanges,
        records,
        zones,
        grants,
        jobs,
        callers,
        audit,
        health,
    ):
        app.include_router(resource.router)
