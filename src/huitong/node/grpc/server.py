"""Listens for gRPC, from before the engine starts until after it has stopped."""

from __future__ import annotations

from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager

import grpc.aio

from huitong.node.errors import ListenAddressError
from huitong.node.grpc.calls import Calls, Executors, Registry
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
    try:
        listening = _listen(server, address)
        await server.start()
        yield listening
    finally:
        await server.stop(SHUTDOWN_GRACE_S)
        for executor in (threads.reading, threads.asking):
            executor.shutdown(wait=False, cancel_futures=True)


def _listen(server: grpc.aio.Server, address: str) -> str:
    """Let the server listen and return where.

    gRPC does not say why it cannot; a socket of our own, closed again, does.
    """
    with bind(f"tcp://{address}") as trial:
        free = address_of(trial).removeprefix("tcp://")
    try:
        server.add_insecure_port(free)
    except RuntimeError as error:
        raise ListenAddressError(address=address, reason=str(error)) from error
    return free
