"""Looking after the light client on one side of a link.

It is of use as long as it is active: its status is read, it is refreshed before it
expires, and what others show to it is compared with the chain that it follows.
"""

from __future__ import annotations

import asyncio
import time
from typing import Final

import structlog

from huitong.client import BlockSeen
from huitong.core.errors import RejectedError, UnavailableError
from huitong.core.height import Height
from huitong.light.tendermint.client_state import ClientState
from huitong.node.config.durations import parse_duration
from huitong.relayer.courier import Courier
from huitong.relayer.discovery import (
    get_client_state,
    get_client_status,
    get_consensus_state,
)
from huitong.relayer.endpoint import Endpoint
from huitong.relayer.errors import ClientUnusableError
from huitong.relayer.handshake import Side
from huitong.relayer.misbehaviour import HeaderWatch
from huitong.relayer.packet_events import ClientFrozen, ClientUpdated, RelayEvent
from huitong.relayer.problems import Problems
from huitong.relayer.status import ClientReport, client_report
from huitong.relayer.tracker import SideFacts, Tracker

log = structlog.get_logger("relayer")

#: A client is refreshed when its newest header is older than this part of its trusting
#: period: 1 / REFRESH_PART.
REFRESH_PART: Final = 3
#: Seconds after a refresh before the next is tried.
REFRESH_AGAIN_S: Final = 5.0
#: Seconds between two comparisons of headers, and after one that failed.
COMPARE_PERIOD_S: Final = 1.0
COMPARE_PAUSE_S: Final = 10.0
_ACTIVE: Final = "active"


class ClientCare:
    """The client on one side, and what keeps it of use."""

    def __init__(
        self,
        tracker: Tracker,
        side: Side,
        zones: dict[Side, Endpoint],
        courier: Courier,
        problems: Problems,
    ) -> None:
        """Prepare; nothing is asked yet.

        Args:
            tracker: what is known of the link.
            side: where the client lives.
            zones: both zones.
            courier: carries to this side.
            problems: where a client that is of no use is told.
        """
        self._tracker = tracker
        self._side = side
        self._zone = zones[side]
        self._across = zones[side.other]
        self._courier = courier
        self._problems = problems
        self._client_id = tracker.client_on(side)
        self._state: ClientState | None = None
        self._status = ""
        self._not_before_s = 0.0
        self._watch = HeaderWatch(self._zone, self._across, self._client_id)

    @property
    def is_usable(self) -> bool:
        """Whether the client takes updates, as far as known."""
        return self._status in ("", _ACTIVE)

    @property
    def misbehaviours(self) -> int:
        """How many lies were shown to the client since the start."""
        return self._watch.found

    def report(self) -> ClientReport:
        """Return how the client stands."""
        return client_report(self._tracker, self._side, self._state, self._status)

    # --- reading ----------------------------------------------------------------------

    async def read(self) -> SideFacts:
        """Read what the zone says of itself and of the client.

        Raises:
            UnavailableError: a node does not answer.
            QueryError: there is no such client.
        """
        await self._read_status()
        self._state = await get_client_state(self._zone.client, self._client_id)
        height = self._state.latest_height.revision_height
        return SideFacts(
            head=await self._zone.head(),
            client_height=height,
            client_time_ns=await self._header_time_ns(height),
        )

    async def _header_time_ns(self, height: int) -> int:
        """Return the time of a header that the client knows."""
        seen_ns = self._tracker.header_times_ns[self._side.other].get(height)
        if seen_ns is not None:
            return seen_ns
        known = await get_consensus_state(
            self._zone.client, self._client_id, Height(self._across.revision, height)
        )
        return known.timestamp_ns if known else 0

    async def _read_status(self) -> None:
        """Learn whether the client is of use; say it aloud when it no longer is."""
        found = await get_client_status(self._zone.client, self._client_id)
        status = found.lower()
        if status == self._status:
            return
        self._status = status
        what = f"client {self._side}"
        if status == _ACTIVE:
            self._problems.end(what)
            return
        unusable = ClientUnusableError(
            client_id=self._client_id, chain_id=self._zone.chain_id, status=status
        )
        self._problems.note(what, f"{unusable}. {unusable.next_step}")
        log.error(
            "client_unusable",
            chain=self._zone.chain_id,
            client=self._client_id,
            status=status,
            next_step=unusable.next_step,
        )

    # --- refreshing -------------------------------------------------------------------

    def is_refresh_due(self) -> bool:
        """Whether the client has lived a part of its trusting period."""
        tracker, side = self._tracker, self._side
        if self._state is None or self._status != _ACTIVE or self._courier.is_updating:
            return False
        if tracker.heads[side.other].height <= tracker.client_heights[side]:
            return False
        # The next block of a zone at rest will be as late as it is now.
        now_ns = max(tracker.heads[side].time_ns, time.time_ns())
        age_ns = now_ns - tracker.client_times_ns[side]
        age_max_ns = (
            parse_duration(tracker.link.refresh_after)
            or self._state.trusting_period_ns // REFRESH_PART
        )
        return age_ns > age_max_ns and _now_s() >= self._not_before_s

    async def refresh(self) -> None:
        """Teach the client the newest header."""
        self._not_before_s = _now_s() + REFRESH_AGAIN_S
        try:
            await self._courier.refresh()
        except (UnavailableError, RejectedError) as failure:
            log.warning("refresh_failed", reason=str(failure))
            return
        log.info("client_refreshed", chain=self._zone.chain_id)

    # --- watching ---------------------------------------------------------------------

    def take_events(self, block: BlockSeen, told: list[RelayEvent]) -> bool:
        """Take in what a block tells of the client; return whether it was frozen."""
        is_frozen = False
        for event in told:
            if isinstance(event, ClientFrozen) and event.client_id == self._client_id:
                is_frozen = True
            elif (
                isinstance(event, ClientUpdated) and event.client_id == self._client_id
            ):
                self._take_update(block, event)
        return is_frozen

    def _take_update(self, block: BlockSeen, event: ClientUpdated) -> None:
        if not self._tracker.link.watch_misbehaviour:
            return
        if event.header:
            self._watch.take(event)
            return
        for tx in block.txs:
            if not tx.code:
                self._watch.take_tx(tx)

    async def watch(self, read_wanted: asyncio.Event) -> None:
        """Compare what the client is shown with the zone across, until cancelled.

        Args:
            read_wanted: set when a lie was found, for the client is frozen then.
        """
        has_looked_back = False
        while True:
            await asyncio.sleep(COMPARE_PERIOD_S)
            try:
                if not has_looked_back:
                    await self._watch.look_back()
                    has_looked_back = True
                if await self._watch.compare():
                    read_wanted.set()
            except (UnavailableError, RejectedError) as failure:
                log.warning(
                    "watch_failed",
                    chain=self._failed(failure).chain_id,
                    client=self._client_id,
                    on=self._zone.chain_id,
                    reason=str(failure),
                )
                await asyncio.sleep(COMPARE_PAUSE_S)

    def _failed(self, failure: UnavailableError | RejectedError) -> Endpoint:
        """Return the zone that a comparison failed at.

        Failures at a node have its URL; what has none is a refusal by the zone with the
        client, for the one across is only read.
        """
        is_across = failure.fields.get("url") == self._across.client.url
        return self._across if is_across else self._zone


def _now_s() -> float:
    return asyncio.get_running_loop().time()
