"""``huitong bench read``: how many proven reads a second are served and verified.

Two linked zones; on one of them open records, whose payloads lie in a vault. Gateways
answer in processes of their own, over a socket, and log every read; readers ask in
batches, verify each record against a header that their own zone vouches for, and check
the fields against the digest. What counts is what was verified.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import orjson
import uvloop
from sqlalchemy import func, select

from huitong.bench.errors import BenchChildError
from huitong.bench.read_child import (
    DATABASE,
    ISSUER,
    PROVIDER_ZONE,
    READER_ZONE,
    record_id_of,
)
from huitong.bench.report import percentile_ms
from huitong.bench.usage import Used, cpu_s_by_name, used_since
from huitong.client import Sender, ZoneClient
from huitong.gateway.database.engine import Database
from huitong.gateway.database.schema import METADATA
from huitong.gateway.reads.tables import ReadRow
from huitong.gateway.vault.keys import make_key_file
from huitong.gateway.vault.opening import open_vault
from huitong.gateway.vault.settings import VaultSettings
from huitong.localnet.process import NodeProcess
from huitong.localnet.zone import AccountSpec, MemberSpec
from huitong.proto.huitong.records.v1 import records_pb2
from huitong.relayer.config import LinkConfig, ZoneConfig
from huitong.relayer.endpoint import Endpoint
from huitong.relayer.link import open_link

#: Publications in one transaction.
_PER_TX: Final = 50
#: Seconds for a process to end by itself.
_STOP_TIMEOUT_S: Final = 10.0
_CHILD: Final = "huitong.bench.read_child"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadPlan:
    """What is to be measured."""

    workers: int
    """Gateways that answer, and as many readers."""
    records: int
    """Open records; each is read in turn."""
    batch: int
    """Records in one request, up to 100."""
    seconds: float
    """How long."""
    cold: bool
    """Whether every proof is made anew, instead of once for each state."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadReport:
    """What was measured."""

    bench: str
    parameters: ReadPlan
    rate_per_s: float
    """Records served and verified, by the second."""
    rate_per_core_s: float
    """The same by the second of processor time of all gateways, readers and nodes."""
    count: int
    """Records that were verified."""
    errors: int
    """Records that were asked for and not verified."""
    logged: int
    """Lines in the access log: every read, those before the clock started included."""
    p50_ms: float
    """Half of the batches took at most this long, from the request to all verified."""
    p95_ms: float
    p99_ms: float
    processes: Mapping[str, Used]
    """Processor time and memory of each."""

    def as_dict(self) -> dict[str, Any]:
        """Return the report as JSON data."""
        return asdict(self)


def run_read_bench(
    folder: Path, plan: ReadPlan, told: Callable[[str], None]
) -> ReadReport:
    """Run the benchmark in ``folder``, an empty one, and return what was measured.

    Raises:
        BenchChildError: a gateway or a reader fails.
    """
    told("setting up two zones")
    with _zones(folder) as zones:
        channel = uvloop.run(_prepare(folder, zones, plan))
        told(f"{plan.records} open records, {plan.workers} gateways and readers")
        asked: dict[str, Any] = {
            **asdict(plan),
            "folder": str(folder),
            "provider_node": zones[0].rpc_url,
            "reader_node": zones[1].rpc_url,
            "channel": channel,
            "proof_cache": 0 if plan.cold else 10_000,
        }
        return _run(folder, zones, plan, asked)


@contextmanager
def _zones(folder: Path) -> Iterator[list[NodeProcess]]:
    relayer = AccountSpec(name="relayer", roles=("relayer",))
    nodes = [
        NodeProcess(
            folder / chain_id,
            chain_id=chain_id,
            members=[MemberSpec(member_id=member)],
            accounts=[
                relayer,
                AccountSpec(name=member, member_id=member, roles=("publisher",)),
            ],
            block_time="100ms",
        )
        for chain_id, member in ((PROVIDER_ZONE, ISSUER), (READER_ZONE, "cq-bank"))
    ]
    for node in nodes:
        node.init()
    with nodes[0], nodes[1]:
        yield nodes


async def _prepare(folder: Path, zones: list[NodeProcess], plan: ReadPlan) -> str:
    """Publish the records and link the zones; return the channel on the reader's."""
    make_key_file(folder / "keys" / "vault.key")
    async with Database(f"sqlite:///{folder}/{DATABASE}") as database:
        await database.make_tables(METADATA)
        vault = open_vault(database, VaultSettings(), base=folder, environment={})
        async with ZoneClient(zones[0].rpc_url) as zone:
            sender = Sender(zone, zones[0].private_key(ISSUER))
            for start in range(0, plan.records, _PER_TX):
                numbers = range(start, min(start + _PER_TX, plan.records))
                stored = [await vault.put(_document(number)) for number in numbers]
                await sender.send(
                    *(
                        records_pb2.MsgPublishRecord(
                            signer=sender.address,
                            record_id=record_id_of(number),
                            record_type="market.licence",
                            payload_digest=item.digest,
                            fields=item.fields,
                            level=1,
                            share_class=records_pb2.SHARE_CLASS_OPEN,
                        )
                        for number, item in zip(numbers, stored, strict=True)
                    )
                )
    return await _link(zones)


async def _document(number: int) -> AsyncIterator[bytes]:
    fields = {
        "amount": "1200.00",
        "holder": "Hangzhou Trading Co.",
        "issued": "2026-01-01",
        "number": record_id_of(number),
    }
    yield orjson.dumps(fields)


async def _link(zones: list[NodeProcess]) -> str:
    ends = [
        Endpoint(
            ZoneConfig(chain_id=node.chain_id, rpc=node.rpc_url),
            node.private_key("relayer"),
        )
        for node in zones
    ]
    try:
        wanted = LinkConfig(chain_a=PROVIDER_ZONE, chain_b=READER_ZONE)
        return (await open_link(ends[0], ends[1], wanted)).channel_on_b
    finally:
        for end in ends:
            await end.close()


def _run(
    folder: Path, zones: list[NodeProcess], plan: ReadPlan, asked: dict[str, Any]
) -> ReadReport:
    with ExitStack() as stack:
        providers = [
            stack.enter_context(_child(asked | {"role": "provider"}, folder))
            for _ in range(plan.workers)
        ]
        urls = [_line(child)["url"] for child in providers]
        readers = [
            stack.enter_context(_child(asked | {"role": "reader", "url": url}, folder))
            for url in urls
        ]
        for child in readers:
            _line(child)
        pids = {"provider node": zones[0].pid, "reader node": zones[1].pid}
        pids |= {f"gateway {at}": item.pid for at, item in enumerate(providers)}
        before = cpu_s_by_name(pids)
        for child in readers:
            assert child.stdin is not None
            child.stdin.write(b"go\n")
            child.stdin.flush()
        told = [_line(child) for child in readers]
        used = used_since(pids, before)
        for number, item in enumerate(told):
            used[f"reader {number}"] = Used(
                cpu_s=round(item["cpu_s"], 2), rss_mib_max=0.0
            )
    return _report(plan, told, used, asyncio.run(_logged(folder)))


def _report(
    plan: ReadPlan, told: list[dict[str, Any]], used: dict[str, Used], logged: int
) -> ReadReport:
    count = sum(item["proven"] for item in told)
    cpu_s = sum(item.cpu_s for item in used.values())
    latencies = [value for item in told for value in item["latencies_s"]]
    rate = sum(item["proven"] / item["seconds"] for item in told)
    return ReadReport(
        bench="read",
        parameters=plan,
        rate_per_s=round(rate, 1),
        rate_per_core_s=round(count / cpu_s, 1) if cpu_s else 0.0,
        count=count,
        errors=sum(item["asked"] for item in told) - count,
        logged=logged,
        p50_ms=percentile_ms(latencies, 50),
        p95_ms=percentile_ms(latencies, 95),
        p99_ms=percentile_ms(latencies, 99),
        processes=used,
    )


async def _logged(folder: Path) -> int:
    async with (
        Database(f"sqlite:///{folder}/{DATABASE}") as database,
        database.reading() as session,
    ):
        return int(await session.scalar(select(func.count()).select_from(ReadRow)) or 0)


@contextmanager
def _child(asked: dict[str, Any], folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run one process of the benchmark; it is gone behind the block."""
    command = [sys.executable, "-m", _CHILD, orjson.dumps(asked).decode()]
    with (
        (folder / "children.log").open("ab") as log,
        subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log
        ) as child,
    ):
        try:
            yield child
        finally:
            child.terminate()
            try:
                child.wait(_STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                child.kill()


def _line(child: subprocess.Popen[bytes]) -> dict[str, Any]:
    """Return the next JSON object that a child tells.

    Raises:
        BenchChildError: it has ended.
    """
    assert child.stdout is not None
    line = child.stdout.readline()
    if not line:
        raise BenchChildError(what="read", reason=f"exit code {child.wait()}")
    found: dict[str, Any] = orjson.loads(line)
    return found
