"""JSON-RPC 2.0 as CometBFT speaks it: one call, batches of at most ten, notifications."""

from __future__ import annotations

import secrets
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson
import structlog

from huitong.core.errors import HuitongError
from huitong.node.rpc.errors import (
    INTERNAL_ERROR,
    INVALID_REQUEST,
    METHOD_NOT_FOUND,
    PARSE_ERROR,
    error_object,
    refusal,
)
from huitong.node.rpc.params import Param, params_from_json, params_from_query

#: Requests in one batch, as in CometBFT.
BATCH_REQUESTS_MAX: Final = 10
_log: Final = structlog.get_logger("rpc")
#: The ``id`` of a request that has none: nobody waits for an answer.
_NO_ID: Final = object()
#: Bytes of what an error is found by in the log: callers' own ids are not unique.
_REFERENCE_SIZE: Final = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """One method of the interface."""

    answer: Callable[..., Any]
    """Returns the result, or an awaitable of it if ``is_async``."""
    params: tuple[Param, ...] = ()
    """Its arguments, in CometBFT's order."""
    is_async: bool = False
    """Whether it waits for something."""


Methods = Mapping[str, Method]


async def answer_post(methods: Methods, body: bytes) -> tuple[int, bytes]:
    """Answer the body of a POST request.

    Returns:
        HTTP status and body; an empty body answers notifications.
    """
    try:
        given = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        return 500, failure(PARSE_ERROR, f"error unmarshaling request: {error}")
    if isinstance(given, dict):
        return 200, await answer_request(methods, given)
    if not isinstance(given, list):
        return 500, failure(PARSE_ERROR, "error unmarshaling request: not an object")
    if len(given) > BATCH_REQUESTS_MAX:
        reason = (
            f"batch request exceeds maximum ({BATCH_REQUESTS_MAX}) "
            "allowed number of requests"
        )
        return 200, failure(INVALID_REQUEST, reason)
    answers = []
    for item in given:
        if not isinstance(item, dict):
            return 500, failure(
                PARSE_ERROR, "error unmarshaling request: not an object"
            )
        answer = await answer_request(methods, item)
        if answer:
            answers.append(answer)
    if len(answers) <= 1:
        return 200, b"".join(answers)
    return 200, b"[" + b",".join(answers) + b"]"


async def answer_request(methods: Methods, request: dict[str, Any]) -> bytes:
    """Answer one request; empty for a notification."""
    request_id = request.get("id", _NO_ID)
    if request_id is None or request_id is _NO_ID:
        return b""
    if isinstance(request_id, bool) or not isinstance(request_id, str | int | float):
        return failure(INVALID_REQUEST, "json-rpc ID has unexpected type")
    method = methods.get(str(request.get("method", "")))
    if method is None:
        return envelope(request_id, error=error_object(METHOD_NOT_FOUND))
    try:
        params = params_from_json(request.get("params"), method.params)
    except HuitongError as wrong:
        return envelope(request_id, error=refusal(wrong))
    return await _run(method, params, request_id)


async def answer_get(
    methods: Methods, name: str, query: Mapping[str, str]
) -> tuple[int, bytes]:
    """Answer ``GET /name?query``; the method must exist."""
    method = methods[name]
    try:
        params = params_from_query(query, method.params)
    except HuitongError as wrong:
        return 500, envelope(-1, error=refusal(wrong))
    answer = await _run(method, params, -1)
    return (500 if answer.startswith(_ERROR_HEAD) else 200), answer


_ERROR_HEAD: Final = b'{"jsonrpc":"2.0","id":-1,"error"'


async def _run(method: Method, params: dict[str, Any], request_id: Any) -> bytes:
    try:
        result = method.answer(**params)
        if method.is_async:
            result = await result
        return envelope(request_id, result=result)
    except HuitongError as refused:
        return envelope(request_id, error=refusal(refused))
    except Exception as bug:  # noqa: BLE001 - the RPC boundary
        where = traceback.format_exc(limit=-3)
        kind, reference = type(bug).__name__, secrets.token_hex(_REFERENCE_SIZE)
        _log.error("rpc_failed", request=reference, kind=kind, where=where)
        told = f"{kind} (request {reference} in the node's log)"
        return envelope(request_id, error=error_object(INTERNAL_ERROR, told))


def envelope(
    request_id: Any, *, result: Any = None, error: dict[str, Any] | None = None
) -> bytes:
    """Return the bytes of an answer."""
    if error is not None:
        return orjson.dumps({"jsonrpc": "2.0", "id": request_id, "error": error})
    return orjson.dumps({"jsonrpc": "2.0", "id": request_id, "result": result})


def failure(code: int, data: str) -> bytes:
    """Return the bytes of an answer to something that has no usable id."""
    return orjson.dumps({"jsonrpc": "2.0", "error": error_object(code, data)})
