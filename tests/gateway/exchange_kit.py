"""Two linked zones that run, and two gateways on them in this process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import (
    AsyncExitStack,
    ExitStack,
    asynccontextmanager,
    contextmanager,
    suppress,
)
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from huitong.client.sender import Sender
from huitong.client.zone import ZoneClient
from huitong.core.errors import HuitongError
from huitong.core.hashing import sha256
from huitong.gateway.database.engine import Database
from huitong.gateway.database.schema import METADATA
from huitong.gateway.exchange.arrival_rows import Arrival
from huitong.gateway.exchange.exchanges import Exchanges
from huitong.gateway.exchange.orders import PublishOrder, RequestOrder
from huitong.gateway.exchange.parts import HandOver, Identity, ReaderKeySet
from huitong.gateway.exchange.settings import ExchangeSettings
from huitong.gateway.outbox import Outbox
from huitong.gateway.outbox.follower import BlockFollower
from huitong.gateway.outbox.settings import OutboxSettings
from huitong.gateway.outbox.writer import ChainWriter
from huitong.gateway.peers.certificates import (
    OwnCertificate,
    make_certificate,
    read_own_certificate,
    server_context,
)
from huitong.gateway.peers.client import HttpPeers, PeerPlace
from huitong.gateway.peers.errors import PeerDownError
from huitong.gateway.peers.server import PeerServer
from huitong.gateway.peers.serving import PeerService
from huitong.gateway.peers.signers import Signers
from huitong.gateway.vault.keyring import KeyRing
from huitong.gateway.vault.keys import SecretKey
from huitong.gateway.vault.object_room import open_objects
from huitong.gateway.vault.settings import VaultSettings
from huitong.gateway.vault.vault import Vault
from huitong.localnet.consortium import LocalZone
from huitong.localnet.process import NodeProcess
from huitong.localnet.zone import AccountSpec, MemberSpec
from huitong.proto.huitong.grants.v1 import grants_pb2
from huitong.relayer.config import LinkConfig, ZoneConfig
from huitong.relayer.endpoint import Endpoint
from huitong.relayer.link import open_link
from huitong.relayer.worker import LinkWorker

PURPOSE = "receivable-financing"
INVOICE = b'{"buyer":"b","lines":[1,2],"number":"%d","seller":"s","total":113.00}'


class Node(Protocol):
    """A node of a zone whose keys are here."""

    @property
    def home(self) -> Path:
        """Folder of its keyring."""

    @property
    def chain_id(self) -> str:
        """The zone."""

    @property
    def rpc_url(self) -> str:
        """Where it serves."""

    def private_key(self, name: str) -> bytes:
        """Return the 32 bytes of the key called ``name``."""


class _ConsortiumNode:
    """The first node of a zone on CometBFT."""

    def __init__(self, zone: LocalZone) -> None:
        self.home, self.chain_id = zone.folder, zone.chain_id
        self.rpc_url = zone.nodes[0].rpc_url
        self.private_key = zone.private_key


@contextmanager
def linked_nodes(folder: Path, engine: str = "embedded") -> Iterator[tuple[Node, Node]]:
    """Run the provider's and the requester's zone."""
    with ExitStack() as stack:
        first, second = (
            _start(stack, folder / chain_id, engine, member)
            for chain_id, member in (
                ("hangzhou-1", "hz-tax"),
                ("chongqing-1", "cq-bank"),
            )
        )
        yield first, second


def _start(stack: ExitStack, folder: Path, engine: str, member: str) -> Node:
    """Run a zone of one member; on CometBFT it has one validator."""
    roles = ("officer", "publisher", "requester")
    members = [MemberSpec(member_id=member)]
    accounts = [
        AccountSpec(name=member, member_id=member, roles=roles),
        AccountSpec(name="officer", member_id=member, roles=roles),
    ]
    if engine == "cometbft":
        zone = LocalZone(
            folder,
            folder.name,
            validators=1,
            block_time="100ms",
            members=members,
            accounts=accounts,
        )
        zone.init()
        stack.enter_context(zone)
        return _ConsortiumNode(zone)
    node = NodeProcess(
        folder,
        chain_id=folder.name,
        members=members,
        accounts=[AccountSpec(name="relayer", roles=("relayer",)), *accounts],
        block_time="100ms",
    )
    node.init()
    return stack.enter_context(node)


@asynccontextmanager
async def relaying(
    nodes: tuple[Node, Node],
) -> AsyncIterator[LinkConfig]:
    """Link two zones, and relay for as long as the block lasts."""
    async with AsyncExitStack() as stack:
        ends = []
        for node in nodes:
            config = ZoneConfig(chain_id=node.chain_id, rpc=node.rpc_url)
            ends.append(Endpoint(config, node.private_key("relayer")))
            stack.push_async_callback(ends[-1].close)
        wanted = LinkConfig(chain_a="hangzhou-1", chain_b="chongqing-1")
        link = await open_link(ends[0], ends[1], wanted)
        worker = asyncio.create_task(LinkWorker(link, *ends).run())
        try:
            yield link
        finally:
            worker.cancel()
            with suppress(asyncio.CancelledError):
                await worker


class DirectPeers:
    """Hands over in this process, without a wire."""

    def __init__(self) -> None:
        self.others: dict[str, Gateway] = {}
        self.brought: list[HandOver] = []

    def like(self) -> DirectPeers:
        """Return peers of another gateway that find the same ones."""
        other = DirectPeers()
        other.others = self.others
        return other

    async def hand_over(self, what: HandOver, sealed: AsyncIterator[bytes]) -> None:
        self.brought.append(what)
        there = self._there(what)
        await there.exchanges.arrivals.take(_arrival(what), sealed)

    async def hand_over_many(
        self, many: Sequence[HandOver], sealed: Sequence[bytes]
    ) -> list[HuitongError | None]:
        self.brought += many
        there = self._there(many[0])
        arrivals = [_arrival(what) for what in many]
        return await there.exchanges.arrivals.take_many(arrivals, sealed)

    def _there(self, what: HandOver) -> Gateway:
        there = self.others.get(what.peer)
        if there is None:
            raise PeerDownError(member_id=what.peer, url="direct", reason="stopped")
        return there


def _arrival(what: HandOver) -> Arrival:
    return Arrival(
        peer="hz-tax" if what.chain_id_of_a == "hangzhou-1" else "cq-bank",
        chain_id_of_a=what.chain_id_of_a,
        channel_on_b=what.channel_on_b,
        sequence=what.sequence,
        push_number=what.push_number,
        sealed_digest=what.sealed_digest,
    )


@dataclass
class Gateway:
    """One gateway in this process."""

    member_id: str
    node: Node
    database: Database
    zone: ZoneClient
    vault: Vault
    outbox: Outbox
    exchanges: Exchanges
    peers: Any

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Carry out steps for as long as the block lasts."""
        tasks = [
            asyncio.create_task(self.outbox.run()),
            asyncio.create_task(self.exchanges.run()),
        ]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)


@asynccontextmanager
async def make_gateway(
    folder: Path,
    node: Node,
    other: Node,
    peers: Any,
    url: str = "",
    exchange: ExchangeSettings | None = None,
    **settings: Any,
) -> AsyncIterator[Gateway]:
    """Open a gateway of the member whose zone ``node`` serves."""
    member_id = "hz-tax" if node.chain_id == "hangzhou-1" else "cq-bank"
    folder.mkdir(exist_ok=True)
    async with AsyncExitStack() as stack:
        url = url or f"sqlite:///{folder}/gateway.db"
        database = await stack.enter_async_context(Database(url))
        await database.make_tables(METADATA)
        zone = await stack.enter_async_context(ZoneClient(node.rpc_url))
        foreign = await stack.enter_async_context(ZoneClient(other.rpc_url))
        chosen = OutboxSettings(**{"retry_first_s": 0.1, "lease_s": 1} | settings)
        writers = [
            ChainWriter(database, zone, node.private_key(name))
            for name in (member_id, "officer")
        ]
        outbox = Outbox(database, BlockFollower(database, zone), writers, chosen)
        vault = open_vault(folder, database)
        exchanges = Exchanges(
            database=database,
            zone=zone,
            zones={other.chain_id: foreign},
            peers=peers,
            vault=vault,
            outbox=outbox,
            settings=exchange or ExchangeSettings(),
            identity=Identity(
                member_id=member_id,
                publisher=writers[0].address,
                officer=writers[1].address,
                requester=writers[0].address,
            ),
            readers=ReaderKeySet(sha256(member_id.encode())),
        )
        yield Gateway(
            member_id=member_id,
            node=node,
            database=database,
            zone=zone,
            vault=vault,
            outbox=outbox,
            exchanges=exchanges,
            peers=peers,
        )


def open_vault(folder: Path, database: Database) -> Vault:
    settings = VaultSettings.model_validate(
        {
            "store": {"kind": "folder", "path": str(folder / "vault")},
            "key": {"source": "file", "path": str(folder / "vault.key")},
        }
    )
    objects = open_objects(settings.store, {})
    return Vault(database, objects, KeyRing(SecretKey(bytes(32))), settings)


async def grant(provider: Gateway, channel_id: str, reader: str) -> None:
    """Let a reader have all invoices of the provider."""
    sender = Sender(provider.zone, provider.node.private_key("officer"))
    await sender.send(
        grants_pb2.MsgGrant(
            signer=sender.address,
            reader=grants_pb2.Reader(channel_id=channel_id, member_id=reader),
            record_type="tax.invoice",
            purpose=PURPOSE,
        )
    )


def publication(number: int, **changes: Any) -> PublishOrder:
    """Return the order that publishes an invoice."""
    fields: dict[str, Any] = {
        "key": f"publish-{number}",
        "document": INVOICE % number,
        "record_id": f"INV-{number}",
        "record_type": "tax.invoice",
        "title": "invoice",
    }
    return PublishOrder(**fields | changes)


def request(
    number: int, channel_id: str, issuer: str = "hz-tax", **changes: Any
) -> RequestOrder:
    """Return the order that asks for an invoice."""
    fields: dict[str, Any] = {
        "key": f"request-{issuer}-{number}",
        "channel_id": channel_id,
        "issuer": issuer,
        "record_id": f"INV-{number}",
        "purpose": PURPOSE,
        "legal_basis": "contract",
    }
    return RequestOrder(**fields | changes)


class LatePeers:
    """Peers that are only known once all gateways are made."""

    def __init__(self) -> None:
        self.inner: Any = None

    async def hand_over(self, what: HandOver, sealed: AsyncIterator[bytes]) -> None:
        await self.inner.hand_over(what, sealed)

    async def hand_over_many(
        self, many: Sequence[HandOver], sealed: Sequence[bytes]
    ) -> Any:
        return await self.inner.hand_over_many(many, sealed)


@asynccontextmanager
async def by_https(
    gateways: tuple[Gateway, Gateway], folder: Path
) -> AsyncIterator[list[PeerService]]:
    """Let two gateways reach each other by mutual TLS."""
    owns = [_own_certificate(one, folder) for one in gateways]
    by_key = {
        own.certificate.spki_digest: one.member_id
        for own, one in zip(owns, gateways, strict=True)
    }
    async with AsyncExitStack() as stack:
        services = []
        for one, own in zip(gateways, owns, strict=True):
            server = PeerServer(
                member_id=one.member_id,
                chain_id=one.node.chain_id,
                arrivals=one.exchanges.arrivals,
                signers=Signers(one.exchanges.links),
                certificates=by_key,
            )
            context = server_context(own, [each.certificate for each in owns])
            services.append(PeerService(server, "tcp://127.0.0.1:0", context))
        for number, one in enumerate(gateways):
            other = gateways[1 - number].member_id
            place = PeerPlace(
                url=services[1 - number].url, certificate=owns[1 - number].certificate
            )
            one.peers.inner = await stack.enter_async_context(
                HttpPeers(
                    {other: place},
                    member_id=one.member_id,
                    private_key=one.node.private_key("officer"),
                    own=owns[number],
                )
            )
        tasks = [
            asyncio.create_task(service.run_until_cancelled()) for service in services
        ]
        try:
            yield services
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)


def _own_certificate(gateway: Gateway, folder: Path) -> OwnCertificate:
    pem, key = make_certificate(gateway.member_id, gateway.node.chain_id)
    paths = folder / f"{gateway.member_id}.crt", folder / f"{gateway.member_id}.key"
    for path, content in zip(paths, (pem, key), strict=True):
        path.write_bytes(content)
    return read_own_certificate(*paths)
