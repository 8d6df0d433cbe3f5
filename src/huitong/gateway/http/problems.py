"""Every refusal as a problem of RFC 9457, with the status that fits its class.

``type`` is the page of the error's code, ``title`` what the code means, ``detail`` this
case, ``instance`` the request's id; ``codespace`` and ``code`` are for programs,
``next_step`` for people, ``errors`` names the fields of a request that are not valid.
Nothing else is ever told: no traceback, no value of a header, no text of a foreign
exception.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import orjson
import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.routing import Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from huitong.core.errors import (
    BrokenError,
    HuitongError,
    UnavailableError,
)
from huitong.gateway.http.errors import (
    FieldReason,
    InternalError,
    InvalidFieldsError,
    MalformedBodyError,
    MethodError,
    PathNotFoundError,
)
from huitong.gateway.http.request_id import current_request

log = structlog.get_logger("gateway")

PROBLEM_JSON: Final = "application/problem+json"
#: Fields of a request that one problem names; a body of a megabyte may have more.
FIELD_REASONS_MAX: Final = 32
#: Characters of a field's name or of a reason; names of unknown fields are a stranger's.
FIELD_CHARACTERS_MAX: Final = 160
_SCHEMAS: Final = "#/components/schemas/"


class FieldProblem(BaseModel):
    """One part of a request that is not valid."""

    field: str = Field(examples=["body.fields.0"])
    reason: str = Field(examples=["Field required"])


class Problem(BaseModel):
    """A refusal (RFC 9457)."""

    model_config = ConfigDict(title="Problem")

    type: str = Field(
        description="Page of the error code.", examples=["/errors#http-2"]
    )
    title: str = Field(description="What the error code means.")
    status: int = Field(ge=400, le=599, description="The HTTP status.")
    detail: str = Field(description="What happened in this case.")
    instance: str = Field(description="Id of the request, as in `X-Request-Id`.")
    codespace: str = Field(description="Family of the error code.", examples=["http"])
    code: int = Field(ge=1, description="Error code within its family.", examples=[2])
    next_step: str | None = Field(default=None, description="What to do about it.")
    errors: list[FieldProblem] | None = Field(
        default=None, description="Fields of the request that are not valid."
    )


def status_of(error: HuitongError) -> int:
    """Return the HTTP status of an expected failure: its own, or that of its family."""
    given = getattr(type(error), "http_status", None)
    if isinstance(given, int):
        return given
    if isinstance(error, UnavailableError):
        return 503
    return 500 if isinstance(error, BrokenError) else 422


def problem_of(error: HuitongError, errors_url: str) -> dict[str, Any]:
    """Return the members of the problem that tells an expected failure."""
    context = current_request()
    problem: dict[str, Any] = {
        "type": f"{errors_url}#{error.codespace}-{error.code}",
        "title": title_of(type(error)),
        "status": status_of(error),
        "detail": str(error),
        "instance": context.request_id if context else "",
        "codespace": error.codespace,
        "code": error.code,
    }
    if error.next_step:
        problem["next_step"] = error.next_step
    if isinstance(error, InvalidFieldsError):
        problem["errors"] = [
            {"field": _shown(item.field), "reason": _shown(item.reason)}
            for item in error.reasons[:FIELD_REASONS_MAX]
        ]
    return problem


def title_of(kind: type[HuitongError]) -> str:
    """Return what a code means: the first sentence of its class, on one line."""
    meaning = " ".join((kind.__doc__ or "").split("\n\n")[0].split())
    return meaning.replace("``", "`")


def problem_response(error: HuitongError, errors_url: str) -> Response:
    """Return the answer that tells an expected failure."""
    make_headers = getattr(error, "http_headers", None)
    return Response(
        orjson.dumps(problem_of(error, errors_url)),
        status_code=status_of(error),
        media_type=PROBLEM_JSON,
        headers=make_headers() if make_headers else None,
    )


async def send_problem(
    error: HuitongError, errors_url: str, scope: Scope, receive: Receive, send: Send
) -> None:
    """Answer from within middleware, and let the layers outside know the code."""
    scope.setdefault("state", {})["problem"] = f"{error.codespace}/{error.code}"
    await problem_response(error, errors_url)(scope, receive, send)


def problem_responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return what OpenAPI says of an operation's refusals, for ``responses=``."""
    content = {PROBLEM_JSON: {"schema": {"$ref": f"{_SCHEMAS}Problem"}}}
    return {
        status: {"description": _STATUS_TEXTS[status], "content": content}
        for status in statuses
    }


_METHODS: Final = ("DELETE", "GET", "HEAD", "PATCH", "POST", "PUT")
_STATUS_TEXTS: Final = {
    400: "The request cannot be read.",
    401: "Credentials are missing or not valid.",
    403: "The caller's roles do not allow it.",
    404: "Absent, or not the caller's to see.",
    405: "The path takes other methods.",
    406: "The answer has no form that the caller accepts.",
    408: "The body arrived too slowly.",
    409: "It contradicts the present state, or an equal request is being worked on.",
    410: "What was asked for is no longer kept.",
    413: "The body is too large.",
    415: "The body's type or encoding is not taken.",
    422: "The request can never be carried out as it is.",
    429: "Too many requests.",
    500: "A bug or damage on the gateway's side.",
    503: "Not now; the same may succeed later.",
}


def install_problems(app: FastAPI, errors_url: str) -> None:
    """Let an application tell every refusal as a problem.

    Args:
        app: the application; its handlers of exceptions are set.
        errors_url: page of the error codes, see ``HttpSettings.errors_url``.
    """

    def answer(request: Request, error: HuitongError) -> Response:
        if isinstance(error, BrokenError):
            log.error("request_failed", reason=str(error), exc_info=error)
        request.state.problem = f"{error.codespace}/{error.code}"
        return problem_response(error, errors_url)

    async def expected(request: Request, error: Exception) -> Response:
        assert isinstance(error, HuitongError)
        response = answer(request, error)
        _let_go(error)
        return response

    async def invalid(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        response = answer(request, error_of_validation(error.errors()))
        _let_go(error)
        return response

    async def refused(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        response = answer(request, _error_of_status(request, error))
        _let_go(error)
        return response

    app.add_exception_handler(HuitongError, expected)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(HTTPException, refused)
    _describe_problems(app)


def _let_go(error: BaseException) -> None:
    """Free what the frames of a failure hold, once it is logged and told.

    The framework keeps the failure of a body in a variable of the very frame that the
    traceback of its cause leads to. That circle holds the body, as bytes and as text,
    until the next garbage collection, which comes rarely: see ``node.collection``.
    """
    waiting: list[BaseException | None] = [error]
    seen: set[int] = set()
    while waiting:
        found = waiting.pop()
        if found is not None and id(found) not in seen:
            seen.add(id(found))
            found.__traceback__ = None
            waiting += (found.__cause__, found.__context__)


def _describe_problems(app: FastAPI) -> None:
    """Put the form of a problem into the application's description."""
    describe = app.openapi
    form = Problem.model_json_schema(ref_template=_SCHEMAS + "{model}")
    forms = {**form.pop("$defs"), "Problem": form}

    def describe_all() -> dict[str, Any]:
        described = describe()
        described.setdefault("components", {}).setdefault("schemas", {}).update(forms)
        return described

    app.openapi = describe_all  # type: ignore[method-assign]


def error_of_validation(found: Sequence[Any]) -> HuitongError:
    """Return the refusal for what pydantic found; values given are never shown."""
    if found and all(item.get("type") == "json_invalid" for item in found):
        return MalformedBodyError(reason=_shown(str(found[0]["ctx"]["error"])))
    return InvalidFieldsError(
        *(
            FieldReason(".".join(map(str, item["loc"])), str(item["msg"]))
            for item in found[:FIELD_REASONS_MAX]
        )
    )


class ProblemBoundary:
    """Outermost catch: a bug is logged with its traceback, and told without it."""

    def __init__(self, app: ASGIApp, errors_url: str) -> None:
        self._app = app
        self._errors_url = errors_url

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request (ASGI 3)."""
        has_started = False

        async def send_watched(message: Message) -> None:
            nonlocal has_started
            has_started = has_started or message["type"] == "http.response.start"
            await send(message)

        try:
            await self._app(scope, receive, send_watched)
        except Exception as error:
            if has_started or scope["type"] != "http":
                raise  # the server ends the connection: an answer cannot be taken back
            if not isinstance(error, HuitongError):
                log.error("request_failed", reason=type(error).__name__, exc_info=error)
                _let_go(error)
                error = InternalError()
            await send_problem(error, self._errors_url, scope, receive, send)


def _error_of_status(request: Request, error: HTTPException) -> HuitongError:
    """Return the refusal that the framework meant."""
    if isinstance(error.__cause__, HuitongError):
        return error.__cause__  # raised while the body was read
    match error.status_code:
        case 404:
            return PathNotFoundError()
        case 405:
            allowed = ", ".join(_methods_at(request))
            return MethodError(method=request.method, allowed=allowed)
        case 400:
            return MalformedBodyError(reason="not one JSON value in UTF-8")
    log.error("request_failed", reason=f"unexpected status {error.status_code}")
    return InternalError()


def _methods_at(request: Request) -> list[str]:
    """Return the methods that a path takes; the framework tells those of one route."""
    return [
        method
        for method in _METHODS
        if any(
            route.matches({**request.scope, "method": method})[0] is Match.FULL
            for route in request.app.routes
        )
    ]


def _shown(text: str) -> str:
    """Return a stranger's text bounded and printable."""
    cut = text[:FIELD_CHARACTERS_MAX]
    if cut.isprintable():
        return cut
    return "".join(
        char
        if char.isprintable()
        else char.encode("unicode_escape", "replace").decode()
        for char in cut
    )
