"""JSON-RPC 2.0 over HTTP to a node that speaks the dialect of CometBFT v0.38.

One ``RpcConnection`` keeps its TCP connections open. Calls raise the errors of
``client.errors``; nothing of the transport library leaks out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import Any, Final, TypeAlias

import httpcore
import httpx
import orjson
from google.protobuf.message import DecodeError

from huitong.client.errors import RpcError, UnreachableError, UnreadableAnswerError

#: Calls in one JSON-RPC batch; CometBFT refuses more than ten.
BATCH_CALLS_MAX: Final = 10
#: Connections kept open to one node.
CONNECTIONS_MAX: Final = 16
#: Seconds without an answer after which a call fails.
CALL_TIMEOUT_S: Final = 30.0
#: Seconds to connect, and for which an idle connection is kept.
CONNECT_TIMEOUT_S: Final = 5.0
KEEP_S: Final = 60.0
_HEADERS: Final = ((b"content-type", b"application/json"),)

#: What a call without an answer raises; the last two: the URL cannot be used.
_FAILURES: Final = (
    httpcore.NetworkError,
    httpcore.TimeoutException,
    httpcore.ProtocolError,
    httpcore.UnsupportedProtocol,
    httpcore.ProxyError,
    OSError,
    ValueError,
    httpx.InvalidURL,
)

#: What taking an answer apart raises when it has another shape.
_SHAPE_ERRORS: Final = (
    KeyError,
    IndexError,
    TypeError,
    ValueError,
    AttributeError,
    OverflowError,
    DecodeError,
)

#: A method and its parameters; 64-bit integers are given as text.
Call: TypeAlias = tuple[str, Mapping[str, Any]]


def http_url(rpc_url: str) -> str:
    """Return the HTTP form of a node's URL; ``tcp://`` is what configurations say."""
    for scheme in ("tcp://", "http://", "https://"):
        if rpc_url.startswith(scheme):
            rest = rpc_url.removeprefix(scheme).rstrip("/")
            return f"{'https' if scheme == 'https://' else 'http'}://{rest}"
    return f"http://{rpc_url.rstrip('/')}"


class RpcConnection:
    """Connections to one node."""

    def __init__(self, rpc_url: str, *, timeout_s: float = CALL_TIMEOUT_S) -> None:
        self.url = http_url(rpc_url)
        """HTTP URL of the node, without a slash at the end."""
        # Without the layers of ``httpx`` above it, which cost more than the call itself.
        self._http = httpcore.AsyncConnectionPool(
            max_connections=CONNECTIONS_MAX,
            max_keepalive_connections=CONNECTIONS_MAX,
            keepalive_expiry=KEEP_S,
            ssl_context=httpx.create_ssl_context(trust_env=False)
            if self.url.startswith("https")
            else None,  # no certificates are read
        )
        self._timeouts = {
            "connect": min(CONNECT_TIMEOUT_S, timeout_s),
            "read": timeout_s,
            "write": timeout_s,
            "pool": timeout_s,
        }
        self._next_id = 0

    async def close(self) -> None:
        """Close all connections."""
        await self._http.aclose()

    async def call(self, method: str, **params: Any) -> Any:
        """Return the result of one call.

        Raises:
            UnreachableError: no answer.
            RpcError: the node answers with an error.
            UnreadableAnswerError: the answer is no JSON-RPC.
        """
        answer = await self._post(method, self._request(method, params))
        if not isinstance(answer, dict):
            raise self._unreadable(method, "not an object")
        return self._result(method, answer)

    async def call_many(self, calls: Sequence[Call]) -> list[Any | RpcError]:
        """Return the results of several calls, in their order, in one round trip each ten.

        A call that the node answers with an error gives its ``RpcError`` in place of the
        result, so that one refusal does not hide the others.

        Raises:
            UnreachableError: no answer.
            UnreadableAnswerError: answers are missing.
        """
        results: list[Any | RpcError] = []
        for start in range(0, len(calls), BATCH_CALLS_MAX):
            results += await self._call_batch(calls[start : start + BATCH_CALLS_MAX])
        return results

    async def _call_batch(self, calls: Sequence[Call]) -> list[Any | RpcError]:
        if len(calls) == 1:
            try:
                return [await self.call(calls[0][0], **calls[0][1])]
            except RpcError as refusal:
                return [refusal]
        requests = [self._request(method, params) for method, params in calls]
        answers = await self._post(calls[0][0], requests)
        if not isinstance(answers, list):
            raise self._unreadable(calls[0][0], "a batch without a list of answers")
        by_id = {
            answer["id"]: answer
            for answer in answers
            if isinstance(answer, dict) and isinstance(answer.get("id"), int)
        }
        results: list[Any | RpcError] = []
        for (method, _), request in zip(calls, requests, strict=True):
            answer = by_id.get(request["id"])
            if answer is None:
                raise self._unreadable(method, "a batch with answers missing")
            try:
                results.append(self._result(method, answer))
            except RpcError as refusal:
                results.append(refusal)
        return results

    @contextmanager
    def reading(self, method: str) -> Iterator[None]:
        """Turn an answer of an unexpected shape into an expected failure.

        Raises:
            UnreadableAnswerError: the block within met a missing or wrong entry.
        """
        try:
            yield
        except _SHAPE_ERRORS as failure:
            raise self._unreadable(
                method, f"{type(failure).__name__}: {failure}"
            ) from None

    @cached_property
    def _target(self) -> str:
        """The URL in ASCII, also where the host's name is not.

        Raises:
            httpx.InvalidURL: it is none.
        """
        return str(httpx.URL(self.url))

    def _request(self, method: str, params: Mapping[str, Any]) -> dict[str, Any]:
        self._next_id += 1
        return {
            "jsonrpc": "2.0",
            "id": self._next_id,
            "method": method,
            "params": params,
        }

    async def _post(self, method: str, body: Any) -> Any:
        try:
            response = await self._http.request(
                "POST",
                self._target,
                headers=_HEADERS,
                content=orjson.dumps(body),
                extensions={"timeout": self._timeouts},
            )
        except _FAILURES as failure:
            reason = str(failure) or type(failure).__name__
            raise UnreachableError(url=self.url, reason=reason) from None
        try:
            return orjson.loads(response.content)
        except orjson.JSONDecodeError:
            raise self._unreadable(method, f"HTTP {response.status}") from None

    def _result(self, method: str, answer: dict[str, Any]) -> Any:
        error = answer.get("error")
        if error is None:
            if "result" not in answer:
                raise self._unreadable(method, "neither result nor error")
            return answer["result"]
        if not isinstance(error, dict):
            raise self._unreadable(method, "an error that is no object")
        reason = error.get("data") or error.get("message") or "no reason given"
        raise RpcError(url=self.url, method=method, reason=str(reason))

    def _unreadable(self, method: str, reason: str) -> UnreadableAnswerError:
        return UnreadableAnswerError(url=self.url, method=method, reason=reason)
