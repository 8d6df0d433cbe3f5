"""Clients that are broken, slow, silent or greedy: each meets a bound, and others do not notice."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import grpc.aio
import pytest
import pytest_asyncio
from grpc import StatusCode

from huitong.node.grpc import calls as grpc_calls
from huitong.node.grpc import limits
from huitong.node.grpc.calls import Registry
from huitong.node.grpc.server import serving
from tests.api.grpc_kit import (
    GrpcCalls,
    GrpcZone,
    always,
    grpc_registry,
    grpc_zone,
    registry_of,
)

NODE_INFO = "/cosmos.base.tendermint.v1beta1.Service/GetNodeInfo"
METHOD = "/test.Query/Method"
#: Far beyond every bound that a test sets.
PATIENCE_S = 30

# --- HTTP/2 by hand (RFC 9113) ------------------------------------------------------------

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, SETTINGS = 0x0, 0x1, 0x4
END_STREAM, END_HEADERS = 0x1, 0x4
INITIAL_WINDOW_SIZE = 0x4


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    head = struct.pack(">I", len(payload))[1:] + bytes([kind, flags])
    return head + struct.pack(">I", stream) + payload


def header_block(path: str) -> bytes:
    """Return the headers of a call, each a literal that no table remembers (RFC 7541)."""
    named = (
        (":method", "POST"),
        (":scheme", "http"),
        (":path", path),
        (":authority", "localhost"),
        ("te", "trailers"),
        ("content-type", "application/grpc"),
    )
    return b"".join(
        b"\0"
        + bytes([len(name)])
        + name.encode()
        + bytes([len(value)])
        + value.encode()
        for name, value in named
    )


def opening(path: str, *, window: int = 65_535) -> bytes:
    """Return what opens a connection and one call in it."""
    setting = struct.pack(">HI", INITIAL_WINDOW_SIZE, window)
    return (
        PREFACE
        + frame(SETTINGS, 0, 0, setting)
        + frame(HEADERS, END_HEADERS, 1, header_block(path))
    )


MESSAGE = frame(DATA, END_STREAM, 1, bytes(5))
"""An empty request."""


async def connect(address: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    host, _, port = address.rpartition(":")
    return await asyncio.open_connection(host, int(port))


async def is_closed(reader: asyncio.StreamReader) -> bool:
    """Read until the server closes; whatever it says before is its own business."""
    try:
        async with asyncio.timeout(PATIENCE_S):
            while await reader.read(65_536):
                pass
    except ConnectionError:
        return True
    return True


@pytest_asyncio.fixture
async def served() -> AsyncIterator[GrpcZone]:
    async with grpc_zone() as made:
        yield made


async def answers(served: GrpcCalls) -> bool:
    return (await served.call(NODE_INFO)).code is StatusCode.OK


# --- broken -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "sent",
    [
        b"\x16\x03\x01\x02\x00\x01\x00" + bytes(200),  # TLS
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        bytes(range(256)) * 300,
        PREFACE + b"\xff" * 9,
        PREFACE + frame(SETTINGS, 0, 0, b"\0"),  # no whole setting
        PREFACE + frame(SETTINGS, 0, 0) + frame(DATA, 0, 0, b"x"),
        PREFACE + frame(SETTINGS, 0, 0) + struct.pack(">I", 0xFFFFFF)[1:] + bytes(6),
        PREFACE + frame(SETTINGS, 0, 0) + frame(HEADERS, END_HEADERS, 1, b"\xff" * 40),
    ],
    ids=[
        "tls",
        "http-1",
        "noise",
        "noise-after-preface",
        "broken-settings",
        "data-of-no-stream",
        "frame-beyond-limit",
        "broken-headers",
    ],
)
async def test_broken_clients_are_cut_off_and_others_answered(
    served: GrpcZone, sent: bytes
) -> None:
    reader, writer = await connect(served.address)
    writer.write(sent)
    assert await is_closed(reader)
    writer.close()
    assert await answers(served)


@pytest.mark.parametrize(
    "body",
    [
        b"\0\xff\xff\xff\xff" + bytes(100),  # four gigabytes are announced
        b"\1\0\0\0\2xx",  # compressed with nothing that was agreed on
        b"\0\0\0\0\x09abc",  # shorter than announced
    ],
    ids=["oversize", "compressed", "cut-off"],
)
async def test_broken_messages_end_their_call_alone(
    served: GrpcZone, body: bytes
) -> None:
    reader, writer = await connect(served.address)
    writer.write(opening(NODE_INFO) + frame(DATA, END_STREAM, 1, body))
    async with asyncio.timeout(PATIENCE_S):
        assert await reader.read(65_536)
    assert await answers(served)
    writer.close()
    for path, status in served.counted:
        assert (path, status) == (NODE_INFO, "OK") or status != "OK"


async def test_headers_beyond_their_limit_are_refused(served: GrpcZone) -> None:
    call = served.channel.unary_unary(NODE_INFO)(
        b"", metadata=(("x-long", "a" * limits.METADATA_SIZE_BYTES_MAX),), timeout=20
    )
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await call
    assert refused.value.code() is StatusCode.RESOURCE_EXHAUSTED
    assert await answers(served)


# --- silent and slow ----------------------------------------------------------------------


@pytest.mark.parametrize("sent", [b"", PREFACE[:10], PREFACE])
async def test_half_open_connections_are_closed(
    monkeypatch: pytest.MonkeyPatch, sent: bytes
) -> None:
    monkeypatch.setattr(limits, "HANDSHAKE_TIMEOUT_S", 1)
    async with grpc_zone() as served:
        reader, writer = await connect(served.address)
        writer.write(sent)
        assert await is_closed(reader)
        writer.close()
        assert await answers(served)


async def test_request_that_never_comes_ends_its_call(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(grpc_calls, "REQUEST_TIMEOUT_S", 0.2)
    async with grpc_zone() as served:
        call = served.channel.stream_stream(NODE_INFO)(timeout=PATIENCE_S)
        assert await call.code() is StatusCode.DEADLINE_EXCEEDED
        assert await call.details() == "the request did not arrive in time"
        assert await answers(served)


async def test_response_that_is_not_taken_frees_its_memory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(grpc_calls, "RESPONSE_TIMEOUT_S", 0.5)
    monkeypatch.setattr(grpc_calls, "RESPONSES_WAITING_BYTES_MAX", 3_000_000)
    ended: asyncio.Queue[str] = asyncio.Queue()
    registry = Registry(
        answer=always(bytes(2_000_000)),
        paths=(METHOD,),
        asks_rpc=lambda _: False,
        count=lambda path, status, seconds: ended.put_nowait(status),
    )
    async with grpc_registry(registry) as served, AsyncExitStack() as stack:
        for _ in range(2):
            _, writer = await connect(served.address)
            stack.callback(writer.close)
            writer.write(opening(METHOD, window=0) + MESSAGE)
        async with asyncio.timeout(PATIENCE_S):
            first, second = await ended.get(), await ended.get()
        # One waits in vain for its client; the other finds no room to wait in.
        assert sorted((first, second)) == ["DEADLINE_EXCEEDED", "RESOURCE_EXHAUSTED"]
        options = [("grpc.max_receive_message_length", -1)]
        async with grpc.aio.insecure_channel(served.address, options=options) as other:
            taken = await other.unary_unary(METHOD)(b"", timeout=20)
        assert len(taken) == 2_000_000


# --- greedy -------------------------------------------------------------------------------


@asynccontextmanager
async def hoarding(
    served: GrpcCalls, count: int, source: str = "127.0.0.1"
) -> AsyncIterator[list[asyncio.StreamReader]]:
    """Hold sessions that ask nothing, as many as are wanted."""
    host, _, port = served.address.rpartition(":")
    async with AsyncExitStack() as stack, asyncio.timeout(PATIENCE_S):
        readers = []
        for _ in range(count):
            reader, writer = await asyncio.open_connection(
                host, int(port), local_addr=(source, 0)
            )
            stack.callback(writer.close)
            writer.write(PREFACE + frame(SETTINGS, 0, 0))
            assert await reader.read(1)
            readers.append(reader)
        yield readers


async def test_newcomer_is_served_while_all_places_are_held(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(limits, "CONNECTIONS_MAX", 3)
    async with grpc_zone() as served, hoarding(served, 3) as held:
        assert await answers(served)
        assert await is_closed(held[0])  # was silent longest
        for reader in held[1:]:
            assert not reader.at_eof()


async def test_who_hoards_connections_loses_his_own_and_not_those_of_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(limits, "CONNECTIONS_MAX", 6)
    async with grpc_zone() as served:
        reader, writer = await connect(served.address)
        writer.write(PREFACE + frame(SETTINGS, 0, 0))
        async with asyncio.timeout(PATIENCE_S):
            assert await reader.read(1)
        async with hoarding(served, 20, "127.0.0.2"):
            writer.write(frame(HEADERS, END_HEADERS, 1, header_block(NODE_INFO)))
            writer.write(MESSAGE)
            got = b""
            async with asyncio.timeout(PATIENCE_S):
                while b"grpc-status" not in got:
                    part = await reader.read(65_536)
                    assert part, "the connection was closed"
                    got += part
        writer.close()
        assert (NODE_INFO, "OK") in served.counted


async def test_messages_larger_than_all_buffers_on_their_way_arrive_whole() -> None:
    value = bytes(range(256)) * 65_536  # 16 MiB
    registry = Registry(
        answer=always(value),
        paths=(METHOD,),
        asks_rpc=lambda _: False,
        count=lambda path, status, seconds: None,
    )
    options = [("grpc.max_receive_message_length", -1)]
    async with (
        grpc_registry(registry) as served,
        grpc.aio.insecure_channel(served.address, options=options) as channel,
    ):
        assert await channel.unary_unary(METHOD)(b"", timeout=PATIENCE_S) == value
        request = bytes(limits.REQUEST_SIZE_BYTES_MAX - 1)
        assert await channel.unary_unary(METHOD)(request, timeout=PATIENCE_S) == value


async def test_open_calls_do_not_keep_a_node_from_stopping(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with asyncio.timeout(PATIENCE_S):
        async with grpc_zone() as served:
            call = served.channel.stream_stream(NODE_INFO)()
            await call.write(b"")
            await call.read()
            waiting = served.channel.stream_stream(NODE_INFO)()
            await waiting.wait_for_connection()
        assert await waiting.code() in (StatusCode.UNAVAILABLE, StatusCode.CANCELLED)


@pytest.mark.parametrize("name", ["home", "a-name-that-no-socket-can-have" * 5])
async def test_socket_that_a_killed_node_left_behind_is_replaced(
    tmp_path: Path, name: str
) -> None:
    folder = tmp_path / name
    folder.mkdir()
    left = folder / "grpc.sock"
    left.write_bytes(b"")
    registry = registry_of(always(b"said"), METHOD)
    async with (
        serving("127.0.0.1:0", registry, folder) as address,
        grpc.aio.insecure_channel(address) as channel,
    ):
        assert await channel.unary_unary(METHOD)(b"", timeout=PATIENCE_S) == b"said"
    assert left.exists() == (len(bytes(left)) > 100)
