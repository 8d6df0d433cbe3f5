"""Bodies that peers send, and what they are answered where something fails."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Final

import structlog
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from huitong.core.errors import HuitongError, RejectedError, UnavailableError
from huitong.gateway.peers.errors import BodySizeError, BodyTimeoutError
from huitong.payload.sealing import SEALED_SIZE_BYTES_MAX

log = structlog.get_logger("gateway")

#: Seconds without a byte in the middle of a body.
BODY_TIMEOUT_S: Final = 30.0


def answering(
    handler: Callable[[Request], Awaitable[Response]],
) -> Callable[[Request], Awaitable[Response]]:
    """Return a handler whose failures are answered as problems."""

    async def answer(request: Request) -> Response:
        try:
            return await handler(request)
        except ClientDisconnect:
            return Response(status_code=400)  # nobody reads it
        except HuitongError as failure:
            return problem_answer(failure)
        except Exception as bug:
            log.error("delivery_broken", exc_info=bug)
            return JSONResponse({"title": "internal error"}, status_code=500)

    return answer


async def read_body(
    request: Request, announced: int, maximum: int = SEALED_SIZE_BYTES_MAX
) -> AsyncIterator[bytes]:
    """Yield the body, which must have exactly the announced size.

    Args:
        request: whose body.
        announced: bytes, as its statement says.
        maximum: bytes that may be announced, for the error.

    Raises:
        BodySizeError: it has another.
        BodyTimeoutError: it stops in the middle.
    """
    size = 0
    stream = aiter(request.stream())
    while True:
        try:
            async with asyncio.timeout(BODY_TIMEOUT_S):
                piece = await anext(stream, None)
        except TimeoutError:
            raise BodyTimeoutError(seconds=BODY_TIMEOUT_S) from None
        if piece is None:
            break
        size += len(piece)
        if size > announced:
            break
        if piece:
            yield piece
    if size != announced:
        raise BodySizeError(size=size, announced=announced, maximum=maximum)


def answer_failure(_: Request, failure: Exception) -> Response:
    """Return a failure as a problem, for a handler of exceptions."""
    assert isinstance(failure, HuitongError)
    return problem_answer(failure)


def problem_answer(failure: HuitongError) -> Response:
    """Return a failure as a problem."""
    problem = problem_of(failure)
    return JSONResponse(
        problem,
        status_code=problem["status"],
        media_type="application/problem+json",
    )


def problem_of(failure: HuitongError) -> dict[str, Any]:
    """Return a failure as a problem (RFC 9457); only what the sender can mend is told."""
    status = getattr(failure, "http_status", None)
    if status is None:
        if isinstance(failure, RejectedError):
            status = 422
        else:
            status = 503 if isinstance(failure, UnavailableError) else 500
    problem: dict[str, Any] = {
        "title": type(failure).__name__,
        "status": status,
        "codespace": failure.codespace,
        "code": failure.code,
    }
    if isinstance(failure, RejectedError):
        problem["detail"] = str(failure)
    return problem


def on_http_error(_: Request, error: Exception) -> Response:
    """Answer a path or method that does not exist."""
    status = error.status_code if isinstance(error, HTTPException) else 500
    return JSONResponse(
        {"title": "not found" if status == 404 else "not allowed", "status": status},
        status_code=status,
        media_type="application/problem+json",
    )
