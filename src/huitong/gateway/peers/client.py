"""Bringing sealed bytes to the gateways of other members.

A large payload goes alone, as a stream. Small ones of one channel go together in one
request with one signature, on a connection that is kept.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from typing import Any, Final, Self, final

import httpx
import orjson

from huitong.core.errors import HuitongError
from huitong.core.hashing import sha256
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
from huitong.gateway.peers.limits import BATCH_ITEMS_MAX, REQUEST_ID_CHARACTERS_MAX
from huitong.gateway.peers.manifest import ManifestItem, encode_manifest, is_plain
from huitong.gateway.peers.statement import (
    BatchStatement,
    DeliveryStatement,
    sign_statement,
)
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
#: Bytes of an answer that are read; ours have less than a thousand for each payload.
ANSWER_SIZE_BYTES_MAX: Final = 65_536
BATCH_ANSWER_SIZE_BYTES_MAX: Final = 2_048 * BATCH_ITEMS_MAX
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
        with self._span(what) as span:
            if what.size > ASK_FIRST_BYTES and await self._has(what, span):
                return
            answer = await self._send("POST", what, sealed, span)
            if answer.get("state") != "taken":
                raise PeerAnswerError(member_id=what.peer, reason="no state")

    async def hand_over_many(
        self, many: Sequence[HandOver], sealed: Sequence[bytes]
    ) -> list[HuitongError | None]:
        """Bring sealed bytes of one channel to a peer in one request; see ``Peers``.

        Raises:
            PeerUnknownError: the settings do not name the peer.
            PeerDownError, PeerBusyError: it does not answer, or not now.
            PeerRefusedError: it does not want the batch as a whole.
            PeerAnswerError: something else answers.
        """
        with ExitStack() as stack:
            spans = [stack.enter_context(self._span(what)) for what in many]
            failures = await self._send_many(many, sealed, spans)
            for span, failure in zip(spans, failures, strict=True):
                if failure is not None:
                    span.failure = str(failure)
        return failures

    def _span(self, what: HandOver) -> AbstractContextManager[OpenSpan]:
        trace = exchange_trace(
            what.chain_id_of_a, what.channel_on_a, what.sequence, what.push_number
        )
        return span_of(
            self._tracing,
            "peer delivery",
            TracePlace(trace.trace_id, step_span_id(what.step_key)),
            kind=SpanKind.CLIENT,
            attributes=_attributes(what),
        )

    async def _send_many(
        self,
        many: Sequence[HandOver],
        sealed: Sequence[bytes],
        spans: Sequence[OpenSpan],
    ) -> list[HuitongError | None]:
        first = many[0]
        manifest = encode_manifest(
            [
                self._item(what, data, span)
                for what, data, span in zip(many, sealed, spans, strict=True)
            ]
        )
        statement = BatchStatement(
            **self._stated(first),
            count=len(many),
            size=sum(map(len, sealed)),
            manifest_digest=sha256(manifest).hex(),
            manifest_size=len(manifest),
        )
        headers = sign_statement(statement, self._private_key)
        headers["content-type"] = "application/octet-stream"
        answer = await self._ask(
            first.peer,
            "POST",
            f"/peer/v1/deliveries/{first.chain_id_of_b}/{first.channel_on_b}",
            headers,
            b"".join([manifest, *sealed]),
            BATCH_ANSWER_SIZE_BYTES_MAX,
        )
        return _failures(answer, many)

    def _item(self, what: HandOver, data: bytes, span: OpenSpan) -> ManifestItem:
        request_id = what.request_id[:REQUEST_ID_CHARACTERS_MAX]
        return ManifestItem(
            sequence=what.sequence,
            push_number=what.push_number,
            sealed_digest=what.sealed_digest.hex(),
            size=len(data),
            stated_height=what.stated_height,
            request_id=request_id if is_plain(request_id) else "",
            traceparent=span.place.traceparent if self._tracing.is_on else "",
        )

    async def _has(self, what: HandOver, span: OpenSpan) -> bool:
        return (await self._send("GET", what, None, span)).get("state") == "taken"

    async def _send(
        self,
        method: str,
        what: HandOver,
        sealed: AsyncIterator[bytes] | None,
        span: OpenSpan,
    ) -> Mapping[str, object]:
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
        return await self._ask(
            what.peer, method, path, headers, sealed, ANSWER_SIZE_BYTES_MAX
        )

    async def _ask(
        self,
        member_id: str,
        method: str,
        path: str,
        headers: Mapping[str, str],
        content: AsyncIterator[bytes] | bytes | None,
        answer_max: int,
    ) -> Mapping[str, object]:
        client, url = self.client(member_id)
        try:
            async with client.stream(
                method, path, headers=dict(headers), content=content
            ) as response:
                return await read_answer(response, member_id, answer_max)
        except httpx.HTTPError as failure:
            reason = str(failure) or type(failure).__name__
            raise PeerDownError(member_id=member_id, url=url, reason=reason) from None

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
        return DeliveryStatement(
            **self._stated(what),
            sequence=what.sequence,
            push_number=what.push_number,
            sealed_digest=what.sealed_digest.hex(),
            size=what.size,
            stated_height=what.stated_height,
        )

    def _stated(self, what: HandOver) -> dict[str, Any]:
        """Return what every statement says."""
        own = self._own
        return {
            "provider": self._member_id,
            "chain_id_of_a": what.chain_id_of_a,
            "channel_on_a": what.channel_on_a,
            "requester": what.peer,
            "chain_id_of_b": what.chain_id_of_b,
            "channel_on_b": what.channel_on_b,
            "certificate": own.certificate.spki_digest.hex() if own else "",
            "time_ns": time.time_ns(),
        }


def _attributes(what: HandOver) -> Attributes:
    return {
        "huitong.exchange": what.exchange_id,
        "huitong.peer": what.peer,
        "huitong.size_bytes": what.size,
        "huitong.request_id": what.request_id,
    }


def _failures(
    answer: Mapping[str, object], many: Sequence[HandOver]
) -> list[HuitongError | None]:
    """Return what became of each payload of a batch.

    Raises:
        PeerAnswerError: the answer does not say it.
    """
    peer, items = many[0].peer, answer.get("items")
    if not isinstance(items, list) or len(items) != len(many):
        raise PeerAnswerError(member_id=peer, reason="not one state for each payload")
    return [_failure(item, peer) for item in items]


def _failure(item: object, member_id: str) -> HuitongError | None:
    told = item if isinstance(item, dict) else {}
    if told.get("state") == "taken":
        return None
    problem = told.get("problem")
    if told.get("state") != "refused" or not isinstance(problem, dict):
        return PeerAnswerError(member_id=member_id, reason="no state")
    return refusal(member_id, problem.get("status"), problem)


def refusal(
    member_id: str, status: object, problem: Mapping[str, object]
) -> HuitongError:
    """Return the failure that a problem of a peer stands for."""
    told = problem.get("detail") or problem.get("title") or f"HTTP {status}"
    kind = PeerBusyError if status in _MAY_PASS else PeerRefusedError
    return kind(member_id=member_id, reason=str(told))


async def read_answer(
    response: httpx.Response, member_id: str, size_max: int = ANSWER_SIZE_BYTES_MAX
) -> Mapping[str, object]:
    """Return what a peer answered, of at most so many bytes.

    Raises:
        PeerBusyError, PeerRefusedError, PeerAnswerError: it did not take what was brought.
    """
    body = b""
    async for piece in response.aiter_bytes():
        body += piece
        if len(body) > size_max:
            raise PeerAnswerError(member_id=member_id, reason="the answer is too long")
    try:
        answer = orjson.loads(body)
    except orjson.JSONDecodeError:
        answer = {}
    if not isinstance(answer, dict):
        answer = {}
    if response.status_code == 200:
        return answer
    raise refusal(member_id, response.status_code, answer)
