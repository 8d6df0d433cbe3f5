"""Bodies read once and strictly: UTF-8, no name twice, no NaN, no NUL, bounded depth.

FastAPI reads a body by ``Request.json``; the route class here gives it a request that
reads as strictly as the rest of Huitong does. Large ones are read in a thread, and those
of one operation one after another, so that other requests go on meanwhile: threads that
compute at the same time would each keep the event loop waiting for its turn.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from fastapi import Request, Response
from fastapi.routing import APIRoute

from huitong.core.canonical_json import JsonError, NumberText, decode_json
from huitong.gateway.http.errors import MalformedBodyError
from huitong.gateway.http.limits import (
    BODY_MEMBERS_MAX,
    BODY_NAMES_MAX,
    BODY_READ_AT_ONCE_BYTES_MAX,
    BODY_VALUES_MAX,
)

ResultT = TypeVar("ResultT")


class StrictRequest(Request):
    """A request whose JSON is read by ``core.canonical_json``."""

    def __init__(self, request: Request, turns: asyncio.Semaphore) -> None:
        """Read in place of ``request``, large bodies when it is their turn."""
        super().__init__(request.scope, request.receive)
        self._turns = turns

    async def json(self) -> Any:
        """Return the body's value; numbers with a fraction become floats.

        Raises:
            MalformedBodyError: not one acceptable JSON value, or one of too many.
        """
        body = await self.body()
        if len(body) <= BODY_READ_AT_ONCE_BYTES_MAX:
            return _read(body)
        async with self._turns:
            return await asyncio.to_thread(_read, body)


class StrictRoute(APIRoute):
    """A route whose bodies are read strictly; for ``APIRouter(route_class=...)``."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return what answers a request."""
        answer = super().get_route_handler()
        turns = asyncio.Semaphore(1)

        async def answer_strictly(request: Request) -> Response:
            return await answer(StrictRequest(request, turns))

        return answer_strictly


async def read_aside(work: Callable[[bytes], ResultT], body: bytes) -> ResultT:
    """Return what ``work`` makes of a body; of a large one in a thread."""
    if len(body) <= BODY_READ_AT_ONCE_BYTES_MAX:
        return work(body)
    return await asyncio.to_thread(work, body)


def _read(body: bytes) -> Any:
    _check_count(body, b",[{", BODY_VALUES_MAX, "values, by its commas and brackets")
    _check_count(body, b":", BODY_NAMES_MAX, "names, by its colons")
    try:
        value = decode_json(body)
    except JsonError as error:
        raise MalformedBodyError(reason=error.fields["reason"]) from error
    if isinstance(value, dict) and len(value) > BODY_MEMBERS_MAX:
        raise MalformedBodyError(reason=f"more than {BODY_MEMBERS_MAX} members")
    return _plain(value)


def _check_count(body: bytes, marks: bytes, maximum: int, what: str) -> None:
    """Refuse what would take long to read, by bytes that stand for it."""
    if len(body) - len(body.translate(None, marks)) > maximum:
        raise MalformedBodyError(reason=f"more than {maximum} {what}")


def _plain(value: Any) -> Any:
    if isinstance(value, str) and "\0" in value:
        raise MalformedBodyError(reason="a text holds a NUL character")
    if isinstance(value, NumberText):
        number = float(value.digits)
        if not math.isfinite(number):
            raise MalformedBodyError(reason="a number is too large")
        return number
    if isinstance(value, dict):
        return {_plain(name): _plain(part) for name, part in value.items()}
    if isinstance(value, list):
        return [_plain(part) for part in value]
    return value
