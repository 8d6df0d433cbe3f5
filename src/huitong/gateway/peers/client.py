"""Bringing sealed bytes to the gateways of other members."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Final, Self, final

import httpx
import orjson

from huitong.gateway.exchange.errors import PeerUnknownError
from huitong.gateway.exchange.parts import HandOver
from huitong.gateway.peers.certificates import (
    OwnCertificate,
    PeerCertificate,
    client_context,
)
from huitong.gateway.peers.errors import (
    PeerAnswerError,
    PeerBusyError,
    PeerDownError,
    PeerRefusedError,
)
from huitong.gateway.peers.statement import DeliveryStatement, sign_statement
from huitong.gateway.tracing.ids import TracePlace, exchange_trace, step_span_id
from huitong.gateway.tracing.spans import (
    NO_TRACING,
    Attributes,
    OpenSpan,
    SpanKind,
    Tracing,
    span_of,
)

#: Connections to one peer that are kept.
CONNECTIONS_MAX: Final = 16
#: Seconds to connect, and without any progress.
CONNECT_TIMEOUT_S: Final = 5.0
PROGRESS_TIMEOUT_S: Final = 30.0
#: Above so many bytes the peer is asked first whether it has them already.
ASK_FIRST_BYTES: Final = 1_048_576
#: Bytes of an answer that are read; ours have less than a thousand.
ANSWER_SIZE_BYTES_MAX: Final = 65_536
#: Answers that say "not now".
_MAY_PASS: Final = (408, 425, 429, 500, 502, 503, 504)


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerPlace:
    """Where a member's gateway answers, and how it is known."""

    url: str
    """``https://HOST:PORT``; ``http`` on this machine only."""
    certificate: PeerCertificate | None
    """What it shows; None with ``http``."""


@final
class HttpPeers:
    """The gateways of other members."""

    def __init__(
        self,
        places: Mapping[str, PeerPlace],
        *,
        member_id: str,
        private_key: bytes,
        own: OwnCertificate | None,
        tracing: Tracing = NO_TRACING,
    ) -> None:
        """Prepare; nothing is sent yet.

        Args:
            places: by member id.
            member_id: who signs.
            private_key: of an account of this member on its zone; secp256k1, 32 bytes.
            own: this gateway's certificate; None where all peers are on this machine and
                without TLS.
            tracing: records what is brought.
        """
        self._places = places
        self._tracing = tracing
        self._member_id = member_id
        self._private_key = private_key
        self._own = own
        self._clients: dict[str, httpx.AsyncClient] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close all connections."""
        for client in self._clients.values():
            await client.aclose()
        self._clients.clear()

    async def hand_over(self, what: HandOver, sealed: AsyncIterator[bytes]) -> None:
        """Bring sealed bytes to a peer; again changes nothing there.

        Raises:
            PeerUnknownError: the settings do not name the peer.
            PeerDownError, PeerBusyError: it does not answer, or not now.
            PeerRefusedError: it does not want them.
            PeerAnswerError: something else answers.
        """
        trace = exchange_trace(
            what.chain_id_of_a, what.channel_on_a, what.sequence, what.push_number
        )
        with span_of(
            self._tracing,
            "peer delivery",
            TracePlace(trace.trace_id, step_span_id(what.step_key)),
            kind=SpanKind.CLIENT,
            attributes=_attributes(what),
        ) as span:
            if what.size > ASK_FIRST_BYTES and await self._has(what, span):
                return
            answer = await self._send("POST", what, sealed, span)
            if answer.get("state") != "taken":
                raise PeerAnswerError(member_id=what.peer, reason="no state")

    async def _has(self, what: HandOver, span: OpenSpan) -> bool:
        return (await self._send("GET", what, None, span)).get("state") == "taken"

    async def _send(
        self,
        method: str,
        what: HandOver,
        sealed: AsyncIterator[bytes] | None,
        span: OpenSpan,
    ) -> Mapping[str, object]:
        client, url = self.client(what.peer)
        headers = sign_statement(self._statement(what), self._private_key)
        if sealed is not None:
            headers["content-length"] = str(what.size)
            headers["content-type"] = "application/octet-stream"
        if what.request_id:
            headers["x-request-id"] = what.request_id
        if self._tracing.is_on:
            headers["traceparent"] = span.place.traceparent
        path = (
            f"/peer/v1/deliveries/{what.chain_id_of_b}/{what.channel_on_b}"
            f"/{what.sequence}"
        )
        if what.push_number:
            path += f"/{what.push_number}"
        try:
            async with client.stream(
                method, path, headers=headers, content=sealed
            ) as response:
                return await read_answer(response, what.peer)
        except httpx.HTTPError as failure:
            reason = str(failure) or type(failure).__name__
            raise PeerDownError(member_id=what.peer, url=url, reason=reason) from None

    def client(self, member_id: str) -> tuple[httpx.AsyncClient, str]:
        """Return the connections to a peer, which stay this object's, and its URL.

        Raises:
            PeerUnknownError: the settings do not name the peer.
        """
        place = self._places.get(member_id)
        if place is None:
            raise PeerUnknownError(member_id=member_id)
        client = self._clients.get(member_id)
        if client is None:
            client = self._clients[member_id] = self._open(place)
        return client, place.url

    def _open(self, place: PeerPlace) -> httpx.AsyncClient:
        verify = False
        context = None
        if place.certificate is not None and self._own is not None:
            context = client_context(self._own, place.certificate)
        return httpx.AsyncClient(
            base_url=place.url.rstrip("/"),
            verify=context if context is not None else verify,
            timeout=httpx.Timeout(PROGRESS_TIMEOUT_S, connect=CONNECT_TIMEOUT_S),
            limits=httpx.Limits(
                max_connections=CONNECTIONS_MAX,
                max_keepalive_connections=CONNECTIONS_MAX,
                keepalive_expiry=60.0,
            ),
            follow_redirects=False,
            trust_env=False,
        )

    def _statement(self, what: HandOver) -> DeliveryStatement:
        own = self._own
        return DeliveryStatement(
            provider=self._member_id,
            chain_id_of_a=what.chain_id_of_a,
            channel_on_a=what.channel_on_a,
            requester=what.peer,
            chain_id_of_b=what.chain_id_of_b,
            channel_on_b=what.channel_on_b,
            sequence=what.sequence,
            push_number=what.push_number,
            sealed_digest=what.sealed_digest.hex(),
            size=what.size,
            stated_height=what.stated_height,
            certificate=own.certificate.spki_digest.hex() if own else "",
            time_ns=time.time_ns(),
        )


def _attributes(what: HandOver) -> Attributes:
    return {
        "huitong.exchange": what.exchange_id,
        "huitong.peer": what.peer,
        "huitong.size_bytes": what.size,
        "huitong.request_id": what.request_id,
    }


async def read_answer(response: httpx.Response, member_id: str) -> Mapping[str, object]:
    """Return what a peer answered.

    Raises:
        PeerBusyError, PeerRefusedError, PeerAnswerError: it did not take what was brought.
    """
    body = b""
    async for piece in response.aiter_bytes():
        body += piece
        if len(body) > ANSWER_SIZE_BYTES_MAX:
            raise PeerAnswerError(member_id=member_id, reason="the answer is too long")
    try:
        answer = orjson.loads(body)
        reason = str(answer.get("detail") or answer.get("title") or "")
    except (orjson.JSONDecodeError, AttributeError):
        answer, reason = {}, f"HTTP {response.status_code}"
    if response.status_code == 200:
        return dict(answer)
    reason = reason or f"HTTP {response.status_code}"
    if response.status_code in _MAY_PASS:
        raise PeerBusyError(member_id=member_id, reason=reason)
    raise PeerRefusedError(member_id=member_id, reason=reason)
