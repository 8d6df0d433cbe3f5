"""Claims under a hostile order of events: random histories, checked after each step.

Three chains and three channels. Whatever order relayers choose, whatever zone b makes up,
and whichever clients members take off the list: what is held adds up, what is out in the
other chain is covered by escrow as long as that chain is honest, and nothing that can be
proven is refused by the application that has to settle it.
"""

from __future__ import annotations

import json
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from huitong.core.errors import RejectedError
from huitong.core.time import NS_PER_SECOND
from huitong.modules import transfer
from huitong.modules.claims.state import all_holdings, all_supplies
from huitong.modules.transfer.state import get_escrow_total
from huitong.proto.ibc.core.channel.v1 import channel_pb2
from huitong.testing.actors import address_of
from huitong.testing.foreign_bank import COIN
from huitong.testing.links import Endpoint, Path
from huitong.testing.transfers import (
    RICH,
    RICHES,
    TransferNet,
    another_channel,
    open_transfers,
    rules,
)
from huitong.testing.zones import SimZone

ACTIONS: Final = (
    "in",
    "in",
    "out",
    "out",
    "on",
    "on",
    "back",
    "back",
    "deliver",
    "deliver",
    "deliver",
    "deliver",
    "settle",
    "settle",
    "settle",
    "time out",
    "wait",
    "list",
)
#: What a relayer may be refused for; every other refusal would be the application's.
RELAYING: Final = {"channel", "client", "commitment", "07-tendermint", "ibc"}


@dataclass
class Sent:
    """A packet and what became of it."""

    end: Endpoint
    packet: channel_pb2.Packet
    made_up: bool = False
    """Sent past the application of its zone, which therefore need not settle it."""
    acknowledgement: bytes = b""
    settled: bool = False


@dataclass
class History:
    """The three chains and every packet that was sent."""

    net: TransferNet = field(default_factory=open_transfers)
    sent: list[Sent] = field(default_factory=list)
    lies: bool = False
    second: Path = field(init=False)

    def __post_init__(self) -> None:
        self.net.fund("alice", 50)
        self.second = another_channel(self.net.a_to_b)

    @property
    def paths(self) -> tuple[Path, Path]:
        """Both channels between zones a and b."""
        return self.net.a_to_b, self.second

    def act(self, action: str, choice: int) -> None:
        if action in ("deliver", "settle", "time out"):
            self._relay(action, choice)
            return
        # A refusal is an answer; the checks tell whether it left traces.
        with suppress(RejectedError):
            self._act(action, choice)

    def _act(self, action: str, choice: int) -> None:
        net, amount = self.net, choice % 7 + 1
        timeout_ns = (40 + choice) * NS_PER_SECOND
        path = self.paths[choice % 2]
        if action == "in":
            name = ("alice", "carol", "stranger")[choice % 3]
            packet = net.send_in(address_of(name), amount, timeout_ns=timeout_ns)
            self.sent.append(Sent(net.foreign_to_a.a, packet))
        elif action == "out":
            self._send(
                net.foreign_to_a.b, "alice", (RICH, "nobody")[choice % 2], choice
            )
        elif action == "on":
            receiver = address_of(("bob", "stranger")[choice % 5 == 0])
            self._send(path.a, "alice", receiver, choice)
        elif action == "back":
            receiver = address_of(("alice", "carol")[choice % 2])
            self._send(path.b, "bob", receiver, choice)
        elif action == "lie":
            self._make_up(path, choice)
        elif action == "wait":
            for zone in (net.foreign, net.a, net.b):
                zone.next_block(duration_ns=choice * NS_PER_SECOND // 4)
        elif action == "list":
            listed = [net.foreign_to_a.b.client_id] if choice % 2 else []
            allow_any = choice % 3 > 0
            net.a.deliver(rules(allow_any_client=allow_any, allowed_clients=listed))

    def _send(self, end: Endpoint, name: str, receiver: str, choice: int) -> None:
        denom = self.net.voucher()
        if end.zone is self.net.b:
            denom = transfer.voucher_denom(
                f"transfer/{end.channel_id}/transfer/channel-0/{COIN}"
            )
        timeout_ns = (40 + choice) * NS_PER_SECOND
        packet = self.net.send(
            end, name, receiver, denom, choice % 9 + 1, timeout_ns=timeout_ns
        )
        self.sent.append(Sent(end, packet))

    def _make_up(self, path: Path, choice: int) -> None:
        """Let zone b send back what it may never have had, in any form."""
        way = f"transfer/{path.b.channel_id}/transfer/channel-0/{COIN}"
        denom = (way, COIN, f"transfer/{path.b.channel_id}/{COIN}", "a/b/")[choice % 4]
        fields = {
            "amount": ("3", "50", "0", "-1", str(2**256 - 1))[choice % 5],
            "denom": denom,
            "receiver": address_of(("carol", "stranger")[choice % 2]),
            "sender": "liar",
        }
        data = json.dumps(fields).encode() if choice % 7 else b"\xff"
        self.sent.append(Sent(path.b, path.b.send(data), made_up=True))

    def _relay(self, action: str, choice: int) -> None:
        if not self.sent:
            return
        item = self.sent[choice % len(self.sent)]
        refused = self._refusal(action, item)
        if refused is not None:
            assert refused.codespace in RELAYING, refused
            assert action != "settle" or not item.acknowledgement, refused

    def _refusal(self, action: str, item: Sent) -> RejectedError | None:
        try:
            if action == "deliver":
                self._deliver(item)
            elif item.made_up:
                return None
            elif action == "settle" and item.acknowledgement:
                item.end.acknowledge(item.packet, item.acknowledgement)
                item.settled = True
            elif action == "time out":
                item.end.time_out(item.packet)
                item.settled = True
        except RejectedError as refused:
            return refused
        return None

    def _deliver(self, item: Sent) -> None:
        made = self.net.deliver(item.end, item.packet)
        if made:
            assert not item.acknowledgement, "acknowledged twice"
            item.acknowledgement = made

    # --- what must hold -----------------------------------------------------------------

    def check(self) -> None:
        for zone in (self.net.a, self.net.b):
            self._check_sums(zone)
        self._check_cover()

    def _check_sums(self, zone: SimZone) -> None:
        ctx = zone.context()
        sums: Counter[str] = Counter()
        escrowed: Counter[str] = Counter()
        escrows = {
            transfer.escrow_address("transfer", f"channel-{number}")
            for number in range(3)
        }
        for address, denom, amount in all_holdings(ctx):
            sums[denom] += amount
            if address in escrows:
                escrowed[denom] += amount
        assert dict(all_supplies(ctx)) == dict(sums)
        for denom in sums:
            assert get_escrow_total(ctx, denom) == escrowed[denom]

    def _check_cover(self) -> None:
        net = self.net
        locked = net.bank.balance(net.foreign.context(), "escrow/channel-0")
        assert net.supply(net.a, net.voucher()) <= locked
        assert net.bank.total(net.foreign.context()) == RICHES
        for path in self.paths if not self.lies else ():
            denom = transfer.voucher_denom(
                f"transfer/{path.b.channel_id}/transfer/channel-0/{COIN}"
            )
            escrow = transfer.escrow_address("transfer", path.a.channel_id)
            held = net.held_by(net.a, escrow, net.voucher())
            assert net.supply(net.b, denom) <= held

    def check_end(self) -> None:
        """When everything is settled, what is out is exactly what is in escrow."""
        net = self.net
        for item in self.sent:
            self._relay_to_the_end(item)
        locked = net.bank.balance(net.foreign.context(), "escrow/channel-0")
        assert net.supply(net.a, net.voucher()) == locked
        for path in self.paths:
            denom = transfer.voucher_denom(
                f"transfer/{path.b.channel_id}/transfer/channel-0/{COIN}"
            )
            escrow = transfer.escrow_address("transfer", path.a.channel_id)
            held = net.held_by(net.a, escrow, net.voucher())
            assert net.supply(net.b, denom) == held

    def _relay_to_the_end(self, item: Sent) -> None:
        if item.settled:
            return
        if not item.acknowledgement:
            zone = item.end.other.zone
            zone.next_block(duration_ns=100 * NS_PER_SECOND)
            item.end.time_out(item.packet)
        else:
            item.end.acknowledge(item.packet, item.acknowledgement)


def steps_of(actions: tuple[str, ...]) -> st.SearchStrategy[list[tuple[str, int]]]:
    step = st.tuples(st.sampled_from(actions), st.integers(0, 40))
    return st.lists(step, min_size=5, max_size=30)


@pytest.mark.slow
@settings(max_examples=25)
@given(steps_of(ACTIONS))
def test_claims_are_conserved_in_any_order_of_events(
    steps: list[tuple[str, int]],
) -> None:
    history = History()
    for action, choice in steps:
        history.act(action, choice)
        history.check()
    history.check_end()


@pytest.mark.slow
@settings(max_examples=25)
@given(steps_of((*ACTIONS, "lie", "lie", "lie")))
def test_a_chain_that_lies_takes_no_more_than_it_was_sent(
    steps: list[tuple[str, int]],
) -> None:
    history = History(lies=True)
    for action, choice in steps:
        history.act(action, choice)
        history.check()
