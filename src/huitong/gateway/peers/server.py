"""Taking sealed bytes from the gateways of other members.

``POST /peer/v1/deliveries/{zone}/{channel}/{sequence}`` with the bytes as body, where zone
and channel are this side's, with the number behind it of a version that was pushed under
that request; ``GET`` tells whether they are here already. Answers are
``{"state": "taken"}``, ``{"state": "wanted"}`` or a problem (RFC 9457).
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Final, final

import structlog
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from huitong.core.errors import HuitongError, RejectedError, UnavailableError
from huitong.core.limits import INT64_MAX
from huitong.gateway.exchange.arrivals import Arrival, Arrivals
from huitong.gateway.exchange.errors import (
    NotAskedForError,
    RequestNotKnownYetError,
)
from huitong.gateway.peers.errors import (
    BodySizeError,
    BodyTimeoutError,
    PeerBusyError,
    StatementError,
    StatementSignerError,
)
from huitong.gateway.peers.signers import Signers
from huitong.gateway.peers.statement import DeliveryStatement, read_statement
from huitong.gateway.tracing.ids import TracePlace, exchange_trace, read_traceparent
from huitong.gateway.tracing.spans import (
    NO_TRACING,
    Attributes,
    SpanKind,
    Tracing,
    span_of,
)
from huitong.payload.sealing import SEALED_SIZE_BYTES_MAX

log = structlog.get_logger("gateway")

#: Seconds without a byte in the middle of a body.
BODY_TIMEOUT_S: Final = 30.0
#: Seconds in which the own zone's blocks are expected to tell of a request whose answer is
#: here already, and between the first two looks.
KNOWN_WITHIN_S: Final = 5.0
KNOWN_LOOK_S: Final = 0.1
#: Deliveries of one peer that are taken at the same time.
DELIVERIES_PER_PEER_MAX: Final = 32
#: Where ``protocol`` puts the digest of the key of the peer's certificate.
CERTIFICATE_STATE: Final = "peer_certificate"
_DIGITS_MAX: Final = len(str(INT64_MAX))


@final
class PeerServer:
    """Answers the gateways of other members."""

    def __init__(
        self,
        *,
        member_id: str,
        chain_id: str,
        arrivals: Arrivals,
        signers: Signers,
        certificates: Mapping[bytes, str] | None,
        others: Sequence[BaseRoute] = (),
        tracing: Tracing = NO_TRACING,
    ) -> None:
        """Prepare.

        Args:
            member_id: who takes.
            chain_id: the own zone.
            arrivals: what to do with what is brought.
            signers: whose accounts sign statements.
            certificates: member id by the digest of the key of its certificate; None
                without TLS, for trials on this machine.
            others: what else peers may ask for.
            tracing: records what is brought.
        """
        self._tracing = tracing
        self._member_id = member_id
        self._chain_id = chain_id
        self._arrivals = arrivals
        self._signers = signers
        self._certificates = certificates
        self._others = others
        self._under_way: Counter[str] = Counter()

    def app(self) -> Starlette:
        """Return the ASGI application."""
        path = "/peer/v1/deliveries/{zone}/{channel}/{sequence}"
        return Starlette(
            routes=[
                Route(path, self._answer, methods=["GET", "POST"]),
                Route(path + "/{push}", self._answer, methods=["GET", "POST"]),
                *self._others,
            ],
            exception_handlers={HTTPException: _on_http_error},
        )

    async def _answer(self, request: Request) -> Response:
        try:
            return await self._take(request)
        except ClientDisconnect:
            return Response(status_code=400)  # nobody reads it
        except HuitongError as failure:
            return _problem(failure)
        except Exception as bug:
            log.error("delivery_broken", exc_info=bug)
            return JSONResponse({"title": "internal error"}, status_code=500)

    async def _take(self, request: Request) -> Response:
        statement = await self._checked_statement(request)
        with span_of(
            self._tracing,
            "peer delivery taken",
            _place_of(request, statement),
            kind=SpanKind.SERVER,
            attributes=_attributes(request, statement),
        ):
            return await self._take_stated(request, statement)

    async def _take_stated(
        self, request: Request, statement: DeliveryStatement
    ) -> Response:
        arrival = Arrival(
            peer=statement.provider,
            chain_id_of_a=statement.chain_id_of_a,
            channel_on_b=statement.channel_on_b,
            sequence=statement.sequence,
            push_number=statement.push_number,
            sealed_digest=bytes.fromhex(statement.sealed_digest),
        )
        if request.method == "GET":
            is_here = await self._arrivals.is_here(arrival)
            return _state("taken" if is_here else "wanted")
        if self._under_way[arrival.peer] >= DELIVERIES_PER_PEER_MAX:
            raise PeerBusyError(
                member_id=self._member_id, reason="too many deliveries at once"
            )
        self._under_way[arrival.peer] += 1
        try:
            await self._arrivals.take(arrival, read_body(request, statement.size))
        finally:
            self._under_way[arrival.peer] -= 1
        log.info(
            "delivery_taken",
            peer=arrival.peer,
            channel=arrival.channel_on_b,
            sequence=arrival.sequence,
            push_number=arrival.push_number,
            size_bytes=statement.size,
            request_id=request.headers.get("x-request-id", "")[:128],
        )
        return _state("taken")

    async def _checked_statement(self, request: Request) -> DeliveryStatement:
        """Return the statement of a request whose sender is who it says.

        Raises:
            StatementError: it is malformed, or says something else than the path.
            NotAskedForError: it is not for this gateway.
            StatementSignerError: somebody else signed it, or holds the connection.
        """
        signed = read_statement(request.headers, time.time_ns())
        statement = signed.statement
        path = request.path_params
        place = (
            path["zone"],
            path["channel"],
            _number(path["sequence"]),
            _number(path.get("push", "0")),
        )
        said = (
            statement.chain_id_of_b,
            statement.channel_on_b,
            statement.sequence,
            statement.push_number,
        )
        if said != place:
            raise StatementError(reason="it is about something else than the path")
        is_ours = (self._chain_id, self._member_id)
        if is_ours != (statement.chain_id_of_b, statement.requester):
            raise NotAskedForError(
                channel_id=statement.channel_on_b, sequence=statement.sequence
            )
        self._check_connection(request, statement)
        await self._wait_until_known(statement)
        await self._signers.check(signed)
        return statement

    async def _wait_until_known(self, statement: DeliveryStatement) -> None:
        """Let a delivery wait a little that is quicker than the blocks of the own zone.

        Raises:
            NotAskedForError: it belongs to nothing that was asked for.
            RequestNotKnownYetError: it is to come again.
        """
        deadline_s = time.monotonic() + KNOWN_WITHIN_S
        pause_s = KNOWN_LOOK_S
        while True:
            try:
                await self._arrivals.check(
                    statement.channel_on_b,
                    statement.sequence,
                    statement.provider,
                    statement.push_number,
                )
                return
            except RequestNotKnownYetError:
                if time.monotonic() > deadline_s:
                    raise
            await asyncio.sleep(pause_s)
            pause_s *= 2

    def _check_connection(self, request: Request, statement: DeliveryStatement) -> None:
        """Check that the connection's certificate is that of the member that signs."""
        if self._certificates is None:
            return
        shown: bytes = getattr(request.state, CERTIFICATE_STATE, b"")
        is_known = self._certificates.get(shown) == statement.provider
        if not is_known or shown.hex() != statement.certificate:
            raise StatementSignerError(
                member_id=statement.provider, chain_id=statement.chain_id_of_a
            )


def _number(text: str) -> int:
    """Return a number of a path.

    Raises:
        StatementError: it is none.
    """
    if not (text.isascii() and text.isdigit()) or len(text) > _DIGITS_MAX:
        raise StatementError(reason="the path names no sequence")
    return int(text)


def _place_of(request: Request, statement: DeliveryStatement) -> TracePlace:
    """Return the peer's span, if it is one of the exchange's trace; else its root."""
    root = exchange_trace(
        statement.chain_id_of_a,
        statement.channel_on_a,
        statement.sequence,
        statement.push_number,
    )
    told = read_traceparent(request.headers.get("traceparent", ""))
    return told if told is not None and told.trace_id == root.trace_id else root


def _attributes(request: Request, statement: DeliveryStatement) -> Attributes:
    return {
        "http.request.method": request.method,
        "huitong.peer": statement.provider,
        "huitong.channel": statement.channel_on_b,
        "huitong.sequence": statement.sequence,
        "huitong.size_bytes": statement.size,
        "huitong.request_id": request.headers.get("x-request-id", "")[:128],
    }


async def read_body(request: Request, announced: int) -> AsyncIterator[bytes]:
    """Yield the body, which must have exactly the announced size.

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
        raise BodySizeError(
            size=size, announced=announced, maximum=SEALED_SIZE_BYTES_MAX
        )


def _state(state: str) -> Response:
    return JSONResponse({"state": state})


def answer_failure(_: Request, failure: Exception) -> Response:
    """Return a failure as a problem, for a handler of exceptions."""
    assert isinstance(failure, HuitongError)
    return _problem(failure)


def _problem(failure: HuitongError) -> Response:
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
    return JSONResponse(
        problem, status_code=status, media_type="application/problem+json"
    )


def _on_http_error(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    return JSONResponse(
        {"title": "not found" if status == 404 else "not allowed", "status": status},
        status_code=status,
        media_type="application/problem+json",
    )
