"""Runs a node: opens its home, lets its engine drive it, answers until told to stop."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Callable, Coroutine, Mapping
from contextlib import AbstractContextManager
from typing import Any, Final

import structlog
import uvloop

from huitong.core.errors import HuitongError
from huitong.core.invariants import InvariantBrokenError
from huitong.engines.engine import Engine
from huitong.node.collection import collect_rarely
from huitong.node.config import NodeConfig
from huitong.node.errors import EngineFailedError
from huitong.node.grpc.server import serving
from huitong.node.home import Home, owned, write_whole
from huitong.node.rooms.cometbft import open_cometbft
from huitong.node.rooms.embedded import open_embedded
from huitong.node.rooms.room import Room

#: How long a thread may keep Python's lock while another waits for it. The default of
#: five milliseconds would be added to every answer given while a block is made.
_SWITCH_INTERVAL_S: Final = 0.001
_log: Final = structlog.get_logger("node")

OnReady = Callable[[str, int, str, str], None]
"""Called with chain id, height and the addresses of RPC and gRPC (empty: nowhere) when
the node answers."""
OpenRoom = Callable[[Home, NodeConfig, str | None], AbstractContextManager[Room]]
"""Takes home, configuration and the passphrase of the validator's key."""
_ROOMS: Final[Mapping[str, OpenRoom]] = {
    "embedded": open_embedded,
    "cometbft": open_cometbft,
}


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
    home.check_engine(config.engine)
    sys.setswitchinterval(_SWITCH_INTERVAL_S)
    with owned(home):
        # What told of an earlier run must not speak for this one.
        _forget_addresses(home)
        with _ROOMS[config.engine](home, config, passphrase) as room:
            collect_rarely()
            try:
                uvloop.run(_run(home, config, room, on_ready))
            finally:
                room.engine.stop()
                _forget_addresses(home)
        _raise_failure(room.engine)


def _forget_addresses(home: Home) -> None:
    home.rpc_address_file.unlink(missing_ok=True)
    home.grpc_address_file.unlink(missing_ok=True)


async def _run(home: Home, config: NodeConfig, room: Room, on_ready: OnReady) -> None:
    """Serve, and run the engine, until told to stop or until it ends."""
    address = config.grpc_address
    async with serving(address, room.registry, home.path) as grpc_address:
        await _run_engine(room, lambda: _tell(home, room, grpc_address, on_ready))


async def _run_engine(
    room: Room, tell: Callable[[], Coroutine[Any, Any, None]]
) -> None:
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)

    def ended() -> None:
        if not loop.is_closed():
            loop.call_soon_threadsafe(stop.set)

    engine = room.engine
    engine.on_end(ended)
    serving = asyncio.create_task(room.serve(stop))
    await asyncio.sleep(0)  # so that it has begun, and no block is missed
    engine.start()
    telling = asyncio.create_task(tell())
    await stop.wait()
    await loop.run_in_executor(None, engine.stop)
    await telling
    await serving
    _log.info("node_stopped", height=engine.height)


async def _tell(home: Home, room: Room, grpc_address: str, on_ready: OnReady) -> None:
    """Say where the node answers, once it does."""
    if await room.wait_until_serving():
        engine = room.engine
        if grpc_address:
            write_whole(home.grpc_address_file, f"{grpc_address}\n".encode())
        write_whole(home.rpc_address_file, f"{engine.rpc_address}\n".encode())
        on_ready(
            engine.genesis.chain_id, engine.height, engine.rpc_address, grpc_address
        )


def _raise_failure(engine: Engine) -> None:
    failure = engine.failure()
    if failure is None:
        return
    if isinstance(failure, HuitongError | InvariantBrokenError):
        raise failure
    raise EngineFailedError(
        height=engine.height, reason=f"{type(failure).__name__}: {failure}"
    ) from failure
