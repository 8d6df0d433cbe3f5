"""Pushes under a standing permission in a hostile order of events: random histories.

Each version arrives at most once, a grant is used as often as it was promised, what b has
is what a decided on, and nothing is given once the permission is over in a.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from huitong.core.errors import RejectedError
from huitong.core.time import NS_PER_SECOND
from huitong.modules import exchange, grants
from huitong.modules.exchange.packets import decode_packet
from huitong.modules.exchange.state import all_pushes, find_exchange
from huitong.modules.exchange.subscriptions import get_subscription
from huitong.modules.records.state import get_record
from huitong.proto.huitong.exchange.v1 import exchange_pb2 as pb
from huitong.proto.huitong.grants.v1 import grants_pb2
from huitong.proto.ibc.core.channel.v1.channel_pb2 import Packet
from huitong.testing.exchanges import (
    PUBLISHER,
    ExchangePair,
    open_exchange,
    sent_packet,
    written_acknowledgement,
)
from huitong.testing.links import Endpoint

COUNT_MAX: Final = 4
GRANT_MAX: Final = 5
ACTIONS: Final = (
    *["push"] * 6,
    *["publish"] * 2,
    *["receive"] * 4,
    *["settle"] * 4,
    *["time out"] * 2,
    *["confirm"] * 2,
    "wait",
    "withdraw",
    "end on a",
    "end on b",
)


@dataclass
class History:
    """Two zones with a standing permission, and every packet that was ever seen."""

    pair: ExchangePair = field(default_factory=open_exchange)
    sent: list[tuple[Endpoint, Packet]] = field(default_factory=list)
    acknowledgements: dict[tuple[str, int], bytes] = field(default_factory=dict)

    def begin(self) -> None:
        self.pair.publish()
        self.pair.grant(count_max=GRANT_MAX)
        self.pair.subscribed(count_max=COUNT_MAX, term_until=self.pair.now_s + 600)

    def act(self, action: str, choice: int) -> None:
        # A refusal is an answer; the checks tell whether it left traces.
        with suppress(RejectedError):
            self._act(action, choice)

    def _act(self, action: str, choice: int) -> None:
        pair = self.pair
        if action == "push":
            self._push(choice)
        elif action == "publish":
            pair.publish_version(self.head_version())
        elif action == "confirm":
            push = find_exchange(
                pair.b.context(), exchange.REQUESTER, "channel-0", 1, 1 + choice % 4
            )
            if push is not None:
                digest = push.decision.payload_digest
                number = push.push_number
                packet = pair.confirm(1, push_number=number, payload_digest=digest)
                self.sent.append((pair.path.b, packet))
        elif action == "withdraw":
            pair.a.deliver(
                grants_pb2.MsgWithdrawGrant(signer=PUBLISHER, grant_id=1, reason="r")
            )
        elif action.startswith("end"):
            on_a = action == "end on a"
            pair.end(1, on_a=on_a)
            end = pair.path.a if on_a else pair.path.b
            self.sent.append((end, sent_packet(end.zone)))
        elif action == "wait":
            for zone in (pair.a, pair.b):
                zone.next_block(duration_ns=choice * NS_PER_SECOND)
        elif self.sent:
            self._carry(action, *self.sent[-1 - choice % min(4, len(self.sent))])

    def _push(self, choice: int) -> None:
        pair = self.pair
        active = self.on_a().state == pb.SUBSCRIPTION_STATE_ACTIVE
        version = choice // 3 % self.head_version() if choice % 3 == 2 else 0
        timeout_ns = (20 + choice) * NS_PER_SECOND
        response = pair.push(1, version=version, timeout_ns=timeout_ns)
        assert active, "something was pushed although it is over"
        if response.sequence:
            self.sent.append((pair.path.a, sent_packet(pair.a)))

    def _carry(self, action: str, source: Endpoint, packet: Packet) -> None:
        key = (source.zone.chain_id, packet.sequence)
        if action == "receive":
            source.other.receive(packet)
            made = written_acknowledgement(source.other.zone)
            if made is not None:
                assert self.acknowledgements.setdefault(key, made) == made
        elif action == "settle" and key in self.acknowledgements:
            source.acknowledge(packet, self.acknowledgements[key])
        elif action == "time out":
            source.time_out(packet)

    def head_version(self) -> int:
        return get_record(self.pair.a.context(), "tax", "inv-1").version

    def on_a(self) -> pb.Subscription:
        ctx = self.pair.a.context()
        return get_subscription(ctx, exchange.PROVIDER, "channel-0", 1)

    def on_b(self) -> pb.Subscription:
        ctx = self.pair.b.context()
        return get_subscription(ctx, exchange.REQUESTER, "channel-0", 1)

    def check(self) -> None:
        on_a = {push.push_number: push for push in all_pushes(self.pair.a.context())}
        on_b = {push.push_number: push for push in all_pushes(self.pair.b.context())}
        versions = [push.decision.version for push in on_b.values()]
        assert len(set(versions)) == len(versions), "a version arrived twice"
        for number, push in on_b.items():
            other = on_a[number]
            assert (push.decision, push.request) == (other.decision, other.request)
            assert push.sealed_digest == other.sealed_digest
            assert other.status in (
                pb.EXCHANGE_STATUS_DELIVERED,
                pb.EXCHANGE_STATUS_RECEIVED,
            )
            if other.HasField("receipt"):
                assert push.receipt == other.receipt
        assert sorted(on_a) == list(range(1, len(on_a) + 1))
        kept = self.on_a()
        assert kept.push_count == kept.push_last == len(on_a) <= COUNT_MAX
        assert self.on_b().push_count == len(on_b)
        used = grants.get_grant(self.pair.a.context(), 1).count_used
        assert used == len(on_a) <= GRANT_MAX

    def settle(self) -> None:
        """Let honest relayers finish: then both zones agree on what arrived."""
        for zone in (self.pair.a, self.pair.b):
            zone.next_block(duration_ns=100 * NS_PER_SECOND)
        for source, packet in self.sent:
            for action in ("time out", "receive", "settle"):
                with suppress(RejectedError):
                    self._carry(action, source, packet)
        arrived = {push.push_number for push in all_pushes(self.pair.b.context())}
        for push in all_pushes(self.pair.a.context()):
            gone = push.status in (
                pb.EXCHANGE_STATUS_TIMED_OUT,
                pb.EXCHANGE_STATUS_FAILED,
            )
            assert gone != (push.push_number in arrived)


@pytest.mark.slow
@given(
    st.lists(
        st.tuples(st.sampled_from(ACTIONS), st.integers(0, 40)),
        min_size=5,
        max_size=40,
    )
)
def test_versions_arrive_at_most_once_in_any_order_of_events(
    steps: list[tuple[str, int]],
) -> None:
    history = History()
    history.begin()
    for action, choice in steps:
        history.act(action, choice)
        history.check()
    history.settle()
    history.check()
    for _, packet in history.sent:
        assert decode_packet(packet.data).WhichOneof("packet")
