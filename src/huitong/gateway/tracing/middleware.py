"""Every API call as a span, and as a figure of the metrics."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Final, final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from huitong.gateway.http.request_id import RequestContext, current_request
from huitong.gateway.http.request_metrics import RequestMetrics
from huitong.gateway.tracing.ids import read_traceparent
from huitong.gateway.tracing.spans import Span, SpanKind, Tracing

#: Label of a path that leads nowhere: what strangers try is not made a name of ours.
NO_ROUTE: Final = "none"
_FAILED: Final = 500


@final
class ObservingMiddleware:
    """Stands right inside of the one that names requests."""

    def __init__(
        self,
        app: ASGIApp,
        tracing: Callable[[], Tracing],
        metrics: Callable[[], RequestMetrics | None],
    ) -> None:
        self._app = app
        self._tracing = tracing
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request (ASGI 3)."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        start_ns, start_s = time.time_ns(), time.perf_counter()
        status = _FAILED

        async def send_observed(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                self._count(scope, status, time.perf_counter() - start_s)
            await send(message)

        try:
            await self._app(scope, receive, send_observed)
        finally:
            self._record(scope, status, start_ns)

    def _count(self, scope: Scope, status: int, duration_s: float) -> None:
        metrics = self._metrics()
        if metrics is not None:
            metrics.count(scope["method"], route_of(scope), status, duration_s)

    def _record(self, scope: Scope, status: int, start_ns: int) -> None:
        tracing, context = self._tracing(), current_request()
        if not tracing.is_on or context is None:
            return
        place = read_traceparent(context.traceparent)
        if place is None or not place.is_sampled:
            return
        problem = str(scope.get("state", {}).get("problem", ""))
        route = route_of(scope)
        tracing.record(
            Span(
                name=f"{scope['method']} {route}",
                place=place,
                parent_id=context.parent_id,
                kind=SpanKind.SERVER,
                start_ns=start_ns,
                end_ns=time.time_ns(),
                attributes=_attributes(scope, context, route, status, problem),
                failure=problem if status >= _FAILED else "",
            )
        )


def route_of(scope: Scope) -> str:
    """Return the template of the path that a request was for, such as ``/v1/jobs/{id}``."""
    route: Any = scope.get("route")
    return str(getattr(route, "path", NO_ROUTE))


def _attributes(
    scope: Scope, context: RequestContext, route: str, status: int, problem: str
) -> dict[str, str | int | bool]:
    found: dict[str, str | int | bool] = {
        "http.request.method": scope["method"],
        "http.route": route,
        "http.response.status_code": status,
        "huitong.request_id": context.request_id,
    }
    if problem:
        found["error.type"] = problem
    return found
