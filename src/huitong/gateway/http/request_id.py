"""One id for every request, from the caller's log to the chain and to the peer.

``X-Request-Id`` is taken over when it has a safe form, else one is made. ``traceparent``
(W3C Trace Context, level 1) is taken over when it is valid; the gateway is a span of its
own below it.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Final

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

REQUEST_ID_HEADER: Final = "X-Request-Id"
TRACEPARENT_HEADER: Final = "traceparent"
#: Longest id taken over: a UUID with a prefix; two fit into the memo of a transaction.
REQUEST_ID_CHARACTERS_MAX: Final = 64
REQUEST_ID_CHARACTERS_MIN: Final = 8
_REQUEST_ID: Final = re.compile(
    rf"[A-Za-z0-9][A-Za-z0-9._-]{{{REQUEST_ID_CHARACTERS_MIN - 1},{REQUEST_ID_CHARACTERS_MAX - 1}}}",
    re.ASCII,
)
_TRACEPARENT: Final = re.compile(
    r"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(-.*)?",
    re.ASCII,
)


@dataclass(frozen=True, slots=True)
class RequestContext:
    """Names under which one request is known."""

    request_id: str
    """8 to 64 letters, digits, dots, hyphens and underscores."""
    traceparent: str
    """The gateway's own span, as a value of the header ``traceparent``."""
    parent_id: int = 0
    """The caller's span; 0 if it named none."""

    def headers(self) -> dict[str, str]:
        """Return the headers that carry both names to a peer."""
        return {
            REQUEST_ID_HEADER: self.request_id,
            TRACEPARENT_HEADER: self.traceparent,
        }


_current: ContextVar[RequestContext | None] = ContextVar(
    "huitong_request", default=None
)


def current_request() -> RequestContext | None:
    """Return the request that is being answered, or None outside of one."""
    return _current.get()


def sampled_traceparent() -> str:
    """Return the span of the request being answered if it is recorded, else nothing."""
    context = _current.get()
    is_sampled = context is not None and int(context.traceparent[-2:], 16) & 1
    return context.traceparent if context is not None and is_sampled else ""


def make_context(
    request_id: str | None,
    traceparent: str | None,
    is_sampled: Callable[[int], bool] = lambda _: False,
) -> RequestContext:
    """Return the names of a request, from what its headers say.

    Args:
        request_id: ``X-Request-Id``; one that is not of the safe form is replaced.
        traceparent: ``traceparent``; one that is not valid is replaced.
        is_sampled: tells whether a trace that begins here is recorded.
    """
    given = _TRACEPARENT.fullmatch(traceparent or "")
    if given is not None and traceparent is not None and traceparent[:2] == "00":
        given = None if given[4] else given  # version 00 has nothing after the flags
    trace_id = given[1] if given else secrets.token_hex(16)
    flags = given[3] if given else f"{is_sampled(int(trace_id, 16)):02x}"
    parent_id = int(given[2], 16) if given else 0
    if request_id is None or not _REQUEST_ID.fullmatch(request_id):
        request_id = secrets.token_hex(16)
    own = f"00-{trace_id}-{secrets.token_hex(8)}-{flags}"
    return RequestContext(request_id, own, parent_id)


class RequestIdMiddleware:
    """Names every request, in the log lines written for it and in its answer."""

    def __init__(
        self, app: ASGIApp, is_sampled: Callable[[int], bool] = lambda _: False
    ) -> None:
        self._app = app
        self._is_sampled = is_sampled

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request (ASGI 3)."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        context = make_context(
            headers.get(REQUEST_ID_HEADER),
            headers.get(TRACEPARENT_HEADER),
            self._is_sampled,
        )
        scope.setdefault("state", {})["request_context"] = context

        async def send_named(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)[REQUEST_ID_HEADER] = context.request_id
            await send(message)

        token = _current.set(context)
        try:
            with structlog.contextvars.bound_contextvars(request=context.request_id):
                await self._app(scope, receive, send_named)
        finally:
            _current.reset(token)
