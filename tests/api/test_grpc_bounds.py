"""What one client costs is bounded, and the others are served meanwhile."""

from __future__ import annotations

import asyncio
import os
import struct
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import grpc.aio
import pytest
from grpc import StatusCode

from huitong.core.abci import CallResult
from huitong.node.grpc import calls as grpc_calls
from huitong.node.grpc import limits
from huitong.node.grpc.limits import (
    CALLS_MAX,
    STREAMS_PER_CONNECTION_MAX,
)
from tests.api.grpc_kit import GrpcCalls, always, grpc_registry, grpc_zone, registry_of

PATH = "/ibc.core.client.v1.Query/ClientStates"
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, SETTINGS, PING = 0, 1, 4, 6
END_STREAM, ACK, END_HEADERS = 1, 1, 4


def frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    head = struct.pack(">IBBI", len(payload), kind, flags, stream)
    return head[1:] + payload


def literal(name: str, value: str) -> bytes:
    """Return a header that HPACK neither shortens nor remembers."""
    return b"\x00" + b"".join(
        bytes([len(text)]) + text.encode() for text in (name, value)
    )


#: The headers of a call, as every client of gRPC sends them.
CALL = b"".join(
    literal(name, value)
    for name, value in (
        (":method", "POST"),
        (":scheme", "http"),
        (":path", PATH),
        (":authority", "node"),
        ("te", "trailers"),
        ("content-type", "application/grpc"),
    )
)


def message(data: bytes, *, size: int | None = None, compressed: bool = False) -> bytes:
    return struct.pack(">BI", compressed, len(data) if size is None else size) + data


class Peer:
    """A client that speaks HTTP/2 by hand, and badly if the test wants it."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._reader = reader
        self._writer = writer

    async def send(self, *frames: bytes) -> None:
        self._writer.write(b"".join(frames))
        await self._writer.drain()

    async def greet(self) -> None:
        await self.send(
            PREFACE, frame(SETTINGS, 0, 0, b""), frame(SETTINGS, ACK, 0, b"")
        )

    async def ended(self, timeout_s: float = 20) -> bytes:
        """Return everything until the server closes the connection."""
        got = b""
        try:
            async with asyncio.timeout(timeout_s):
                while part := await self._reader.read(65_536):
                    got += part
        except ConnectionError:
            pass
        return got

    async def has(self, text: bytes, timeout_s: float = 20) -> bool:
        """Tell whether the server sends ``text``."""
        got = b""
        async with asyncio.timeout(timeout_s):
            while text not in got:
                part = await self._reader.read(65_536)
                if not part:
                    return False
                got += part
        return True


@asynccontextmanager
async def peer(served: GrpcCalls) -> AsyncIterator[Peer]:
    host, _, port = served.address.rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        yield Peer(reader, writer)
    finally:
        writer.close()


async def still_serves(served: GrpcCalls) -> bool:
    return (await served.call(PATH)).code is StatusCode.OK


async def test_random_bytes_after_a_good_start_do_no_harm() -> None:
    async with grpc_zone() as served:
        for number in range(30):
            async with peer(served) as stranger:
                await stranger.greet()
                noise = os.urandom(200)
                await stranger.send(frame(number % 11, number, 1, noise), noise)
        assert await still_serves(served)


async def test_compressed_bomb_is_not_unpacked() -> None:
    async with grpc_zone() as served:
        zeroes = bytes(256 * 1024 * 1024)  # 256 KiB on the wire
        before = resident_bytes()
        ended = await served.call(PATH, zeroes, compression=grpc.Compression.Gzip)
        assert ended.code is StatusCode.RESOURCE_EXHAUSTED
        assert "larger than max" in ended.text
        assert resident_bytes() - before < len(zeroes) // 2
        assert await still_serves(served)


def resident_bytes() -> int:
    with open("/proc/self/statm") as told:
        return int(told.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


# --- silent and slow ----------------------------------------------------------------------


async def test_silent_calls_do_not_keep_others_from_being_answered() -> None:
    silent = STREAMS_PER_CONNECTION_MAX
    async with grpc_zone() as served, peer(served) as stranger:
        await stranger.greet()
        await stranger.send(
            *(frame(HEADERS, END_HEADERS, 1 + 2 * n, CALL) for n in range(silent))
        )
        assert await still_serves(served)


async def test_responses_that_wait_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grpc_calls, "RESPONSES_WAITING_BYTES_MAX", 10_000_000)
    registry = registry_of(always(bytes(8_000_000)), PATH)
    async with grpc_registry(registry) as served, peer(served) as stranger:
        no_window = struct.pack(">HI", 4, 0)
        await stranger.send(PREFACE, frame(SETTINGS, 0, 0, no_window))
        for stream in (1, 3):
            await stranger.send(
                frame(HEADERS, END_HEADERS, stream, CALL),
                frame(DATA, END_STREAM, stream, message(b"")),
            )
        assert await stranger.has(b"clients have not taken their responses")


async def test_call_that_waits_too_long_for_a_thread_is_ended(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(grpc_calls, "ANSWER_TIMEOUT_S", 0.2)
    go_on = threading.Event()

    def answer(path: str, data: bytes, height: int) -> CallResult:
        go_on.wait(20)
        return CallResult(value=b"", height=1)

    async with grpc_registry(registry_of(answer, PATH)) as served:
        ended = await served.call(PATH)
        go_on.set()
        assert ended.code is StatusCode.DEADLINE_EXCEEDED
        assert "too busy" in ended.text


async def test_client_that_gives_up_makes_room_again() -> None:
    go_on = threading.Event()

    def answer(path: str, data: bytes, height: int) -> CallResult:
        go_on.wait(20)
        return CallResult(value=b"", height=1)

    async with grpc_registry(registry_of(answer, PATH)) as served:
        method = served.channel.unary_unary(PATH)
        waiting = [method(b"", timeout=60) for _ in range(STREAMS_PER_CONNECTION_MAX)]
        await asyncio.sleep(0)
        for call in waiting:
            call.cancel()
        go_on.set()
        async with asyncio.timeout(20):
            for _ in range(CALLS_MAX):
                assert (await served.call(PATH)).code is StatusCode.OK


@pytest.mark.slow
async def test_connection_that_is_not_used_is_closed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(limits, "CONNECTION_IDLE_S", 1)
    async with grpc_zone() as served, peer(served) as stranger:
        await stranger.greet()
        await stranger.ended()
        assert await still_serves(served)


@pytest.mark.slow
async def test_connection_that_does_not_answer_pings_is_closed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(limits, "KEEPALIVE_TIME_S", 1)
    monkeypatch.setattr(limits, "KEEPALIVE_TIMEOUT_S", 1)
    async with grpc_zone() as served, peer(served) as stranger:
        await stranger.greet()
        await stranger.ended()
        assert await still_serves(served)


async def test_client_that_pings_without_end_is_turned_away() -> None:
    async with grpc_zone() as served, peer(served) as stranger:
        await stranger.greet()
        await stranger.send(*[frame(PING, 0, 0, bytes(8))] * 50)
        assert b"too_many_pings" in await stranger.ended()
        assert await still_serves(served)
