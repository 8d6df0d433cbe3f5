"""A provider's gateway that answers proven reads over a socket, and readers of it."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

from huitong.client.sender import Sender
from huitong.client.zone import ZoneClient
from huitong.core.errors import RejectedError
from huitong.core.hashing import sha256
from huitong.gateway.database.engine import Database
from huitong.gateway.outbox import Outbox
from huitong.gateway.outbox.follower import BlockFollower
from huitong.gateway.outbox.settings import OutboxSettings
from huitong.gateway.outbox.writer import ChainWriter
from huitong.gateway.reads.anchoring import ReadAnchoring
from huitong.gateway.reads.headers import HeaderRoom
from huitong.gateway.reads.heads import HeadRoom
from huitong.gateway.reads.log import ReadLog
from huitong.gateway.reads.model import Reader
from huitong.gateway.reads.payloads import VaultPayloads
from huitong.gateway.reads.provider import ReadProvider
from huitong.gateway.reads.reader import ProvenReader
from huitong.gateway.reads.settings import ReadsSettings
from huitong.gateway.reads.transport import HttpTransport, make_router
from huitong.gateway.vault.keyring import KeyRing
from huitong.gateway.vault.keys import SecretKey
from huitong.gateway.vault.object_room import open_objects
from huitong.gateway.vault.settings import VaultSettings
from huitong.gateway.vault.vault import Vault
from huitong.localnet.process import NodeProcess
from huitong.localnet.zone import AccountSpec, MemberSpec
from huitong.modules.exchange import PORT_ID
from huitong.proto.huitong.records.v1 import records_pb2
from huitong.relayer.config import LinkConfig, ZoneConfig
from huitong.relayer.endpoint import Endpoint
from huitong.relayer.link import open_link

SUBJECT = sha256(b"person")
OTHER_SUBJECT = sha256(b"another person")
READER = Reader(chain_id="chongqing-1", member_id="cq-bank")
#: Where the kit's readers say who they are; a real connection proves it.
_READER_HEADER = "X-Reader"


@dataclass(frozen=True)
class LinkedZones:
    """Two zones that run and are linked."""

    provider: NodeProcess
    reader: NodeProcess
    channel_on_reader: str


@contextmanager
def linked_zones(folder: Path) -> Iterator[LinkedZones]:
    """Run the provider's and the reader's zone, linked."""
    relayer = AccountSpec(name="relayer", roles=("relayer",))
    nodes = [
        NodeProcess(
            folder / chain_id,
            chain_id=chain_id,
            members=[MemberSpec(member_id=member)],
            accounts=[
                relayer,
                AccountSpec(name=member, member_id=member, roles=("publisher",)),
            ],
            block_time="50ms",
        )
        for chain_id, member in (("hangzhou-1", "hz-tax"), ("chongqing-1", "cq-bank"))
    ]
    for node in nodes:
        node.init()
    with nodes[0], nodes[1]:
        link = asyncio.run(_linked(nodes))
        yield LinkedZones(nodes[0], nodes[1], link.channel_on_b)


async def _linked(nodes: list[NodeProcess]) -> LinkConfig:
    async with AsyncExitStack() as stack:
        ends = []
        for node in nodes:
            config = ZoneConfig(chain_id=node.chain_id, rpc=node.rpc_url)
            ends.append(Endpoint(config, node.private_key("relayer")))
            stack.push_async_callback(ends[-1].close)
        wanted = LinkConfig(chain_a="hangzhou-1", chain_b="chongqing-1")
        return await open_link(ends[0], ends[1], wanted)


@dataclass
class Provider:
    """The provider's gateway, as far as reads need one."""

    zones: LinkedZones
    database: Database
    zone: ZoneClient
    vault: Vault
    log: ReadLog
    outbox: Outbox
    anchoring: ReadAnchoring
    provider: ReadProvider
    sender: Sender
    settings: ReadsSettings

    async def publish(
        self, record_id: str, document: bytes = b"", **changes: Any
    ) -> None:
        """Put a document into the vault and publish an open record of it."""
        subject = changes.pop("vault_subject", changes.get("subject", SUBJECT))
        content = document or b'{"amount":"7","buyer":"b","number":"%s"}' % (
            record_id.encode()
        )
        stored = await self.vault.put(_pieces(content), subject=subject)
        fields: dict[str, Any] = {
            "signer": self.sender.address,
            "record_id": record_id,
            "record_type": "market.licence",
            "subject": SUBJECT,
            "payload_digest": stored.digest,
            "fields": stored.fields,
            "level": 1,
            "share_class": records_pb2.SHARE_CLASS_OPEN,
        }
        await self.sender.send(records_pb2.MsgPublishRecord(**fields | changes))
        await self.settle()

    async def set_status(self, record_id: str, status: int) -> None:
        """Change the status of a record."""
        await self.sender.send(
            records_pb2.MsgSetRecordStatus(
                signer=self.sender.address,
                record_id=record_id,
                status=status,
                reason="x",
            )
        )
        await self.settle()

    async def settle(self) -> None:
        """Wait for the block that makes what was done provable."""
        await self.zone.wait_height(await self.zone.latest_height() + 1)

    @asynccontextmanager
    async def anchored(self) -> AsyncIterator[None]:
        """Run the outbox within the block."""
        task = asyncio.create_task(self.outbox.run())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait([task])

    async def anchor_all(self) -> None:
        """Anchor until no line is left without an anchor."""
        async with asyncio.timeout(60):
            while True:
                lines, anchored = await self.log.counts()
                if lines == anchored:
                    return
                await self.anchoring.anchor_now()
                await asyncio.sleep(0.05)


@asynccontextmanager
async def open_provider(
    folder: Path, zones: LinkedZones, database: Database, **settings: Any
) -> AsyncIterator[Provider]:
    """Open the parts of the provider's gateway."""
    node = zones.provider
    chosen = ReadsSettings(**settings)
    async with ZoneClient(node.rpc_url) as zone:
        vault = open_vault(folder, database)
        writer = ChainWriter(database, zone, node.private_key("hz-tax"))
        outbox = Outbox(
            database,
            BlockFollower(database, zone),
            [writer],
            OutboxSettings(retry_first_s=0.05, lease_s=1),
        )
        log = ReadLog(database)
        anchoring = ReadAnchoring(database, log, outbox, chosen, account=writer.address)
        provider = ReadProvider(
            database,
            HeadRoom(zone, chosen.proof_cache),
            VaultPayloads(
                vault,
                cache_bytes=chosen.payload_cache_bytes,
                document_size_bytes_max=chosen.document_size_bytes_max,
            ),
            chosen,
            chain_id=node.chain_id,
            member_id="hz-tax",
            clock=time.time_ns,
        )
        yield Provider(
            zones=zones,
            database=database,
            zone=zone,
            vault=vault,
            log=log,
            outbox=outbox,
            anchoring=anchoring,
            provider=provider,
            sender=Sender(zone, node.private_key("hz-tax")),
            settings=chosen,
        )


def open_vault(folder: Path, database: Database) -> Vault:
    """Open a vault in a folder."""
    settings = VaultSettings.model_validate(
        {
            "store": {"kind": "folder", "path": str(folder / "vault")},
            "key": {"source": "file", "path": str(folder / "vault.key")},
        }
    )
    objects = open_objects(settings.store, {})
    return Vault(database, objects, KeyRing(SecretKey(bytes(32))), settings)


@asynccontextmanager
async def serving(provider: ReadProvider) -> AsyncIterator[str]:
    """Serve the provider's route on a socket; yield its URL."""

    async def reader_of(request: Request) -> Reader:
        chain_id, member_id = request.headers[_READER_HEADER].split("/")
        return Reader(chain_id=chain_id, member_id=member_id)

    app = FastAPI()
    app.include_router(make_router(provider, reader_of))

    @app.exception_handler(RejectedError)
    async def refused(_: Request, error: RejectedError) -> JSONResponse:
        problem = {"detail": str(error), "code": f"{error.codespace}/{error.code}"}
        return JSONResponse(problem, status_code=422)

    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = uvicorn.Server(
            uvicorn.Config(app, log_config=None, lifespan="off", loop="none")
        )
        task = asyncio.create_task(server.serve(sockets=[listening]))
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            await task


@asynccontextmanager
async def open_reader(
    zones: LinkedZones,
    url: str,
    *,
    reader: Reader = READER,
    clock: Callable[[], int] = time.time_ns,
    wrap: Callable[[Any], Any] = lambda transport: transport,
    **settings: Any,
) -> AsyncIterator[ProvenReader]:
    """Open the reader's side; ``wrap`` may bend what comes over the wire."""
    chosen = ReadsSettings(**settings)
    headers = {_READER_HEADER: f"{reader.chain_id}/{reader.member_id}"}
    async with (
        ZoneClient(zones.reader.rpc_url) as own,
        ZoneClient(zones.provider.rpc_url) as other,
        httpx.AsyncClient(trust_env=False, headers=headers) as client,
    ):
        yield ProvenReader(
            wrap(HttpTransport(client, url, "hz-tax")),
            HeaderRoom(own, other, PORT_ID, zones.channel_on_reader, clock=clock),
            chosen,
            chain_id="hangzhou-1",
            peer="hz-tax",
            clock=clock,
        )


async def _pieces(data: bytes) -> AsyncIterator[bytes]:
    yield data
