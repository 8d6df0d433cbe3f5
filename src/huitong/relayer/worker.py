"""Keeping one link going: following both zones and carrying packets between them.

Tasks of a running worker:

* a *follower* for each zone reads its stream of blocks and reconnects with growing
  pauses; after every gap the state is read anew, for the state is the truth;
* a *courier* for each zone sends what is planned for it whenever a block came in;
* a *keeper* ends rests, gives up lost transactions and refreshes clients before they
  expire.
"""

from __future__ import annotations

import asyncio
import random
from contextlib import aclosing
from dataclasses import dataclass
from typing import Final

import structlog

from huitong.client import BlockSeen
from huitong.core.errors import RejectedError, UnavailableError
from huitong.core.time import parse_rfc3339
from huitong.light.tendermint.client_state import ClientState
from huitong.relayer.config import LinkConfig
from huitong.relayer.courier import Courier
from huitong.relayer.discovery import check_client_usable, get_client_state
from huitong.relayer.endpoint import Endpoint
from huitong.relayer.handshake import Side
from huitong.relayer.lane import LaneReading
from huitong.relayer.reading import read_lane
from huitong.relayer.tracker import SideFacts, Tracker

log = structlog.get_logger("relayer")

#: Seconds before a broken stream is opened again: first, and at most.
PAUSE_FIRST_S: Final = 0.2
PAUSE_LONGEST_S: Final = 10.0
#: Seconds between two rounds of the keeper.
KEEPER_PERIOD_S: Final = 1.0
#: Seconds after which the state is read anew even if nothing went wrong.
READING_PERIOD_S: Final = 300.0
#: A client is refreshed when its newest header is older than this part of its trusting
#: period: 1 / REFRESH_PART.
REFRESH_PART: Final = 3
#: Rounds of ``relay_once`` after which it stops although something is left.
ONCE_ROUNDS_MAX: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkStatus:
    """How a link stands."""

    ready: bool
    """Whether both zones are followed."""
    pending_a_to_b: int
    """Packets sent by a and not settled."""
    pending_b_to_a: int
    """Packets sent by b and not settled."""
    settled: int
    """Packets settled since the worker started."""
    resting: int
    """Items left alone because they failed."""
    missing: int
    """Packets that cannot be relayed, because no node has their contents."""
    sent_txs: int
    """Transactions sent since the worker started."""
    failed_txs: int
    """Those of them that were refused."""


class LinkWorker:
    """Relays one link until it is stopped."""

    def __init__(self, link: LinkConfig, zone_a: Endpoint, zone_b: Endpoint) -> None:
        """Prepare; nothing is asked yet.

        Args:
            link: a link with all identifiers.
            zone_a: its zone a.
            zone_b: its zone b.
        """
        self.link = link
        """The link."""
        self._zones = {Side.A: zone_a, Side.B: zone_b}
        self._tracker = Tracker(link=link)
        self._couriers = {
            side: Courier(self._tracker, side, self._zones) for side in Side
        }
        self._wake = {side: asyncio.Event() for side in Side}
        self._followed: set[Side] = set()
        self._read_wanted = asyncio.Event()
        self._clients: dict[Side, ClientState] = {}

    def status(self) -> LinkStatus:
        """Return how the link stands."""
        tracker = self._tracker
        lanes = tracker.lanes
        return LinkStatus(
            ready=tracker.is_ready and len(self._followed) == 2,
            pending_a_to_b=len(lanes[Side.A].sent) if tracker.is_ready else 0,
            pending_b_to_a=len(lanes[Side.B].sent) if tracker.is_ready else 0,
            settled=tracker.settled,
            resting=tracker.resting,
            missing=sum(len(found) for found in tracker.missing.values()),
            sent_txs=sum(courier.sent_txs for courier in self._couriers.values()),
            failed_txs=sum(courier.failed_txs for courier in self._couriers.values()),
        )

    async def run(self) -> None:
        """Relay until cancelled; whatever a zone or a node does, it is tried again."""
        async with asyncio.TaskGroup() as tasks:
            for side in Side:
                tasks.create_task(self._follow(side))
                tasks.create_task(self._carry(side))
            tasks.create_task(self._read_when_wanted())
            tasks.create_task(self._keep())

    # --- following --------------------------------------------------------------------

    async def _follow(self, side: Side) -> None:
        zone = self._zones[side]
        pause_s = PAUSE_FIRST_S
        while True:
            try:
                await zone.check_chain()
                async with aclosing(zone.client.blocks()) as blocks:
                    async for block in blocks:
                        if block is None:
                            self._start_over(side)
                            pause_s = PAUSE_FIRST_S
                            continue
                        self._take_block(side, block)
            except (UnavailableError, RejectedError) as failure:
                log.warning("zone_lost", chain=zone.chain_id, reason=str(failure))
            self._followed.discard(side)
            await asyncio.sleep(pause_s * random.uniform(0.5, 1.0))
            pause_s = min(pause_s * 2, PAUSE_LONGEST_S)

    def _start_over(self, side: Side) -> None:
        """A stream begins: what was on its way and what was missed must be looked up."""
        log.info("zone_followed", chain=self._zones[side].chain_id)
        self._followed.add(side)
        self._couriers[side].forget()
        self._read_wanted.set()

    def _take_block(self, side: Side, block: BlockSeen) -> None:
        known = self._tracker.heads.get(side)
        if known is not None and block.height > known.height + 1:
            self._read_wanted.set()
        with self._zones[side].client.rpc.reading("NewBlock"):
            self._couriers[side].on_block(block)
            self._tracker.take_block(side, block, self._zones[side].revision)
        for event in self._wake.values():
            event.set()

    async def _read_when_wanted(self) -> None:
        pause_s = PAUSE_FIRST_S
        while True:
            try:
                async with asyncio.timeout(READING_PERIOD_S):
                    await self._read_wanted.wait()
            except TimeoutError:
                pass  # time to look again anyway
            self._read_wanted.clear()
            if len(self._followed) < 2:
                continue
            try:
                await self.read()
                pause_s = PAUSE_FIRST_S
            except (UnavailableError, RejectedError) as failure:
                log.warning("reading_failed", reason=str(failure))
                self._read_wanted.set()
                await asyncio.sleep(pause_s)
                pause_s = min(pause_s * 2, PAUSE_LONGEST_S)

    async def read(self) -> None:
        """Read both lanes and both clients from the zones' state.

        Raises:
            UnavailableError: a node does not answer.
            QueryError: a node refuses, for example because the channel is not there.
            ClientUnusableError: a client is expired or frozen.
        """
        tracker = self._tracker
        tracker.begin_reading()
        readings: dict[Side, LaneReading] = {}
        for side in Side:
            readings[side] = await read_lane(
                self._zones[side],
                self._zones[side.other],
                tracker.end(side),
                tracker.end(side.other),
                tracker.lanes.get(side),
            )
        facts = {side: await self._read_side(side) for side in Side}
        tracker.take_readings(readings, facts)
        for event in self._wake.values():
            event.set()

    async def _read_side(self, side: Side) -> SideFacts:
        zone, across = self._zones[side], self._zones[side.other]
        client_id = self._tracker.client_on(side)
        await check_client_usable(zone, client_id)
        state = await get_client_state(zone.client, client_id)
        self._clients[side] = state
        height = state.latest_height.revision_height
        header = await across.client.header(height)
        return SideFacts(
            head=await zone.head(),
            client_height=height,
            client_time_ns=parse_rfc3339(header["time"]),
        )

    # --- carrying ---------------------------------------------------------------------

    async def _carry(self, target: Side) -> None:
        wake = self._wake[target]
        pause_s = PAUSE_FIRST_S
        while True:
            await wake.wait()
            wake.clear()
            if not self._tracker.is_ready or len(self._followed) < 2:
                continue
            try:
                while await self._couriers[target].ship():
                    pause_s = PAUSE_FIRST_S
            except (UnavailableError, RejectedError) as failure:
                log.warning(
                    "carrying_failed",
                    chain=self._zones[target].chain_id,
                    reason=str(failure),
                )
                await asyncio.sleep(pause_s)
                pause_s = min(pause_s * 2, PAUSE_LONGEST_S)
                self._read_wanted.set()
                wake.set()

    # --- keeping ----------------------------------------------------------------------

    async def _keep(self) -> None:
        while True:
            await asyncio.sleep(KEEPER_PERIOD_S)
            if not self._tracker.is_ready:
                continue
            self._tracker.end_rests(asyncio.get_running_loop().time())
            for side in Side:
                if self._couriers[side].give_up_old():
                    self._read_wanted.set()
                if len(self._followed) == 2 and self._is_refresh_due(side):
                    await self._refresh(side)
                self._wake[side].set()

    def _is_refresh_due(self, side: Side) -> bool:
        """Whether the client on a side has lived a part of its trusting period."""
        tracker = self._tracker
        age_ns = tracker.heads[side].time_ns - tracker.client_times_ns[side]
        return age_ns > self._clients[side].trusting_period_ns // REFRESH_PART

    async def _refresh(self, side: Side) -> None:
        head = self._tracker.heads[side.other]
        try:
            await self._couriers[side].refresh()
        except (UnavailableError, RejectedError) as failure:
            log.warning("refresh_failed", reason=str(failure))
            return
        self._tracker.client_times_ns[side] = head.time_ns
        log.info("client_refreshed", chain=self._zones[side].chain_id)

    # --- one pass ---------------------------------------------------------------------

    async def relay_once(self) -> LinkStatus:
        """Relay what waits now, without following; return how the link stands then.

        Raises:
            UnavailableError: a node does not answer.
            RejectedError: a zone refuses to be read.
        """
        for side in Side:
            await self._zones[side].check_chain()
        for _ in range(ONCE_ROUNDS_MAX):
            await self.read()
            if not await self._ship_all():
                break
        return self.status()

    async def _ship_all(self) -> bool:
        """Send all that can be sent and wait for its blocks; return whether any was.

        It waits for the block after them as well, whose header proves what they wrote.
        """
        sent = False
        for side, courier in self._couriers.items():
            client = self._zones[side].client
            while await courier.ship():
                sent = True
            for tx_hash in courier.in_flight:
                outcome = await client.wait_tx(tx_hash)
                courier.on_outcome(tx_hash, outcome)
                await client.wait_height(outcome.height + 1)
        return sent
