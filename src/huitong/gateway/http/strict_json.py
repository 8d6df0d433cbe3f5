"""Bodies read once and strictly: UTF-8, no name twice, no NaN, no NUL, bounded depth.

FastAPI reads a body by ``Request.json``; the route class here gives it a request that
reads as strictly as the rest of Huitong does.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute

from huitong.core.canonical_json import JsonError, NumberText, decode_json
from huitong.gateway.http.errors import MalformedBodyError


class StrictRequest(Request):
    """A request whose JSON is read by ``core.canonical_json``."""

    async def json(self) -> Any:
        """Return the body's value; numbers with a fraction become floats.

        Raises:
            MalformedBodyError: not one acceptable JSON value.
        """
        try:
            return _plain(decode_json(await self.body()))
        except JsonError as error:
            raise MalformedBodyError(reason=error.fields["reason"]) from error


class StrictRoute(APIRoute):
    """A route whose bodies are read strictly; for ``APIRouter(route_class=...)``."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return what answers a request."""
        answer = super().get_route_handler()

        async def answer_strictly(request: Request) -> Response:
            return await answer(StrictRequest(request.scope, request.receive))

        return answer_strictly


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
