"""Bodies over a real connection: too large, too slow, never ending, and too many."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from huitong.gateway.access.roles import Role
from huitong.gateway.database.engine import Database
from huitong.gateway.database.schema import METADATA
from tests.gateway.edge_kit import Behind, put_behind


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    async with Database(f"sqlite:///{tmp_path}/gateway.db") as opened:
        await opened.make_tables(METADATA)
        yield opened


class _Sender:
    """A client that writes its requests by hand."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, key: str
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._key = key

    async def begin(self, method: str, path: str, *headers: str) -> None:
        lines = (f"{method} {path} HTTP/1.1", "Host: gateway", self._key, *headers)
        await self.write("\r\n".join((*lines, "", "")).encode())

    async def write(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()

    async def part(self, data: bytes) -> None:
        """Send a part of a body of unknown length; an empty one ends it."""
        await self.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")

    async def answer(self) -> tuple[int, bytes]:
        """Return the status and the rest of the answer."""
        head = await self._reader.readuntil(b"\r\n\r\n")
        length = next(
            int(line.split(b":")[1])
            for line in head.split(b"\r\n")
            if line.lower().startswith(b"content-length")
        )
        return int(head.split()[1]), await self._reader.readexactly(length)


@asynccontextmanager
async def _served(
    database: Database, **settings: Any
) -> AsyncIterator[tuple[Behind, Any]]:
    async with httpx.AsyncClient() as unused:
        behind = put_behind(database, unused, **settings)
        headers = await behind.key(Role.INTEGRATOR)
        key = f"Authorization: {headers['Authorization']}"
        writers: list[asyncio.StreamWriter] = []

        async def connect() -> _Sender:
            reader, writer = await asyncio.open_connection(host, port)
            writers.append(writer)
            return _Sender(reader, writer, key)

        async with behind.served() as (host, port):
            try:
                yield behind, connect
            finally:
                for writer in writers:
                    writer.close()


_CHUNKED = "Transfer-Encoding: chunked"
_JSON = "Content-Type: application/json"


async def test_body_of_unknown_length_is_stopped_at_its_limit(
    database: Database,
) -> None:
    async with _served(database, body_bytes_max=1_024) as (behind, connect):
        sender = await connect()
        await sender.begin("POST", "/v1/things", _CHUNKED, _JSON)
        await sender.part(b" " * 1_000)
        await sender.part(b" " * 25)
        status, told = await sender.answer()
    assert (status, b'"code":9' in told) == (413, True)
    assert not behind.store.things


async def test_streamed_body_is_stopped_at_the_limit_of_its_form(
    database: Database,
) -> None:
    async with _served(database) as (behind, connect):
        sender = await connect()
        await sender.begin("PUT", "/v1/payloads/a", _CHUNKED)
        for _ in range(41):
            await sender.part(b"x" * 100_000)
        status, _ = await sender.answer()
    assert status == 413
    assert sum(behind.store.received) <= 4_000_000


async def test_length_that_passes_the_limit_is_refused_before_the_body(
    database: Database,
) -> None:
    async with _served(database, body_bytes_max=1_024) as (_, connect):
        sender = await connect()
        await sender.begin("POST", "/v1/things", "Content-Length: 1025", _JSON)
        assert (await sender.answer())[0] == 413


async def test_sender_that_pauses_too_long_is_let_go(database: Database) -> None:
    async with _served(database, body_pause_s=0.2) as (_, connect):
        sender = await connect()
        await sender.begin("POST", "/v1/things", "Content-Length: 100", _JSON)
        await sender.write(b"{")
        assert (await sender.answer())[0] == 408


async def test_sender_that_trickles_is_let_go(database: Database) -> None:
    """Each part comes in time, and all together would take for ever."""
    limits = {"body_first_s": 0.5, "body_bytes_per_s_min": 1_000, "body_pause_s": 10}
    async with _served(database, **limits) as (_, connect):
        sender = await connect()
        await sender.begin("POST", "/v1/things", _CHUNKED, _JSON)
        answer = asyncio.create_task(sender.answer())
        while not answer.done():
            await sender.part(b" ")
            await asyncio.sleep(0.02)
        assert answer.result()[0] == 408


async def test_compressed_body_is_refused_without_being_inflated(
    database: Database,
) -> None:
    bomb = zlib.compress(b" " * 50_000_000)
    async with _served(database) as (_, connect):
        sender = await connect()
        length = f"Content-Length: {len(bomb)}"
        await sender.begin(
            "POST", "/v1/things", length, _JSON, "Content-Encoding: deflate"
        )
        status, told = await sender.answer()
    assert (status, b'"code":11' in told) == (415, True)


async def test_bodies_that_fill_the_memory_together_are_refused(
    database: Database,
) -> None:
    limits = {"bodies_bytes_max": 1_048_576, "body_bytes_max": 1_000_000}
    async with _served(database, **limits) as (_, connect):
        first, second = await connect(), await connect()
        for sender in (first, second):
            await sender.begin("POST", "/v1/things", _CHUNKED, _JSON)
            await sender.part(b" " * 524_000)
        await second.part(b" " * 2_000)
        assert (await second.answer())[0] == 503
        await first.part(b'{"name": "a"}')
        await first.part(b"")
        assert (await first.answer())[0] == 201  # the memory was given back


async def test_streamed_bodies_do_not_count_as_held(database: Database) -> None:
    async with _served(database, bodies_bytes_max=1_048_576) as (_, connect):
        sender = await connect()
        await sender.begin("PUT", "/v1/payloads/a", "Content-Length: 3000000")
        await sender.write(b"x" * 3_000_000)
        assert await sender.answer() == (200, b'{"size":3000000}')


async def test_sender_that_goes_away_leaves_nothing(database: Database) -> None:
    async with _served(database) as (behind, connect):
        sender = await connect()
        await sender.begin("POST", "/v1/things", "Content-Length: 100", _JSON)
        await sender.write(b'{"name": ')
        sender._writer.close()
        other = await connect()
        await other.begin("GET", "/v1/things")
        assert await other.answer() == (200, b"[]")
    assert not behind.store.things
