"""Exchanges under a hostile order of events: random histories, checked after each.

Whatever order relayers choose, whoever repeats a packet, and whenever officers answer:
what b believes follows from what a decided, a grant is used as often as it was promised,
and no request waits for ever.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from huitong.core.errors import RejectedError
from huitong.core.limits import OFFICER_TERM_S_MAX
from huitong.core.time import NS_PER_SECOND
from huitong.modules import exchange, grants
from huitong.modules.exchange.deadlines import refuse_overdue
from huitong.modules.exchange.decisions import encode_decision
from huitong.modules.exchange.keys import DEADLINE_PREFIX, STORE
from huitong.modules.exchange.state import (
    all_exchanges,
    all_waiting,
    waiting_count,
)
from huitong.proto.huitong.exchange.v1 import exchange_pb2 as pb
from huitong.proto.huitong.grants.v1 import grants_pb2
from huitong.proto.ibc.core.channel.v1 import channel_pb2
from huitong.testing.exchanges import (
    PUBLISHER,
    ExchangePair,
    open_exchange,
    written_acknowledgement,
)

COUNT_MAX: Final = 3
ACTIONS: Final = (
    "request",
    "request",
    "receive",
    "receive",
    "receive",
    "acknowledge",
    "acknowledge",
    "acknowledge",
    "decide",
    "refuse",
    "deliver",
    "confirm",
    "confirm",
    "withdraw",
    "wait",
    "time out",
)
#: What b may hold for each status on a.
AGREES: Final = {
    pb.EXCHANGE_STATUS_REQUESTED: {pb.EXCHANGE_STATUS_REQUESTED},
    pb.EXCHANGE_STATUS_GRANTED: {
        pb.EXCHANGE_STATUS_REQUESTED,
        pb.EXCHANGE_STATUS_GRANTED,
        pb.EXCHANGE_STATUS_RECEIVED,
    },
    pb.EXCHANGE_STATUS_REFUSED: {
        pb.EXCHANGE_STATUS_REQUESTED,
        pb.EXCHANGE_STATUS_REFUSED,
    },
    pb.EXCHANGE_STATUS_DELIVERED: {
        pb.EXCHANGE_STATUS_REQUESTED,
        pb.EXCHANGE_STATUS_GRANTED,
        pb.EXCHANGE_STATUS_RECEIVED,
    },
    pb.EXCHANGE_STATUS_RECEIVED: {pb.EXCHANGE_STATUS_RECEIVED},
}


@dataclass
class History:
    """Two zones and every packet and acknowledgement that was ever seen."""

    pair: ExchangePair = field(default_factory=open_exchange)
    packets: list[channel_pb2.Packet] = field(default_factory=list)
    acknowledgements: dict[int, bytes] = field(default_factory=dict)
    settled: dict[int, str] = field(default_factory=dict)

    def begin(self) -> None:
        self.pair.publish()
        self.pair.grant(fields=["amount"], count_max=COUNT_MAX)

    def act(self, action: str, choice: int) -> None:
        # A refusal is an answer; the checks tell whether it left traces.
        with suppress(RejectedError):
            self._act(action, choice)

    def _act(self, action: str, choice: int) -> None:
        pair = self.pair
        packet = self.packets[choice % len(self.packets)] if self.packets else None
        sequence = packet.sequence if packet is not None else 1
        if action == "request" and len(self.packets) < 4:
            fields = ["amount"] if choice % 2 else ["buyer"]
            timeout_ns = (40 + choice) * NS_PER_SECOND
            self.packets.append(pair.request(fields=fields, timeout_ns=timeout_ns))
        elif action == "receive" and packet is not None:
            pair.receive(packet)
            self._note(packet)
        elif action == "acknowledge" and packet is not None:
            known = self.acknowledgements.get(packet.sequence)
            if known is not None:
                pair.acknowledge(packet, known)
                if pair.b.told("acknowledge_packet"):
                    self._settle(packet, "acknowledged")
        elif action == "time out" and packet is not None:
            pair.path.b.time_out(packet)
            if pair.b.told("timeout_packet"):
                self._settle(packet, "timed out")
        elif action in ("decide", "refuse"):
            refuse = action == "refuse"
            outcome = pb.OUTCOME_REFUSED if refuse else pb.OUTCOME_GRANTED
            made = pair.decide(sequence, outcome=outcome, reason="r")
            self.acknowledgements[sequence] = made
        elif action == "deliver":
            pair.deliver_sealed(sequence)
        elif action == "confirm":
            self.packets.append(pair.confirm(sequence, timeout_ns=60 * NS_PER_SECOND))
        elif action == "withdraw":
            pair.a.deliver(grants_pb2.MsgWithdrawGrant(signer=PUBLISHER, grant_id=1))
        elif action == "wait":
            self.wait(choice)

    def wait(self, seconds: int) -> None:
        for zone in (self.pair.b, self.pair.a):
            zone.next_block(duration_ns=seconds * NS_PER_SECOND // 4)
        ctx = self.pair.a.context()
        for kept in all_exchanges(ctx):
            if kept.decision.reason_code == "deadline":
                made = encode_decision(kept.decision)
                self.acknowledgements.setdefault(kept.sequence, made)

    def _note(self, packet: channel_pb2.Packet) -> None:
        made = written_acknowledgement(self.pair.a)
        if made is not None:
            assert packet.sequence not in self.acknowledgements, "acknowledged twice"
            self.acknowledgements[packet.sequence] = made

    def _settle(self, packet: channel_pb2.Packet, how: str) -> None:
        known = self.settled.setdefault(packet.sequence, how)
        assert known == how, "a packet was acknowledged and timed out"

    def check(self) -> None:
        on_a, on_b = self.pair.a.context(), self.pair.b.context()
        held = list(all_exchanges(on_a))
        for kept in held:
            other = exchange.get_exchange(
                on_b, exchange.REQUESTER, kept.channel_id, kept.sequence
            )
            assert other.status in AGREES[kept.status], (kept.status, other.status)
            assert other.request == kept.request
            if other.HasField("decision"):
                assert other.decision == kept.decision
            if kept.status == pb.EXCHANGE_STATUS_RECEIVED:
                assert other.receipt == kept.receipt
        waiting = [kept for kept in held if kept.status == pb.EXCHANGE_STATUS_REQUESTED]
        deadlines = list(on_a.store(STORE).iterate(DEADLINE_PREFIX, b"\x04"))
        assert len(waiting) == waiting_count(on_a, "channel-0") == len(deadlines)
        assert len(waiting) == len(list(all_waiting(on_a)))
        used = [kept for kept in held if kept.decision.grant_id]
        grant = grants.get_grant(on_a, 1)
        assert grant.count_used == len(used) <= COUNT_MAX

    def check_end(self) -> None:
        """After the longest term nothing waits any more."""
        self.pair.a.next_block(duration_ns=OFFICER_TERM_S_MAX * NS_PER_SECOND)
        ctx = self.pair.a.context()
        refuse_overdue(ctx)
        assert not list(all_waiting(ctx))
        assert all(
            kept.status != pb.EXCHANGE_STATUS_REQUESTED for kept in all_exchanges(ctx)
        )


@pytest.mark.slow
@given(
    st.lists(
        st.tuples(st.sampled_from(ACTIONS), st.integers(0, 40)),
        min_size=5,
        max_size=40,
    )
)
def test_exchanges_agree_in_any_order_of_events(steps: list[tuple[str, int]]) -> None:
    history = History()
    history.begin()
    for action, choice in steps:
        history.act(action, choice)
        history.check()
    history.check_end()
