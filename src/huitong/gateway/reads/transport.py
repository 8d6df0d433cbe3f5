"""Proven reads over HTTPS: the provider's route, and the reader's way to it.

Bodies are protobuf. Who reads is told by the connection: the client certificate is bound
to a member's registered key, so the route gets the reader from whoever accepts peers.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final, final

import httpx
import orjson
from fastapi import APIRouter, Request, Response

from huitong.core.codec import DecodeError, decode, encode
from huitong.gateway.reads.errors import (
    PeerRefusedError,
    PeerSilentError,
    ReadFormError,
)
from huitong.gateway.reads.model import Reader
from huitong.gateway.reads.provider import ReadProvider
from huitong.proto.huitong.reads.v1 import reads_pb2 as pb

PATH: Final = "/peer/v1/reads"
MEDIA_TYPE: Final = "application/x-protobuf"
#: Bytes of a request: a hundred records with some fields each.
REQUEST_SIZE_BYTES_MAX: Final = 1_048_576
#: Bytes of an answer that a reader takes.
ANSWER_SIZE_BYTES_MAX: Final = 67_108_864
#: Seconds that an answer may take.
TIMEOUT_S: Final = 30.0


def make_router(
    provider: ReadProvider, reader_of: Callable[[Request], Awaitable[Reader]]
) -> APIRouter:
    """Return the route at which other gateways read.

    Args:
        provider: answers.
        reader_of: who reads, as the connection has proven; raises if nobody did.
    """
    router = APIRouter()

    @router.post(PATH, include_in_schema=False)
    async def read(request: Request) -> Response:
        reader = await reader_of(request)
        body = await _body(request)
        try:
            asked = decode(pb.ReadRequest, body, size_bytes_max=REQUEST_SIZE_BYTES_MAX)
        except DecodeError as wrong:
            raise ReadFormError(reason=str(wrong)) from wrong
        answer = await provider.answer(reader, asked)
        return Response(encode(answer), media_type=MEDIA_TYPE)

    return router


async def _body(request: Request) -> bytes:
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > REQUEST_SIZE_BYTES_MAX:
            raise ReadFormError(reason=f"more than {REQUEST_SIZE_BYTES_MAX} bytes")
    return bytes(body)


@final
class HttpTransport:
    """``ReadTransport`` to one provider's gateway."""

    def __init__(self, client: httpx.AsyncClient, url: str, peer: str) -> None:
        """Prepare; nothing is sent yet.

        Args:
            client: with the certificate that the provider knows; the caller closes it.
            url: of the provider's gateway, for example ``https://gateway.example:8443``.
            peer: the provider's member id, for errors.
        """
        self._client = client
        self._url = url.rstrip("/") + PATH
        self._peer = peer

    async def ask(self, request: pb.ReadRequest) -> pb.ReadAnswer:
        """Return the answer; nothing in it is verified.

        Raises:
            PeerSilentError: nobody answers, or something that is no answer.
            PeerRefusedError: the provider says no, with its own code.
        """
        try:
            async with self._client.stream(
                "POST",
                self._url,
                content=encode(request),
                headers={"Content-Type": MEDIA_TYPE},
                timeout=TIMEOUT_S,
            ) as answer:
                body = await self._body(answer)
        except httpx.HTTPError as failure:
            raise self._silent(type(failure).__name__) from failure
        if answer.status_code >= 500:
            raise self._silent(f"status {answer.status_code}")
        if answer.status_code != 200:
            raise self._refused(answer.status_code, body)
        try:
            return decode(pb.ReadAnswer, body, size_bytes_max=ANSWER_SIZE_BYTES_MAX)
        except DecodeError as wrong:
            raise self._silent(str(wrong)) from wrong

    async def _body(self, answer: httpx.Response) -> bytes:
        """Return the body of an answer, which may be as large as its sender likes."""
        body = bytearray()
        async for piece in answer.aiter_bytes():
            body += piece
            if len(body) > ANSWER_SIZE_BYTES_MAX:
                raise self._silent(f"more than {ANSWER_SIZE_BYTES_MAX} bytes")
        return bytes(body)

    def _silent(self, reason: str) -> PeerSilentError:
        return PeerSilentError(peer=self._peer, reason=reason)

    def _refused(self, status: int, body: bytes) -> PeerRefusedError:
        """Return the refusal in a problem document (RFC 9457), as far as it is one."""
        try:
            problem = orjson.loads(body)
        except orjson.JSONDecodeError:
            problem = None
        if not isinstance(problem, dict):
            problem = {}
        reason = str(problem.get("detail") or problem.get("title") or "no reason")
        return PeerRefusedError(
            peer=self._peer,
            reason=reason[:1_024],
            peer_code=str(problem.get("code", f"status {status}"))[:64],
        )
