"""HTTP and WebSocket in front of the methods, as an ASGI application of our own."""

from __future__ import annotations

import asyncio
import contextlib
import re
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final
from urllib.parse import parse_qsl

from huitong.core.errors import HuitongError
from huitong.node.rpc.calls import (
    Methods,
    Request,
    UnreadableRequestError,
    answer_get,
    answer_post,
    answer_request,
    envelope,
    read_json,
    read_request,
    unreadable,
)
from huitong.node.rpc.errors import (
    INTERNAL_ERROR,
    METHOD_NOT_FOUND,
    error_object,
    words_of,
)
from huitong.node.rpc.params import Kind, Param, params_from_json
from huitong.node.rpc.subscriptions import EventClient, SubscriptionHub

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

#: Bytes of one request: a batch of ten of the largest usual transactions.
BODY_SIZE_BYTES_MAX: Final = 16_777_216
#: Bytes of all bodies that are arriving at one time; more are told that the node is busy.
BODIES_SIZE_BYTES_MAX: Final = 134_217_728
#: Bytes of all answers that peers have not read yet; more are told that the node is busy.
ANSWERS_SIZE_BYTES_MAX: Final = 268_435_456
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
_QUERY: Final = (Param("query", Kind.TEXT),)
#: What only a WebSocket can ask for.
EVENT_METHODS: Final = {
    "subscribe": _QUERY,
    "unsubscribe": _QUERY,
    "unsubscribe_all": (),
}


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
        self._leaving_bytes = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection or request (ASGI 3)."""
        if scope["type"] == "http":
            await self._http(scope, receive, send)
        elif scope["type"] == "websocket":
            await self._websocket(scope, receive, send)

    # --- HTTP -------------------------------------------------------------------------

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer as CometBFT does: it hardly looks at the HTTP method."""
        method, path = scope["method"], scope["path"]
        if method == "OPTIONS":
            await _respond(send, 204, b"", *_PREFLIGHT)
        elif path not in ("/", ""):
            await self._get(path.removeprefix("/"), scope["query_string"], send)
        elif method in ("GET", "HEAD"):
            await _respond(send, 200, self._list_methods(), _HTML)
        else:
            await self._post(receive, send)

    async def _post(self, receive: Receive, send: Send) -> None:
        try:
            body = await self._read_body(receive)
        except _BodyError as refused:
            await _respond(send, refused.status, refused.reason, _TEXT)
            return
        if not body:
            await _respond(send, 200, self._list_methods(), _HTML)
            return
        status, answer = await answer_post(self._methods, body)
        await self._answer(send, status, answer)

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
        if len(query_string) > QUERY_STRING_BYTES_MAX:
            await _respond(send, 414, b"URI too long\n", _TEXT)
        elif name in EVENT_METHODS:
            answer = envelope(-1, error=error_object(METHOD_NOT_FOUND))
            await _respond(send, 404, answer)
        elif name == "websocket":  # without the words that make it one
            await _respond(send, 400, b"Bad Request\n", _TEXT)
        elif name not in self._methods:
            await _respond(send, 404, b"404 page not found\n", _TEXT)
        else:
            query = _arguments(query_string)
            status, answer = await answer_get(self._methods, name, query)
            await self._answer(send, status, answer)

    async def _answer(self, send: Send, status: int, answer: bytes) -> None:
        """Send an answer, unless too much waits for slow readers already."""
        if self._leaving_bytes + len(answer) > ANSWERS_SIZE_BYTES_MAX:
            await _respond(send, 503, b"too many unread answers\n", _TEXT)
            return
        self._leaving_bytes += len(answer)
        try:
            await _respond(send, status, answer)
        finally:
            self._leaving_bytes -= len(answer)

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
        client = EventClient(self._hub.backlogs)
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
            end = "unexpected EOF" if data.strip() else "EOF"
            request = read_request(read_json(data, end))
        except UnreadableRequestError as error:
            return unreadable(str(error))
        if request is None:
            return b""
        if request.method in EVENT_METHODS:
            return self._answer_subscription(client, request)
        # Over a WebSocket CometBFT answers arguments that it cannot read like this.
        return await answer_request(self._methods, request, INTERNAL_ERROR)

    def _answer_subscription(self, client: EventClient, request: Request) -> bytes:
        try:
            expected = EVENT_METHODS[request.method]
            query = params_from_json(request.params, expected).get("query", "")
            match request.method:
                case "subscribe":
                    self._hub.subscribe(client, request.id, query)
                case "unsubscribe":
                    self._hub.unsubscribe(client, query)
                case _:
                    self._hub.unsubscribe_all(client)
        except HuitongError as refused:
            error = error_object(INTERNAL_ERROR, words_of(refused))
            return envelope(request.id, error=error)
        return envelope(request.id, result={})


_TEXT: Final = (b"content-type", b"text/plain; charset=utf-8")
_HTML: Final = (b"content-type", b"text/html")


def _arguments(query_string: bytes) -> dict[str, str]:
    """Return the arguments of a query string; of several with one name the first.

    As in Go, what cannot be unescaped is passed over.
    """
    parts = query_string.decode("latin-1").split("&")
    readable = [part for part in parts if ";" not in part and not _BAD_ESCAPE(part)]
    return dict(reversed(parse_qsl("&".join(readable))))


_BAD_ESCAPE: Final = re.compile(r"%(?![0-9A-Fa-f]{2})").search


async def _write(client: EventClient, send: Send) -> None:
    """Send what waits for a client until it has gone or is dropped."""
    with contextlib.suppress(OSError, RuntimeError):  # the connection is closed
        while (message := await client.pull()) is not None:
            if message:
                await send({"type": "websocket.send", "text": message.decode()})
        await send({"type": "websocket.close", "code": 1013})


def _server_time() -> tuple[bytes, bytes]:
    return b"x-server-time", str(int(time.time())).encode()


async def _respond(
    send: Send, status: int, body: bytes, *headers: tuple[bytes, bytes]
) -> None:
    shown = headers or ((_JSON,) if body else ())
    length = (b"content-length", str(len(body)).encode())
    extra = () if _CORS in shown else (_CORS, _server_time())
    await send(
        {
            "type": "http.response.start",
            "status": status,
            "headers": [*shown, *extra, length],
        }
    )
    await send({"type": "http.response.body", "body": body})
