"""Two zones, a link and a relayer without scruples: what properties of links run on.

Messages are built when the world's master says so and wait in a pool; they are delivered
in any order, by either relayer, as often as the master likes, or never. ``check`` states
what must hold after every step, whatever was delivered:

* nothing is received that was not sent, or received twice; nothing is settled twice, and nothing settles both ways;
* what was acknowledged was received, what timed out never was and never will be;
* sent = outstanding + acknowledged + timed out; an ordered channel has no gaps.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Any, Final

from huitong.core.errors import HuitongError
from huitong.core.hashing import sha256
from huitong.core.height import Height
from huitong.core.time import NS_PER_SECOND
from huitong.modules.links import keys, packets, state
from huitong.modules.links.acknowledgements import error_acknowledgement_of
from huitong.proto.ibc.core.channel.v1 import channel_pb2
from huitong.testing.links import ORDERED, UNORDERED, Endpoint, Path, open_path
from huitong.testing.mock_application import ERROR_TEXT, count_steps

ORDERS: Final = (b"ok", b"refuse", b"error", b"async")
RELAYERS: Final = ("ht1firstrelayer", "ht1secondrelayer")
REFUSED: Final = (
    b'{"error":"ABCI code: 7: error handling packet: see events for details"}'
)

#: Blocks and seconds after which a packet is too late; 0 means no such limit.
LIMITS: Final = ((0, 3), (0, 6), (0, 30), (0, 3_000), (4, 0), (9, 0), (60, 0), (9, 400))
KINDS: Final = ("receive", "acknowledge", "time out", "close")
#: How often something happens, relative to the rest; a life draws one for each kind.
WEIGHTS: Final = (0, 1, 4, 12)


@dataclass(slots=True)
class Sent:
    """A packet under way, as the test remembers it."""

    source: Endpoint
    packet: channel_pb2.Packet

    @property
    def key(self) -> str:
        return f"{self.source.channel_id}/{self.packet.sequence}"

    @property
    def acknowledgement(self) -> bytes | None:
        """What the other side acknowledges with; None stands for the standard result."""
        order = self.packet.data.partition(b" ")[0]
        return {
            b"refuse": REFUSED,
            b"error": error_acknowledgement_of(ERROR_TEXT),
            b"async": b"later",
        }.get(order)


@dataclass(slots=True)
class World:
    """See the module's docstring."""

    ordering: channel_pb2.Order
    sent: list[Sent] = field(default_factory=list)
    pool: list[tuple[Endpoint, Any]] = field(default_factory=list)
    delivered: int = 0
    refused: int = 0
    path: Path = field(init=False)
    ends: tuple[Endpoint, Endpoint] = field(init=False)

    def __post_init__(self) -> None:
        self.path = open_path(ordering=self.ordering)
        self.ends = (self.path.a, self.path.b)

    # --- what may happen ----------------------------------------------------------------

    def send(self, side: int, order: bytes, blocks: int, seconds: int) -> None:
        """Let an application send; 0 blocks or seconds mean no such limit."""
        end = self.ends[side]
        height = end.other.zone.height.plus(blocks) if blocks else Height.ZERO
        time_ns = end.zone.clock.time_ns + seconds * NS_PER_SECOND if seconds else 0
        try:
            packet = end.send(
                order + b" %d" % len(self.sent),
                timeout_height=height,
                timeout_timestamp=time_ns,
            )
        except HuitongError:
            self.refused += 1
            return
        self.sent.append(Sent(end, packet))

    def make_blocks(self, side: int, count: int, duration_ns: int) -> None:
        """Let a zone go on by itself."""
        for _ in range(count):
            self.ends[side].zone.next_block(duration_ns=duration_ns)

    def close(self, side: int) -> None:
        """Ask a zone to close its end."""
        self._deliver(self.ends[side], self.ends[side].close_init_message())

    def confirm_close(self, side: int) -> None:
        """Tell a zone that the other end is closed, true or not."""
        end = self.ends[side]
        if self._catch_up(end):
            self._deliver(end, end.close_confirm_message())

    def build(self, kind: str, index: int) -> None:
        """Prove something about a packet as of now, and keep the message for later."""
        if not self.sent:
            return
        sent = self.sent[index % len(self.sent)]
        source, packet = sent.source, sent.packet
        target = source.other if kind == "receive" else source
        if not self._catch_up(target):
            return
        sequence = packet.sequence
        message: Any
        if kind == "receive":
            message = target.recv_message(packet)
        elif kind == "acknowledge":
            message = source.acknowledgement_message(packet, sent.acknowledgement)
        elif kind == "time out":
            message = source.timeout_message(packet, next_sequence=self._next(source))
        else:
            message = source.timeout_on_close_message(packet, next_sequence=sequence)
        self.pool.append((target, message))

    def deliver(self, index: int, relayer: int) -> None:
        """Deliver a message of the pool, which stays in it."""
        if self.pool:
            end, message = self.pool[index % len(self.pool)]
            message.signer = RELAYERS[relayer]
            self._deliver(end, message)

    def forge(self, index: int) -> None:
        """Make a message about a packet that nobody sent out of one that was."""
        if self.pool:
            end, message = self.pool[index % len(self.pool)]
            forged = type(message)()
            forged.CopyFrom(message)
            forged.packet.sequence += 1 + index % 3 * 100
            self.pool.append((end, forged))

    def drop(self, index: int) -> None:
        """Lose a message of the pool."""
        if self.pool:
            del self.pool[index % len(self.pool)]

    def acknowledge_late(self, index: int) -> None:
        """Let an application write the acknowledgement that it owes, or does not."""
        if not self.sent:
            return
        sent = self.sent[index % len(self.sent)]
        zone = sent.source.other.zone
        ctx = zone.context()
        try:
            packets.write_acknowledgement(ctx, sent.packet, b"later")
        except HuitongError:
            self.refused += 1
            return
        zone.take(ctx)

    def _next(self, source: Endpoint) -> int:
        store = source.other.zone.context().store(keys.STORE)
        return state.get_next_sequence_receive(store, "mock", source.other.channel_id)

    def _catch_up(self, end: Endpoint) -> bool:
        try:
            end.catch_up()
        except HuitongError:
            self.refused += 1
            return False
        return True

    def _deliver(self, end: Endpoint, message: Any) -> None:
        try:
            end.zone.deliver(message)
        except HuitongError:
            self.refused += 1
            return
        self.delivered += 1

    # --- what must hold -----------------------------------------------------------------

    def check(self) -> None:
        """Fail unless every property holds."""
        for end in self.ends:
            ctx, other = end.zone.context(), end.other.zone.context()
            acknowledged = count_steps(ctx, "on_acknowledgement_packet")
            timed_out = count_steps(ctx, "on_timeout_packet")
            received = count_steps(other, "on_recv_packet")
            for counts in (acknowledged, timed_out, received):
                assert set(counts.values()) <= {1}
            assert acknowledged.keys().isdisjoint(timed_out)
            mine = [sent for sent in self.sent if sent.source is end]
            assert received.keys() <= {sent.key for sent in mine}
            outstanding = [sent for sent in mine if self._is_outstanding(sent)]
            settled = len(acknowledged) + len(timed_out)
            assert len(mine) == len(outstanding) + settled
            for sent in mine:
                if sent.key in acknowledged:
                    assert self.was_received(sent)
                if sent.key in timed_out:
                    assert not self.was_received(sent)

    def _is_outstanding(self, sent: Sent) -> bool:
        packet = sent.packet
        store = sent.source.zone.context().store(keys.STORE)
        found = state.find_commitment(
            store, packet.source_port, packet.source_channel, packet.sequence
        )
        return found is not None

    def was_received(self, sent: Sent) -> bool:
        """Return whether the other zone has taken the packet in."""
        packet = sent.packet
        place = (packet.destination_port, packet.destination_channel)
        store = sent.source.other.zone.context().store(keys.STORE)
        if self.ordering == ORDERED:
            return packet.sequence < state.get_next_sequence_receive(store, *place)
        return state.has_receipt(store, *place, packet.sequence)

    # --- healing ------------------------------------------------------------------------

    def heal(self) -> None:
        """Relay honestly and let time run out, again and again.

        Even what is settled is brought to its receiver once more: it must not matter.
        """
        for turn in range(4):
            if turn and not self.stuck():
                return
            for kind in KINDS:
                for index, sent in enumerate(self.sent):
                    again = turn == 0 and kind == "receive"
                    if not again and not self._is_outstanding(sent):
                        continue
                    if kind == "acknowledge":
                        self._owe_nothing(index)
                    self.pool.clear()
                    self.build(kind, index)
                    self.deliver(0, 0)
                self.check()
            for side in (0, 1):
                self.make_blocks(side, 40, 100 * NS_PER_SECOND)

    def _owe_nothing(self, index: int) -> None:
        if self.sent[index].packet.data.startswith(b"async"):
            self.acknowledge_late(index)

    def stuck(self) -> list[Sent]:
        """Return packets that are not settled although they could be.

        What was received but not acknowledged before a channel closed stays as it is:
        that is IBC's rule, and the applications' to know.
        """
        return [
            sent
            for sent in self.sent
            if self._is_outstanding(sent)
            and not (self.was_received(sent) and self._is_closed())
        ]

    def _is_closed(self) -> bool:
        states = [
            state.get_channel(
                end.zone.context().store(keys.STORE), "mock", end.channel_id
            ).state
            for end in self.ends
        ]
        return channel_pb2.STATE_CLOSED in states

    def digest(self) -> str:
        """Return one hash over both zones' newest app hashes and all they told."""
        parts = []
        for end in self.ends:
            end.zone.next_block()
            parts.append(end.zone.state.root_hash)
            parts.append(repr(end.zone.events).encode())
        return sha256(b"".join(parts)).hex()


# --- swarm --------------------------------------------------------------------------------


def live(seed: int, steps: int) -> World:
    """Return a world after a life that ``seed`` decides about, and after healing.

    The seed draws first what exists at all (how often each thing happens, which limits,
    whether channels close) and then the steps: rare combinations would hardly occur if
    every life had a little of everything.

    Raises:
        AssertionError: a property does not hold.
    """
    chance = random.Random(seed)
    world = World(chance.choice((ORDERED, UNORDERED)))
    limits = chance.sample(LIMITS, 2)
    orders = chance.sample(ORDERS, 2)
    closing = chance.random() < 0.4
    kinds = chance.choices(KINDS, k=3)

    def send() -> None:
        blocks, seconds = chance.choice(limits)
        world.send(chance.randrange(2), chance.choice(orders), blocks, seconds)

    def build() -> None:
        world.build(chance.choice((*KINDS[:3], *kinds)), chance.randrange(1_000))

    def deliver() -> None:
        index = chance.randrange(1_000)
        world.deliver(index, 0)
        if chance.random() < 0.3:
            world.deliver(index, 1)

    def make_blocks() -> None:
        second = chance.choice((1, NS_PER_SECOND - 1, NS_PER_SECOND, NS_PER_SECOND + 1))
        world.make_blocks(chance.randrange(2), chance.randrange(1, 4), second)

    def close() -> None:
        if closing and len(world.sent) > 6:
            step = chance.choice((world.close, world.confirm_close))
            step(chance.randrange(2))

    def forget() -> None:
        world.drop(chance.randrange(1_000))

    def owe() -> None:
        world.acknowledge_late(chance.randrange(1_000))

    def forge() -> None:
        world.forge(chance.randrange(1_000))

    happenings = (send, build, deliver, make_blocks, forge, forget, owe, close)
    weights = [chance.choice(WEIGHTS) for _ in happenings]
    weights[:3] = [chance.choice(WEIGHTS[1:]) for _ in range(3)]
    weights[-1] = min(weights[-1], 1)
    for happening in chance.choices(happenings, weights, k=steps):
        happening()
        world.check()
    world.heal()
    assert world.stuck() == []
    return world
