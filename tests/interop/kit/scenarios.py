"""What every relayer has to manage between our zone and simd, whoever wrote it."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final, Protocol

from huitong.bench.simd import DENOM
from tests.interop.kit.chain import voucher_denom
from tests.interop.kit.pair import PORT, Link, Pair
from tests.interop.kit.transfers import height_soon, send_transfers, settled
from tests.interop.kit.waiting import wait_for

PACKETS: Final = 200
#: Blocks and seconds after which a late transfer is late: a chain refuses to send what is
#: late already, and a busy machine may take seconds for the sending itself.
LATE_BLOCKS: Final = 15
#: The same on a zone at rest, whose empty blocks are seconds apart.
LATE_BLOCKS_AT_REST: Final = 3
LATE_S: Final = 10.0
#: Packets sent while no relayer is there.
PACKETS_ALONE: Final = 10


def voucher_of(link: Link) -> str:
    """Return what coins of simd are called in our zone."""
    return voucher_denom(PORT, link.channel_on_ours, DENOM)


class RelayerProcess(Protocol):
    """A relayer that can be started and stopped; a context, in which it relays."""

    def __enter__(self) -> Any: ...

    def __exit__(self, *error: Any) -> None: ...

    def start(self) -> None:
        """Let it relay."""

    def stop(self) -> None:
        """Stop it in order."""

    def kill(self) -> None:
        """Kill it as a power cut would."""


async def check_late_transfers_are_refunded(
    pair: Pair, relayer: RelayerProcess, link: Link
) -> None:
    """Send late transfers from both sides; each is given back when a relayer comes."""
    with relayer:
        await give_vouchers(pair, link, 2)
    async with late_transfers(pair, link):
        relayer.start()
    relayer.stop()


async def leave_packets_behind(
    pair: Pair, relayer: RelayerProcess, link: Link
) -> tuple[Sent, int]:
    """Kill the relayer amid its work; return what was sent, and how much is left."""
    with relayer:
        sent = await send_until_the_first_arrives(pair, link)
        relayer.kill()
    return sent, await count_left(pair, link)


async def send_there_and_back(pair: Pair, link: Link) -> dict[str, float]:
    """Send ``PACKETS`` coins to our zone and back; return how long each way took.

    All are acknowledged, all arrive, and both sides end with what they had.
    """
    voucher, figures = voucher_of(link), {}
    async with pair.open_ours() as ours, pair.open_simd() as simd:
        at_start = await simd.balance(DENOM), await ours.balance(voucher)
        started_s = time.monotonic()
        await send_transfers(simd, ours, link.channel_on_simd, DENOM, PACKETS)
        await settled(simd, link.channel_on_simd, "transfers to our zone")
        figures["to_ours_s"] = round(time.monotonic() - started_s, 1)
        assert await ours.balance(voucher) == at_start[1] + PACKETS
        assert await simd.balance(DENOM) == at_start[0] - PACKETS
        started_s = time.monotonic()
        await send_transfers(ours, simd, link.channel_on_ours, voucher, PACKETS)
        await settled(ours, link.channel_on_ours, "transfers to simd")
        figures["to_simd_s"] = round(time.monotonic() - started_s, 1)
        assert (await simd.balance(DENOM), await ours.balance(voucher)) == at_start
    return figures


async def give_vouchers(pair: Pair, link: Link, count: int) -> None:
    """Let our account have some vouchers to send; a relayer is at work."""
    async with pair.open_ours() as ours, pair.open_simd() as simd:
        await send_transfers(simd, ours, link.channel_on_simd, DENOM, count)
        await settled(simd, link.channel_on_simd, "vouchers to begin with")


@asynccontextmanager
async def late_transfers(pair: Pair, link: Link) -> AsyncIterator[None]:
    """Send from both sides what times out by height and by time; no relayer is at work.

    The body starts one; afterwards everything is given back.
    """
    voucher = voucher_of(link)
    async with pair.open_ours() as ours, pair.open_simd() as simd:
        at_start = await simd.balance(DENOM), await ours.balance(voucher)
        for source, target, channel, denom, blocks in (
            (simd, ours, link.channel_on_simd, DENOM, LATE_BLOCKS_AT_REST),
            (ours, simd, link.channel_on_ours, voucher, LATE_BLOCKS),
        ):
            height = await height_soon(target, blocks)
            bounds = {"timeout_s": 0.0, "timeout_height": height}
            await send_transfers(source, target, channel, denom, 1, **bounds)
            await send_transfers(source, target, channel, denom, 1, timeout_s=LATE_S)
            await target.client.wait_height(height.revision_height + 1)
        sent = await simd.balance(DENOM), await ours.balance(voucher)
        assert sent == (at_start[0] - 2, at_start[1] - 2)
        await _both_are_past(time.time_ns() + int(LATE_S * 1e9), ours, simd)
        yield
        await settled(simd, link.channel_on_simd, "timeouts on simd")
        await settled(ours, link.channel_on_ours, "timeouts in our zone")
        assert (await simd.balance(DENOM), await ours.balance(voucher)) == at_start


async def _both_are_past(time_ns: int, *chains) -> None:
    """Return once the newest header of each chain is later."""
    for chain in chains:
        await wait_for(
            chain.client.latest_block,
            lambda block: block[1] > time_ns,
            f"time of {chain.chain_id}",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """Transfers to our zone, some of which a relayer has carried."""

    before: int
    """What our account held before."""
    count: int
    """How many were sent."""


async def send_until_the_first_arrives(pair: Pair, link: Link) -> Sent:
    """Send many coins to our zone; return as soon as one arrived."""
    async with pair.open_ours() as ours, pair.open_simd() as simd:
        before = await ours.balance(voucher_of(link))
        await send_transfers(simd, ours, link.channel_on_simd, DENOM, PACKETS)
        await wait_for(
            lambda: ours.balance(voucher_of(link)),
            lambda held: held > before,
            "the first transfer",
        )
    return Sent(before=before, count=PACKETS + PACKETS_ALONE)


async def count_left(pair: Pair, link: Link) -> int:
    """Send some more, now that no relayer is there; return how many are under way."""
    async with pair.open_ours() as ours, pair.open_simd() as simd:
        await send_transfers(simd, ours, link.channel_on_simd, DENOM, PACKETS_ALONE)
        left = len(await simd.unsettled(PORT, link.channel_on_simd))
    assert left >= PACKETS_ALONE
    return left


async def all_arrive(pair: Pair, link: Link, sent: Sent, more: int = 0) -> None:
    """Return once everything that was sent has arrived and is acknowledged.

    Args:
        pair: both chains; a relayer is at work.
        link: between them.
        sent: what was sent before.
        more: transfers that are sent now.
    """
    async with pair.open_ours() as ours, pair.open_simd() as simd:
        await send_transfers(simd, ours, link.channel_on_simd, DENOM, more)
        await settled(simd, link.channel_on_simd, "what was left")
        assert await ours.balance(voucher_of(link)) == sent.before + sent.count + more
