"""Two chains and one lane between them, as far as a relayer's plan can see.

The model refuses what the real chains refuse, so a plan that repeats or forges an action
is found out.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from huitong.proto.ibc.core.channel.v1 import channel_pb2
from huitong.proto.ibc.core.client.v1 import client_pb2
from huitong.relayer.lane import ChannelEnd, Lane
from huitong.relayer.plan import Action, Head, Stage, plan_on_a, plan_on_b

END_ON_A = ChannelEnd(port_id="exchange", channel_id="channel-0")
END_ON_B = ChannelEnd(port_id="exchange", channel_id="channel-7")
BLOCK_NS = 1_000


def packet(sequence: int, *, timeout_height: int = 0, timeout_ns: int = 0):
    return channel_pb2.Packet(
        sequence=sequence,
        source_port=END_ON_A.port_id,
        source_channel=END_ON_A.channel_id,
        destination_port=END_ON_B.port_id,
        destination_channel=END_ON_B.channel_id,
        data=f"packet {sequence}".encode(),
        timeout_height=client_pb2.Height(
            revision_number=1 if timeout_height else 0, revision_height=timeout_height
        ),
        timeout_timestamp=timeout_ns,
    )


def head(height: int) -> Head:
    return Head(revision=1, height=height, time_ns=height * BLOCK_NS)


def lane(*, ordered: bool = False) -> Lane:
    return Lane(end_on_a=END_ON_A, end_on_b=END_ON_B, is_ordered=ordered)


@dataclass
class TwoChains:
    """The state of both chains; every action that is carried out makes a block."""

    ordered: bool = False
    height_on_a: int = 1
    height_on_b: int = 1
    sent: dict[int, tuple[channel_pb2.Packet, int]] = field(default_factory=dict)
    receipts: dict[int, int] = field(default_factory=dict)
    answers: dict[int, tuple[bytes, int]] = field(default_factory=dict)
    fates: dict[int, Stage] = field(default_factory=dict)
    closed_on_b: bool = False
    closed_on_a: bool = False

    @property
    def next_receive(self) -> int:
        return max(self.receipts, default=0) + 1

    def make_blocks(self, *, on_a: int = 0, on_b: int = 0) -> None:
        self.height_on_a += on_a
        self.height_on_b += on_b

    def send(self, item: channel_pb2.Packet) -> None:
        self.height_on_a += 1
        self.sent[item.sequence] = (item, self.height_on_a)

    def answer(self, sequence: int) -> None:
        self.height_on_b += 1
        self.answers[sequence] = (b"answer", self.height_on_b)

    def read(self) -> Lane:
        """What a relayer that has just started learns from both states."""
        found = lane(ordered=self.ordered)
        found.is_closed_on_a, found.is_closed_on_b = self.closed_on_a, self.closed_on_b
        for item, height in self.sent.values():
            found.add_sent(item, height)
        for sequence in self.sent:
            if sequence in self.receipts:
                found.add_received(sequence, self.receipts[sequence])
            if sequence in self.answers:
                found.add_answer(sequence, *self.answers[sequence])
        found.next_receive_on_b = self.next_receive
        return found

    def plan(self, known: Lane) -> list[Action]:
        head_on_a, head_on_b = head(self.height_on_a), head(self.height_on_b)
        return plan_on_b(known, head_on_a=head_on_a, head_on_b=head_on_b) + plan_on_a(
            known, head_on_b=head_on_b
        )

    def apply(self, action: Action, *, answers_at_once: bool = True) -> None:
        """Carry out an action as the chains do.

        Raises:
            AssertionError: the chains refuse it, or it is done already.
        """
        sequence = action.sequence
        assert sequence in self.sent, f"{action}: a has no such commitment"
        item, sent_height = self.sent[sequence]
        if action.stage is Stage.RECEIVE:
            assert sent_height < self.height_on_a, f"{action}: not provable yet"
            assert sequence not in self.receipts, f"{action}: received before"
            assert not self.closed_on_b, f"{action}: b's end is closed"
            assert not self._is_late(item, self.height_on_b + 1), f"{action}: too late"
            if self.ordered:
                assert sequence == self.next_receive, f"{action}: out of order"
            self.height_on_b += 1
            self.receipts[sequence] = self.height_on_b
            if answers_at_once:
                self.answers[sequence] = (b"answer", self.height_on_b)
            return
        if action.stage is Stage.ACKNOWLEDGE:
            _, written = self.answers[sequence]
            assert written < self.height_on_b, f"{action}: not provable yet"
        else:
            assert sequence not in self.receipts, f"{action}: b has received it"
            if action.stage is Stage.TIME_OUT:
                assert self._is_late(item, self.height_on_b), f"{action}: too early"
            else:
                assert self.closed_on_b, f"{action}: b's end is open"
            if self.ordered:
                self.closed_on_a = True
        del self.sent[sequence]
        self.fates[sequence] = action.stage
        self.height_on_a += 1

    def _is_late(self, item: channel_pb2.Packet, height: int) -> bool:
        by_height = item.timeout_height.revision_height
        if by_height and height >= by_height:
            return True
        by_time = item.timeout_timestamp
        # The time of b's next block is at least that of its newest one.
        return bool(by_time) and min(height, self.height_on_b) * BLOCK_NS >= by_time
