"""Hand-overs between gateways: the receiver's key, and the sealed bytes, over HTTPS.

The connection tells who brings bytes: its certificate is bound to a member's registered
key. What the bytes must be, the receiver's own zone says.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Mapping
from typing import Final, final

import httpx
import structlog
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from huitong.core.errors import HuitongError
from huitong.core.fields import X25519_KEY_SIZE_BYTES
from huitong.core.limits import INT64_MAX
from huitong.gateway.hand_over.errors import (
    HandOverDeliveryError,
    ReaderKeyAnswerError,
)
from huitong.gateway.hand_over.hand_overs import HandOvers
from huitong.gateway.hand_over.parts import Bringing
from huitong.gateway.peers.answers import answer_failure, read_body
from huitong.gateway.peers.client import HttpPeers, read_answer
from huitong.gateway.peers.errors import (
    BodySizeError,
    PeerAnswerError,
    PeerBusyError,
    PeerDownError,
)
from huitong.gateway.peers.senders import CERTIFICATE_STATE
from huitong.payload.sealing import SEALED_SIZE_BYTES_MAX

log = structlog.get_logger("gateway")

KEY_PATH: Final = "/peer/v1/reader-key"
PATH: Final = "/peer/v1/hand-overs/{zone}/{channel}/{sequence}"
#: Deliveries of one peer that are taken at the same time.
DELIVERIES_PER_PEER_MAX: Final = 8
_DIGITS_MAX: Final = len(str(INT64_MAX))


@final
class HttpHandOverPeers:
    """``HandOverPeers`` over the connections to known gateways."""

    def __init__(self, peers: HttpPeers) -> None:
        """Use these connections."""
        self._peers = peers

    async def reader_key(self, member_id: str) -> bytes:
        """Return the X25519 public key that payloads for a member are sealed to.

        Raises:
            PeerUnknownError: the settings do not name the peer.
            PeerDownError, PeerBusyError: it does not answer, or not now.
            PeerRefusedError: it does not tell.
            ReaderKeyAnswerError: it tells something else.
        """
        answer = await self._send(member_id, "GET", KEY_PATH, {}, None)
        try:
            key = bytes.fromhex(str(answer.get("reader_key", "")))
        except ValueError:
            key = b""
        if len(key) != X25519_KEY_SIZE_BYTES:
            raise ReaderKeyAnswerError(member_id=member_id)
        return key

    async def bring(self, what: Bringing, sealed: AsyncIterator[bytes]) -> None:
        """Bring sealed bytes to a peer; again changes nothing there.

        Raises:
            PeerUnknownError: the settings do not name the peer.
            PeerDownError, PeerBusyError: it does not answer, or not now.
            PeerRefusedError: it does not want them.
            PeerAnswerError: something else answers.
        """
        path = PATH.format(
            zone=what.chain_id, channel=what.channel_id, sequence=what.sequence
        )
        headers = {
            "content-length": str(what.size),
            "content-type": "application/octet-stream",
        }
        if what.request_id:
            headers["x-request-id"] = what.request_id
        answer = await self._send(what.peer, "POST", path, headers, sealed)
        if answer.get("state") != "taken":
            raise PeerAnswerError(member_id=what.peer, reason="no state")

    async def _send(
        self,
        member_id: str,
        method: str,
        path: str,
        headers: Mapping[str, str],
        content: AsyncIterator[bytes] | None,
    ) -> Mapping[str, object]:
        client, url = self._peers.client(member_id)
        try:
            async with client.stream(
                method, path, headers=dict(headers), content=content
            ) as response:
                return await read_answer(response, member_id)
        except httpx.HTTPError as failure:
            reason = str(failure) or type(failure).__name__
            raise PeerDownError(member_id=member_id, url=url, reason=reason) from None


def hand_over_routes(
    hand_overs: HandOvers,
    members: Mapping[bytes, str] | None,
    *,
    chain_id: str,
    member_id: str,
) -> list[BaseRoute]:
    """Return the routes at which givers ask for the key and bring sealed bytes.

    Args:
        hand_overs: of this gateway.
        members: member id by the digest of the key of its certificate; None without TLS.
        chain_id: the own zone.
        member_id: this member, for errors.
    """
    server = _Server(hand_overs, members, chain_id, member_id)
    return [
        Route(KEY_PATH, server.tell_key, methods=["GET"]),
        Route(PATH, server.take, methods=["POST"]),
    ]


@final
class _Server:
    """Answers givers."""

    def __init__(
        self,
        hand_overs: HandOvers,
        members: Mapping[bytes, str] | None,
        chain_id: str,
        member_id: str,
    ) -> None:
        self._hand_overs = hand_overs
        self._members = members
        self._chain_id = chain_id
        self._member_id = member_id
        self._under_way: Counter[str] = Counter()

    async def tell_key(self, request: Request) -> Response:
        """Tell what payloads for this member are sealed to."""
        return JSONResponse({"reader_key": self._hand_overs.reader_key.hex()})

    async def take(self, request: Request) -> Response:
        """Take the sealed bytes of an offer."""
        try:
            return await self._take(request)
        except ClientDisconnect:
            return Response(status_code=400)  # nobody reads it
        except HuitongError as failure:
            return answer_failure(request, failure)
        except Exception as bug:
            log.error("delivery_broken", exc_info=bug)
            return JSONResponse({"title": "internal error"}, status_code=500)

    async def _take(self, request: Request) -> Response:
        peer, channel_id = self._peer(request), request.path_params["channel"]
        sequence = request.path_params["sequence"]
        is_number = sequence.isascii() and sequence.isdigit()
        is_ours = request.path_params["zone"] == self._chain_id
        if not is_ours or not is_number or len(sequence) > _DIGITS_MAX:
            raise HandOverDeliveryError(
                channel_id=channel_id[:64], sequence=sequence[:64], peer=peer
            )
        number = int(sequence)
        arrivals = self._hand_overs.arrivals
        if await arrivals.is_here(channel_id, number, peer):
            return JSONResponse({"state": "taken"})
        size = _announced(request)
        if self._under_way[peer] >= DELIVERIES_PER_PEER_MAX:
            raise PeerBusyError(
                member_id=self._member_id, reason="too many deliveries at once"
            )
        self._under_way[peer] += 1
        try:
            await arrivals.take(channel_id, number, peer, read_body(request, size))
        finally:
            self._under_way[peer] -= 1
        log.info(
            "hand_over_arrived",
            peer=peer,
            channel=channel_id,
            sequence=number,
            size_bytes=size,
            request_id=request.headers.get("x-request-id", "")[:128],
        )
        return JSONResponse({"state": "taken"})

    def _peer(self, request: Request) -> str:
        """Return the member that the connection belongs to; empty without TLS."""
        if self._members is None:
            return ""
        shown: bytes = getattr(request.state, CERTIFICATE_STATE, b"")
        # A connection of nobody is the peer of no offer.
        return self._members.get(shown, "") or "?"


def _announced(request: Request) -> int:
    """Return how many bytes are to come.

    Raises:
        BodySizeError: none, or more than any sealed payload has.
    """
    given = request.headers.get("content-length", "")
    is_number = given.isascii() and given.isdigit() and len(given) <= _DIGITS_MAX
    size = int(given) if is_number else 0
    if not 0 < size <= SEALED_SIZE_BYTES_MAX:
        raise BodySizeError(size=0, announced=size, maximum=SEALED_SIZE_BYTES_MAX)
    return size
