"""What is known about the packets of one direction of a channel. Pure.

A *lane* holds the packets that go from chain a to chain b through one channel. It starts
as a reading of both chains' state and is kept up to date by their events. Events may come
twice, late, or from b before a: the facts they leave are the same. Whatever a lane does
not know or got wrong is put right by the next reading of the state; nothing in it has to
be remembered.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, TypeVar

from huitong.core.height import Height
from huitong.proto.ibc.core.channel.v1 import channel_pb2
from huitong.relayer import packet_events
from huitong.relayer.packet_events import PacketEvent

#: Facts from b about packets that a has not told yet; more are forgotten, oldest first.
EARLY_FACTS_MAX: Final = 20_000

FactT = TypeVar("FactT")


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelEnd:
    """One end of a channel."""

    port_id: str
    """Port on its chain."""
    channel_id: str
    """Channel on its chain."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SentPacket:
    """A packet whose commitment stands on a."""

    packet: channel_pb2.Packet
    """The packet as a sent it."""
    height_on_a: int
    """A block of a after which the commitment stood."""
    timeout_height_on_b: Height
    """Height of b from which it may no longer be received; 0-0 for none."""
    timeout_time_ns: int
    """Time of b from which it may no longer be received; 0 for none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenAcknowledgement:
    """b's answer to a packet."""

    acknowledgement: bytes
    """The bytes whose hash b stores."""
    height_on_b: int
    """A block of b after which the hash stood."""


@dataclass(slots=True, kw_only=True)
class Lane:
    """Packets on their way from a to b."""

    end_on_a: ChannelEnd
    """Where they are sent."""
    end_on_b: ChannelEnd
    """Where they arrive."""
    is_ordered: bool = False
    """Whether b takes them only in the order of their sequences."""
    sent: dict[int, SentPacket] = field(default_factory=dict)
    """By sequence: commitments that stand on a."""
    received: dict[int, int] = field(default_factory=dict)
    """By sequence: a block of b after which the packet was received."""
    answers: dict[int, WrittenAcknowledgement] = field(default_factory=dict)
    """By sequence: acknowledgements written on b."""
    next_receive_on_b: int = 1
    """Ordered lanes: the sequence that b takes next."""
    is_closed_on_a: bool = False
    """Whether a's end is closed."""
    is_closed_on_b: bool = False
    """Whether b's end is closed."""

    def apply_event_on_a(self, told: PacketEvent, height_on_a: int) -> None:
        """Take in an event of a; those of other channels change nothing."""
        if not told.is_from(self.end_on_a.port_id, self.end_on_a.channel_id):
            return
        if told.kind == packet_events.SEND_PACKET:
            self.add_sent(told.packet(), height_on_a)
        elif told.kind in packet_events.SETTLING:
            self.settle(told.sequence)

    def apply_event_on_b(self, told: PacketEvent, height_on_b: int) -> None:
        """Take in an event of b; those of other channels change nothing."""
        if not told.is_to(self.end_on_b.port_id, self.end_on_b.channel_id):
            return
        if told.kind == packet_events.RECV_PACKET:
            self.add_received(told.sequence, height_on_b)
        elif told.kind == packet_events.WRITE_ACKNOWLEDGEMENT:
            self.add_answer(told.sequence, told.acknowledgement(), height_on_b)

    def add_sent(self, packet: channel_pb2.Packet, height_on_a: int) -> None:
        """Note that a's commitment for ``packet`` stood after block ``height_on_a``."""
        self.sent[packet.sequence] = SentPacket(
            packet=packet,
            height_on_a=height_on_a,
            timeout_height_on_b=Height.from_proto(packet.timeout_height),
            timeout_time_ns=packet.timeout_timestamp,
        )

    def add_received(self, sequence: int, height_on_b: int) -> None:
        """Note that b had received the packet after block ``height_on_b``."""
        self.received.setdefault(sequence, height_on_b)
        self.next_receive_on_b = max(self.next_receive_on_b, sequence + 1)
        _drop_oldest(self.received)

    def add_answer(
        self, sequence: int, acknowledgement: bytes, height_on_b: int
    ) -> None:
        """Note that b's acknowledgement stood after block ``height_on_b``."""
        self.add_received(sequence, height_on_b)
        if sequence not in self.answers:
            self.answers[sequence] = WrittenAcknowledgement(
                acknowledgement=acknowledgement, height_on_b=height_on_b
            )
        _drop_oldest(self.answers)

    def settle(self, sequence: int) -> None:
        """Forget a packet: a has deleted its commitment."""
        self.sent.pop(sequence, None)
        self.received.pop(sequence, None)
        self.answers.pop(sequence, None)


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneReading:
    """A lane as both states showed it."""

    lane: Lane
    """The packets."""
    height_on_a: int
    """The version of a's state that was read."""
    height_on_b: int
    """The version of b's state that was read; never older than the facts from a."""
    missing: tuple[int, ...]
    """Sequences whose contents the nodes did not find; they cannot be relayed."""


def _drop_oldest(facts: dict[int, FactT]) -> None:
    if len(facts) > EARLY_FACTS_MAX:
        del facts[next(iter(facts))]
