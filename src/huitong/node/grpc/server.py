"""Listens for gRPC, from before the engine starts until after it has stopped."""

from __future__ import annotations

from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, closing
from tempfile import TemporaryDirectory

import grpc.aio

from huitong.node.grpc import limits
from huitong.node.grpc.calls import Calls, Executors, Registry
from huitong.node.grpc.door import Door
from huitong.node.grpc.limits import (
    ASKING_THREADS,
    CALLS_MAX,
    READING_THREADS,
    SHUTDOWN_GRACE_S,
    channel_options,
)
from huitong.node.rpc.server import address_of, bind


@asynccontextmanager
async def serving(address: str, registry: Registry) -> AsyncIterator[str]:
    """Answer at ``address`` until the block is left; yields where that is.

    Args:
        address: ``HOST:PORT``; port 0 picks a free one; empty serves nothing and
            yields an empty text.
        registry: the methods.

    Raises:
        ListenAddressError: not an address of this machine.
        PortInUseError: another process listens there.
    """
    if not address:
        yield ""
        return
    threads = Executors(
        reading=ThreadPoolExecutor(READING_THREADS, thread_name_prefix="grpc"),
        asking=ThreadPoolExecutor(ASKING_THREADS, thread_name_prefix="grpc-asking"),
    )
    calls = Calls(registry, threads)
    server = grpc.aio.server(
        handlers=(calls,), options=channel_options(), maximum_concurrent_rpcs=CALLS_MAX
    )
    with (
        closing(bind(f"tcp://{address}")) as listening,
        TemporaryDirectory(prefix="huitong-grpc-") as folder,
    ):
        inner = f"{folder}/socket"
        server.add_insecure_port(f"unix:{inner}")
        door = Door(inner, limits.CONNECTIONS_MAX)
        try:
            await server.start()
            await door.open(listening)
            yield address_of(listening).removeprefix("tcp://")
        finally:
            door.close()
            await server.stop(SHUTDOWN_GRACE_S)
            door.turn_out()
            for executor in (threads.reading, threads.asking):
                executor.shutdown(wait=False, cancel_futures=True)
