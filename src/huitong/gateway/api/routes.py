"""All routes of a gateway, put together."""

from __future__ import annotations

from typing import Final

from fastapi import FastAPI

from huitong.gateway.api import (
    audit,
    callers,
    events,
    evidence,
    exchanges,
    facts,
    grants,
    hand_overs,
    health,
    jobs,
    reads,
    records,
    subjects,
    subscriptions,
    webhooks,
    zones,
)
from huitong.gateway.desk.page import install_verify_page
from huitong.gateway.http.exchange_forms import Form

#: Operations that take or give something else than JSON.
FORMS: Final[tuple[Form, ...]] = (
    *records.FORMS,
    *exchanges.FORMS,
    *hand_overs.FORMS,
    *evidence.FORMS,
    *events.FORMS,
)


def install(app: FastAPI) -> None:
    """Add every route to the application."""
    for resource in (
        exchanges,
        subscriptions,
        evidence,
        records,
        reads,
        facts,
        hand_overs,
        zones,
        grants,
        subjects,
        jobs,
        events,
        webhooks,
        callers,
        audit,
        health,
    ):
        app.include_router(resource.router)
    install_verify_page(app)
