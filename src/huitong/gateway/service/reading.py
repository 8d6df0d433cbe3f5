"""Proven reads in a running gateway: both sides' parts, and the route for peers."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import final

from fastapi import FastAPI, Request
from starlette.routing import BaseRoute, Route

from huitong.client.zone import ZoneClient
from huitong.core.errors import HuitongError
from huitong.gateway.database.engine import Database
from huitong.gateway.exchange.links import Links
from huitong.gateway.outbox.outbox import Outbox
from huitong.gateway.peers.answers import answer_failure
from huitong.gateway.peers.client import HttpPeers
from huitong.gateway.peers.senders import CERTIFICATE_STATE
from huitong.gateway.reads.anchoring import ReadAnchoring
from huitong.gateway.reads.asking import PeerReads
from huitong.gateway.reads.errors import ReaderUnknownError
from huitong.gateway.reads.heads import HeadRoom
from huitong.gateway.reads.log import ReadLog
from huitong.gateway.reads.model import Reader
from huitong.gateway.reads.payloads import VaultPayloads
from huitong.gateway.reads.provider import ReadProvider
from huitong.gateway.reads.transport import PATH, HttpTransport, make_router
from huitong.gateway.settings import GatewaySettings
from huitong.gateway.vault.vault import Vault


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Reads:
    """What proven reads need."""

    log: ReadLog
    """Who read what."""
    anchoring: ReadAnchoring
    """Puts the log on chain."""
    provider: ReadProvider
    """Answers."""
    of_peers: PeerReads
    """Asks the gateways of others."""


def make_reads(
    settings: GatewaySettings,
    *,
    database: Database,
    zone: ZoneClient,
    vault: Vault,
    outbox: Outbox,
    links: Links,
    peers: HttpPeers,
    account: str,
) -> Reads:
    """Put the parts together; nothing is asked yet.

    Args:
        settings: of the gateway.
        database: keeps the log.
        zone: the own zone.
        vault: has the payloads.
        outbox: carries the anchors.
        links: the other zones.
        peers: the ways to the gateways there.
        account: address of the member's account that signs them.
    """
    chosen, log = settings.reads, ReadLog(database)
    payloads = VaultPayloads(
        vault,
        cache_bytes=chosen.payload_cache_bytes,
        document_size_bytes_max=chosen.document_size_bytes_max,
    )
    provider = ReadProvider(
        database,
        HeadRoom(zone, chosen.proof_cache),
        payloads,
        chosen,
        chain_id=settings.zone.chain_id,
        member_id=settings.member,
        clock=time.time_ns,
    )
    anchoring = ReadAnchoring(database, log, outbox, chosen, account=account)

    def transport_of(member_id: str) -> HttpTransport:
        client, url = peers.client(member_id)
        return HttpTransport(client, url, member_id)

    of_peers = PeerReads(links, transport_of, chosen, clock=time.time_ns)
    return Reads(log=log, anchoring=anchoring, provider=provider, of_peers=of_peers)


def read_route(
    provider: ReadProvider, settings: GatewaySettings, members: Mapping[bytes, str]
) -> BaseRoute:
    """Return the route at which peers read.

    Args:
        provider: answers.
        settings: say of which zone each peer is.
        members: member id by the digest of the key of its certificate.
    """

    async def reader_of(request: Request) -> Reader:
        shown: bytes = getattr(request.state, CERTIFICATE_STATE, b"")
        return find_reader(members.get(shown, ""), settings)

    app = FastAPI(openapi_url=None)
    app.include_router(make_router(provider, reader_of))
    app.add_exception_handler(HuitongError, answer_failure)
    return Route(PATH, app, methods=["POST"], include_in_schema=False)


def find_reader(member_id: str, settings: GatewaySettings) -> Reader:
    """Return who a connection belongs to.

    Raises:
        ReaderUnknownError: to nobody who is known, or the zone of the peer is not known.
    """
    if member_id not in settings.peers:
        raise ReaderUnknownError(reason="the connection proves no member")
    chain_id = settings.peers[member_id].zone
    if chain_id is None and len(settings.zones) == 1:
        (chain_id,) = settings.zones
    if chain_id is None:
        raise ReaderUnknownError(reason=f"no zone is set for {member_id}")
    return Reader(chain_id=chain_id, member_id=member_id)
