"""All parts of a running gateway, built once for each process and handed to whoever needs
them; there is no global state."""

from __future__ import annotations

import asyncio
import os
import ssl
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from socket import socket
from typing import Final

import httpx
import structlog

from huitong.client.zone import ZoneClient
from huitong.core.address import address_of_public_key
from huitong.core.errors import UnavailableError
from huitong.core.hashing import sha256
from huitong.core.secp256k1 import public_key_of_private_key
from huitong.gateway.access.anchoring import DailyAnchor
from huitong.gateway.access.audit_anchoring import AuditAnchoring
from huitong.gateway.access.edge import Edge, make_edge
from huitong.gateway.connectors.publishing import RecordPublisher
from huitong.gateway.connectors.service import Connectors
from huitong.gateway.connectors.shelf import Shelf
from huitong.gateway.connectors.subjects import Subjects
from huitong.gateway.database.engine import SQLITE, Database
from huitong.gateway.database.joint_writes import JointWriter
from huitong.gateway.database.migrating import check_version
from huitong.gateway.desk.making import EvidenceDesk
from huitong.gateway.desk.verifying import Verifier
from huitong.gateway.events.log import EventLog
from huitong.gateway.events.news import EventNews
from huitong.gateway.events.streaming import Streams
from huitong.gateway.events.zone_news import ZoneNews
from huitong.gateway.exchange.exchanges import Exchanges
from huitong.gateway.exchange.orders import Side
from huitong.gateway.exchange.parts import Identity, ReaderKeySet
from huitong.gateway.exchange.spans import ExchangeSpans
from huitong.gateway.facts.opening import Facts, make_facts
from huitong.gateway.hand_over.hand_overs import HandOvers
from huitong.gateway.hand_over.parts import HandOverParts
from huitong.gateway.hand_over.transport import HttpHandOverPeers
from huitong.gateway.http.cursor import Cursors
from huitong.gateway.http.request_metrics import RequestMetrics
from huitong.gateway.outbox.follower import BlockFollower
from huitong.gateway.outbox.outbox import POLL_ALONE_S, POLL_S, Outbox
from huitong.gateway.outbox.writer import ChainWriter
from huitong.gateway.peers.client import HttpPeers
from huitong.gateway.peers.serving import PeerService
from huitong.gateway.service.errors import SettingsError, WrongZoneError
from huitong.gateway.service.home import GatewayHome, open_database
from huitong.gateway.service.known_peers import read_peers
from huitong.gateway.service.reading import Reads, make_reads
from huitong.gateway.settings import GatewaySettings
from huitong.gateway.tracing.opening import open_tracing
from huitong.gateway.tracing.spans import Tracing
from huitong.gateway.tracing.steps import StepSpans
from huitong.gateway.vault.opening import open_vault
from huitong.gateway.vault.vault import Vault
from huitong.gateway.webhooks.book import DELIVER, Webhooks
from huitong.gateway.webhooks.delivery import WebhookDeliveries
from huitong.gateway.webhooks.secrets import SecretBox
from huitong.gateway.webhooks.sending import WebhookSender

log = structlog.get_logger("gateway")

#: Seconds before a node that does not answer is asked again, at the start: first, and at
#: most.
ZONE_PAUSE_FIRST_S: Final = 0.2
ZONE_PAUSE_LONGEST_S: Final = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Secrets:
    """Private keys of a gateway, unlocked."""

    account: bytes = field(repr=False)
    """Signs transactions; secp256k1, 32 bytes."""
    officer: bytes = field(repr=False)
    """Signs decisions; may be the same."""
    requester: bytes = field(repr=False)
    """Signs requests and receipts; may be the same."""
    reader: bytes = field(repr=False)
    """Opens what others seal to this member; X25519, 32 bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """What a process needs to open a gateway; can be handed to a child process."""

    home: GatewayHome
    """Where it lies."""
    settings: GatewaySettings
    """How it runs."""
    secrets: Secrets
    """Its keys."""
    peer_socket: socket | None = None
    """Listens for the gateways of others; None if no peers are known."""
    metrics: RequestMetrics | None = None
    """Counts the requests of this process; None if nobody wants to know."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """The parts of a gateway in this process."""

    home: GatewayHome
    settings: GatewaySettings
    database: Database
    zone: ZoneClient
    """The own zone, through a node that is trusted."""
    zones: Mapping[str, ZoneClient]
    """Other zones by chain id, through nodes that are not trusted."""
    identity: Identity
    """Who this gateway is on its own zone."""
    vault: Vault
    outbox: Outbox
    exchanges: Exchanges
    reads: Reads
    """Lets peers read open records."""
    hand_overs: HandOvers
    """Gives records to members of other zones, and takes them over."""
    facts: Facts
    """Brings facts of other zones to the own one."""
    events: EventLog
    """What happened, in order."""
    event_news: EventNews
    """Knows when there is more."""
    streams: Streams
    """Callers that listen."""
    webhooks: Webhooks
    """Receivers that are sent events."""
    webhook_sender: WebhookSender
    """Posts them."""
    webhook_deliveries: WebhookDeliveries
    """Carries out their deliveries."""
    desk: EvidenceDesk
    """Makes evidence."""
    verifier: Verifier
    """Verifies evidence of anybody."""
    audit_anchor: DailyAnchor
    """Puts the audit log's head on chain."""
    connectors: Connectors
    """Old systems as sources and sinks."""
    peers: HttpPeers
    """Brings sealed bytes to the gateways of others."""
    peer_service: PeerService | None
    """Takes sealed bytes from them; None if no peers are known."""
    cursors: Cursors
    tracing: Tracing
    """Records spans."""
    step_spans: StepSpans
    """Records those of the outbox's steps."""
    edge: Edge
    """What stands between the network and the application."""
    browser: httpx.AsyncClient
    """Asks identity providers."""

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        """Check what must be right from the start; close everything in the end.

        Nodes that are down do not hinder the start: what needs them waits, or refuses.

        Raises:
            DatabaseDownError, DatabaseOlderError, DatabaseNewerError: the database.
        """
        async with AsyncExitStack() as stack:
            for closing in (
                self.database.close,
                self.zone.close,
                *(zone.close for zone in self.zones.values()),
                self.browser.aclose,
                self.webhook_sender.close,
                self.peers.close,
                self._close_tracing,
            ):
                stack.push_async_callback(closing)
            await check_version(self.database)
            yield

    async def _close_tracing(self) -> None:
        await self.step_spans.flush()
        await asyncio.to_thread(self.tracing.close)


def build_services(opening: Opening) -> Services:
    """Put the parts of a gateway together; nothing is opened yet.

    Raises:
        RejectedError: a setting or a key of the vault cannot be used.
    """
    settings, secrets = opening.settings, opening.secrets
    database = open_database(opening.home, settings)
    writer = JointWriter(database)
    zone = ZoneClient(settings.zone.node)
    writers = [ChainWriter(database, zone, key) for key in _signing_keys(secrets)]
    outbox = Outbox(
        database,
        BlockFollower(database, zone),
        writers,
        settings.outbox,
        poll_s=POLL_ALONE_S if _is_alone(settings, database) else POLL_S,
    )
    identity = Identity(
        member_id=settings.member,
        publisher=_address_of(secrets.account),
        officer=_address_of(secrets.officer),
        requester=_address_of(secrets.requester),
    )
    vault = open_vault(
        database, settings.vault, base=opening.home.path, environment=os.environ
    )
    browser = httpx.AsyncClient(trust_env=False)
    zones = {
        chain_id: ZoneClient(other.node) for chain_id, other in settings.zones.items()
    }
    known = read_peers(opening.home, settings)
    tracing = open_tracing(
        settings.tracing,
        opening.home.path,
        member_id=settings.member,
        chain_id=settings.zone.chain_id,
    )
    peers = known.client(secrets.account, tracing)
    readers = ReaderKeySet(secrets.reader)
    exchanges = Exchanges(
        database=database,
        zone=zone,
        zones=zones,
        peers=peers,
        vault=vault,
        outbox=outbox,
        settings=settings.exchange,
        identity=identity,
        readers=readers,
        writer=writer,
    )
    reads = make_reads(
        settings,
        database=database,
        zone=zone,
        vault=vault,
        outbox=outbox,
        links=exchanges.links,
        peers=peers,
        account=identity.publisher,
    )
    hand_overs = HandOvers(
        HandOverParts(
            database=database,
            outbox=outbox,
            vault=vault,
            links=exchanges.links,
            peers=HttpHandOverPeers(peers),
            identity=identity,
            readers=readers,
            packet_timeout_s=settings.exchange.packet_timeout_s,
        )
    )
    facts = make_facts(
        settings.facts,
        database=database,
        zone=zone,
        zones=zones,
        outbox=outbox,
        account=identity.publisher,
    )
    step_spans = StepSpans(
        tracing, ExchangeSpans(database, exchanges.links, settings.zone.chain_id).find
    )
    outbox.tell_ended(step_spans.ended)
    edge = make_edge(settings.http, settings.access, database, browser, writer=writer)
    connectors = Connectors(
        shelf=Shelf(opening.home.place(settings.connectors.folder)),
        database=database,
        outbox=outbox,
        exchanges=exchanges,
        publisher=RecordPublisher(
            member_id=settings.member,
            exchanges=exchanges,
            outbox=outbox,
            zone=zone,
            subjects=Subjects(opening.home.place(settings.connectors.subject_key)),
        ),
        interval_s=settings.connectors.interval_s,
    )
    source = f"/zones/{settings.zone.chain_id}/members/{settings.member}"
    events = EventLog(database, settings.events, source=source, clock=time.time_ns)
    webhooks = Webhooks(
        database,
        outbox,
        events,
        settings.webhooks,
        SecretBox(sha256(b"huitong/webhook-key/1" + secrets.account)),
        clock=time.time_ns,
    )
    webhook_sender = WebhookSender(settings.webhooks, _authorities(opening))
    webhook_deliveries = WebhookDeliveries(webhooks, webhook_sender, source)
    outbox.register(DELIVER, webhook_deliveries)
    event_news = EventNews(events)
    outbox.follower.add(ZoneNews(database, settings.member, settings.zone.chain_id))
    return Services(
        home=opening.home,
        settings=settings,
        database=database,
        zone=zone,
        zones=zones,
        identity=identity,
        vault=vault,
        outbox=outbox,
        exchanges=exchanges,
        reads=reads,
        hand_overs=hand_overs,
        facts=facts,
        events=events,
        event_news=event_news,
        streams=Streams(events, event_news, settings.events),
        webhooks=webhooks,
        webhook_sender=webhook_sender,
        webhook_deliveries=webhook_deliveries,
        desk=_desk(settings, secrets, exchanges, vault),
        verifier=Verifier(settings.evidence),
        audit_anchor=_audit_anchor(settings, database, edge, outbox, identity),
        connectors=connectors,
        peers=peers,
        peer_service=known.service(
            opening.peer_socket,
            exchanges.arrivals,
            exchanges.links,
            reads.provider,
            hand_overs,
            tracing,
        ),
        cursors=Cursors(
            # The same in all processes of a gateway, and on all of its machines.
            sha256(b"huitong/cursor-key/1" + secrets.account),
            age_s=settings.http.cursor_age_s,
            clock=time.time_ns,
        ),
        tracing=tracing,
        step_spans=step_spans,
        edge=edge,
        browser=browser,
    )


async def find_zone(settings: GatewaySettings) -> None:
    """Wait until the node that is to be believed answers; check that it has our zone.

    Machines that start together start in any order, and a node may be down for a while.

    Raises:
        WrongZoneError: it serves another zone.
    """
    pause_s = ZONE_PAUSE_FIRST_S
    while True:
        try:
            return await _check_zone(settings)
        except UnavailableError as failure:
            log.warning(
                "zone_awaited",
                node=settings.zone.node,
                reason=failure.diagnostics(),
            )
        await asyncio.sleep(pause_s)
        pause_s = min(pause_s * 2, ZONE_PAUSE_LONGEST_S)


async def _check_zone(settings: GatewaySettings) -> None:
    async with ZoneClient(settings.zone.node) as zone:
        actual = await zone.chain_id()
    if actual != settings.zone.chain_id:
        raise WrongZoneError(
            url=settings.zone.node, actual=actual, expected=settings.zone.chain_id
        )


def _desk(
    settings: GatewaySettings, secrets: Secrets, exchanges: Exchanges, vault: Vault
) -> EvidenceDesk:
    own = settings.zone
    others = {chain_id: zone.node for chain_id, zone in settings.zones.items()}
    return EvidenceDesk(
        exchanges,
        vault,
        settings.evidence,
        nodes={**others, own.chain_id: own.node},
        chain_id=own.chain_id,
        keys={Side.PROVIDER: secrets.account, Side.REQUESTER: secrets.requester},
    )


def _audit_anchor(
    settings: GatewaySettings,
    database: Database,
    edge: Edge,
    outbox: Outbox,
    identity: Identity,
) -> DailyAnchor:
    anchoring = AuditAnchoring(
        database,
        outbox,
        account=identity.publisher,
        stream=settings.access.audit_stream,
    )
    return DailyAnchor(
        database,
        edge.audit,
        anchoring.anchor,
        clock=time.time_ns,
        is_leading=lambda: outbox.is_leading,
    )


def _authorities(opening: Opening) -> ssl.SSLContext | bool:
    """Return who certifies the receivers of events; True for the public authorities."""
    ca_file = opening.settings.webhooks.ca_file
    if ca_file is None:
        return True
    try:
        return ssl.create_default_context(cafile=opening.home.place(ca_file))
    except (OSError, ssl.SSLError) as error:
        raise SettingsError(
            path=opening.home.settings_file,
            entry="webhooks.ca_file",
            reason=error.strerror or "holds no certificates",
        ) from None


def _is_alone(settings: GatewaySettings, database: Database) -> bool:
    """Tell whether no other process of the service has a part in the outbox."""
    return database.kind == SQLITE and settings.service.workers == 1


def _signing_keys(secrets: Secrets) -> list[bytes]:
    """Return each key once: an account has one writer."""
    return list(dict.fromkeys((secrets.account, secrets.officer, secrets.requester)))


def _address_of(private_key: bytes) -> str:
    return address_of_public_key(public_key_of_private_key(private_key))
