"""Calls that are awaited: sent, sent again, and read.

`tools/generate_sdk.py` makes `transport.py` of this file; change only this one.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

from huitong.sdk.calls import (
    ATTEMPTS_MAX,
    PIECE_SIZE_BYTES,
    RETRY_FIRST_S,
    TIMEOUT_S,
    Call,
    EventReader,
    Model,
    ModelT,
    Retries,
    check_status,
    file_pieces,
    read_answer,
    read_event,
)


class AsyncTransport:
    """A connection to one gateway for one caller."""

    def __init__(
        self,
        url: str,
        key: str,
        *,
        timeout_s: float = TIMEOUT_S,
        attempts_max: int = ATTEMPTS_MAX,
        http: httpx.AsyncClient | None = None,
    ) -> None:
        """Prepare; nothing is sent yet.

        Args:
            url: of the gateway, without ``/v1``.
            key: API key, or token of the identity provider.
            timeout_s: for an answer, beyond what a call itself waits.
            attempts_max: of one call, the first one included.
            http: the client to use, for example with a certificate of your own; it is
                closed with this.
        """
        self._url = url.rstrip("/")
        self._timeout_s = timeout_s
        self._attempts_max = attempts_max
        self._http = http or httpx.AsyncClient(trust_env=False)
        self._headers = {"authorization": f"Bearer {key}"} if key else {}

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        """Return this; it is closed in the end."""
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the connections."""
        await self.close()

    async def _call(self, call: Call, model: type[ModelT]) -> ModelT:
        return read_answer(await self._answer(call), model)

    async def _answer(self, call: Call) -> httpx.Response:
        async with self._stream(call) as answer:
            await answer.aread()
        return answer

    async def _items(
        self, call: Call, page: type[Model], item: type[ModelT]
    ) -> AsyncIterator[ModelT]:
        query: dict[str, Any] = dict(call.query)
        while True:
            found: Any = await self._call(
                Call(method=call.method, path=call.path, query=query), page
            )
            for each in found.items:
                yield each
            if found.next is None:
                return
            query["after"] = found.next

    async def _pieces(self, call: Call) -> AsyncIterator[bytes]:
        async with self._stream(call) as answer:
            async for piece in answer.aiter_bytes(PIECE_SIZE_BYTES):
                yield piece

    async def _events(self, call: Call, event: type[ModelT]) -> AsyncIterator[ModelT]:
        """Yield events as they happen; after a break go on where it was."""
        reader = EventReader()
        while True:
            reader = EventReader(reader.last_id)
            try:
                async with self._stream(call.going_on(reader.last_id)) as answer:
                    async for piece in answer.aiter_bytes():
                        for data in reader.feed(piece):
                            yield read_event(data, event)
            except httpx.TransportError:
                pass  # cut off in the middle
            else:
                if call.query.get("seconds") is not None:
                    return
            await asyncio.sleep(RETRY_FIRST_S)

    @asynccontextmanager
    async def _stream(self, call: Call) -> AsyncIterator[httpx.Response]:
        """Yield the answer whose head is here; a refusal is raised."""
        retries = Retries(call, self._url, self._attempts_max)
        headers = {**self._headers, **call.headers()}
        while True:
            request = self._http.build_request(
                call.method,
                self._url + call.path,
                params=call.parameters(),
                headers=headers,
                timeout=call.timeout_s(self._timeout_s),
                **_content_of(call),
            )
            try:
                answer = await self._http.send(request, stream=True)
            except httpx.HTTPError as failure:
                await asyncio.sleep(retries.after_failure(failure))
                continue
            try:
                delay_s = retries.after_answer(answer.status_code, answer.headers)
                if delay_s is None:
                    if not answer.is_success:
                        await answer.aread()
                    check_status(answer)
                    yield answer
                    return
            finally:
                await answer.aclose()
            await asyncio.sleep(delay_s)


def _content_of(call: Call) -> dict[str, Any]:
    if isinstance(call.content, Path):
        return {"content": _pieces_of(call.content)}
    if call.content is not None:
        return {"content": call.content}
    return {} if call.body is None else {"json": call.body}


async def _pieces_of(path: Path) -> AsyncIterator[bytes]:
    for piece in file_pieces(path):
        yield piece
