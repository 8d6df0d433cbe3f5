"""``Idempotency-Key``: a request that is sent again is not carried out again.

The first request with a key is carried out, and its answer is stored before it is sent;
an equal one gets the same answer, with ``Idempotency-Replayed: true``; one with another
method, path, query or body is refused; one that comes while the first is worked on is
told to wait. What was refused or failed changed nothing, so its key is free again.

A process that dies leaves a lease behind. After it the same request is carried out again,
so what a handler begins must itself be unique by ``request_key``.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import re
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Annotated, Final

import orjson
from fastapi import Header, Request
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from huitong.core.errors import HuitongError
from huitong.gateway.http.errors import (
    AnswerNotKeptError,
    IdempotencyKeyError,
    IdempotencyMismatchError,
)
from huitong.gateway.http.kept_answers import KeptAnswer, KeptAnswers
from huitong.gateway.http.problems import send_problem

KEY_HEADER: Final = "Idempotency-Key"
REPLAYED_HEADER: Final = "Idempotency-Replayed"
#: Bytes of an answer that are kept; answers to requests that change something are small.
ANSWER_BYTES_MAX: Final = 262_144
_KEY_FORM: Final = r"^[A-Za-z0-9._:-]{8,128}$"
_KEY: Final = re.compile(_KEY_FORM, re.ASCII)
_METHODS: Final = frozenset({"POST", "PUT", "PATCH", "DELETE"})

IdempotencyKey = Annotated[
    str | None,
    Header(
        alias=KEY_HEADER,
        pattern=_KEY_FORM,
        description="Names this request: sent again with the same key, it is carried out once.",
    ),
]
"""Parameter that puts the header into an operation's description; give it None."""


def request_key(request: Request) -> str | None:
    """Return the name of the caller's request, 64 hexadecimal digits, or None without key.

    The same for every repeat, and of no other caller: what a handler begins is unique by it.
    """
    found = getattr(request.state, "request_key", None)
    return found if isinstance(found, str) else None


def keep_no_answer(request: Request) -> None:
    """Let the answer to a request not be stored, because it shows a secret.

    A repeat is told that the request was carried out, and does not get the answer.
    """
    request.state.shows_secret = True


class IdempotencyMiddleware:
    """Carries out each keyed request of an authenticated caller once."""

    def __init__(
        self,
        app: ASGIApp,
        idempotency: Callable[[], KeptAnswers],
        *,
        errors_url: str,
    ) -> None:
        self._app = app
        self._idempotency = idempotency
        self._errors_url = errors_url

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request (ASGI 3)."""
        caller = getattr(scope.get("state", {}).get("caller"), "id", None)
        key = Headers(scope=scope).get(KEY_HEADER) if scope["type"] == "http" else None
        if caller is None or key is None or scope["method"] not in _METHODS:
            await self._app(scope, receive, send)
            return
        idempotency = self._idempotency()
        try:
            if not _KEY.fullmatch(key):
                raise IdempotencyKeyError(reason="not of the right form")
            found = await idempotency.begin(caller, key)
            if isinstance(found, KeptAnswer):
                await _replay(found, scope, receive, send)
                return
        except HuitongError as error:
            await send_problem(error, self._errors_url, scope, receive, send)
            return
        scope["state"]["request_key"] = hashlib.sha256(
            orjson.dumps([caller, key])
        ).hexdigest()
        attempt = _Attempt(
            idempotency, caller, key, found, scope, receive, send, self._errors_url
        )
        await attempt.run(self._app)


@dataclass(slots=True)
class _Attempt:
    """A request that is being carried out under its key."""

    idempotency: KeptAnswers
    caller: str
    key: str
    holder: bytes
    scope: Scope
    source: Receive
    sink: Send
    errors_url: str
    body: _HashedBody = field(init=False)
    start: Message | None = None
    parts: list[bytes] = field(default_factory=list)
    size: int = 0
    is_settled: bool = False
    is_replaced: bool = False

    def __post_init__(self) -> None:
        self.body = _HashedBody(self.scope, self.source)

    async def run(self, app: ASGIApp) -> None:
        """Let the application answer; settle the key before the answer leaves."""
        async with self._renewing():
            try:
                await app(self.scope, self.body.receive, self._send)
            finally:
                if not self.is_settled:
                    await self._release()

    async def _send(self, message: Message) -> None:
        if self.is_replaced:
            return
        if self.is_settled:
            await self.sink(message)
            return
        try:
            await self._settle(message)
        except HuitongError as error:  # the answer is not sent: it could not be kept
            self.is_settled = self.is_replaced = True
            await send_problem(
                error, self.errors_url, self.scope, self.body.receive, self.sink
            )

    async def _settle(self, message: Message) -> None:
        """Hold the answer back until it is known whether and how it is kept."""
        if message["type"] == "http.response.start":
            self.start = message
            if message["status"] >= 400:
                await self._release()
                await self._flush(more=True)
            return
        self.parts.append(message.get("body", b""))
        self.size += len(self.parts[-1])
        more = message.get("more_body", False)
        if more and self.size <= ANSWER_BYTES_MAX:
            return
        await self._keep(is_whole=not more and self.size <= ANSWER_BYTES_MAX)
        await self._flush(more=more)

    async def _keep(self, *, is_whole: bool) -> None:
        assert self.start is not None
        is_whole = is_whole and not self.scope["state"].get("shows_secret")
        answer = KeptAnswer(
            await self.body.digest(),
            self.start["status"],
            tuple(
                (a.decode("latin-1"), b.decode("latin-1"))
                for a, b in self.start["headers"]
            ),
            b"".join(self.parts) if is_whole else None,
        )
        await self.idempotency.keep(self.caller, self.key, self.holder, answer)
        self.is_settled = True

    async def _release(self) -> None:
        self.is_settled = True
        await self.idempotency.release(self.caller, self.key, self.holder)

    async def _flush(self, *, more: bool) -> None:
        assert self.start is not None
        await self.sink(self.start)
        if self.parts:
            body = b"".join(self.parts)
            self.parts = []
            await self.sink(
                {"type": "http.response.body", "body": body, "more_body": more}
            )

    @contextlib.asynccontextmanager
    async def _renewing(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self._renew())
        try:
            yield
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def _renew(self) -> None:
        while True:
            await asyncio.sleep(self.idempotency.settings.idempotency_lease_s / 3)
            with contextlib.suppress(HuitongError):  # the next one may succeed
                await self.idempotency.renew(self.caller, self.key, self.holder)


class _HashedBody:
    """A body that is hashed while it passes, together with what it is sent to."""

    def __init__(self, scope: Scope, source: Receive) -> None:
        self._source = source
        self._hash = hashlib.sha256()
        target = [
            scope["method"],
            scope["path"],
            scope["query_string"].decode("latin-1"),
        ]
        self._hash.update(hashlib.sha256(orjson.dumps(target)).digest())
        self._is_whole = False

    async def receive(self) -> Message:
        """Return the next part (ASGI)."""
        message = await self._source()
        if message["type"] == "http.request":
            self._hash.update(message.get("body", b""))
            self._is_whole = not message.get("more_body", False)
        else:
            self._is_whole = True
        return message

    async def digest(self) -> bytes:
        """Read what is left, and return the SHA-256 over all of it."""
        while not self._is_whole:
            await self.receive()
        return self._hash.digest()


async def _replay(kept: KeptAnswer, scope: Scope, receive: Receive, send: Send) -> None:
    """Give the answer kept.

    Raises:
        IdempotencyMismatchError: it was the answer to another request.
        AnswerNotKeptError: it was too large.
    """
    if await _HashedBody(scope, receive).digest() != kept.request:
        raise IdempotencyMismatchError
    if kept.body is None:
        raise AnswerNotKeptError
    start: Message = {"type": "http.response.start", "status": kept.status}
    start["headers"] = [
        (a.encode("latin-1"), b.encode("latin-1")) for a, b in kept.headers
    ]
    MutableHeaders(scope=start)[REPLAYED_HEADER] = "true"
    await send(start)
    await send({"type": "http.response.body", "body": kept.body})
