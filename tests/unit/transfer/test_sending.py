"""``MsgTransfer``: one row per refusal, and what a success tells."""

from __future__ import annotations

from typing import Any

import pytest

from huitong.core.errors import RejectedError
from huitong.proto.cosmos.base.v1beta1.coin_pb2 import Coin
from huitong.proto.ibc.applications.transfer.v1 import tx_pb2
from huitong.testing.actors import address_of
from huitong.testing.embedded import EmbeddedZone
from huitong.testing.transfers import TransferNet, open_transfers, rules

UNKNOWN = "ibc/" + "0" * 64


@pytest.fixture(scope="module")
def opened() -> TransferNet:
    net = open_transfers()
    net.fund("alice", 100)
    return net


def refusal(net: TransferNet, message: Any) -> str:
    zone = net.a
    before = zone.context().changes()
    try:
        zone.deliver(message)
    except RejectedError as refused:
        assert zone.context().changes() == before
        return f"{refused.codespace}/{refused.code}"
    return ""


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"source_port": "t"}, "host/2"),
        ({"source_channel": "c"}, "host/2"),
        ({"source_port": "exchange"}, "port/4"),
        ({"source_channel": "channel-9"}, "channel/3"),
        ({"receiver": "  "}, "ibc/5"),
        ({"receiver": "x" * 2_049}, "ibc/5"),
        ({"memo": "é" * 16_385}, "transfer/11"),
        ({"token": Coin(denom="ibc/x1", amount="1")}, "transfer/3"),
        ({"token": Coin(denom=UNKNOWN.replace("0", "a"), amount="1")}, "transfer/3"),
        ({"token": Coin(denom="ibc", amount="1")}, "transfer/3"),
        ({"token": Coin(denom=UNKNOWN, amount="1")}, "transfer/6"),
        ({"token": Coin(denom="stake", amount="1")}, "sdk/5"),
        ({"token": Coin(denom="s", amount="1")}, "ibc/6"),
        ({"token": Coin()}, "ibc/6"),
        ({"timeout_timestamp": 0}, "channel/13"),
        ({"timeout_timestamp": 1}, "channel/40"),
        ({"sender": address_of("carol")}, "sdk/5"),
        ({"sender": "ht1x"}, "sdk/7"),
    ],
)
def test_transfer_is_refused(
    opened: TransferNet, change: dict[str, Any], code: str
) -> None:
    end = opened.foreign_to_a.b
    message = opened.message(end, "alice", "cosmos1rich", opened.voucher(), 1)
    for name in change:
        message.ClearField(name)
    message.MergeFrom(tx_pb2.MsgTransfer(**change))
    assert refusal(opened, message) == code


@pytest.mark.parametrize(
    ("amount", "code"),
    [
        ("0", "ibc/3"),
        ("", "ibc/6"),
        ("-1", "ibc/6"),
        ("01", "ibc/6"),
        (str(2**256), "ibc/6"),
        ("101", "sdk/5"),
        (str(2**256 - 2), "sdk/5"),
    ],
)
def test_amount_is_refused(opened: TransferNet, amount: str, code: str) -> None:
    end = opened.foreign_to_a.b
    message = opened.message(end, "alice", "cosmos1rich", opened.voucher(), amount)
    assert refusal(opened, message) == code


def test_all_of_nothing_is_refused(opened: TransferNet) -> None:
    end = opened.foreign_to_a.b
    message = opened.message(end, "carol", "cosmos1rich", opened.voucher(), 2**256 - 1)
    assert refusal(opened, message) == "transfer/5"


def test_success_tells_what_ibc_go_tells_in_its_order() -> None:
    net = open_transfers()
    denom = net.fund("alice", 100)
    net.send(net.foreign_to_a.b, "alice", "cosmos1rich", denom, 7, memo="thanks")
    alice, coin = address_of("alice"), f"7{denom}"
    module = "ht1yl6hdjhmkf37639730gffanpzndzdpmh"
    told = [(item.kind, dict(item.attributes)) for item in net.a.events]
    kinds = [kind for kind, _ in told]
    assert kinds == [
        "coin_spent",
        "coin_received",
        "transfer",
        "message",
        "coin_spent",
        "burn",
        "send_packet",
        "message",
        "ibc_transfer",
        "message",
    ]
    assert told[0][1] == {"spender": alice, "amount": coin}
    assert told[1][1]["receiver"].startswith(module)
    assert told[2][1]["sender"] == alice
    assert told[5][1]["burner"].startswith(module)
    assert told[8][1] == {
        "sender": alice,
        "receiver": "cosmos1rich",
        "amount": "7",
        "denom": denom,
        "memo": "thanks",
    }
    assert told[9][1] == {"module": "transfer"}


def test_sending_is_off_when_members_say_so() -> None:
    net = open_transfers()
    denom = net.fund("alice", 100)
    net.a.deliver(rules(send_enabled=False))
    message = net.message(net.foreign_to_a.b, "alice", "cosmos1rich", denom, 1)
    assert refusal(net, message) == "transfer/7"
    net.a.deliver(rules())
    assert refusal(net, message) == ""


def test_transfer_of_wrong_form_does_not_come_into_a_block() -> None:
    zone = EmbeddedZone(accounts={"alice": ("", "operator")})
    zone.start()
    wrong = tx_pb2.MsgTransfer(
        source_port="transfer",
        source_channel="channel-0",
        token=Coin(denom=UNKNOWN, amount="0"),
        sender=zone.address("alice"),
        receiver="cosmos1rich",
        timeout_timestamp=2**62,
    )
    refused = zone.send("alice", wrong)
    assert (refused.codespace, refused.code) == ("ibc", 3)
