"""Writes every call into the audit log before its answer leaves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from fastapi.routing import APIRoute
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from huitong.core.errors import HuitongError
from huitong.core.time import TimeNs
from huitong.gateway.access.audit import AuditEntry, AuditLog
from huitong.gateway.access.authentication import address_of
from huitong.gateway.access.routes import operation_id
from huitong.gateway.http.errors import InternalError
from huitong.gateway.http.problems import send_problem, status_of
from huitong.gateway.http.request_id import current_request

#: Paths below which calls are logged; health, metrics and pages are not.
AUDITED: Final = ("/v1/", "/peer/")
#: Calls above the rate are not logged: a flood of them must not become a flood of entries.
_TOO_MANY: Final = 429


class AuditMiddleware:
    """Holds back the head of each answer until its entry is durable.

    If the entry cannot be written, the answer is the failure of the database instead;
    what was done stays done, as an equal request with its Idempotency-Key will tell.
    """

    def __init__(
        self,
        app: ASGIApp,
        log: Callable[[], AuditLog],
        *,
        clock: Callable[[], TimeNs],
        errors_url: str,
        audited: Sequence[str] = AUDITED,
    ) -> None:
        self._app = app
        self._log = log
        self._clock = clock
        self._errors_url = errors_url
        self._audited = tuple(audited)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request (ASGI 3)."""
        if scope["type"] != "http" or not scope["path"].startswith(self._audited):
            await self._app(scope, receive, send)
            return
        is_recorded = is_replaced = False

        async def send_recorded(message: Message) -> None:
            nonlocal is_recorded, is_replaced
            if message["type"] == "http.response.start" and not is_recorded:
                is_recorded = True
                try:
                    await self._record(scope, message["status"])
                except HuitongError as error:
                    is_replaced = True
                    await send_problem(error, self._errors_url, scope, receive, send)
            if not is_replaced:
                await send(message)

        try:
            await self._app(scope, receive, send_recorded)
        except Exception as error:
            if not is_recorded:  # the boundary outside tells it to the caller
                told = error if isinstance(error, HuitongError) else InternalError()
                scope["state"]["problem"] = f"{told.codespace}/{told.code}"
                await self._record(scope, status_of(told))
            raise

    async def _record(self, scope: Scope, status: int) -> None:
        if status == _TOO_MANY:
            return
        state, context = scope.get("state", {}), current_request()
        caller, route = state.get("caller"), scope.get("route")
        await self._log().record(
            AuditEntry(
                time_ns=self._clock(),
                caller=caller.id if caller else "",
                roles=tuple(sorted(caller.roles)) if caller else (),
                address=address_of(scope),
                method=scope["method"],
                path=scope["path"],
                operation=operation_id(route) if isinstance(route, APIRoute) else "",
                status=status,
                problem=state.get("problem", ""),
                request_id=context.request_id if context else "",
            )
        )
