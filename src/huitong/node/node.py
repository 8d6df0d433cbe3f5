"""Runs a node: opens its home, makes blocks in one thread, answers RPC in another."""

from __future__ import annotations

import asyncio
import gc
import signal
import socket
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import structlog
import uvloop

from huitong.core.errors import HuitongError
from huitong.core.invariants import InvariantBrokenError
from huitong.engines.embedded.chain import CommittedBlock
from huitong.engines.embedded.engine import BLOCKS_AT_START, Clocks, EmbeddedEngine
from huitong.engines.embedded.sign_guard import SignGuard
from huitong.node.config import NodeConfig
from huitong.node.errors import EngineFailedError
from huitong.node.home import Home, owned, write_whole
from huitong.node.parts import OpenZone, open_zone
from huitong.node.rpc.asgi import RpcApplication
from huitong.node.rpc.methods import all_methods
from huitong.node.rpc.served import Served
from huitong.node.rpc.server import address_of, bind, serve
from huitong.node.rpc.subscriptions import SubscriptionHub

#: Threads for proofs and searches that must not hold up other calls.
WORKERS: Final = 2
#: How long a thread may keep Python's lock while another waits for it. The default of
#: five milliseconds would be added to every answer given while a block is made.
_SWITCH_INTERVAL_S: Final = 0.001
#: Objects made before Python looks for unreachable cycles, in its three generations. The
#: trees hold hundreds of thousands of objects without cycles; looking through them as
#: often as the default says takes a third of the time of a block.
_COLLECTION_THRESHOLDS: Final = (100_000, 50, 100)
_log: Final = structlog.get_logger("node")

OnReady = Callable[[str, int, str], None]
"""Called with chain id, height and RPC address when the node answers."""


def run_node(
    home: Home, config: NodeConfig, on_ready: OnReady, passphrase: str | None = None
) -> None:
    """Run until SIGTERM or SIGINT, or until the engine cannot go on.

    Args:
        home: the node's folder.
        config: how it runs.
        on_ready: called when it answers.
        passphrase: opens the validator's key if it is sealed.

    Raises:
        HuitongError: the node cannot start or go on.
        InvariantBrokenError: going on would be wrong.
    """
    home.check()
    sys.setswitchinterval(_SWITCH_INTERVAL_S)
    with owned(home):
        listening = bind(config.rpc_address)
        try:
            with open_zone(home, config, passphrase) as zone:
                _collect_rarely()
                _run(home, config, zone, listening, on_ready)
        finally:
            listening.close()


def _run(
    home: Home,
    config: NodeConfig,
    zone: OpenZone,
    listening: socket.socket,
    on_ready: OnReady,
) -> None:
    engine = EmbeddedEngine(
        chain=zone.chain,
        app=zone.app,
        key=zone.key,
        guard=SignGuard(home.sign_state_file),
        pace=config.pace,
        limits=config.mempool,
        clocks=Clocks(),
    )
    for _ in range(BLOCKS_AT_START):  # so that there is something to answer about
        engine.step()
    with (
        ThreadPoolExecutor(WORKERS, thread_name_prefix="rpc") as executor,
        ThreadPoolExecutor(1, thread_name_prefix="checks") as checks,
    ):
        served = Served(
            engine=engine,
            app=zone.app,
            executor=executor,
            checks=checks,
            moniker=config.moniker,
            rpc_address=address_of(listening),
        )
        try:
            uvloop.run(_answer(home, served, listening, on_ready))
        finally:
            engine.stop()
            home.rpc_address_file.unlink(missing_ok=True)
    _raise_failure(engine)


def _collect_rarely() -> None:
    """Leave what is loaded out of garbage collection, and collect the rest rarely."""
    gc.freeze()
    gc.set_threshold(*_COLLECTION_THRESHOLDS)


async def _answer(
    home: Home, served: Served, listening: socket.socket, on_ready: OnReady
) -> None:
    """Answer RPC until told to stop, or until the engine ends."""
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    hub = SubscriptionHub()
    engine = served.engine

    def publish(committed: CommittedBlock) -> None:
        loop.call_soon_threadsafe(hub.publish, committed)

    def ended() -> None:
        if not loop.is_closed():
            loop.call_soon_threadsafe(stop.set)

    engine.on_block(publish)
    engine.on_end(ended)
    application = RpcApplication(all_methods(served, hub), hub)
    serving = asyncio.create_task(serve(application, listening, stop))
    engine.start()
    write_whole(home.rpc_address_file, f"{served.rpc_address}\n".encode())
    on_ready(engine.genesis.chain_id, engine.state.height, served.rpc_address)
    await stop.wait()
    await loop.run_in_executor(None, engine.stop)
    await serving
    _log.info("node_stopped", height=engine.state.height)


def _raise_failure(engine: EmbeddedEngine) -> None:
    failure = engine.failure()
    if failure is None:
        return
    if isinstance(failure, HuitongError | InvariantBrokenError):
        raise failure
    raise EngineFailedError(
        height=engine.state.height, reason=f"{type(failure).__name__}: {failure}"
    ) from failure
