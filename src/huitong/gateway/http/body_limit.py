"""Bodies: bounded in size, in memory and in time, also when their length is not told.

FastAPI has a limit of size alone. Here a body also has a least speed, so that a sender
of one byte a minute does not hold a connection, and all bodies that one process holds in
memory have a common limit.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from huitong.core.errors import HuitongError
from huitong.gateway.http.errors import (
    BodyTooLargeError,
    BodyTooSlowError,
    TooBusyError,
)
from huitong.gateway.http.exchange_forms import Forms, check_target
from huitong.gateway.http.problems import send_problem
from huitong.gateway.http.settings import HttpSettings


class BodyLimitMiddleware:
    """Refuses bodies by their headers, and stops them when they pass a limit."""

    def __init__(self, app: ASGIApp, settings: HttpSettings, forms: Forms) -> None:
        self._app = app
        self._settings = settings
        self._forms = forms
        self._held = _Held(settings.bodies_bytes_max)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request (ASGI 3)."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        form = self._forms.find(scope["method"], scope["path"])
        try:
            check_target(scope["path"], scope["query_string"])
            self._forms.check_headers(form, Headers(scope=scope), scope["method"])
        except HuitongError as error:
            await send_problem(error, self._settings.errors_url, scope, receive, send)
            return
        held = None if form.is_streamed else self._held
        body = _Body(receive, self._settings, self._forms.bytes_max(form), held)
        try:
            await self._app(scope, body.receive, send)
        finally:
            body.release()


@dataclass(slots=True)
class _Held:
    """Bytes of bodies in the memory of this process."""

    maximum: int
    size: int = 0


@dataclass(slots=True)
class _Body:
    """One body on its way."""

    source: Receive
    settings: HttpSettings
    bytes_max: int
    held: _Held | None
    size: int = 0
    is_whole: bool = False
    started_s: float | None = None
    failure: HuitongError | None = field(default=None)

    async def receive(self) -> Message:
        """Return the next part (ASGI).

        Raises:
            BodyTooLargeError, BodyTooSlowError, TooBusyError: now and at every later call.
        """
        if self.failure is not None:
            raise self.failure
        if self.is_whole:
            return await self.source()  # only news of a disconnect are left
        try:
            message = await asyncio.wait_for(self.source(), self._seconds_left())
        except TimeoutError:
            raise self._failed(BodyTooSlowError(seconds=round(self._age_s()))) from None
        if message["type"] == "http.request":
            self._count(len(message.get("body", b"")))
            self.is_whole = not message.get("more_body", False)
        return message

    def release(self) -> None:
        """Give back the memory."""
        if self.held is not None:
            self.held.size -= self.size
            self.held = None

    def _count(self, size: int) -> None:
        self.size += size
        if self.held is not None:
            self.held.size += size
        if self.size > self.bytes_max:
            raise self._failed(BodyTooLargeError(maximum=self.bytes_max))
        if self.held is not None and self.held.size > self.held.maximum:
            raise self._failed(TooBusyError())

    def _seconds_left(self) -> float:
        """Return how long the next part may take."""
        owed = self.size / self.settings.body_bytes_per_s_min
        left = self.settings.body_first_s + owed - self._age_s()
        return max(0.0, min(left, self.settings.body_pause_s))

    def _age_s(self) -> float:
        now = asyncio.get_running_loop().time()
        if self.started_s is None:
            self.started_s = now
        return now - self.started_s

    def _failed(self, error: HuitongError) -> HuitongError:
        self.failure = error
        return error
