"""Only clients that the members have listed carry transfers; by default none does."""

from __future__ import annotations

from typing import Any

import pytest

from huitong.core.errors import RejectedError
from huitong.core.limits import TRANSFER_CLIENTS_MAX
from huitong.core.ports import ChannelOpening
from huitong.modules import transfer
from huitong.modules.transfer.errors import ClientNotAllowedError
from huitong.proto.huitong.transfer.v1 import transfer_pb2
from huitong.proto.ibc.core.channel.v1 import channel_pb2
from huitong.testing.actors import address_of
from huitong.testing.transfers import RICH, RICHES, open_transfers, rules

NOT_ALLOWED = b"ABCI code: 101"


def test_no_client_carries_transfers_unless_members_say_so() -> None:
    net = open_transfers({"allow_any_client": False}, with_channels=False)
    ours, theirs = net.foreign_to_a.b, net.foreign_to_a.a
    with pytest.raises(ClientNotAllowedError):
        net.a.deliver(ours.channel_init_message())
    theirs.zone.deliver(theirs.channel_init_message())
    theirs.channel_id = theirs.zone.told("channel_open_init")[0]["channel_id"]
    ours.catch_up()
    with pytest.raises(ClientNotAllowedError):
        net.a.deliver(ours.channel_try_message())
    net.a.deliver(rules(allow_any_client=False, allowed_clients=[ours.client_id]))
    net.a.deliver(ours.channel_try_message())


def test_client_taken_off_the_list_carries_nothing_but_refunds() -> None:
    net = open_transfers()
    denom = net.fund("alice", 100)
    ours = net.foreign_to_a.b
    refused = net.send(ours, "alice", "nobody", denom, 10)
    late = net.send(ours, "alice", RICH, denom, 10, timeout_ns=20_000_000_000)
    other = net.a_to_b.a.client_id
    net.a.deliver(rules(allow_any_client=False, allowed_clients=[other]))
    message = net.message(ours, "alice", RICH, denom, 1)
    with pytest.raises(ClientNotAllowedError):
        net.a.deliver(message)
    packet = net.send_in(address_of("alice"), 5)
    assert NOT_ALLOWED in net.settle(net.foreign_to_a.a, packet)
    assert net.bank.balance(net.foreign.context(), RICH) == RICHES - 100
    net.settle(ours, refused)
    net.foreign.next_block(duration_ns=30_000_000_000)
    ours.time_out(late)
    assert net.held(net.a, "alice", denom) == 100
    # The client that is on the list goes on.
    net.send(net.a_to_b.a, "alice", address_of("bob"), denom, 1)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"version": "ics20-2"}, "transfer/4"),
        ({"ordering": channel_pb2.ORDER_ORDERED}, "channel/6"),
    ],
)
def test_channel_of_another_kind_is_refused(change: dict[str, Any], code: str) -> None:
    net = open_transfers(with_channels=False)
    end = net.foreign_to_a.b
    for name, value in change.items():
        setattr(end, name, value)
    with pytest.raises(RejectedError) as refused:
        net.a.deliver(end.channel_init_message())
    assert f"{refused.value.codespace}/{refused.value.code}" == code


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"channel_id": f"channel-{2**32}"}, "transfer/9"),
        ({"port_id": "exchange"}, "port/4"),
        ({"version": " ics20-1"}, "transfer/4"),
        ({"connection_hops": ("connection-9",)}, "connection/3"),
        ({"channel_id": f"channel-{2**32 - 1}", "version": " "}, ""),
        ({}, ""),
    ],
)
def test_opening_is_checked(change: dict[str, Any], code: str) -> None:
    net = open_transfers(with_channels=False)
    known: dict[str, Any] = {
        "ordering": channel_pb2.ORDER_UNORDERED,
        "connection_hops": (net.foreign_to_a.b.connection_id,),
        "port_id": "transfer",
        "channel_id": "channel-0",
        "counterparty_port_id": "transfer",
        "counterparty_channel_id": "",
        "version": "ics20-1",
    }
    opening = ChannelOpening(**{**known, **change})
    told = ""
    try:
        version = transfer.TransferApplication().on_chan_open_init(
            net.a.context(), opening
        )
        assert version == "ics20-1"
    except RejectedError as refused:
        told = f"{refused.codespace}/{refused.code}"
    assert told == code


def test_channel_is_not_closed_by_anybody_and_version_is_checked_at_the_end() -> None:
    net = open_transfers()
    with pytest.raises(RejectedError) as refused:
        net.a.deliver(net.foreign_to_a.b.close_init_message())
    assert (refused.value.codespace, refused.value.code) == ("ibc", 8)
    with pytest.raises(RejectedError) as refused:
        transfer.TransferApplication().on_chan_open_ack(
            net.a.context(), "transfer", "channel-0", "ics20-2"
        )
    assert (refused.value.codespace, refused.value.code) == ("transfer", 4)


@pytest.mark.parametrize(
    "clients",
    [
        ["07-tendermint-9"],
        ["x"],
        ["07-tendermint-1", "07-tendermint-0"],
        ["07-tendermint-0", "07-tendermint-0"],
        ["07-tendermint-0"] * (TRANSFER_CLIENTS_MAX + 1),
    ],
)
def test_impossible_rules_are_refused(clients: list[str]) -> None:
    net = open_transfers()
    with pytest.raises(RejectedError) as refused:
        net.a.deliver(rules(allowed_clients=clients))
    assert (refused.value.codespace, refused.value.code) == ("transfer", 102)


def test_rules_are_told_kept_and_shown() -> None:
    net = open_transfers()
    off = transfer_pb2.MsgUpdateParams(params=transfer_pb2.Params())
    net.a.deliver(off)
    assert net.a.told("transfer_params_changed") == [
        {
            "allow_any_client": "false",
            "allowed_clients": "",
            "send_enabled": "false",
            "receive_enabled": "false",
        }
    ]
    net.a.next_block()
    path, request = "/huitong.transfer.v1.Query/Params", transfer_pb2.QueryParamsRequest
    assert net.a.query(path, request()).params == off.params
    assert net.a.export()["transfer"]["send_enabled"] is False


def test_messages_are_for_any_account_and_for_a_vote() -> None:
    routes = {route.request.__name__: route for route in transfer.MODULE.messages}
    assert routes["MsgTransfer"].roles == ()
    assert not routes["MsgTransfer"].governed
    assert routes["MsgUpdateParams"].governed
