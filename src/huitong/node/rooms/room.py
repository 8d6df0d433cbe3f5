"""What ``run_node`` needs of an engine's room: an engine, and its answers to the world."""

from __future__ import annotations

import asyncio
from typing import Protocol

from huitong.engines.engine import Engine
from huitong.node.grpc.calls import Registry


class Room(Protocol):
    """The open parts of a node around one engine."""

    @property
    def engine(self) -> Engine:
        """Drives the application."""
        ...

    @property
    def registry(self) -> Registry:
        """What gRPC answers from."""
        ...

    async def serve(self, stop: asyncio.Event) -> None:
        """Answer until ``stop`` is set; called before the engine starts."""
        ...

    async def wait_until_serving(self) -> bool:
        """Return True once RPC answers; False if the engine ended before."""
        ...
