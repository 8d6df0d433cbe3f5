"""One load for every chain under test: send signed transactions, count what blocks hold.

A transaction counts when a subscriber is told of a block that holds it with success:
being accepted by a node's waiting list counts for nothing. Chains of ours and of others
are driven by the same code, so that what the generator costs is the same for both.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Final, Protocol

from huitong.bench import usage
from huitong.bench.loader import Batch, Progress, make_batches, send_batches
from huitong.client import TxSeen, ZoneClient

#: Accounts that send, each over a connection of its own.
SENDERS: Final = 8
#: Seconds without a committed transaction after which the run is over.
SILENCE_S: Final = 20.0


class Target(Protocol):
    """A running chain that is put under load."""

    @property
    def rpc_url(self) -> str:
        """Where its first node serves."""

    @property
    def processes(self) -> Mapping[str, int]:
        """Process ids of what it consists of, by name."""

    async def sign(
        self, client: ZoneClient, sender: int, count: int
    ) -> Sequence[bytes]:
        """Return transactions of one sender, 0 to ``SENDERS`` - 1, in their order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadOutcome:
    """What a load did."""

    latencies_s: list[float]
    """Of each committed transaction, from its sending until its block was told."""
    seconds: float
    """From the first thing sent until the last one was told."""
    sent: int
    """How many were sent."""
    refused: list[str]
    """What was said to those that were refused, each once, at most three."""
    blocks: int
    """Blocks with transactions."""
    size_bytes: int
    """Size of one transaction."""
    processes: dict[str, usage.Used]
    """What each process used meanwhile."""


async def run_load(
    target: Target, *, count: int, seconds: float, window: int
) -> LoadOutcome:
    """Sign, send and follow.

    Args:
        target: the running chain.
        count: transactions to send; rounded down to a multiple of ``SENDERS``.
        seconds: stop sending after this long; 0 for never.
        window: most transactions under way at once.
    """
    async with ZoneClient(target.rpc_url) as client:
        raws = [
            await target.sign(client, sender, count // SENDERS)
            for sender in range(SENDERS)
        ]
        batches = [make_batches(of_sender) for of_sender in raws]
        pids = target.processes
        before = usage.cpu_s_by_name(pids)
        follower = _Follower(total=sum(len(of_sender) for of_sender in raws))
        follower.progress.window = window
        await _send_all(client, batches, follower, seconds)
        progress = follower.progress
        first_s = min(progress.sent_s.values(), default=0.0)
        return LoadOutcome(
            latencies_s=[
                told_s - progress.sent_s[tx] for tx, told_s in follower.done_s.items()
            ],
            seconds=max(follower.done_s.values(), default=first_s) - first_s,
            sent=len(progress.sent_s),
            refused=sorted(set(progress.refused))[:3],
            blocks=follower.blocks,
            size_bytes=len(raws[0][0]),
            processes=usage.used_since(pids, before),
        )


async def _send_all(
    client: ZoneClient,
    batches: list[list[Batch]],
    follower: _Follower,
    seconds: float,
) -> None:
    follower.progress.add(0)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(follower.follow(client))
        await follower.following.wait()
        tasks.create_task(_send(client.url, batches, follower.progress, seconds))


async def _send(
    url: str, batches: list[list[Batch]], progress: Progress, seconds: float
) -> None:
    """Send the batches of each account over a connection of its own."""
    try:
        async with asyncio.timeout(seconds or None), asyncio.TaskGroup() as tasks:
            for of_sender in batches:
                tasks.create_task(send_batches(url, of_sender, progress))
    except TimeoutError:
        pass  # what is under way is still waited for
    progress.is_all_sent = True


class _Follower:
    """Counts what blocks hold."""

    def __init__(self, total: int) -> None:
        self.total = total
        self.progress = Progress(window=1)
        self.done_s: dict[str, float] = {}
        self.blocks = 0
        self.following = asyncio.Event()

    async def follow(self, client: ZoneClient) -> None:
        """Follow blocks until all is done, or nothing has come for long."""
        last_s = asyncio.get_running_loop().time()
        async with aclosing(client.blocks()) as blocks:
            while len(self.done_s) + len(self.progress.refused) < self.total:
                try:
                    async with asyncio.timeout_at(last_s + SILENCE_S):
                        block = await anext(blocks)
                except TimeoutError:
                    self.following.set()
                    return
                self.following.set()
                if block is not None and block.txs:
                    last_s = asyncio.get_running_loop().time()
                    self._take(block.txs, last_s)
                if self.progress.is_all_sent and self.progress.under_way <= 0:
                    return

    def _take(self, txs: Sequence[TxSeen], now_s: float) -> None:
        ours = [tx for tx in txs if tx.raw in self.progress.sent_s]
        for tx in ours:
            if tx.code:
                self.progress.refused.append(tx.log)
            else:
                self.done_s[tx.raw] = now_s
        self.blocks += bool(ours)
        self.progress.add(-len(ours))
