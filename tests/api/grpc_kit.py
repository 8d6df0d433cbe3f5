"""A zone in memory behind the real gRPC server, asked over loopback."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from typing import Any, TypeVar

import grpc.aio
from google.protobuf.message import Message
from grpc import StatusCode

from huitong.core.abci import CallResult
from huitong.node.answers.source import RpcSource
from huitong.node.grpc.calls import Answer, Registry
from huitong.node.grpc.server import serving
from huitong.node.queries import Queries
from huitong.node.rpc.asgi import RpcApplication
from huitong.node.rpc.methods import all_methods
from huitong.node.rpc.served import Served
from huitong.node.rpc.server import address_of, bind, serve
from huitong.node.rpc.subscriptions import SubscriptionHub
from huitong.testing.embedded import EmbeddedZone

MessageT = TypeVar("MessageT", bound=Message)
HEIGHT = "x-cosmos-block-height"
ACCOUNTS = {"tax": ("hz-tax", "publisher"), "road": ("hz-road", "publisher")}


@dataclass
class Ended:
    """How a call ended."""

    code: StatusCode
    text: str
    value: bytes = b""
    height: str = ""


@dataclass
class GrpcCalls:
    """A server, and ways to ask it."""

    address: str
    channel: Any

    async def call(
        self, path: str, request: bytes | Message = b"", *heights: str, **options: Any
    ) -> Ended:
        """Return how a call ended, whether well or not."""
        data = request if isinstance(request, bytes) else request.SerializeToString()
        metadata = tuple((HEIGHT, height) for height in heights)
        call = self.channel.unary_unary(path)(
            data, metadata=metadata, timeout=20, **options
        )
        try:
            value = await call
        except grpc.aio.AioRpcError as error:
            return Ended(error.code(), error.details() or "")
        headers = dict(await call.initial_metadata())
        return Ended(StatusCode.OK, "", value, headers.get(HEIGHT, ""))

    async def ask(
        self, path: str, request: Message, kind: type[MessageT], *heights: str
    ) -> MessageT:
        """Return the response of a call that must succeed."""
        ended = await self.call(path, request, *heights)
        assert ended.code is StatusCode.OK, ended
        return kind.FromString(ended.value)


class GrpcZone(GrpcCalls):
    """The server of a zone."""

    def __init__(
        self, calls: GrpcCalls, zone: EmbeddedZone, queries: Queries, rpc: RunningRpc
    ) -> None:
        super().__init__(calls.address, calls.channel)
        self.zone = zone
        self.queries = queries
        self.rpc = rpc
        self.counted: list[tuple[str, str]] = []
        """Path and status of each call that ended."""


class RunningRpc:
    """The RPC server of a zone, in this process."""

    def __init__(self, application: RpcApplication, listening: socket.socket) -> None:
        self._stop = asyncio.Event()
        self._task = asyncio.create_task(serve(application, listening, self._stop))

    async def stop(self) -> None:
        """Stop it; the second time does nothing."""
        self._stop.set()
        await self._task


@asynccontextmanager
async def grpc_zone() -> AsyncIterator[GrpcZone]:
    """Serve a zone with its first blocks made, as the embedded engine's node does."""
    zone = EmbeddedZone("hangzhou-1", accounts=ACCOUNTS)
    zone.start()
    counted: list[tuple[str, str]] = []
    with (
        closing(bind("tcp://127.0.0.1:0")) as listening,
        ThreadPoolExecutor(2) as executor,
        RpcSource(address_of(listening)) as source,
    ):
        queries, hub = Queries(zone.app, source), SubscriptionHub()
        parts = Served(
            engine=zone.engine,
            app=zone.app,
            queries=queries,
            executor=executor,
            asking=executor,
            checks=executor,
            moniker="a",
            rpc_address=address_of(listening),
        )
        rpc = RunningRpc(RpcApplication(all_methods(parts, hub), hub), listening)
        registry = Registry(
            answer=queries.call,
            paths=queries.paths,
            asks_rpc=queries.asks_rpc,
            count=lambda path, status, _: counted.append((path, status)),
        )
        try:
            async with grpc_registry(registry) as calls:
                served = GrpcZone(calls, zone, queries, rpc)
                served.counted = counted
                yield served
        finally:
            await rpc.stop()


@asynccontextmanager
async def grpc_registry(registry: Registry) -> AsyncIterator[GrpcCalls]:
    """Serve any registry."""
    async with (
        serving("127.0.0.1:0", registry) as address,
        grpc.aio.insecure_channel(address) as channel,
    ):
        yield GrpcCalls(address, channel)


def registry_of(answer: Answer, path: str) -> Registry:
    """Return a registry with one method."""
    return Registry(
        answer=answer,
        paths=(path,),
        asks_rpc=lambda _: False,
        count=lambda path, status, seconds: None,
    )


def always(value: bytes) -> Answer:
    """Return an answer that is always ``value``."""
    return lambda path, data, height: CallResult(value=value, height=height)
