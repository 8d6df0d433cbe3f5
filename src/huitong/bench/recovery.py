"""``huitong bench recovery``: how long a node that was killed is away.

A zone of one validator is filled with records. Then, round after round, transactions are
handed over and the node is killed in the midst of them, as a power cut would; the time
counts from the start of the new process until the node answers a query for what it had
acknowledged, from a state not older than before.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import uvloop

from huitong.bench import usage
from huitong.bench.load import run_load
from huitong.bench.report import Report, make_report
from huitong.bench.zones import (
    CHAIN_ID,
    GAS_LIMIT,
    ZoneTarget,
    publishing_accounts,
    publishing_members,
    sender_member,
    sender_name,
    small_publication,
    zone_processes,
)
from huitong.client import (
    QueryError,
    RpcError,
    Sender,
    UnreachableError,
    ZoneClient,
)
from huitong.core.codec import pack_any
from huitong.localnet.consortium import LocalZone
from huitong.proto.huitong.records.v1 import records_pb2

#: Records in one transaction while the zone is filled.
RECORDS_PER_TX: Final = 25
#: Transactions under way while the zone is filled.
FILL_WINDOW: Final = 200
#: Transactions that are under way when the node is killed.
UNDER_WAY: Final = 50
#: Seconds until a node must answer.
PATIENCE_S: Final = 120.0
_POLL_S: Final = 0.01
_RECORD_PATH: Final = "/huitong.records.v1.Query/Record"


@dataclass(frozen=True, slots=True, kw_only=True)
class RecoveryPlan:
    """What is to be measured."""

    engine: str
    """Engine of the zone."""
    records: int
    """Records in the state, a multiple of 200."""
    rounds: int
    """How often the node is killed."""
    block_time_ms: int
    """Block time of the zone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecoveryReport:
    """What was measured."""

    report: Report
    """Its latencies are times of recovery; errors are acknowledged records that are lost."""
    max_ms: float
    """The longest recovery."""
    records: int
    """Records in the state."""

    def as_dict(self) -> dict[str, Any]:
        """Return the report as JSON data."""
        return {
            **self.report.as_dict(),
            "max_ms": self.max_ms,
            "records": self.records,
        }


def run_recovery_bench(
    folder: Path, plan: RecoveryPlan, told: Callable[[str], None]
) -> RecoveryReport:
    """Run the benchmark in ``folder``, an empty one, and return what was measured.

    Args:
        folder: an empty folder.
        plan: what is to be measured.
        told: called with a line about each step.

    Raises:
        HuitongError: the zone cannot be made, or does not start again.
    """
    zone = LocalZone(
        folder / "zone",
        CHAIN_ID,
        validators=1,
        engine=plan.engine,
        members=publishing_members(),
        accounts=publishing_accounts(),
        block_time=f"{plan.block_time_ms}ms",
    )
    zone.init()
    with zone:
        told(f"filling a zone with {plan.records} records: {plan.engine}")
        filled = uvloop.run(
            run_load(
                ZoneTarget(zone, "small", records_per_tx=RECORDS_PER_TX),
                count=plan.records // RECORDS_PER_TX,
                seconds=0,
                window=FILL_WINDOW,
            )
        )
        for reason in filled.refused:
            told(f"refused: {reason}")
        away_s, lost = [], 0
        for number in range(plan.rounds):
            took_s, missing = uvloop.run(_one_round(zone, number))
            told(f"round {number + 1}: away for {took_s:.2f} s")
            away_s.append(took_s)
            lost += missing
        pids = zone_processes(zone)
        processes = usage.used_since(pids, dict.fromkeys(pids, 0.0))
    report = make_report(
        bench="recovery",
        engine=plan.engine,
        latencies_s=away_s,
        seconds=sum(away_s),
        errors=lost,
        block_time_ms=plan.block_time_ms,
        processes=processes,
        payload_bytes=filled.size_bytes,
    )
    return RecoveryReport(
        report=report,
        max_ms=round(max(away_s) * 1000, 1),
        records=len(filled.latencies_s) * RECORDS_PER_TX,
    )


async def _one_round(zone: LocalZone, number: int) -> tuple[float, int]:
    """Kill the node in the midst of work; return how long it was away and what it lost."""
    node = zone.nodes[0]
    async with ZoneClient(node.rpc_url) as client:
        sender = Sender(client, zone.private_key(sender_name(0)))
        acknowledged = f"round-{number}"
        outcome = await sender.send(small_publication(sender.address, acknowledged))
        # From another account: what becomes of these is in doubt after the kill, and so
        # is the next sequence of their account for a while.
        other = Sender(client, zone.private_key(sender_name(1)))
        for index in range(UNDER_WAY):
            message = small_publication(other.address, f"round-{number}-{index}")
            await other.broadcast([pack_any(message)], gas_limit=GAS_LIMIT)
    node.kill()
    started_s = time.monotonic()
    node.launch()
    request = records_pb2.QueryRecordRequest(
        issuer=sender_member(0), record_id=acknowledged
    )
    async with asyncio.timeout(PATIENCE_S), ZoneClient(node.rpc_url) as client:
        while True:
            try:
                if await client.latest_height() >= outcome.height:
                    await client.query(
                        _RECORD_PATH, request, records_pb2.QueryRecordResponse
                    )
                    return time.monotonic() - started_s, 0
            except (UnreachableError, RpcError):
                await asyncio.sleep(_POLL_S)
            except QueryError:
                return time.monotonic() - started_s, 1
