"""A load of packets, the same for every pair of chains and every relayer.

Transactions with packets are signed beforehand and sent through RPC; a packet is settled
when its acknowledgement has been proven to the chain that sent it, and its latency counts
from the sending of its transaction until a subscriber is told of that block.

Three steps: one packet alone, until it is settled, shows that the relayer is at work;
then a few one after the other, each alone, tell the latency of a single packet; then the
load proper.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from huitong.bench import usage
from huitong.bench.errors import PacketLostError
from huitong.bench.loader import Progress, make_batches, send_batches
from huitong.bench.report import Report, make_report, percentile_ms
from huitong.client import BlockSeen, ZoneClient
from huitong.relayer.packet_events import (
    ACKNOWLEDGE_PACKET,
    SEND_PACKET,
    PacketEvent,
    read_relay_events,
)

#: Accounts that send packets.
ACCOUNTS: Final = 4
PACKETS_PER_TX: Final = 30
#: Packets under way at once.
WINDOW: Final = 600
#: How long a packet may take before it times out.
TIMEOUT_S: Final = 3_600
#: Packets that are sent and settled one after the other.
SINGLES: Final = 10
#: Seconds between two of them, so that none waits behind what the one before left to do.
PAUSE_S: Final = 2.0
#: Seconds without a settled packet after which the run is over.
SILENCE_S: Final = 40.0


class PacketSource(Protocol):
    """A running chain that sends packets over a link."""

    @property
    def rpc_url(self) -> str:
        """Where it serves."""

    @property
    def engine(self) -> str:
        """What decides its blocks."""

    @property
    def payload_bytes(self) -> int:
        """Size of a packet's data."""

    @property
    def processes(self) -> Mapping[str, int]:
        """Process ids of both chains and of the relayer, by name."""

    async def sign(self, client: ZoneClient, sizes: Sequence[int]) -> list[list[bytes]]:
        """Return transactions with so many packets each, in turn from each account."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PacketPlan:
    """What is to be sent."""

    count: int
    """Packets of the load proper."""
    seconds: float
    """Stop sending after this long; 0 for never."""
    block_time_ms: int
    """Block time of both chains."""
    singles: int = SINGLES
    """Packets that are sent one after the other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RelayReport:
    """What was measured of one pair of chains and one relayer."""

    load: Report
    """The load proper."""
    singles_s: tuple[float, ...]
    """Latency of each packet that was alone."""

    def as_dict(self) -> dict[str, Any]:
        """Return the report as JSON data."""
        return {
            **self.load.as_dict(),
            "singles": len(self.singles_s),
            "single_p50_ms": percentile_ms(self.singles_s, 50),
            "single_p95_ms": percentile_ms(self.singles_s, 95),
        }


@dataclass(slots=True)
class _Tally:
    """Packets under way and settled."""

    total: int
    packets_per_tx: int
    progress: Progress
    sent_s: dict[int, float] = field(default_factory=dict)
    settled_s: dict[int, float] = field(default_factory=dict)
    refused: list[str] = field(default_factory=list)

    @property
    def is_complete(self) -> bool:
        return len(self.settled_s) + self.lost >= self.total

    @property
    def lost(self) -> int:
        """Packets of transactions that were refused, by the node or in a block."""
        at_the_door = len(self.progress.refused) * self.packets_per_tx
        return len(self.refused) + at_the_door

    @property
    def reasons(self) -> list[str]:
        return sorted({*self.refused, *self.progress.refused})

    @property
    def latencies_s(self) -> list[float]:
        return [
            done_s - self.sent_s[sequence]
            for sequence, done_s in self.settled_s.items()
        ]


async def measure_packets(
    source: PacketSource, plan: PacketPlan, told: Callable[[str], None]
) -> RelayReport:
    """Send packets from ``source`` until all are settled, and return what was measured.

    Args:
        source: the chain, linked, with a relayer at work.
        plan: what is to be sent.
        told: called with a line about each step.

    Raises:
        PacketLostError: a packet that was alone is not settled.
    """
    async with ZoneClient(source.rpc_url) as client:
        told("sending one packet: the relayer is at work once it is settled")
        await _send_single(client, source)
        told(f"sending {plan.singles} packets one after the other")
        singles_s = []
        for _ in range(plan.singles):
            await asyncio.sleep(PAUSE_S)
            singles_s.append(await _send_single(client, source))
        raws = await source.sign(client, _sizes(plan.count))
        told(f"sending {plan.count} packets in transactions of {PACKETS_PER_TX}")
        pids = source.processes
        before = usage.cpu_s_by_name(pids)
        tally = await _send_all(client, raws, plan.count, plan.seconds)
        processes = usage.used_since(pids, before)
    for reason in tally.reasons[:3]:
        told(f"refused: {reason}")
    latencies_s = tally.latencies_s
    first_s = min(tally.sent_s.values(), default=0.0)
    load = make_report(
        bench="relay",
        engine=source.engine,
        latencies_s=latencies_s,
        seconds=max(tally.settled_s.values(), default=first_s) - first_s,
        errors=max(len(tally.sent_s) - len(latencies_s), tally.lost),
        block_time_ms=plan.block_time_ms,
        processes=processes,
        payload_bytes=source.payload_bytes,
    )
    return RelayReport(load=load, singles_s=tuple(singles_s))


def _sizes(count: int) -> list[int]:
    """Return how many packets are in each transaction."""
    sizes = [PACKETS_PER_TX] * (count // PACKETS_PER_TX)
    if count % PACKETS_PER_TX:
        sizes.append(count % PACKETS_PER_TX)
    return sizes


async def _send_single(client: ZoneClient, source: PacketSource) -> float:
    """Send one packet and return the seconds until it was settled."""
    raws = await source.sign(client, [1])
    tally = await _send_all(client, raws, 1, 0)
    for latency_s in tally.latencies_s:
        return latency_s
    reason = "; ".join(tally.reasons) or f"nothing came for {SILENCE_S:.0f} s"
    raise PacketLostError(reason=reason)


async def _send_all(
    client: ZoneClient, raws: list[list[bytes]], total: int, seconds: float
) -> _Tally:
    """Send all transactions and follow the chain until every packet is settled."""
    progress = Progress(window=max(1, WINDOW // PACKETS_PER_TX))
    progress.add(0)
    per_tx = min(total, PACKETS_PER_TX)
    tally = _Tally(total=total, packets_per_tx=per_tx, progress=progress)
    following = asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        follower = tasks.create_task(_follow(client, tally, following))
        await following.wait()
        sender = tasks.create_task(_send(client.url, raws, tally, seconds))
        await follower
        sender.cancel()  # it may wait for room that silence will never give
    return tally


async def _send(
    url: str, raws: list[list[bytes]], tally: _Tally, seconds: float
) -> None:
    """Send the transactions of each account over a connection of its own."""
    try:
        async with asyncio.timeout(seconds or None), asyncio.TaskGroup() as tasks:
            for of_account in raws:
                batches = make_batches(of_account, 1)
                tasks.create_task(send_batches(url, batches, tally.progress))
    except TimeoutError:
        # What is under way is still waited for.
        tally.total = len(tally.progress.sent_s) * tally.packets_per_tx


async def _follow(client: ZoneClient, tally: _Tally, following: asyncio.Event) -> None:
    async with aclosing(client.blocks()) as blocks:
        settled_before, heard_s = -1, 0.0
        loop = asyncio.get_running_loop()
        while not tally.is_complete:
            if len(tally.settled_s) != settled_before:
                settled_before, heard_s = len(tally.settled_s), loop.time()
            try:
                async with asyncio.timeout_at(heard_s + SILENCE_S):
                    block = await anext(blocks)
            except TimeoutError:
                return
            following.set()
            if block is not None:
                _take_block(block, tally, loop.time())


def _take_block(block: BlockSeen, tally: _Tally, now_s: float) -> None:
    progress = tally.progress
    for tx in block.txs:
        sent_s = progress.sent_s.get(tx.raw)
        if sent_s is not None and tx.code:
            tally.refused += [tx.log] * tally.packets_per_tx
            progress.add(-1)
            continue
        for told in read_relay_events(tx.events):
            if not isinstance(told, PacketEvent):
                continue
            if told.kind == SEND_PACKET and sent_s is not None:
                tally.sent_s[told.sequence] = sent_s
            elif told.kind == ACKNOWLEDGE_PACKET and told.sequence in tally.sent_s:
                tally.settled_s[told.sequence] = now_s
                if len(tally.settled_s) % tally.packets_per_tx == 0:
                    progress.add(-1)
