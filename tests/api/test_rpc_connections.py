"""Connections on real sockets: slow, silent and greedy peers do not keep others out."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest
import pytest_asyncio

from huitong.node.rpc import asgi, connection, server
from tests.api.rpc_kit import RpcZone

HEALTH = b'{"jsonrpc":"2.0","id":1,"method":"health"}'
CLOSING = (
    b"POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: %d\r\n\r\n"
)
POST = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n"


@pytest_asyncio.fixture
async def port(rpc: RpcZone) -> AsyncIterator[int]:
    listening = server.bind("tcp://127.0.0.1:0")
    stop = asyncio.Event()
    serving = asyncio.create_task(server.serve(rpc.application, listening, stop))
    yield listening.getsockname()[1]
    stop.set()
    await serving


async def _say(port: int, *parts: bytes) -> bytes:
    """Send ``parts`` and return what comes until the node closes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        for part in parts:
            writer.write(part)
            await writer.drain()
        return await asyncio.wait_for(reader.read(), 30)
    except ConnectionError:
        return b""
    finally:
        writer.close()


@pytest.mark.parametrize(
    "begun",
    [
        b"",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Le",
        POST % 100 + b"half a bo",
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
    ],
)
async def test_request_that_does_not_arrive_is_given_up(
    port: int, begun: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "READ_TIMEOUT_S", 0.2)
    assert await _say(port, begun) == b""


@asynccontextmanager
async def _hoarding(
    port: int, count: int, source: str = "127.0.0.1"
) -> AsyncIterator[list[asyncio.StreamReader]]:
    """Hold connections that have been answered once and rest now."""
    async with AsyncExitStack() as stack, asyncio.timeout(60):
        readers = []
        for _ in range(count):
            reader, writer = await asyncio.open_connection(
                "127.0.0.1", port, local_addr=(source, 0)
            )
            stack.callback(writer.close)
            writer.write(POST % len(HEALTH) + HEALTH)
            assert await reader.read(65_536)
            readers.append(reader)
        yield readers


async def test_newcomer_is_answered_while_all_places_are_held(
    port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "CONNECTIONS_MAX", 3)
    async with _hoarding(port, 3) as held:
        said = await _say(port, CLOSING % len(HEALTH) + HEALTH)
        assert said.startswith(b"HTTP/1.1 200")
        assert await held[0].read() == b""  # was silent longest
        assert not any(reader.at_eof() for reader in held[1:])


async def test_who_hoards_connections_loses_his_own_and_not_those_of_others(
    port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "CONNECTIONS_MAX", 5)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(POST % len(HEALTH) + HEALTH)
    assert await reader.read(65_536)
    async with _hoarding(port, 20, "127.0.0.2"):
        writer.write(POST % len(HEALTH) + HEALTH)
        assert (await reader.read(65_536)).startswith(b"HTTP/1.1 200")
    writer.close()


async def test_time_that_an_answer_takes_is_not_the_peers(
    port: int, rpc: RpcZone, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "READ_TIMEOUT_S", 0.05)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for _ in range(3):
        writer.write(POST % len(HEALTH) + HEALTH)
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 30)
        assert head.startswith(b"HTTP/1.1 200")
        await asyncio.wait_for(reader.readuntil(b"}}"), 30)
        with pytest.raises(TimeoutError):  # a connection at rest stays open
            await asyncio.wait_for(reader.read(1), 0.1)
    writer.close()


async def test_requests_far_ahead_of_their_answers_are_refused(port: int) -> None:
    request = POST % len(HEALTH) + HEALTH
    answer = await _say(port, request * 500)
    assert b"HTTP/1.1 400" in answer or answer == b""


async def test_endless_headers_are_refused(port: int) -> None:
    lines = b"".join(b"X-%d: %s\r\n" % (n, b"x" * 8_000) for n in range(100))
    answer = await _say(port, b"GET /health HTTP/1.1\r\nHost: x\r\n", lines)
    assert answer.startswith(b"HTTP/1.1 400") or answer == b""


async def test_one_endless_header_is_refused(port: int) -> None:
    answer = await _say(port, b"GET /health HTTP/1.1\r\nX: ", b"x" * 1_000_000)
    assert answer.startswith(b"HTTP/1.1 400") or answer == b""


async def test_bodies_that_arrive_at_one_time_are_bounded(
    port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asgi, "BODIES_SIZE_BYTES_MAX", 100_000)
    monkeypatch.setattr(connection, "READ_TIMEOUT_S", 1.0)
    begun = POST % 90_000 + b" " * 60_000
    answers = await asyncio.gather(*(_say(port, begun) for _ in range(4)))
    assert sum(answer.startswith(b"HTTP/1.1 503") for answer in answers) == 3
    # What the others held is free again.
    close = POST.replace(b"Host: x", b"Connection: close")
    answer = await _say(port, close % 90_000 + HEALTH.ljust(90_000))
    assert answer.startswith(b"HTTP/1.1 200")
