"""Listens for gRPC, from before the engine starts until after it has stopped."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

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

_SOCKET_NAME: Final = "grpc.sock"
#: Bytes of the path of a local socket, where systems allow the fewest.
_SOCKET_PATH_BYTES_MAX: Final = 100


@asynccontextmanager
async def serving(
    address: str, registry: Registry, folder: Path | None = None
) -> AsyncIterator[str]:
    """Answer at ``address`` until the block is left; yields where that is.

    Args:
        address: ``HOST:PORT``; port 0 picks a free one; empty serves nothing and
            yields an empty text.
        registry: the methods.
        folder: of this process alone, for the socket behind the door; what an earlier
            run left of it is replaced. Without it the socket lies in a folder of its own.

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
        _inner_socket(folder) as inner,
    ):
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


@contextmanager
def _inner_socket(folder: Path | None) -> Iterator[str]:
    """Yield a path where nothing lies, and let nothing lie there afterwards."""
    path = None if folder is None else folder / _SOCKET_NAME
    if path is None or len(bytes(path)) > _SOCKET_PATH_BYTES_MAX:
        with TemporaryDirectory(prefix="huitong-grpc-") as own:
            yield f"{own}/{_SOCKET_NAME}"
        return
    path.unlink(missing_ok=True)
    try:
        yield str(path)
    finally:
        path.unlink(missing_ok=True)
