"""``huitong bench exchange``: how many complete granted exchanges a second.

Two zones, our relayer and two gateways, each a process of its own. A caller asks the
requester's gateway over its REST interface for documents of 4 KiB; the provider's zone
grants by a standing grant, the provider's gateway seals and delivers by mutual TLS, the
requester's one verifies every proof and confirms. What counts is settled on both zones
and in both gateways, and its document is compared.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import orjson
import uvloop

from huitong.bench import usage
from huitong.bench.errors import ExchangeLostError
from huitong.bench.exchange_check import verified, wait_settled
from huitong.bench.exchange_load import Ordered, order_exchanges
from huitong.bench.linked_gateways import BenchGateway, LinkedGateways
from huitong.bench.linked_zones import PROVIDER, PURPOSE, RECORD_TYPE
from huitong.bench.report import Report, make_report, percentile_ms
from huitong.client import ZoneClient
from huitong.sdk import AsyncGateway

#: Bytes of each document, as JSON.
DOCUMENT_SIZE_BYTES: Final = 4_096
#: Exchanges under way at once.
WINDOW: Final = 400
#: Exchanges that are begun and settled one after the other.
SINGLES: Final = 10
#: Seconds between two of them, so that none waits behind what the one before left to do.
PAUSE_S: Final = 2.0
#: Seconds that a publication, or an exchange that is alone, may take.
WAIT_S: Final = 30
#: Publications under way at once.
_PUBLISHED_AT_ONCE: Final = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class ExchangePlan:
    """What is to be exchanged."""

    count: int
    """Exchanges of the load proper."""
    records: int
    """Documents; each is asked for in turn."""
    block_time_ms: int
    """Block time of both zones."""
    window: int = WINDOW
    """Most exchanges under way at once."""
    singles: int = SINGLES
    """Exchanges that are begun one after the other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExchangeReport:
    """What was measured."""

    load: Report
    """The load proper."""
    singles_s: tuple[float, ...]
    """Latency of each exchange that was alone."""

    def as_dict(self) -> dict[str, Any]:
        """Return the report as JSON data."""
        load = self.load
        return {
            **load.as_dict(),
            "cpu_ms_per_exchange": {
                name: round(used.cpu_s * 1_000 / load.count, 2) if load.count else 0.0
                for name, used in load.processes.items()
            },
            "singles": len(self.singles_s),
            "single_p50_ms": percentile_ms(self.singles_s, 50),
            "single_p95_ms": percentile_ms(self.singles_s, 95),
        }


def run_exchange_bench(
    folder: Path, plan: ExchangePlan, told: Callable[[str], None]
) -> ExchangeReport:
    """Run the benchmark in ``folder``, an empty one, and return what was measured.

    Args:
        folder: an empty folder.
        plan: what is to be exchanged.
        told: called with a line about each step.

    Raises:
        ExchangeLostError: a record is not published, or an exchange that is alone is not
            settled.
    """
    told("setting up two zones and two gateways")
    with LinkedGateways(folder, block_time_ms=plan.block_time_ms) as system:
        told(system.link)
        return uvloop.run(_measure(system, plan, told))


async def _measure(
    system: LinkedGateways, plan: ExchangePlan, told: Callable[[str], None]
) -> ExchangeReport:
    async with AsyncExitStack() as stack:
        gateways = (
            await stack.enter_async_context(_client_of(system.provider)),
            await stack.enter_async_context(_client_of(system.requester)),
        )
        zones = (
            await stack.enter_async_context(ZoneClient(system.zones.provider.rpc_url)),
            await stack.enter_async_context(ZoneClient(system.zones.requester.rpc_url)),
        )
        told(f"publishing {plan.records} documents of {DOCUMENT_SIZE_BYTES} bytes")
        documents = await _publish(gateways[0], plan.records)
        channel_id = system.zones.channel_on_requester
        record_ids = itertools.cycle(documents)
        singles_s = await _singles(gateways[1], channel_id, record_ids, plan, told)
        told(f"asking for {plan.count} documents, {plan.window} at once")
        ordered = Ordered(count=plan.count, window=plan.window)
        pids = system.processes
        before = usage.cpu_s_by_name(pids)
        await order_exchanges(
            system.requester, zones[1], channel_id, record_ids, ordered
        )
        await wait_settled(*gateways)
        processes = usage.used_since(pids, before)
        for reason in sorted(set(ordered.refused))[:3]:
            told(f"refused: {reason}")
        told("looking up every exchange and comparing its document")
        settled = await verified(ordered, documents, gateways, zones)
    first_ns = min((one.sent_ns for one in settled), default=0)
    last_ns = max((one.settled_ns for one in settled), default=0)
    load = make_report(
        bench="exchange",
        latencies_s=[(one.settled_ns - one.sent_ns) / 1e9 for one in settled],
        seconds=(last_ns - first_ns) / 1e9,
        errors=ordered.begun - len(settled),
        block_time_ms=plan.block_time_ms,
        processes=processes,
        payload_bytes=DOCUMENT_SIZE_BYTES,
    )
    return ExchangeReport(load=load, singles_s=singles_s)


def _client_of(gateway: BenchGateway) -> AsyncGateway:
    return AsyncGateway(gateway.url, gateway.api_key, timeout_s=2 * WAIT_S)


# --- documents ----------------------------------------------------------------------------


async def _publish(gateway: AsyncGateway, count: int) -> Mapping[str, Any]:
    """Publish documents and return them by their records.

    Raises:
        ExchangeLostError: one is not published.
    """
    documents = {
        f"invoice-{number + 1_000_000}": _document(number) for number in range(count)
    }
    waiting = iter(documents.items())

    async def publish() -> None:
        for record_id, document in waiting:
            made = await gateway.publish_record(
                record=record_id,
                record_type=RECORD_TYPE,
                document=document,
                wait=WAIT_S,
            )
            if made.state != "published":
                raise ExchangeLostError(reason=f"{record_id} is {made.state}")

    async with asyncio.TaskGroup() as tasks:
        for _ in range(_PUBLISHED_AT_ONCE):
            tasks.create_task(publish())
    return documents


def _document(number: int) -> dict[str, Any]:
    """Return an invoice of exactly ``DOCUMENT_SIZE_BYTES`` as JSON."""
    fields = {
        "number": f"26332000000{number:09}",
        "seller": "Hangzhou Trading Co.",
        "buyer": "Chongqing Machinery Co.",
        "total": 1_148_419 + number,
        "issued": "2026-01-01",
        "items": "",
    }
    rest = DOCUMENT_SIZE_BYTES - len(orjson.dumps(fields))
    return fields | {"items": ("steel pipe 20 mm; " * rest)[:rest]}


# --- one by one ---------------------------------------------------------------------------


async def _singles(
    gateway: AsyncGateway,
    channel_id: str,
    record_ids: Iterator[str],
    plan: ExchangePlan,
    told: Callable[[str], None],
) -> tuple[float, ...]:
    """Return how long exchanges take that are alone; the first one does not count.

    Raises:
        ExchangeLostError: one is not settled.
    """
    told("one exchange: everything is at work once it is settled")
    await _single(gateway, channel_id, next(record_ids))
    told(f"{plan.singles} exchanges one after the other")
    found = []
    for _ in range(plan.singles):
        await asyncio.sleep(PAUSE_S)
        found.append(await _single(gateway, channel_id, next(record_ids)))
    return tuple(found)


async def _single(gateway: AsyncGateway, channel_id: str, record_id: str) -> float:
    """Exchange one document and return the seconds until its caller was told."""
    begun_s = time.perf_counter()
    view = await gateway.create_request(
        channel=channel_id,
        issuer=PROVIDER,
        record=record_id,
        purpose=PURPOSE,
        legal_basis="contract",
        wait=WAIT_S,
    )
    if view.stage != "settled":
        reason = view.problem.detail if view.problem else f"it is {view.stage}"
        raise ExchangeLostError(reason=reason)
    return time.perf_counter() - begun_s
