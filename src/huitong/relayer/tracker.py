"""What a relayer knows of one link while it follows both zones. Pure: no I/O, no clock.

The tracker takes in readings of the state and blocks, and names the items that should be
sent. It also keeps what the chains cannot know: which items are on their way, and which
are left alone for a while because they failed. All of it may be lost at any time.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from huitong.client import BlockSeen
from huitong.relayer.handshake import Side
from huitong.relayer.lane import ChannelEnd, Lane, LaneReading
from huitong.relayer.packet_events import (
    SETTLING,
    ClientFrozen,
    ClientUpdated,
    PacketEvent,
    RelayEvent,
    read_relay_events,
)
from huitong.relayer.plan import Action, Head, Stage, plan_on_a, plan_on_b
from huitong.relayer.settings import LinkConfig

#: Seconds that an item is left alone after its first failure; doubles with each more.
REST_FIRST_S: Final = 1.0
#: Longest such rest.
REST_LONGEST_S: Final = 60.0
#: Blocks whose events are remembered, because a reading of the state may be older.
BLOCKS_REMEMBERED: Final = 32
#: The same while a reading is made; if it takes longer, the next one covers the gap.
BLOCKS_REMEMBERED_MAX: Final = 512

#: Heights whose header times are remembered, to know how old a client's newest one is.
HEADER_TIMES_KEPT: Final = 1_024


@dataclass(frozen=True, slots=True)
class Item:
    """One action for one packet of one of the link's two lanes."""

    lane: Side
    """The side that sent the packet."""
    action: Action
    """What is to be done."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why an item does not get through."""

    reason: str
    """What the zone, or its node, said last."""
    first_s: float
    """When it first failed, on the caller's clock."""
    count: int
    """How often it failed."""
    is_at_fault: bool
    """Whether it failed alone, so that nothing else can be the reason."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SideFacts:
    """What a reading of the state says of one side, beside the lanes."""

    head: Head
    """Newest header."""
    client_height: int
    """Newest height of the other zone that this side's client knows."""
    client_time_ns: int
    """Time of the header of that height."""


@dataclass(slots=True)
class Tracker:
    """One link, as far as known."""

    link: LinkConfig
    """The link's identifiers."""
    lanes: dict[Side, Lane] = field(default_factory=dict)
    """Packets by the side that sends them."""
    heads: dict[Side, Head] = field(default_factory=dict)
    """Newest header of each side."""
    client_heights: dict[Side, int] = field(default_factory=dict)
    """By side: newest height of the other zone that the client on this side knows."""
    client_times_ns: dict[Side, int] = field(default_factory=dict)
    """By side: time of that header, as far as seen."""
    missing: dict[Side, tuple[int, ...]] = field(default_factory=dict)
    """By sending side: packets whose contents no node has."""
    header_times_ns: dict[Side, dict[int, int]] = field(
        default_factory=lambda: {Side.A: {}, Side.B: {}}
    )
    """By side and height: times of the newest headers seen."""
    counts: Counter[tuple[Side, str]] = field(default_factory=Counter)
    """By sending side and kind of event: what happened to packets since the start."""
    last_settled_ns: dict[Side, int] = field(default_factory=dict)
    """By sending side: time of the block that settled a packet last."""
    settled: int = 0
    """Packets settled on their sending side since the start, by anybody."""
    _busy: dict[Side, set[Action]] = field(
        default_factory=lambda: {Side.A: set(), Side.B: set()}
    )
    _resting: dict[Item, float] = field(default_factory=dict)
    _failures: dict[Item, Failure] = field(default_factory=dict)
    _groups: dict[Side, deque[tuple[Item, ...]]] = field(
        default_factory=lambda: {Side.A: deque(), Side.B: deque()}
    )
    _read_heights: dict[Side, int] = field(
        default_factory=lambda: {Side.A: 0, Side.B: 0}
    )
    _is_reading: bool = False
    _streamed_from: dict[Side, int] = field(
        default_factory=lambda: {Side.A: 0, Side.B: 0}
    )
    _streamed_to: dict[Side, int] = field(
        default_factory=lambda: {Side.A: 0, Side.B: 0}
    )
    _recent: dict[Side, deque[tuple[int, list[RelayEvent]]]] = field(
        default_factory=lambda: {Side.A: deque(), Side.B: deque()}
    )

    def end(self, side: Side) -> ChannelEnd:
        """Return the channel's end on a side."""
        link = self.link
        if side is Side.A:
            return ChannelEnd(port_id=link.port_on_a, channel_id=link.channel_on_a)
        return ChannelEnd(port_id=link.port_on_b, channel_id=link.channel_on_b)

    def client_on(self, side: Side) -> str:
        """Return the id of the client that lives on a side."""
        return self.link.client_on_a if side is Side.A else self.link.client_on_b

    @property
    def is_ready(self) -> bool:
        """Whether both lanes have been read."""
        return len(self.lanes) == 2

    # --- taking in --------------------------------------------------------------------

    def begin_stream(self, side: Side) -> None:
        """Note that the blocks of a side are told anew, from some height on."""
        self._streamed_from[side] = self._streamed_to[side] = 0

    def has_gap(self, side: Side) -> bool:
        """Whether a block of a side was neither read in the state nor seen.

        The state is read below the newest header, for that proves it. A block that was
        the newest then, and came before the stream began, is in neither.
        """
        if self._is_reading or not self.is_ready:
            return False  # what is read now may cover it
        return self._streamed_from[side] > self._read_heights[side] + 1

    def begin_reading(self) -> None:
        """Remember what blocks tell from now on, until ``take_readings``."""
        self._is_reading = True

    def take_readings(
        self, readings: dict[Side, LaneReading], facts: dict[Side, SideFacts]
    ) -> None:
        """Replace the lanes by what the state says, then add blocks seen since."""
        for sender, reading in readings.items():
            self.lanes[sender] = reading.lane
            self.missing[sender] = reading.missing
        for side, fact in facts.items():
            self.client_heights[side] = fact.client_height
            self.client_times_ns[side] = fact.client_time_ns
            if side not in self.heads or self.heads[side].height < fact.head.height:
                self.heads[side] = fact.head
        own, across = readings[Side.A], readings[Side.B]
        self._read_heights = {
            Side.A: min(own.height_on_a, across.height_on_b),
            Side.B: min(own.height_on_b, across.height_on_a),
        }
        self._is_reading = False
        for side, blocks in self._recent.items():
            for height, events in blocks:
                self._apply_events(side, height, events)

    def take_block(
        self, side: Side, block: BlockSeen, revision: int
    ) -> list[RelayEvent]:
        """Take in a block of a side; return what it tells."""
        self.heads[side] = Head(
            revision=revision, height=block.height, time_ns=block.time_ns
        )
        if block.height != self._streamed_to[side] + 1:
            self._streamed_from[side] = block.height
        self._streamed_to[side] = block.height
        times_ns = self.header_times_ns[side]
        times_ns[block.height] = block.time_ns
        if len(times_ns) > HEADER_TIMES_KEPT:
            del times_ns[next(iter(times_ns))]
        events = [
            told
            for tx in block.txs
            if not tx.code
            for told in read_relay_events(tx.events)
        ] + list(read_relay_events(block.events))
        for event in events:
            if isinstance(event, PacketEvent):
                self._count(side, event, block.time_ns)
        recent = self._recent[side]
        recent.append((block.height, events))
        kept = BLOCKS_REMEMBERED_MAX if self._is_reading else BLOCKS_REMEMBERED
        while len(recent) > kept:
            recent.popleft()
        if self.is_ready:
            self._apply_events(side, block.height, events)
        return events

    def _apply_events(self, side: Side, height: int, events: list[RelayEvent]) -> None:
        if height > self._read_heights[side]:  # else the reading covers it
            for told in events:
                self._apply_event(side, told, height)

    def _apply_event(self, side: Side, told: RelayEvent, height: int) -> None:
        sending, receiving = self.lanes[side], self.lanes[side.other]
        if isinstance(told, PacketEvent):
            sending.apply_event_on_a(told, height)
            receiving.apply_event_on_b(told, height)
        elif isinstance(told, ClientUpdated):
            if told.client_id == self.client_on(side) and told.heights:
                newest = max(told.heights).revision_height
                self.client_heights[side] = max(self.client_heights[side], newest)
                time_ns = self.header_times_ns[side.other].get(newest, 0)
                self.client_times_ns[side] = max(self.client_times_ns[side], time_ns)
        elif isinstance(told, ClientFrozen):
            pass  # the next reading shows it
        elif (told.port_id, told.channel_id) == (
            sending.end_on_a.port_id,
            sending.end_on_a.channel_id,
        ):
            sending.is_closed_on_a = True
            receiving.is_closed_on_b = True

    def _count(self, side: Side, told: PacketEvent, time_ns: int) -> None:
        """Count what a block tells, once: after each reading events are applied again."""
        own, across = self.end(side), self.end(side.other)
        if told.is_from(own.port_id, own.channel_id):
            self.counts[side, told.kind] += 1
            if told.kind in SETTLING:
                self.settled += 1
                self.last_settled_ns[side] = time_ns
        elif told.is_to(own.port_id, own.channel_id) and told.is_from(
            across.port_id, across.channel_id
        ):
            self.counts[side.other, told.kind] += 1

    # --- planning ---------------------------------------------------------------------

    def items_for(self, target: Side) -> list[Item]:
        """Return what should be sent to ``target`` now: settlements, then receipts."""
        source = target.other
        settling = plan_on_a(
            self.lanes[target],
            head_on_b=self.heads[source],
            busy=self._busy[target],
        )
        receiving = plan_on_b(
            self.lanes[source],
            head_on_a=self.heads[source],
            head_on_b=self.heads[target],
            busy=self._busy[source],
        )
        return [Item(target, action) for action in settling] + [
            Item(source, action) for action in receiving
        ]

    def next_group(self, target: Side) -> list[Item]:
        """Return a part of a failed batch that is to be tried by itself; maybe none.

        Items that have been done meanwhile are left out.
        """
        while self._groups[target]:
            group = self._groups[target].popleft()
            self.release(group)
            wanted = set(self.items_for(target))
            items = [item for item in group if item in wanted]
            if items:
                return items
        return []

    # --- what is on its way, and what failed ------------------------------------------

    def mark_busy(self, items: Iterable[Item]) -> None:
        """Note that the items are on their way."""
        for item in items:
            self._busy[item.lane].add(item.action)

    def release(self, items: Iterable[Item]) -> None:
        """Note that the items are no longer on their way; they may be planned again."""
        for item in items:
            self._busy[item.lane].discard(item.action)

    def release_all(self, target: Side) -> None:
        """Forget what is on its way to ``target``, and what waits to be tried again."""
        self._groups[target].clear()
        for lane, actions in self._busy.items():
            for action in list(actions):
                item = Item(lane, action)
                if target_of(item) is target and item not in self._resting:
                    actions.discard(action)

    def note_done(self, items: Iterable[Item]) -> None:
        """Forget items whose transaction succeeded."""
        listed = list(items)
        self.release(listed)
        for item in listed:
            self._failures.pop(item, None)

    def note_failed(self, items: list[Item], now_s: float, reason: str) -> None:
        """Note that a transaction with these items failed.

        One item alone is at fault, and left in peace for a while. Several are halved, and
        each half is tried by itself, so that the one at fault is found and the others get
        through.
        """
        if len(items) == 1:
            self._rest(items[0], now_s, reason, is_at_fault=True)
            return
        half = len(items) // 2
        for part in (items[:half], items[half:]):
            self.mark_busy(part)
            self._groups[target_of(part[0])].append(tuple(part))

    def rest(self, items: Iterable[Item], now_s: float, reason: str) -> None:
        """Leave the items alone until their rest is over, longer after each failure."""
        for item in items:
            self._rest(item, now_s, reason, is_at_fault=False)

    def rest_briefly(self, items: Iterable[Item], now_s: float) -> None:
        """Leave the items alone for a moment; nothing is wrong with them."""
        for item in items:
            self._resting[item] = now_s + REST_FIRST_S
            self._busy[item.lane].add(item.action)

    def _rest(
        self, item: Item, now_s: float, reason: str, *, is_at_fault: bool
    ) -> None:
        known = self._failures.get(item)
        count = known.count if known else 0
        self._failures[item] = Failure(
            reason=reason,
            first_s=known.first_s if known else now_s,
            count=count + 1,
            is_at_fault=is_at_fault,
        )
        rest_s = min(REST_FIRST_S * 2.0 ** min(count, 10), REST_LONGEST_S)
        self._resting[item] = now_s + rest_s
        self._busy[item.lane].add(item.action)

    def stuck(self) -> list[tuple[Item, Failure]]:
        """Return what failed and has not got through since, oldest first."""
        failed = [found for found in self._failures.items() if found[1].reason]
        return sorted(failed, key=lambda found: found[1].first_s)

    def end_rests(self, now_s: float) -> None:
        """Let items be planned again whose rest is over; forget those of settled packets.

        An item at fault is tried by itself, so that nothing else fails with it again.
        """
        for item, until_s in list(self._resting.items()):
            if until_s > now_s:
                continue
            del self._resting[item]
            failure = self._failures.get(item)
            if failure is not None and failure.is_at_fault:
                self._groups[target_of(item)].append((item,))
            else:
                self.release([item])
        for item in list(self._failures):
            if item.action.sequence not in self.lanes[item.lane].sent:
                del self._failures[item]

    @property
    def resting(self) -> int:
        """Number of items that are left alone because they failed."""
        return len(self._resting)


def target_of(item: Item) -> Side:
    """Return the side that gets the item's message."""
    if item.action.stage is Stage.RECEIVE:
        return item.lane.other
    return item.lane
