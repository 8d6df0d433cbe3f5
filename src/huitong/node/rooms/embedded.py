"""The embedded engine's room: blocks, mempool and RPC of this process."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from functools import partial
from socket import socket
from typing import Final

from huitong.engines.embedded.blocks import block_request
from huitong.engines.embedded.chain import CommittedBlock
from huitong.engines.embedded.engine import BLOCKS_AT_START, Clocks, EmbeddedEngine
from huitong.engines.embedded.sign_guard import SignGuard
from huitong.node.answers.source import RpcSource
from huitong.node.config import NodeConfig
from huitong.node.grpc.calls import Registry
from huitong.node.home import Home
from huitong.node.parts import OpenZone, open_zone
from huitong.node.queries import Queries
from huitong.node.rpc.asgi import RpcApplication
from huitong.node.rpc.methods import all_methods
from huitong.node.rpc.served import Served
from huitong.node.rpc.server import address_of, bind, serve
from huitong.node.rpc.subscriptions import SubscriptionHub
from huitong.node.watch.watch import NodeWatch

#: Threads for proofs and searches that must not hold up other calls.
_WORKERS: Final = 2


class EmbeddedRoom:
    """A node whose blocks are made by this process."""

    def __init__(
        self,
        served: Served,
        listening: socket,
        watch: NodeWatch,
        hub: SubscriptionHub,
    ) -> None:
        self._served = served
        self._listening = listening
        self._watch = watch
        self._hub = hub

    @property
    def engine(self) -> EmbeddedEngine:
        """Makes the blocks."""
        return self._served.engine

    @property
    def registry(self) -> Registry:
        """What gRPC answers from."""
        return self._watch.observed_registry(self._served.queries)

    async def serve(self, stop: asyncio.Event) -> None:
        """Answer RPC until ``stop`` is set."""
        loop = asyncio.get_running_loop()
        hub = self._hub

        def publish(committed: CommittedBlock) -> None:
            loop.call_soon_threadsafe(hub.publish, committed)

        self.engine.on_block(publish)
        methods = self._watch.observed(all_methods(self._served, hub))
        application = RpcApplication(methods, hub)
        await serve(application, self._listening, stop)

    async def wait_until_serving(self) -> bool:
        """Return True: the socket listens before anything else happens."""
        return True


@contextmanager
def open_embedded(
    home: Home, config: NodeConfig, passphrase: str | None = None
) -> Iterator[EmbeddedRoom]:
    """Open the room of a home, with its first blocks made, and close it again.

    Args:
        home: the node's folder.
        config: how it runs.
        passphrase: opens the validator's key if it is sealed.

    Raises:
        HuitongError: the home or the address cannot be used.
    """
    with ExitStack() as stack:
        listening = stack.enter_context(closing(bind(config.rpc_address)))
        zone = stack.enter_context(open_zone(home, config, passphrase))
        workers = ThreadPoolExecutor(_WORKERS, thread_name_prefix="rpc")
        checks = ThreadPoolExecutor(1, thread_name_prefix="checks")
        asking = ThreadPoolExecutor(1, thread_name_prefix="asking")
        source = stack.enter_context(RpcSource(address_of(listening)))
        served = Served(
            engine=_engine(home, config, zone, address_of(listening)),
            app=zone.app,
            queries=Queries(zone.app, source),
            executor=stack.enter_context(workers),
            asking=stack.enter_context(asking),
            checks=stack.enter_context(checks),
            moniker=config.moniker,
            rpc_address=address_of(listening),
        )
        engine, hub = served.engine, SubscriptionHub()
        watch = NodeWatch(config=config, app=zone.app, backend=zone.backend)
        stack.callback(watch.stop)
        stack.callback(engine.stop)
        engine.on_block(partial(_tell, watch, engine))
        watch.start(engine, count_subscriptions=lambda: hub.count)
        for _ in range(BLOCKS_AT_START):  # so that there is something to answer about
            engine.step()
        yield EmbeddedRoom(served, listening, watch, hub)


def _tell(watch: NodeWatch, engine: EmbeddedEngine, committed: CommittedBlock) -> None:
    request = block_request(committed.block)
    watch.block_committed(request, committed.finalized, engine.block_duration_ns / 1e9)


def _engine(
    home: Home, config: NodeConfig, zone: OpenZone, rpc_address: str
) -> EmbeddedEngine:
    return EmbeddedEngine(
        chain=zone.chain,
        app=zone.app,
        key=zone.key,
        guard=SignGuard(home.sign_state_file),
        pace=config.pace,
        limits=config.mempool,
        clocks=Clocks(),
        rpc_address=rpc_address,
    )
