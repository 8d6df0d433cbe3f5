"""``huitong bench tx``: how many transactions a second one zone commits.

One node of the embedded engine, default settings. Eight accounts publish records; their
transactions are signed beforehand and go through RPC in batches of ten. The latency of a
transaction is the time from its sending until a subscriber is told of its block, which is
after it lasts on disk.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from contextlib import aclosing
from pathlib import Path
from typing import Final

import uvloop

from huitong.bench import usage
from huitong.bench.loader import Batch, Progress, make_batches, send_batches
from huitong.bench.report import Report, make_report
from huitong.client import ZoneClient
from huitong.client.sender import get_account
from huitong.core.codec import pack_any
from huitong.core.tx import build_transaction
from huitong.localnet.process import NodeProcess
from huitong.localnet.zone import AccountSpec, MemberSpec
from huitong.proto.huitong.records.v1 import records_pb2

CHAIN_ID: Final = "bench-1"
ACCOUNTS: Final = 8
#: Transactions under way at once; about two blocks' worth.
WINDOW: Final = 1_200
#: Gas of one publication; it uses about 28,000.
GAS_LIMIT: Final = 60_000
#: Seconds without a committed transaction after which the run is over.
SILENCE_S: Final = 10.0


def run_tx_bench(
    folder: Path,
    *,
    count: int,
    seconds: float,
    block_time_ms: int,
    told: Callable[[str], None],
) -> Report:
    """Run the benchmark in ``folder`` and return what was measured.

    Args:
        folder: an empty folder.
        count: transactions to send.
        seconds: stop sending after this long; 0 for never.
        block_time_ms: the node's block time.
        told: called with a line about each step.
    """
    zone = NodeProcess(
        folder / "node",
        chain_id=CHAIN_ID,
        members=[
            MemberSpec(member_id=f"member-{number}") for number in range(ACCOUNTS)
        ],
        accounts=[
            AccountSpec(
                name=f"account-{number}",
                member_id=f"member-{number}",
                roles=("publisher",),
            )
            for number in range(ACCOUNTS)
        ],
        block_time=f"{block_time_ms}ms",
    )
    told("setting up one zone")
    zone.init()
    with zone:
        return uvloop.run(_measure(zone, count, seconds, block_time_ms, told))


async def _measure(
    zone: NodeProcess,
    count: int,
    seconds: float,
    block_time_ms: int,
    told: Callable[[str], None],
) -> Report:
    async with ZoneClient(zone.rpc_url) as client:
        told(f"signing {count} transactions beforehand")
        raws = [
            await _signed_publications(client, zone, number, count // ACCOUNTS)
            for number in range(ACCOUNTS)
        ]
        batches = [make_batches(of_account) for of_account in raws]
        total = sum(len(of_account) for of_account in raws)
        size = len(raws[0][0])
        told(f"sending {total} transactions of {size} bytes from {ACCOUNTS} accounts")
        cpu_before_s = usage.cpu_s([zone.pid])
        done_s, progress = await _send_all(client, batches, total, seconds)
        latencies_s = [done_s[tx] - progress.sent_s[tx] for tx in done_s]
        first_s = min(progress.sent_s.values(), default=0.0)
        for reason in sorted(set(progress.refused))[:3]:
            told(f"refused: {reason}")
        return make_report(
            bench="tx",
            latencies_s=latencies_s,
            seconds=max(done_s.values(), default=first_s) - first_s,
            errors=len(progress.sent_s) - len(done_s),
            block_time_ms=block_time_ms,
            cpu_s=usage.cpu_s([zone.pid]) - cpu_before_s,
            rss_mib_max=usage.rss_mib_max([zone.pid]),
            payload_bytes=size,
        )


async def _signed_publications(
    client: ZoneClient, zone: NodeProcess, number: int, count: int
) -> list[bytes]:
    name = f"account-{number}"
    private_key, address = zone.private_key(name), zone.address(name)
    account = await get_account(client, address)
    return [
        build_transaction(
            [pack_any(_publication(address, f"record-{index}"))],
            private_key=private_key,
            chain_id=CHAIN_ID,
            account_number=account.account_number,
            sequence=account.sequence + index,
            gas_limit=GAS_LIMIT,
        )
        for index in range(count)
    ]


def _publication(signer: str, record_id: str) -> records_pb2.MsgPublishRecord:
    return records_pb2.MsgPublishRecord(
        signer=signer,
        record_id=record_id,
        record_type="tax.invoice",
        subject=hashlib.sha256(f"subject of {record_id}".encode()).digest(),
        payload_digest=hashlib.sha256(record_id.encode()).digest(),
        fields=["amount", "buyer", "date", "number", "seller", "tax"],
        level=2,
        share_class=records_pb2.SHARE_CLASS_CONDITIONAL,
    )


async def _send_all(
    client: ZoneClient, batches: list[list[Batch]], total: int, seconds: float
) -> tuple[dict[str, float], Progress]:
    """Send everything; return when each transaction was seen in a block."""
    progress = Progress(window=WINDOW)
    progress.add(0)
    done_s: dict[str, float] = {}
    following = asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(_follow(client, total, progress, done_s, following))
        await following.wait()
        tasks.create_task(_send(client.url, batches, progress, seconds))
    return done_s, progress


async def _send(
    url: str, batches: list[list[Batch]], progress: Progress, seconds: float
) -> None:
    """Send the batches of each account over a connection of its own."""
    try:
        async with asyncio.timeout(seconds or None), asyncio.TaskGroup() as tasks:
            for of_account in batches:
                tasks.create_task(send_batches(url, of_account, progress))
    except TimeoutError:
        pass  # what is under way is still waited for
    progress.is_all_sent = True


async def _follow(
    client: ZoneClient,
    total: int,
    progress: Progress,
    done_s: dict[str, float],
    following: asyncio.Event,
) -> None:
    loop = asyncio.get_running_loop()
    async with aclosing(client.blocks()) as blocks:
        while len(done_s) + len(progress.refused) < total:
            try:
                async with asyncio.timeout(SILENCE_S):
                    block = await anext(blocks)
            except TimeoutError:
                return
            following.set()
            if block is None:
                continue
            now_s = loop.time()
            for tx in block.txs:
                if tx.code:
                    progress.refused.append(tx.log)
                else:
                    done_s[tx.raw] = now_s
            progress.add(-len(block.txs))
            if progress.is_all_sent and not progress.under_way:
                return
