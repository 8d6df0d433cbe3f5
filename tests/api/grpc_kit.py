"""A zone in memory behind the real gRPC server, asked over loopback."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

import grpc.aio
from google.protobuf.message import Message
from grpc import StatusCode

from huitong.core.abci import CallResult
from huitong.node.grpc.calls import Registry
from huitong.node.grpc.server import serving
from huitong.node.queries import Queries
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
class GrpcZone:
    """The zone, and ways to ask it."""

    zone: EmbeddedZone
    address: str
    channel: Any
    counted: list[tuple[str, str]] = field(default_factory=list)

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


def registry_of(zone: EmbeddedZone, counted: list[tuple[str, str]]) -> Registry:
    """Return what a node of the zone serves."""
    queries = Queries(zone.app)
    return Registry(
        answer=queries.call,
        paths=queries.paths,
        count=lambda path, status, _: counted.append((path, status)),
    )


@asynccontextmanager
async def grpc_zone(registry: Registry | None = None) -> AsyncIterator[GrpcZone]:
    """Serve a zone with its first blocks made; or another registry in its place."""
    zone = EmbeddedZone("hangzhou-1", accounts=ACCOUNTS)
    zone.start()
    counted: list[tuple[str, str]] = []
    served = registry or registry_of(zone, counted)
    async with (
        serving("127.0.0.1:0", served) as address,
        grpc.aio.insecure_channel(address) as channel,
    ):
        yield GrpcZone(zone, address, channel, counted)


def answered(value: bytes) -> Any:
    """Return an answer of a registry that always gives ``value``."""
    return lambda path, data, height: CallResult(value=value, height=height)
