"""Keeping one link going: following both zones and carrying packets between them.

Tasks of a running worker:

* a *follower* for each zone reads its stream of blocks and reconnects with growing
  pauses; after every gap the state is read anew, for the state is the truth;
* a *courier* for each zone sends what is planned for it whenever a block came in;
* a *keeper* ends rests, gives up lost transactions and refreshes clients before they
  expire;
* a *watch* for each client compares what it is shown with the real chain.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from contextlib import aclosing
from typing import Final

import structlog

from huitong.client import BlockSeen
from huitong.core.errors import RejectedError, UnavailableError
from huitong.relayer.client_care import ClientCare
from huitong.relayer.courier import Courier
from huitong.relayer.endpoint import Endpoint
from huitong.relayer.handshake import Side
from huitong.relayer.lane import LaneReading
from huitong.relayer.problems import Problems
from huitong.relayer.reading import read_lane
from huitong.relayer.settings import LinkConfig
from huitong.relayer.status import (
    DirectionReport,
    LinkStatus,
    direction_report,
    failures_by_code,
    stuck_reports,
)
from huitong.relayer.tracker import Tracker

log = structlog.get_logger("relayer")

#: Seconds before a broken stream is opened again: first, and at most.
PAUSE_FIRST_S: Final = 0.2
PAUSE_LONGEST_S: Final = 10.0
#: Seconds between two rounds of the keeper.
KEEPER_PERIOD_S: Final = 1.0
#: Seconds after which the state is read anew even if nothing went wrong.
READING_PERIOD_S: Final = 300.0
#: The same while a client takes nothing or contents of packets are missing.
TROUBLED_READING_PERIOD_S: Final = 10.0
#: Rounds of ``relay_once`` after which it stops although something is left.
ONCE_ROUNDS_MAX: Final = 200


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
        self._problems = Problems()
        self._care = {
            side: ClientCare(
                self._tracker,
                side,
                self._zones,
                self._couriers[side],
                self._problems,
            )
            for side in Side
        }

    @property
    def tracker(self) -> Tracker:
        """What is known of the link."""
        return self._tracker

    def courier(self, side: Side) -> Courier:
        """Return what carries to a side."""
        return self._couriers[side]

    def misbehaviours_on(self, side: Side) -> int:
        """Return how many lies were shown to the client on a side since the start."""
        return self._care[side].misbehaviours

    def status(self) -> LinkStatus:
        """Return how the link stands."""
        tracker = self._tracker
        now_s = _now_s()
        failures: Counter[tuple[str, int]] = Counter()
        for courier in self._couriers.values():
            failures.update(courier.failures)
        directions = {
            side.value: direction_report(tracker, side) if tracker.is_ready else None
            for side in Side
        }
        reported = {
            side: told or DirectionReport() for side, told in directions.items()
        }
        self._look_for_problems()
        return LinkStatus(
            ready=tracker.is_ready and len(self._followed) == 2,
            pending_a_to_b=reported["a"].pending,
            pending_b_to_a=reported["b"].pending,
            settled=tracker.settled,
            resting=tracker.resting,
            missing=sum(told.missing for told in reported.values()),
            sent_txs=sum(courier.sent_txs for courier in self._couriers.values()),
            failed_txs=sum(courier.failed_txs for courier in self._couriers.values()),
            problem=self._problems.text(),
            problem_s=self._problems.seconds(now_s),
            clients={side.value: care.report() for side, care in self._care.items()},
            directions=reported,
            stuck=stuck_reports(tracker, now_s),
            stuck_count=len(tracker.stuck()),
            failures=failures_by_code(failures),
        )

    def _look_for_problems(self) -> None:
        for side, courier in self._couriers.items():
            what = f"account {side}"
            if courier.account_refused:
                self._problems.note(what, courier.account_refused)
            else:
                self._problems.end(what)
        self._problems.seconds(_now_s())

    @property
    def _is_usable(self) -> bool:
        """Whether both clients take updates; no packet gets anywhere without."""
        return all(care.is_usable for care in self._care.values())

    async def run(self) -> None:
        """Relay until cancelled; whatever a zone or a node does, it is tried again."""
        async with asyncio.TaskGroup() as tasks:
            for side in Side:
                tasks.create_task(self._follow(side))
                tasks.create_task(self._carry(side))
                if self.link.watch_misbehaviour:
                    tasks.create_task(self._care[side].watch(self._read_wanted))
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
                self._problems.note(f"follow {side}", str(failure))
            self._followed.discard(side)
            await asyncio.sleep(pause_s * random.uniform(0.5, 1.0))
            pause_s = min(pause_s * 2, PAUSE_LONGEST_S)

    def _start_over(self, side: Side) -> None:
        """A stream begins: what was on its way and what was missed must be looked up."""
        log.info("zone_followed", chain=self._zones[side].chain_id)
        self._followed.add(side)
        self._problems.end(f"follow {side}")
        self._couriers[side].forget()
        self._tracker.begin_stream(side)
        self._read_wanted.set()

    def _take_block(self, side: Side, block: BlockSeen) -> None:
        with self._zones[side].client.rpc.reading("NewBlock"):
            self._couriers[side].on_block(block)
            told = self._tracker.take_block(side, block, self._zones[side].revision)
        if self._care[side].take_events(block, told) or self._tracker.has_gap(side):
            self._read_wanted.set()
        for event in self._wake.values():
            event.set()

    async def _read_when_wanted(self) -> None:
        pause_s = PAUSE_FIRST_S
        while True:
            try:
                async with asyncio.timeout(self._reading_period_s()):
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
                self._problems.note("reading", str(failure))
                self._read_wanted.set()
                await asyncio.sleep(pause_s * random.uniform(0.5, 1.0))
                pause_s = min(pause_s * 2, PAUSE_LONGEST_S)

    def _reading_period_s(self) -> float:
        """Return after how long the state is read even if nothing happens."""
        troubled = not self._is_usable or any(self._tracker.missing.values())
        return TROUBLED_READING_PERIOD_S if troubled else READING_PERIOD_S

    async def read(self) -> None:
        """Read both lanes and both clients from the zones' state.

        Raises:
            UnavailableError: a node does not answer.
            QueryError: a node refuses, for example because the channel is not there.
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
        facts = {side: await care.read() for side, care in self._care.items()}
        tracker.take_readings(readings, facts)
        if any(tracker.has_gap(side) for side in Side):
            self._read_wanted.set()
        self._problems.end("reading")
        for event in self._wake.values():
            event.set()

    # --- carrying ---------------------------------------------------------------------

    async def _carry(self, target: Side) -> None:
        wake = self._wake[target]
        pause_s = PAUSE_FIRST_S
        while True:
            await wake.wait()
            wake.clear()
            if not self._tracker.is_ready or len(self._followed) < 2:
                continue
            if not self._is_usable:
                continue
            try:
                if await self._ship_what_waits(target):
                    pause_s = PAUSE_FIRST_S
                self._problems.end(f"carry {target}")
            except (UnavailableError, RejectedError) as failure:
                log.warning(
                    "carrying_failed",
                    chain=self._zones[target].chain_id,
                    reason=str(failure),
                )
                self._problems.note(f"carry {target}", str(failure))
                await asyncio.sleep(pause_s * random.uniform(0.5, 1.0))
                pause_s = min(pause_s * 2, PAUSE_LONGEST_S)
                self._read_wanted.set()
                wake.set()

    async def _ship_what_waits(self, target: Side) -> bool:
        """Send until nothing is left, each account for itself; return whether any was."""
        accounts = len(self._zones[target].senders)
        # In an ordered channel nothing may overtake.
        if accounts == 1 or any(
            lane.is_ordered for lane in self._tracker.lanes.values()
        ):
            return await self._ship_in_turn(target)
        shipped = await asyncio.gather(
            *(self._ship_in_turn(target) for _ in range(accounts)),
            return_exceptions=True,
        )
        for outcome in shipped:
            if isinstance(outcome, BaseException):
                raise outcome
        return any(shipped)

    async def _ship_in_turn(self, target: Side) -> bool:
        shipped = False
        while await self._couriers[target].ship():
            shipped = True
        return shipped

    # --- keeping ----------------------------------------------------------------------

    async def _keep(self) -> None:
        while True:
            await asyncio.sleep(KEEPER_PERIOD_S)
            self._look_for_problems()
            if not self._tracker.is_ready:
                continue
            self._tracker.end_rests(asyncio.get_running_loop().time())
            for side in Side:
                if self._couriers[side].give_up_old():
                    self._read_wanted.set()
                if len(self._followed) == 2 and self._care[side].is_refresh_due():
                    await self._care[side].refresh()
                self._wake[side].set()

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
            if not self._is_usable or not await self._ship_all():
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


def _now_s() -> float:
    return asyncio.get_running_loop().time()
