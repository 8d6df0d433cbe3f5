"""Taking sealed bytes from the gateways of other members.

``POST /peer/v1/deliveries/{zone}/{channel}/{sequence}`` with the bytes as body, where zone
and channel are this side's, with the number behind it of a version that was pushed under
that request; ``GET`` tells whether they are here already. Answers are
``{"state": "taken"}``, ``{"state": "wanted"}`` or a problem (RFC 9457).

``POST /peer/v1/deliveries/{zone}/{channel}`` takes many small payloads at once; see
``batches``.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final, final

import structlog
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from huitong.core.limits import INT64_MAX
from huitong.gateway.exchange.arrivals import Arrivals
from huitong.gateway.peers.answers import answering, on_http_error, read_body
from huitong.gateway.peers.batches import Batches
from huitong.gateway.peers.errors import PeerBusyError, StatementError
from huitong.gateway.peers.limits import (
    DELIVERIES_PER_PEER_MAX,
    REQUEST_ID_CHARACTERS_MAX,
)
from huitong.gateway.peers.places import arrival_of, trace_of
from huitong.gateway.peers.senders import Senders
from huitong.gateway.peers.signers import Signers
from huitong.gateway.peers.statement import DeliveryStatement, read_statement
from huitong.gateway.tracing.spans import (
    NO_TRACING,
    Attributes,
    SpanKind,
    Tracing,
    span_of,
)

log = structlog.get_logger("gateway")

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
        self._arrivals = arrivals
        self._senders = Senders(
            member_id=member_id,
            chain_id=chain_id,
            signers=signers,
            certificates=certificates,
        )
        self._batches = Batches(
            member_id=member_id,
            arrivals=arrivals,
            senders=self._senders,
            tracing=tracing,
        )
        self._others = others
        self._under_way: Counter[str] = Counter()

    def app(self) -> Starlette:
        """Return the ASGI application."""
        channel = "/peer/v1/deliveries/{zone}/{channel}"
        single = channel + "/{sequence}"
        take, batch = answering(self._take), answering(self._batches.take)
        return Starlette(
            routes=[
                Route(channel, batch, methods=["POST"]),
                Route(single, take, methods=["GET", "POST"]),
                Route(single + "/{push}", take, methods=["GET", "POST"]),
                *self._others,
            ],
            exception_handlers={HTTPException: on_http_error},
        )

    async def _take(self, request: Request) -> Response:
        statement = await self._checked_statement(request)
        with span_of(
            self._tracing,
            "peer delivery taken",
            trace_of(statement, statement, request.headers.get("traceparent", "")),
            kind=SpanKind.SERVER,
            attributes=_attributes(request, statement),
        ):
            return await self._take_stated(request, statement)

    async def _take_stated(
        self, request: Request, statement: DeliveryStatement
    ) -> Response:
        arrival = arrival_of(statement, statement)
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
            request_id=_request_id(request),
        )
        return _state("taken")

    async def _checked_statement(self, request: Request) -> DeliveryStatement:
        """Return the statement of a request whose sender is who it says.

        Raises:
            StatementError: it is malformed, or says something else than the path.
            NotAskedForError: it is not for this gateway.
            StatementSignerError: somebody else signed it, or holds the connection.
        """
        signed = read_statement(DeliveryStatement, request.headers, time.time_ns())
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
        self._senders.check_connection(request, statement, statement.sequence)
        await self._arrivals.wait_known(arrival_of(statement, statement))
        await self._senders.check_signer(signed)
        return statement


def _number(text: str) -> int:
    """Return a number of a path.

    Raises:
        StatementError: it is none.
    """
    if not (text.isascii() and text.isdigit()) or len(text) > _DIGITS_MAX:
        raise StatementError(reason="the path names no sequence")
    return int(text)


def _attributes(request: Request, statement: DeliveryStatement) -> Attributes:
    return {
        "http.request.method": request.method,
        "huitong.peer": statement.provider,
        "huitong.channel": statement.channel_on_b,
        "huitong.sequence": statement.sequence,
        "huitong.size_bytes": statement.size,
        "huitong.request_id": _request_id(request),
    }


def _request_id(request: Request) -> str:
    return request.headers.get("x-request-id", "")[:REQUEST_ID_CHARACTERS_MAX]


def _state(state: str) -> Response:
    return JSONResponse({"state": state})
