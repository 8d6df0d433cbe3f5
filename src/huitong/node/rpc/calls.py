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
from huitong.core.limits import INT64_MAX
from huitong.node.rpc.errors import (
    INTERNAL_ERROR,
    INVALID_PARAMS,
    INVALID_REQUEST,
    METHOD_NOT_FOUND,
    PARSE_ERROR,
    EvidenceError,
    error_object,
    refusal,
    words_of,
)
from huitong.node.rpc.go_values import json_error, kind_of
from huitong.node.rpc.params import Param, params_from_json, params_from_query

#: Requests in one batch, as in CometBFT.
BATCH_REQUESTS_MAX: Final = 10
#: Values in the JSON of one body; a batch of ten pieces of evidence against 500 validators
#: has a third of that.
JSON_VALUES_MAX: Final = 200_000
_BATCH_TOO_LONG: Final = (
    f"batch request exceeds maximum ({BATCH_REQUESTS_MAX}) allowed number of requests"
)
_SEPARATORS: Final = (b",", b"[", b"{")
_log: Final = structlog.get_logger("rpc")
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


class UnreadableRequestError(Exception):
    """This is no JSON-RPC request; the message is that of CometBFT's decoder."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request that wants an answer."""

    id: str | int
    """To be echoed."""
    method: str
    """What is called; empty if that is left out."""
    params: Any
    """Arguments by name or by place, unchecked; None if there are none."""


def read_json(data: str | bytes, end: str = "") -> Any:
    """Return the value of a JSON text.

    Args:
        data: the text.
        end: what is said of one that ends too early, if not the usual.

    Raises:
        UnreadableRequestError: it is none, or has too many values: a few bytes of text
            would become many of memory.
    """
    raw = data.encode("utf-8", "replace") if isinstance(data, str) else data
    if sum(raw.count(mark) for mark in _SEPARATORS) > JSON_VALUES_MAX:
        raise UnreadableRequestError(f"more than {JSON_VALUES_MAX} values")
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise UnreadableRequestError(json_error(error, end)) from error


def read_request(given: object) -> Request | None:
    """Return what a JSON value asks for; None if it wants no answer.

    Raises:
        UnreadableRequestError: it is no request.
    """
    if given is None:
        return None
    if not isinstance(given, dict):
        raise UnreadableRequestError(
            f"json: cannot unmarshal {kind_of(given)} into Go value of type RPCRequest"
        )
    method = given.get("method")
    if method is not None and not isinstance(method, str):
        raise UnreadableRequestError(
            f"json: cannot unmarshal {kind_of(method)} into Go struct field "
            ".method of type string"
        )
    request_id = given.get("id")
    if request_id is None:
        return None
    if isinstance(request_id, bool) or not isinstance(request_id, str | int | float):
        go_type = {bool: "bool", list: "[]interface {}"}.get(
            type(request_id), "map[string]interface {}"
        )
        shown = orjson.dumps(request_id).decode()[:80]
        raise UnreadableRequestError(
            f"json-rpc ID ({shown}) is of unknown type ({go_type})"
        )
    if not isinstance(request_id, str):
        request_id = _whole(request_id)
    return Request(id=request_id, method=method or "", params=given.get("params"))


def _whole(number: float) -> int:
    """Return a number as Go converts it to an integer of 64 bits."""
    whole = int(number)
    return whole if -INT64_MAX - 1 <= whole <= INT64_MAX else -INT64_MAX - 1


async def answer_post(methods: Methods, body: bytes) -> tuple[int, bytes]:
    """Answer the body of a POST request.

    Returns:
        HTTP status and body; an empty body answers notifications.
    """
    try:
        given = read_json(body)
        items = given if isinstance(given, list) else [given]
        if len(items) > BATCH_REQUESTS_MAX:
            return 200, failure(INVALID_REQUEST, _BATCH_TOO_LONG)
        requests = [read_request(item) for item in items]
    except UnreadableRequestError as error:
        return 500, unreadable(str(error))
    answers = [
        await answer_request(methods, request)
        for request in requests
        if request is not None
    ]
    if len(answers) <= 1:
        return 200, b"".join(answers)
    return 200, b"[" + b",".join(answers) + b"]"


async def answer_request(
    methods: Methods, request: Request, unread_code: int = INVALID_PARAMS
) -> bytes:
    """Answer one request.

    Args:
        methods: what can be called.
        request: what is asked.
        unread_code: of the error if the arguments cannot be read.
    """
    method = methods.get(request.method)
    if method is None:
        return envelope(request.id, error=error_object(METHOD_NOT_FOUND))
    try:
        params = params_from_json(request.params, method.params)
    except EvidenceError as wrong:
        return envelope(request.id, error=refusal(wrong))
    except HuitongError as wrong:
        return envelope(request.id, error=error_object(unread_code, words_of(wrong)))
    return await _run(method, params, request.id)


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


def unreadable(reason: str) -> bytes:
    """Return the bytes of an answer to what is no request."""
    return failure(PARSE_ERROR, f"error unmarshaling request: {reason}")


def failure(code: int, data: str) -> bytes:
    """Return the bytes of an answer to something that has no usable id."""
    return orjson.dumps({"jsonrpc": "2.0", "error": error_object(code, data)})
