"""A zone in memory behind the real RPC application, asked without sockets."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Any

import httpx
import orjson

from huitong.core.hashing import sha256
from huitong.engines.embedded.chain import CommittedBlock
from huitong.node.answers.source import RpcSource
from huitong.node.queries import Queries
from huitong.node.rpc.asgi import RpcApplication
from huitong.node.rpc.methods import all_methods
from huitong.node.rpc.served import Served
from huitong.node.rpc.subscriptions import SubscriptionHub
from huitong.proto.huitong.records.v1 import records_pb2
from huitong.testing.embedded import EmbeddedZone

ACCOUNTS = {"tax": ("hz-tax", "publisher"), "road": ("hz-road", "publisher")}


class RpcZone:
    """The zone, and ways to ask it."""

    def __init__(self, zone: EmbeddedZone, http: httpx.AsyncClient) -> None:
        self.zone = zone
        self.http = http
        self.application: RpcApplication

    async def post(self, body: Any) -> httpx.Response:
        data = body if isinstance(body, bytes) else orjson.dumps(body)
        return await self.http.post("/", content=data)

    async def answer(self, method: str, **params: Any) -> Any:
        """Return the whole answer of a POST call."""
        request = {"jsonrpc": "2.0", "id": 7, "method": method, "params": params}
        response = await self.post(request)
        assert response.status_code == 200
        return response.json()

    async def call(self, method: str, **params: Any) -> Any:
        """Return the result of a POST call."""
        answer = await self.answer(method, **params)
        assert "error" not in answer, answer
        return answer["result"]

    async def refusal(self, method: str, **params: Any) -> Any:
        """Return the error of a POST call."""
        return (await self.answer(method, **params))["error"]

    def publish(self, *record_ids: str, by: str = "tax") -> CommittedBlock:
        """Publish records in one block, and make the block that proves it."""
        for record_id in record_ids:
            assert self.zone.send(by, self.message(record_id, by)).code == 0
        block = self.zone.work()
        self.zone.empty()
        return block

    def message(self, record_id: str, by: str = "tax") -> records_pb2.MsgPublishRecord:
        return records_pb2.MsgPublishRecord(
            signer=self.zone.address(by),
            record_id=record_id,
            record_type="invoice",
            payload_digest=sha256(record_id.encode()),
            fields=["amount"],
            level=2,
            share_class=records_pb2.SHARE_CLASS_CONDITIONAL,
        )

    @asynccontextmanager
    async def websocket(self) -> AsyncIterator[RpcSocket]:
        """Open a WebSocket to the application."""
        socket = RpcSocket()
        scope = {"type": "websocket", "path": "/websocket", "query_string": b""}
        serving = asyncio.create_task(
            self.application(scope, socket.to_server.get, socket.from_server.put)
        )
        await socket.to_server.put({"type": "websocket.connect"})
        assert (await socket.from_server.get())["type"] == "websocket.accept"
        try:
            yield socket
        finally:
            await socket.to_server.put({"type": "websocket.disconnect", "code": 1000})
            await serving


class RpcSocket:
    """The client's end of a WebSocket."""

    def __init__(self) -> None:
        self.to_server: asyncio.Queue[Any] = asyncio.Queue()
        self.from_server: asyncio.Queue[Any] = asyncio.Queue()

    async def send(self, message: Any) -> None:
        text = message if isinstance(message, str) else orjson.dumps(message).decode()
        await self.to_server.put({"type": "websocket.receive", "text": text})

    async def receive(self) -> Any:
        message = await asyncio.wait_for(self.from_server.get(), 10)
        assert message["type"] == "websocket.send", message
        return orjson.loads(message["text"])

    async def ask(self, request_id: Any, method: str, **params: Any) -> Any:
        await self.send(
            {"jsonrpc": "2.0", "id": request_id, "method": method, "params": params}
        )
        return await self.receive()

    def is_silent(self) -> bool:
        return self.from_server.empty()


@asynccontextmanager
async def rpc_zone(blocks_kept: int = 0) -> AsyncIterator[RpcZone]:
    """Open a zone with its first blocks made."""
    zone = EmbeddedZone("hangzhou-1", accounts=ACCOUNTS, blocks_kept=blocks_kept)
    zone.start()
    address = "tcp://127.0.0.1:26657"  # for show: the application is asked directly
    with ThreadPoolExecutor(2) as executor, RpcSource(address) as source:
        hub = SubscriptionHub()
        served = Served(
            engine=zone.engine,
            app=zone.app,
            queries=Queries(zone.app, source),
            executor=executor,
            asking=executor,
            checks=executor,
            moniker="a",
            rpc_address=address,
        )
        application = RpcApplication(all_methods(served, hub), hub)
        zone.engine.on_block(hub.publish)
        transport = httpx.ASGITransport(application)
        async with httpx.AsyncClient(
            transport=transport, base_url="http://node"
        ) as http:
            made = RpcZone(zone, http)
            made.application = application
            yield made


def base64_of(data: bytes) -> str:
    """Return the base64 text of bytes."""
    return base64.b64encode(data).decode()


def differences(ours: Any, recorded: Any, where: str = "") -> list[str]:
    """Return where our answer has another form than the recorded one.

    Names and kinds are compared; lists by their first entries.
    """
    if isinstance(recorded, dict) and isinstance(ours, dict):
        found = [f"{where}.{name} is missing" for name in recorded.keys() - ours.keys()]
        found += [f"{where}.{name} is new" for name in ours.keys() - recorded.keys()]
        for name in sorted(recorded.keys() & ours.keys()):
            found += differences(ours[name], recorded[name], f"{where}.{name}")
        return sorted(found)
    if isinstance(recorded, list) and isinstance(ours, list):
        if recorded and ours:
            return differences(ours[0], recorded[0], f"{where}[0]")
        return []
    if type(ours) is not type(recorded):
        return [f"{where}: {type(ours).__name__}, recorded {type(recorded).__name__}"]
    return []
