"""The processes of ``huitong bench read``: gateways that answer, and readers that check.

A provider opens the parts of a gateway that reads need and serves them at a socket; a
reader asks in batches for a while and says in the end what came of it. Both are told what
to do by one JSON object on the command line.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import httpx
import orjson
import uvicorn
import uvloop
from fastapi import FastAPI, Request

from huitong.bench.usage import cpu_s_by_name
from huitong.client.zone import ZoneClient
from huitong.gateway.database.engine import Database
from huitong.gateway.reads.headers import HeaderRoom
from huitong.gateway.reads.heads import HeadRoom
from huitong.gateway.reads.model import Reader, ReadOrder
from huitong.gateway.reads.payloads import VaultPayloads
from huitong.gateway.reads.provider import ReadProvider
from huitong.gateway.reads.reader import ProvenReader
from huitong.gateway.reads.settings import ReadsSettings
from huitong.gateway.reads.transport import HttpTransport, make_router
from huitong.gateway.vault.opening import open_vault
from huitong.gateway.vault.settings import VaultSettings
from huitong.modules.exchange import PORT_ID

PROVIDER_ZONE: Final = "hangzhou-1"
READER_ZONE: Final = "chongqing-1"
ISSUER: Final = "hz-tax"
FIELDS: Final = ("amount", "number")
DATABASE: Final = "gateway.db"
#: Batches that one reader has under way at once.
_UNDER_WAY: Final = 2


def record_id_of(number: int) -> str:
    """Return the id of a record of the benchmark."""
    return f"licence-{number}"


async def provide(told: dict[str, Any]) -> None:
    """Serve until SIGTERM; the first line on standard output is the URL."""
    folder = Path(told["folder"])
    settings = ReadsSettings(proof_cache=told["proof_cache"])
    async with (
        Database(f"sqlite:///{folder}/{DATABASE}") as database,
        ZoneClient(told["provider_node"]) as zone,
    ):
        vault = open_vault(database, VaultSettings(), base=folder, environment={})
        provider = ReadProvider(
            database,
            HeadRoom(zone, settings.proof_cache),
            VaultPayloads(
                vault,
                cache_bytes=settings.payload_cache_bytes,
                document_size_bytes_max=settings.document_size_bytes_max,
            ),
            settings,
            chain_id=PROVIDER_ZONE,
            member_id=ISSUER,
            clock=time.time_ns,
        )
        await _serve(provider)


async def _serve(provider: ReadProvider) -> None:
    reader = Reader(chain_id=READER_ZONE, member_id="cq-bank")

    async def reader_of(_: Request) -> Reader:
        return reader

    app = FastAPI()
    app.include_router(make_router(provider, reader_of))
    with socket.create_server(("127.0.0.1", 0)) as listening:
        _tell({"url": f"http://127.0.0.1:{listening.getsockname()[1]}"})
        config = uvicorn.Config(app, log_config=None, lifespan="off", access_log=False)
        await uvicorn.Server(config).serve(sockets=[listening])


async def read(told: dict[str, Any]) -> None:
    """Read for so many seconds, and tell how many records were proven."""
    async with (
        ZoneClient(told["reader_node"]) as own,
        ZoneClient(told["provider_node"]) as other,
        httpx.AsyncClient(trust_env=False) as client,
    ):
        reader = ProvenReader(
            HttpTransport(client, told["url"], ISSUER),
            HeaderRoom(own, other, PORT_ID, told["channel"], clock=time.time_ns),
            ReadsSettings(age_max_s=3_600),
            chain_id=PROVIDER_ZONE,
            peer=ISSUER,
            clock=time.time_ns,
        )
        _tell(await _measure(reader, told))


async def _measure(reader: ProvenReader, told: dict[str, Any]) -> dict[str, Any]:
    batches = _batches(told["records"], told["batch"])
    for _ in range(-(-told["records"] // told["batch"])):
        await _one(reader, next(batches))  # every payload is out of the vault
    _tell({"ready": True})
    sys.stdin.readline()
    own = {"reader": os.getpid()}
    cpu_before = cpu_s_by_name(own)["reader"]
    begun = time.perf_counter()
    until = begun + told["seconds"]
    latencies: list[float] = []
    proven = 0

    async def work() -> None:
        nonlocal proven
        while time.perf_counter() < until:
            started = time.perf_counter()
            found = await _one(reader, next(batches))
            proven += found  # not before the wait: others count meanwhile
            latencies.append(time.perf_counter() - started)

    await asyncio.gather(*(work() for _ in range(_UNDER_WAY)))
    return {
        "proven": proven,
        "asked": len(latencies) * told["batch"],
        "seconds": time.perf_counter() - begun,
        "latencies_s": latencies,
        "cpu_s": cpu_s_by_name(own)["reader"] - cpu_before,
    }


def _batches(records: int, size: int) -> Iterator[list[ReadOrder]]:
    numbers = itertools.cycle(range(records))
    while True:
        yield [
            ReadOrder(
                issuer=ISSUER, record_id=record_id_of(next(numbers)), fields=FIELDS
            )
            for _ in range(size)
        ]


async def _one(reader: ProvenReader, orders: list[ReadOrder]) -> int:
    results = await reader.read(orders, purpose="bench", request_id="bench")
    return sum(result.grade == "proven" for result in results)


def _tell(what: dict[str, Any]) -> None:
    sys.stdout.buffer.write(orjson.dumps(what) + b"\n")
    sys.stdout.buffer.flush()


def _main() -> None:
    told = orjson.loads(sys.argv[1])
    uvloop.run(provide(told) if told["role"] == "provider" else read(told))


if __name__ == "__main__":
    _main()
