"""Claims that go out and come back, with real proofs between three chains."""

from __future__ import annotations

import pytest

from huitong.core.errors import RejectedError
from huitong.core.height import Height
from huitong.core.time import NS_PER_SECOND
from huitong.modules import transfer
from huitong.modules.transfer.state import get_escrow_total
from huitong.testing.actors import address_of
from huitong.testing.foreign_bank import COIN
from huitong.testing.transfers import (
    RICH,
    RICHES,
    TransferNet,
    another_channel,
    open_transfers,
)

TAKEN = b'{"result":"AQ=="}'


@pytest.fixture
def net() -> TransferNet:
    return open_transfers()


def riches(net: TransferNet, holder: str = RICH) -> int:
    return net.bank.balance(net.foreign.context(), holder)


def escrowed(net: TransferNet, denom: str) -> tuple[int, int]:
    """Return what the escrow of a's end towards b holds, and the total that is kept."""
    address = transfer.escrow_address("transfer", net.a_to_b.a.channel_id)
    total = get_escrow_total(net.a.context(), denom)
    return net.held_by(net.a, address, denom), total


def test_there_and_back_ends_with_the_starting_balances(net: TransferNet) -> None:
    denom = net.fund("alice", 100)
    assert (net.held(net.a, "alice", denom), riches(net)) == (100, RICHES - 100)
    back = net.send(net.foreign_to_a.b, "alice", RICH, denom, 100)
    assert net.supply(net.a, denom) == 0
    assert net.settle(net.foreign_to_a.b, back) == TAKEN
    assert (net.held(net.a, "alice", denom), riches(net)) == (0, RICHES)


def test_voucher_that_goes_on_waits_in_escrow_until_it_comes_back(
    net: TransferNet,
) -> None:
    denom, denom_on_b = net.fund("alice", 100), net.voucher_on_b()
    out = net.send(net.a_to_b.a, "alice", address_of("bob"), denom, 40)
    assert net.settle(net.a_to_b.a, out) == TAKEN
    assert net.held(net.b, "bob", denom_on_b) == 40
    assert escrowed(net, denom) == (40, 40)
    assert (net.held(net.a, "alice", denom), net.supply(net.a, denom)) == (60, 100)
    back = net.send(net.a_to_b.b, "bob", address_of("carol"), denom_on_b, 40)
    assert net.settle(net.a_to_b.b, back) == TAKEN
    assert net.held(net.a, "carol", denom) == 40
    assert escrowed(net, denom) == (0, 0)
    assert net.supply(net.b, denom_on_b) == 0
    home = net.send(net.foreign_to_a.b, "carol", RICH, denom, 40)
    assert net.settle(net.foreign_to_a.b, home) == TAKEN
    assert riches(net) == RICHES - 60


def test_each_channel_has_an_escrow_and_a_voucher_of_its_own(net: TransferNet) -> None:
    denom = net.fund("alice", 100)
    second = another_channel(net.a_to_b)
    first = net.send(net.a_to_b.a, "alice", address_of("bob"), denom, 10)
    other = net.send(second.a, "alice", address_of("bob"), denom, 20)
    net.settle(net.a_to_b.a, first)
    net.settle(second.a, other)
    ways = [f"transfer/{end.channel_id}/" for end in (net.a_to_b.b, second.b)]
    inner = f"transfer/{net.foreign_to_a.b.channel_id}/{COIN}"
    held = [net.held(net.b, "bob", transfer.voucher_denom(way + inner)) for way in ways]
    assert held == [10, 20]
    assert escrowed(net, denom) == (10, 30)


def test_voucher_sent_over_another_channel_than_it_came_from_does_not_go_home(
    net: TransferNet,
) -> None:
    denom = net.fund("alice", 100)
    second = another_channel(net.foreign_to_a)
    packet = net.send(second.b, "alice", "cosmos1poor", denom, 30)
    assert net.settle(second.b, packet) == TAKEN
    there = f"transfer/{second.a.channel_id}/transfer/{net.foreign_to_a.b.channel_id}"
    ctx = net.foreign.context()
    assert net.bank.balance(ctx, "cosmos1poor", f"{there}/{COIN}") == 30
    assert net.bank.balance(ctx, "cosmos1poor") == 0
    assert net.supply(net.a, denom) == 100


def test_refused_transfer_is_given_back(net: TransferNet) -> None:
    denom = net.fund("alice", 100)
    packet = net.send(net.foreign_to_a.b, "alice", "nobody", denom, 70)
    assert net.held(net.a, "alice", denom) == 30
    assert b"ABCI code: 7" in net.settle(net.foreign_to_a.b, packet)
    assert (net.held(net.a, "alice", denom), net.supply(net.a, denom)) == (100, 100)


def test_refused_transfer_out_of_escrow_is_given_back(net: TransferNet) -> None:
    denom = net.fund("alice", 100)
    packet = net.send(net.a_to_b.a, "alice", address_of("stranger"), denom, 70)
    assert escrowed(net, denom) == (70, 70)
    assert b"ABCI code: 9" in net.settle(net.a_to_b.a, packet)
    assert (net.held(net.a, "alice", denom), escrowed(net, denom)) == (100, (0, 0))
    assert net.supply(net.b, net.voucher_on_b()) == 0


def test_transfer_past_its_time_is_given_back(net: TransferNet) -> None:
    denom = net.fund("alice", 100)
    second = NS_PER_SECOND
    packet = net.send(
        net.foreign_to_a.b, "alice", RICH, denom, 70, timeout_ns=20 * second
    )
    net.foreign.next_block(duration_ns=30 * second)
    with pytest.raises(RejectedError, match="timeout elapsed"):
        net.foreign_to_a.a.receive(packet)
    net.foreign_to_a.b.time_out(packet)
    assert (net.held(net.a, "alice", denom), net.supply(net.a, denom)) == (100, 100)
    assert net.a.told("timeout") == [
        {
            "module": "transfer",
            "refund_receiver": address_of("alice"),
            "refund_denom": f"transfer/{net.foreign_to_a.b.channel_id}/{COIN}",
            "refund_amount": "70",
            "memo": "",
        }
    ]


def test_transfer_past_its_height_is_given_back_out_of_escrow(net: TransferNet) -> None:
    denom = net.fund("alice", 100)
    limit = Height(net.b.height.revision_number, net.b.height.revision_height + 2)
    packet = net.send(
        net.a_to_b.a,
        "alice",
        address_of("bob"),
        denom,
        70,
        timeout_ns=0,
        timeout_height=limit.to_proto(),
    )
    for _ in range(3):
        net.b.next_block()
    net.a_to_b.a.time_out(packet)
    assert (net.held(net.a, "alice", denom), escrowed(net, denom)) == (100, (0, 0))


def test_coins_that_are_refused_here_go_back_there(net: TransferNet) -> None:
    packet = net.send_in(address_of("stranger"), 5)
    assert b"ABCI code: 9" in net.settle(net.foreign_to_a.a, packet)
    assert riches(net) == RICHES
    assert net.supply(net.a, net.voucher()) == 0


def test_all_that_is_held_goes_with_the_largest_amount(net: TransferNet) -> None:
    denom = net.fund("alice", 100)
    packet = net.send(net.foreign_to_a.b, "alice", RICH, denom, 2**256 - 1)
    assert b'"amount":"100"' in packet.data
    assert net.a.told("ibc_transfer")[0]["amount"] == "100"
    net.settle(net.foreign_to_a.b, packet)
    assert riches(net) == RICHES


def test_export_makes_the_same_zone_again(net: TransferNet) -> None:
    denom = net.fund("alice", 100)
    out = net.send(net.a_to_b.a, "alice", address_of("bob"), denom, 40)
    net.settle(net.a_to_b.a, out)
    net.a.next_block()
    exported = net.a.export()
    again = type(net.a)(
        net.a.chain_id,
        net.a.modules,
        clock=net.a.clock,
        ports=net.a.ports,
        genesis=exported,
    )
    again.next_block()
    assert again.export() == exported
    assert get_escrow_total(again.context(), denom) == 40
