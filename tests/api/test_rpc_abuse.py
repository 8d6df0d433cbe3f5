"""Whatever clients do to a running node, others are answered and blocks go on.

Each test does its worst on real sockets until the node has made ten more blocks, then asks
something. The memory that the node ever held is looked at after each of them.
"""

from __future__ import annotations

import asyncio
import json
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from websockets.asyncio.client import connect

from huitong.localnet.node import running_node_pid
from tests.conformance.nodes import Node, running_node

BLOCKS = 10
#: Above what the node holds at rest, which is about a tenth of it.
MEMORY_KIB_MAX = 700_000
POST = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n"
UPGRADE = (
    b"GET /websocket HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n"
    b"Connection: Upgrade\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
    b"Sec-WebSocket-Version: 13\r\n%b\r\n"
)

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """A node in a process of its own."""
    with running_node(tmp_path_factory.mktemp("abused"), "embedded") as running:
        yield running


@pytest_asyncio.fixture
async def http(node: Node) -> AsyncIterator[httpx.AsyncClient]:
    """An honest client."""
    async with httpx.AsyncClient(base_url=node.url, timeout=60) as client:
        yield client


async def _height(http: httpx.AsyncClient) -> int:
    answer = (await http.get("/status")).json()
    return int(answer["result"]["sync_info"]["latest_block_height"])


@asynccontextmanager
async def going_on(http: httpx.AsyncClient) -> AsyncIterator[Callable[[], bool]]:
    """Give a question that is true until ten more blocks are made; wait for the last."""
    done = asyncio.Event()
    begun = await _height(http)

    async def watch() -> None:
        while await _height(http) < begun + BLOCKS:
            await asyncio.sleep(0)
        done.set()

    watching = asyncio.create_task(watch())
    try:
        yield lambda: not done.is_set()
        await asyncio.wait_for(watching, 120)
    finally:
        watching.cancel()


@pytest.fixture(autouse=True)
def memory_stays_bounded(node: Node) -> Iterator[None]:
    """Look at the most memory that the node ever held."""
    yield
    peak = _peak_kib(running_node_pid(node.home))
    assert peak < MEMORY_KIB_MAX


def _peak_kib(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))


async def _raw(node: Node) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    host, port = node.url.removeprefix("http://").split(":")
    return await asyncio.open_connection(host, int(port))


async def _many(
    node: Node,
    http: httpx.AsyncClient,
    count: int,
    abuse: Callable[..., Awaitable[None]],
) -> None:
    """Let many connections be abused until ten blocks are made."""
    async with going_on(http) as goes_on:

        async def one() -> None:
            while goes_on():
                reader, writer = await _raw(node)
                try:
                    await abuse(reader, writer, goes_on)
                except (OSError, asyncio.IncompleteReadError):
                    pass  # thrown out, as it should be
                finally:
                    writer.transport.abort()
                    await asyncio.sleep(0)

        await asyncio.gather(*(one() for _ in range(count)))


@pytest.mark.parametrize(
    "begun",
    [
        b"",
        b"POST / HTTP/1.1\r\nHost: x\r\nConte",
        POST % 1_000_000 + b"[",
        UPGRADE.partition(b"Sec")[0],
    ],
    ids=["silence", "half a head", "half a body", "half an upgrade"],
)
async def test_connections_that_fall_silent(
    node: Node, http: httpx.AsyncClient, begun: bytes
) -> None:
    async def abuse(reader: Any, writer: Any, goes_on: Callable[[], bool]) -> None:
        writer.write(begun)
        while goes_on():
            await asyncio.sleep(0.01)

    await _many(node, http, 200, abuse)


async def test_requests_byte_by_byte(node: Node, http: httpx.AsyncClient) -> None:
    async def abuse(reader: Any, writer: Any, goes_on: Callable[[], bool]) -> None:
        writer.write(b"GET /status HTTP/1.1\r\nX: ")
        while goes_on():
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.01)

    await _many(node, http, 50, abuse)


@pytest.mark.parametrize(
    "sent",
    [
        b"\x00\xff" * 500,
        b"GET / HTTP/9.9\r\n\r\n",
        POST % 40_000_000 + b" " * 20_000_000,
        b"GET /health HTTP/1.1\r\nX: " + b"x" * 1_000_000,
        POST % 3_000_000 + b"[" * 3_000_000,
        POST % 9_000_000 + b"[" + b"{}," * 2_999_999 + b"]]",
    ],
    ids=["noise", "no HTTP", "a large body", "a large head", "depth", "many values"],
)
async def test_garbage_and_excess(
    node: Node, http: httpx.AsyncClient, sent: bytes
) -> None:
    async def abuse(reader: Any, writer: Any, goes_on: Callable[[], bool]) -> None:
        writer.write(sent)
        await writer.drain()
        answer = await asyncio.wait_for(reader.read(200), 60)
        assert answer[:13] in (
            b"",
            b"HTTP/1.1 400 ",
            b"HTTP/1.1 413 ",
            b"HTTP/1.1 500 ",
        )

    await _many(node, http, 3, abuse)


async def test_answers_that_nobody_reads(node: Node, http: httpx.AsyncClient) -> None:
    request = b'{"jsonrpc":"2.0","id":1,"method":"genesis"}'

    async def abuse(reader: Any, writer: Any, goes_on: Callable[[], bool]) -> None:
        while goes_on():
            writer.write((POST % len(request) + request) * 20)
            try:
                await asyncio.wait_for(writer.drain(), 0.2)
            except TimeoutError:
                await asyncio.sleep(0.01)

    await _many(node, http, 10, abuse)


async def test_queries_and_pages_without_measure(
    node: Node, http: httpx.AsyncClient
) -> None:
    big = "9" * 18
    async with going_on(http) as goes_on:

        async def one() -> None:
            while goes_on():
                for method, params in (
                    ("tx_search", {"query": "x" * 1_000_000}),
                    ("tx_search", {"query": "tx.height EXISTS", "per_page": big}),
                    ("tx_search", {"query": "tx.height > 0", "page": big}),
                    ("block_search", {"query": "block.height > 0", "per_page": big}),
                    ("blockchain", {"minHeight": "1", "maxHeight": big}),
                    ("validators", {"per_page": big, "page": big}),
                    ("unconfirmed_txs", {"limit": big}),
                    ("abci_query", {"path": "/" * 1_000_000}),
                    ("broadcast_evidence", {"evidence": {"type": "x" * 100_000}}),
                ):
                    request = {"jsonrpc": "2.0", "id": 1, "method": method}
                    answer = await http.post("/", json={**request, "params": params})
                    assert answer.status_code == 200
                    told = answer.json()
                    assert len(told.get("error", {}).get("data", "")) < 200_000

        await asyncio.gather(*(one() for _ in range(3)))


# --- WebSockets -----------------------------------------------------------------------


def _frame(opcode: int, payload: bytes, *, final: bool = True, rsv: int = 0) -> bytes:
    """Return one frame of a client, masked with zeros."""
    head = bytes([(0x80 if final else 0) | rsv | opcode])
    size = len(payload)
    if size < 126:
        head += bytes([0x80 | size])
    elif size < 65_536:
        head += bytes([0x80 | 126]) + struct.pack("!H", size)
    else:
        head += bytes([0x80 | 127]) + struct.pack("!Q", size)
    return head + bytes(4) + payload


HEALTH = b'{"jsonrpc":"2.0","id":1,"method":"genesis"}'


@pytest.mark.parametrize(
    ("pieces", "offer"),
    [
        ([_frame(1, HEALTH)] * 100, b""),
        ([_frame(9, b"x" * 125)] * 100, b""),
        ([_frame(1, b"[", final=False)] + [_frame(0, b"", final=False)] * 100, b""),
        ([_frame(1, b"x" * 3_000_000, final=False)] * 2, b""),
        ([_frame(1, b"x" * 5_000_000)], b""),
        ([_frame(1, b"[" * 100_000)] * 10, b""),
        ([_frame(2, b"\xff" * 1_000)] * 100, b""),
        (
            [_frame(1, b"\x4a\x4c\x04\x00", rsv=0x40)] * 10,
            b"Sec-WebSocket-Extensions: permessage-deflate\r\n",
        ),
        ([b"\xff" * 10_000], b""),
    ],
    ids=[
        "calls",
        "pings",
        "empty pieces",
        "pieces of a message",
        "a large message",
        "depth",
        "no text",
        "compressed",
        "noise",
    ],
)
async def test_floods_over_a_websocket_that_reads_nothing(
    node: Node, http: httpx.AsyncClient, pieces: list[bytes], offer: bytes
) -> None:
    async def abuse(reader: Any, writer: Any, goes_on: Callable[[], bool]) -> None:
        writer.write(UPGRADE % offer)
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 60)
        assert b" 101 " in head
        assert b"deflate" not in head
        while goes_on():
            writer.write(b"".join(pieces))
            try:
                await asyncio.wait_for(writer.drain(), 0.2)
            except TimeoutError:
                await asyncio.sleep(0.01)

    await _many(node, http, 5, abuse)


async def test_subscribers_without_number(node: Node, http: httpx.AsyncClient) -> None:
    url = node.url.replace("http", "ws") + "/websocket"
    refused = 0
    async with going_on(http):

        async def one(number: int) -> None:
            nonlocal refused
            async with connect(url) as client:
                for query in range(7):
                    params = {"query": f"tm.event = 'NewBlock' AND a.b{query} EXISTS"}
                    request = {"jsonrpc": "2.0", "id": number, "method": "subscribe"}
                    await client.send(json.dumps({**request, "params": params}))
                    answer = json.loads(await client.recv())
                    refused += "reached" in answer.get("error", {}).get("data", "")
                await barrier.wait()

        barrier = asyncio.Barrier(120)
        await asyncio.gather(*(one(number) for number in range(120)))
    assert refused == 100 * 2 + 20 * 7


async def test_subscribers_that_do_not_read(
    node: Node, http: httpx.AsyncClient
) -> None:
    async def abuse(reader: Any, writer: Any, goes_on: Callable[[], bool]) -> None:
        writer.write(UPGRADE % b"")
        await reader.readuntil(b"\r\n\r\n")
        request = {"jsonrpc": "2.0", "id": 1, "method": "subscribe"}
        params = {"query": "tm.event EXISTS"}
        writer.write(_frame(1, json.dumps({**request, "params": params}).encode()))
        while goes_on():
            await asyncio.sleep(0.01)

    await _many(node, http, 50, abuse)


async def test_the_node_still_serves_its_subscribers(node: Node) -> None:
    url = node.url.replace("http", "ws") + "/websocket"
    async with connect(url) as client:
        params = {"query": "tm.event = 'NewBlock'"}
        request = {"jsonrpc": "2.0", "id": 1, "method": "subscribe", "params": params}
        await client.send(json.dumps(request))
        told = [json.loads(await asyncio.wait_for(client.recv(), 60)) for _ in range(3)]
    assert told[0]["result"] == {}
    assert told[2]["result"]["data"]["type"] == "tendermint/event/NewBlock"
