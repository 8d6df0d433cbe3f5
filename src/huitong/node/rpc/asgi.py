"""HTTP and WebSocket in front of the methods, as an ASGI application of our own."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final
from urllib.parse import parse_qsl

import orjson

from huitong.core.errors import HuitongError
from huitong.node.rpc.calls import (
    Methods,
    answer_get,
    answer_post,
    answer_request,
    envelope,
    failure,
)
from huitong.node.rpc.errors import (
    INVALID_PARAMS,
    METHOD_NOT_FOUND,
    PARSE_ERROR,
    error_object,
    refusal,
)
from huitong.node.rpc.subscriptions import EventClient, SubscriptionHub

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

#: Bytes of one request: a batch of ten of the largest usual transactions.
BODY_SIZE_BYTES_MAX: Final = 16_777_216
#: Bytes of all bodies that are arriving at one time; more are told that the node is busy.
BODIES_SIZE_BYTES_MAX: Final = 134_217_728
#: Bytes of a query string.
QUERY_STRING_BYTES_MAX: Final = 65_536
_JSON: Final = (b"content-type", b"application/json")
_CORS: Final = (b"access-control-allow-origin", b"*")
_PREFLIGHT: Final = (
    _CORS,
    (b"access-control-allow-methods", b"HEAD, GET, POST"),
    (
        b"access-control-allow-headers",
        b"Origin, Accept, Content-Type, X-Requested-With, X-Server-Time",
    ),
    (b"access-control-max-age", b"600"),
)
_EVENT_METHODS: Final = ("subscribe", "unsubscribe", "unsubscribe_all")


class _BodyError(Exception):
    """A body is not taken; carries what the peer is told."""

    def __init__(self, status: int, reason: bytes) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


class RpcApplication:
    """Answers HTTP and WebSocket requests."""

    def __init__(self, methods: Methods, hub: SubscriptionHub) -> None:
        self._methods = methods
        self._hub = hub
        self._arriving_bytes = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection or request (ASGI 3)."""
        if scope["type"] == "http":
            await self._http(scope, receive, send)
        elif scope["type"] == "websocket":
            await self._websocket(scope, receive, send)

    # --- HTTP -------------------------------------------------------------------------

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        method, path = scope["method"], scope["path"]
        if method == "POST" and path in ("/", ""):
            try:
                body = await self._read_body(receive)
            except _BodyError as refused:
                await _respond(send, refused.status, refused.reason, _TEXT)
                return
            status, answer = await answer_post(self._methods, body)
            await _respond(send, status, answer)
        elif method == "OPTIONS":
            await _respond(send, 204, b"", *_PREFLIGHT)
        elif method in ("GET", "HEAD"):
            await self._get(path.removeprefix("/"), scope["query_string"], send)
        else:
            await _respond(send, 404, b"404 page not found\n", _TEXT)

    async def _read_body(self, receive: Receive) -> bytes:
        """Return the body of a request.

        Raises:
            _BodyError: it passes its limit, or with others the limit for all.
        """
        parts: list[bytes] = []
        size = 0
        try:
            while True:
                message = await receive()
                if message["type"] != "http.request":
                    return b""
                parts.append(message.get("body", b""))
                size += len(parts[-1])
                self._arriving_bytes += len(parts[-1])
                if size > BODY_SIZE_BYTES_MAX:
                    raise _BodyError(413, b"request body too large")
                if self._arriving_bytes > BODIES_SIZE_BYTES_MAX:
                    raise _BodyError(503, b"too many request bodies at once")
                if not message.get("more_body", False):
                    return b"".join(parts)
        finally:
            self._arriving_bytes -= size

    async def _get(self, name: str, query_string: bytes, send: Send) -> None:
        if name == "":
            await _respond(send, 200, self._list_methods(), _HTML)
        elif name in _EVENT_METHODS:
            answer = envelope(-1, error=error_object(METHOD_NOT_FOUND))
            await _respond(send, 404, answer)
        elif name not in self._methods or len(query_string) > QUERY_STRING_BYTES_MAX:
            await _respond(send, 404, b"404 page not found\n", _TEXT)
        else:
            query = dict(parse_qsl(query_string.decode("latin-1")))
            status, answer = await answer_get(self._methods, name, query)
            await _respond(send, status, answer)

    def _list_methods(self) -> bytes:
        lines = []
        for name in sorted(self._methods):
            args = "&".join(f"{item.name}=_" for item in self._methods[name].params)
            path = f"/{name}?{args}" if args else f"/{name}"
            lines.append(f'<a href="{path}">{path}</a><br>')
        body = "\n".join(lines)
        return (
            f"<html><body>Available endpoints:<br>\n{body}\n</body></html>\n".encode()
        )

    # --- WebSocket --------------------------------------------------------------------

    async def _websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        if (await receive())["type"] != "websocket.connect":
            return
        if scope["path"].strip("/") != "websocket":
            await send({"type": "websocket.close", "code": 1008})
            return
        await send({"type": "websocket.accept"})
        client = EventClient()
        writer = asyncio.create_task(_write(client, send))
        try:
            while not writer.done():
                message = await receive()
                if message["type"] != "websocket.receive":
                    break
                data = message.get("text") or message.get("bytes") or ""
                client.push(await self._answer_message(client, data))
        finally:
            self._hub.forget(client)
            writer.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await writer

    async def _answer_message(self, client: EventClient, data: str | bytes) -> bytes:
        try:
            request = orjson.loads(data)
        except orjson.JSONDecodeError as error:
            return failure(PARSE_ERROR, f"error unmarshaling request: {error}")
        if not isinstance(request, dict):
            return failure(PARSE_ERROR, "error unmarshaling request: not an object")
        if request.get("method") in _EVENT_METHODS and request.get("id") is not None:
            return self._answer_subscription(client, request)
        return await answer_request(self._methods, request)

    def _answer_subscription(
        self, client: EventClient, request: dict[str, Any]
    ) -> bytes:
        request_id, method = request["id"], request["method"]
        params = request.get("params")
        if isinstance(params, list):
            params = {"query": params[0]} if params else {}
        query = params.get("query") if isinstance(params, dict) else None
        try:
            if method == "unsubscribe_all":
                self._hub.unsubscribe_all(client)
            elif not isinstance(query, str):
                reason = (
                    "error converting json params to arguments: query is not a text"
                )
                return envelope(request_id, error=error_object(INVALID_PARAMS, reason))
            elif method == "subscribe":
                self._hub.subscribe(client, request_id, query)
            else:
                self._hub.unsubscribe(client, query)
        except HuitongError as refused:
            return envelope(request_id, error=refusal(refused))
        return envelope(request_id, result={})


_TEXT: Final = (b"content-type", b"text/plain; charset=utf-8")
_HTML: Final = (b"content-type", b"text/html; charset=utf-8")


async def _write(client: EventClient, send: Send) -> None:
    """Send what waits for a client until it has gone or is dropped."""
    with contextlib.suppress(OSError, RuntimeError):  # the connection is closed
        while (message := await client.pull()) is not None:
            if message:
                await send({"type": "websocket.send", "text": message.decode()})
        await send({"type": "websocket.close", "code": 1013})


async def _respond(
    send: Send, status: int, body: bytes, *headers: tuple[bytes, bytes]
) -> None:
    shown = headers if headers else (_JSON,)
    length = (b"content-length", str(len(body)).encode())
    extra = () if _CORS in shown else (_CORS,)
    await send(
        {
            "type": "http.response.start",
            "status": status,
            "headers": [*shown, *extra, length],
        }
    )
    await send({"type": "http.response.body", "body": body})
