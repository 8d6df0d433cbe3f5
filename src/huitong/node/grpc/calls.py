"""One gRPC call from its first frame to its last.

Bytes come in, the answer of the registry goes out; ``statuses`` says what refusals become.
A handler for streams is used although every method takes one message and returns one:
only so can the time be bounded in which a client sends its request and takes the answer.
On the wire there is no difference.
"""

from __future__ import annotations

import asyncio
import re
import secrets
import time
import traceback
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, TypeVar

import grpc
import structlog
from grpc import StatusCode

from huitong.core.abci import CallResult
from huitong.core.errors import HuitongError
from huitong.core.limits import INT64_MAX
from huitong.node.grpc import reflection
from huitong.node.grpc.limits import (
    ANSWER_TIMEOUT_S,
    REFLECTION_REQUESTS_MAX,
    REQUEST_TIMEOUT_S,
    RESPONSE_SIZE_BYTES_MAX,
    RESPONSE_TIMEOUT_S,
    RESPONSES_WAITING_BYTES_MAX,
)
from huitong.node.grpc.statuses import Status, status_of, unknown_method

#: Request header: which height to answer from. Response header: which one it was.
HEIGHT_HEADER: Final = "x-cosmos-block-height"
_INTEGER: Final = re.compile(r"[+-]?[0-9]{1,20}", re.ASCII)
#: Bytes of what an error is found by in the log.
_REFERENCE_SIZE: Final = 6
_log: Final = structlog.get_logger("grpc")
T = TypeVar("T")

Headers = tuple[tuple[str, str], ...]
"""Names and values."""

Answer = Callable[[str, bytes, int], CallResult]
"""Answers a method: its path, the encoded request, the height (0 is the newest)."""
Count = Callable[[str, str, float], None]
"""Counts a call: its path (empty if there is no such method), the name of its status,
seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Registry:
    """What is served."""

    answer: Answer
    """Answers a method from any thread; raises ``HuitongError`` to refuse."""
    paths: tuple[str, ...]
    """The methods that exist."""
    asks_rpc: Callable[[str], bool]
    """Tells of a method whether its answer waits for the node's RPC."""
    count: Count
    """Told of each call, however it ended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Executors:
    """The threads that answer; their number bounds the work at one time."""

    reading: Executor
    """Read the state."""
    asking: Executor
    """Wait for the node's RPC."""


class _EndedError(Exception):
    """The call ends with a status that is not OK."""

    def __init__(self, code: StatusCode, text: str) -> None:
        self.status = Status(code=code, text=text)
        super().__init__(text)


class Calls(grpc.GenericRpcHandler):  # type: ignore[misc]
    """Handles every call, whatever method it names."""

    def __init__(self, registry: Registry, executors: Executors) -> None:
        """Serve a registry.

        Args:
            registry: the methods.
            executors: where they run.
        """
        self._answer = registry.answer
        self._asks_rpc = registry.asks_rpc
        self._count = registry.count
        self._paths = frozenset(registry.paths)
        services = {path.removeprefix("/").rpartition("/")[0] for path in self._paths}
        self._reflection = reflection.Reflection(services)
        self._services = frozenset(services).union(reflection.SERVICES)
        self._executors = executors
        self._waiting_bytes = 0

    def service(self, handler_call_details: Any) -> Any:
        """Return the handler of a call; gRPC asks for it once the headers are there."""
        path = handler_call_details.method
        heights = [
            value
            for name, value in handler_call_details.invocation_metadata or ()
            if name == HEIGHT_HEADER
        ]

        async def handle(_: Any, context: Any) -> None:
            if path in reflection.PATHS:
                await self._counted(path, self._reflect(context), context)
            else:
                shown = path if path in self._paths else ""
                await self._counted(shown, self._run(path, heights, context), context)

        return grpc.stream_stream_rpc_method_handler(handle)

    async def _counted(
        self, shown: str, call: Coroutine[Any, Any, None], context: Any
    ) -> None:
        """Let a call run to its end, and tell the client and the counter how it was."""
        began_s = time.perf_counter()
        status = Status(code=StatusCode.CANCELLED, text="")
        try:
            status = await _ended(shown, call)
            context.set_code(status.code)
            context.set_details(status.text)
        finally:
            self._count(shown, status.code.name, time.perf_counter() - began_s)

    async def _run(self, path: str, heights: list[str], context: Any) -> None:
        """Answer one request with one response."""
        if path not in self._paths:
            status = unknown_method(path, self._services)
            raise _EndedError(status.code, status.text)
        height = _height_of(heights)
        request = await _request(context)
        if request is None:
            raise _EndedError(StatusCode.INTERNAL, "no request message")
        threads = self._executors
        result = await self._in_thread(
            threads.asking if self._asks_rpc(path) else threads.reading,
            lambda: self._answer(path, request, height),
        )
        await self._respond(
            context, result.value, ((HEIGHT_HEADER, str(result.height)),)
        )

    async def _reflect(self, context: Any) -> None:
        """Answer requests of reflection until the client has no more."""
        for _ in range(REFLECTION_REQUESTS_MAX):
            request = await _request(context)
            if request is None:
                return
            response = await self._in_thread(
                self._executors.reading, partial(self._reflection.answer, request)
            )
            if response is None:
                raise _EndedError(StatusCode.INVALID_ARGUMENT, "malformed request")
            await self._respond(context, response)
        raise _EndedError(
            StatusCode.RESOURCE_EXHAUSTED,
            f"{REFLECTION_REQUESTS_MAX} requests in one stream; open another",
        )

    async def _in_thread(self, executor: Executor, work: Callable[[], T]) -> T:
        return await _within(
            asyncio.get_running_loop().run_in_executor(executor, work),
            ANSWER_TIMEOUT_S,
            "the node is too busy to answer in time",
        )

    async def _respond(
        self, context: Any, value: bytes, headers: Headers | None = None
    ) -> None:
        size = len(value)
        if size > RESPONSE_SIZE_BYTES_MAX:
            raise _EndedError(
                StatusCode.RESOURCE_EXHAUSTED,
                f"response of {size} bytes, at most {RESPONSE_SIZE_BYTES_MAX}; "
                "ask for a smaller page",
            )
        if self._waiting_bytes + size > RESPONSES_WAITING_BYTES_MAX:
            raise _EndedError(
                StatusCode.RESOURCE_EXHAUSTED,
                "clients have not taken their responses; try again",
            )
        self._waiting_bytes += size
        try:
            await _within(
                _send(context, value, headers),
                RESPONSE_TIMEOUT_S,
                "the response was not taken in time",
            )
        finally:
            self._waiting_bytes -= size


async def _ended(path: str, call: Coroutine[Any, Any, None]) -> Status:
    """Return how a call ended."""
    try:
        await call
    except _EndedError as ended:
        return ended.status
    except HuitongError as refused:
        return status_of(refused)
    except Exception as bug:  # noqa: BLE001 - the gRPC boundary
        return _bug(path, bug)
    return Status(code=StatusCode.OK, text="")


async def _request(context: Any) -> bytes | None:
    """Return the next message of the client; None if there are no more."""
    message = await _within(
        context.read(), REQUEST_TIMEOUT_S, "the request did not arrive in time"
    )
    return message if isinstance(message, bytes) else None


async def _send(context: Any, value: bytes, headers: Headers | None) -> None:
    if headers is not None:
        await context.send_initial_metadata(headers)
    await context.write(value)


async def _within(work: Awaitable[T], timeout_s: float, text: str) -> T:
    """Return the result of ``work``.

    Raises:
        _EndedError: not within ``timeout_s``.
    """
    try:
        return await asyncio.wait_for(work, timeout_s)
    except TimeoutError:
        raise _EndedError(StatusCode.DEADLINE_EXCEEDED, text) from None


def _height_of(given: list[str]) -> int:
    """Return the height that the headers of a call ask for; 0 for the newest.

    Raises:
        _EndedError: it is none, or there are several.
    """
    if not given:
        return 0
    text = given[0] if len(given) == 1 else ", ".join(given)
    if len(given) > 1 or not _INTEGER.fullmatch(text) or abs(int(text)) > INT64_MAX:
        raise _refused_height(
            f'invalid height header "{HEIGHT_HEADER}": {text[:64]!r} is not a height'
        )
    height = int(text)
    if height < 0:
        raise _refused_height(
            "cannot query with height < 0; please provide a valid height"
        )
    return height


def _refused_height(reason: str) -> _EndedError:
    """Return the end of a call for a height, with the status of a Cosmos SDK node."""
    return _EndedError(
        StatusCode.UNKNOWN, f"codespace sdk code 18: invalid request: {reason}"
    )


def _bug(path: str, bug: Exception) -> Status:
    """Return the status for an unexpected exception, which goes to the log alone."""
    where = traceback.format_exc(limit=-3)
    kind, reference = type(bug).__name__, secrets.token_hex(_REFERENCE_SIZE)
    _log.error("grpc_failed", request=reference, method=path, kind=kind, where=where)
    return Status(
        code=StatusCode.INTERNAL, text=f"{kind} (request {reference} in the node's log)"
    )
