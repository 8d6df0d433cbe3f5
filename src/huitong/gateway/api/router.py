"""How routes of ``/v1`` are made, and what all of them share."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Annotated, Any, Final, final

from fastapi import APIRouter, Query, Request, Response

from huitong.gateway.access.callers import Caller
from huitong.gateway.access.routes import GuardedRoute
from huitong.gateway.api.values import WAIT_S_MAX, View
from huitong.gateway.http.cursor import Cursors, Position
from huitong.gateway.http.idempotency import request_key
from huitong.gateway.http.request_id import current_request

PREFIX: Final = "/v1"

Wait = Annotated[
    int,
    Query(
        ge=0,
        le=WAIT_S_MAX,
        description="Seconds to wait for the end of what was begun; 0 answers at once.",
    ),
]
"""Query parameter ``wait``; give it the default 0."""


def make_router(tag: str) -> APIRouter:
    """Return a router for one resource."""
    return APIRouter(prefix=PREFIX, tags=[tag], route_class=GuardedRoute)


@final
class Listing:
    """One list for one caller: where it goes on."""

    def __init__(
        self,
        cursors: Cursors,
        operation: str,
        caller: Caller,
        filters: Mapping[str, Any] | None = None,
    ) -> None:
        """Name the list.

        Args:
            cursors: of the gateway.
            operation: id of the operation that lists.
            caller: who asks.
            filters: all that selects or sorts the items; JSON values.
        """
        self._cursors = cursors
        self._bound = (operation, dict(filters or {}), caller.id)

    def after(self, cursor: str | None) -> Position:
        """Return the position that a cursor names; empty for the beginning.

        Raises:
            CursorError: it is not of this list, filter and caller, or stale.
        """
        return () if cursor is None else self._cursors.read(cursor, *self._bound)

    def next(self, *position: str | int) -> str | None:
        """Return the cursor that goes on after a position; None after ``""`` and 0."""
        return self._cursors.make(*self._bound, position) if any(position) else None


def order_key(request: Request) -> str:
    """Return a name for what a request begins: the same for a repeat by its key."""
    return request_key(request) or secrets.token_hex(32)


def request_id() -> str:
    """Return the id of the request, for the chain's memo and the peer's log."""
    context = current_request()
    return context.request_id if context else ""


def when_ended(model: type[View]) -> dict[int | str, dict[str, Any]]:
    """Return what OpenAPI says of an answer 200 beside 202, for ``responses=``."""
    return {200: {"model": model, "description": "It has ended."}}


def while_going_on(model: type[View]) -> dict[int | str, dict[str, Any]]:
    """Return what OpenAPI says of an answer 202 beside 200, for ``responses=``."""
    return {202: {"model": model, "description": "It goes on, or is stuck."}}


def accept(response: Response, place: str, *, is_ended: bool) -> None:
    """Say where what was begun can be looked at, and by the status whether it goes on."""
    response.headers["Location"] = place
    response.status_code = 200 if is_ended else 202
