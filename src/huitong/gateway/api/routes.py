"""All routes of a gateway, put together."""

from __future__ import annotations

from fastapi import FastAPI

from huitong.gateway.api import health


def install(app: FastAPI) -> None:
    """Add every route to the application."""
    app.include_router(health.router)
