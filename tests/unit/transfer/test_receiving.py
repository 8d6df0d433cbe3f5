"""What comes in over a channel: refusals with their acknowledgements, and events."""

from __future__ import annotations

import json
from typing import Any

import pytest

from huitong.core.address import GOVERNANCE_ADDRESS
from huitong.modules import transfer
from huitong.modules.links.events import CALLBACK_ERROR_PREFIX
from huitong.proto.huitong.members.v1 import members_pb2
from huitong.testing.actors import address_of
from huitong.testing.transfers import RICH, TransferNet, open_transfers, rules
from tests.vectors import load_vector

ALICE = address_of("alice")
TAKEN = b'{"result":"AQ=="}'


@pytest.fixture
def net() -> TransferNet:
    return open_transfers()


def answer(net: TransferNet, **change: Any) -> bytes:
    """Return what is acknowledged to a packet that the foreign chain made up."""
    end = net.foreign_to_a.a
    fields = {"amount": "5", "denom": "stake", "receiver": ALICE, "sender": RICH}
    data = json.dumps({**fields, **change}).encode()
    return net.deliver(end, end.send(data))


def error(code: int) -> bytes:
    return (
        f'{{"error":"ABCI code: {code}: '
        'error handling packet: see events for details"}'
    ).encode()


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"amount": "0"}, 5),
        ({"amount": "x"}, 5),
        ({"denom": " "}, 3),
        ({"denom": "transfer/channel-7"}, 3),
        ({"memo": "x" * 32_769}, 11),
        ({"sender": ""}, 5),
        ({"more": ""}, 12),
        ({"receiver": ""}, 5),
        ({"receiver": "cosmos1rich"}, 7),
        ({"receiver": ALICE.upper()}, 7),
        ({"receiver": address_of("stranger")}, 9),
        ({"receiver": GOVERNANCE_ADDRESS}, 9),
        ({"receiver": transfer.escrow_address("transfer", "channel-0")}, 9),
        # As if it came back: the prefix is what the foreign chain would put before it.
        ({"denom": "transfer/channel-0/stake"}, 5),
        ({"denom": "transfer/channel-0/transfer/channel-0/stake"}, 5),
    ],
)
def test_packet_is_refused_with_the_code_of_its_fault(
    net: TransferNet, change: dict[str, Any], code: int
) -> None:
    assert answer(net, **change) == error(code)
    assert net.supply(net.a, net.voucher()) == 0
    refused = net.a.told(CALLBACK_ERROR_PREFIX + "fungible_token_packet")
    assert refused[0][CALLBACK_ERROR_PREFIX + "success"] == "false"
    assert refused[0][CALLBACK_ERROR_PREFIX + "error"]
    assert not net.a.told("fungible_token_packet")


def test_bytes_that_are_no_transfer_are_refused(net: TransferNet) -> None:
    end = net.foreign_to_a.a
    assert net.deliver(end, end.send(b"\x00" * 262_144)) == error(12)


def test_receiver_who_may_not_act_gets_nothing_and_the_sender_all_back(
    net: TransferNet,
) -> None:
    net.a.deliver(
        members_pb2.MsgSetMemberStatus(
            member_id="bank",
            status=members_pb2.MEMBER_STATUS_SUSPENDED,
            reason="audit",
        )
    )
    assert net.settle(net.foreign_to_a.a, net.send_in(ALICE, 5)) == error(4)
    net.a.deliver(
        members_pb2.MsgDisableAccount(address=address_of("carol"), reason="left")
    )
    assert answer(net, receiver=address_of("carol")) == error(4)
    assert net.bank.balance(net.foreign.context(), RICH) == 1_000_000


def test_receiving_is_off_when_members_say_so(net: TransferNet) -> None:
    net.a.deliver(rules(receive_enabled=False))
    assert answer(net) == error(8)


def test_supply_stays_within_256_bits(net: TransferNet) -> None:
    most = str(2**256 - 1)
    assert answer(net, amount=most) == TAKEN
    assert answer(net, amount="1") == error(2)
    assert net.held(net.a, "alice", net.voucher()) == 2**256 - 1


def test_other_chain_gets_no_more_back_than_it_was_sent(net: TransferNet) -> None:
    denom = net.fund("alice", 100)
    net.settle(
        net.a_to_b.a, net.send(net.a_to_b.a, "alice", address_of("bob"), denom, 40)
    )
    end = net.a_to_b.b
    way = f"transfer/{end.channel_id}/transfer/{net.foreign_to_a.b.channel_id}/stake"
    fields = {"denom": way, "receiver": ALICE, "sender": "x"}
    wrong = json.dumps({**fields, "amount": "41"}).encode()
    assert net.deliver(end, end.send(wrong)) == error(5)
    right = json.dumps({**fields, "amount": "40"}).encode()
    assert net.deliver(end, end.send(right)) == TAKEN


def test_name_of_a_voucher_is_no_way_to_take_it_out_of_escrow(net: TransferNet) -> None:
    denom = net.fund("alice", 100)
    net.settle(
        net.a_to_b.a, net.send(net.a_to_b.a, "alice", address_of("bob"), denom, 40)
    )
    end = net.a_to_b.b
    fields = {
        "amount": "40",
        "denom": f"transfer/{end.channel_id}/{denom}",
        "receiver": ALICE,
        "sender": "x",
    }
    assert net.deliver(end, end.send(json.dumps(fields).encode())) == error(5)


def test_events_of_a_voucher_equal_those_of_simd(net: TransferNet) -> None:
    net.deliver(net.foreign_to_a.a, net.send_in(ALICE, 1))
    recorded = load_vector("simd-v8.8.0/flow_recv.json")["tx"]["tx_result"]["events"]
    theirs = [
        (item["type"], [pair["key"] for pair in item["attributes"]][:-1])
        for item in recorded
        if item["attributes"][-1] == {"key": "msg_index", "value": "1", "index": True}
    ]
    ours = [(item.kind, [key for key, _ in item.attributes]) for item in net.a.events]
    start = [kind for kind, _ in theirs].index("denomination_trace")
    end = [kind for kind, _ in theirs].index("write_acknowledgement")
    kinds = [kind for kind, _ in ours]
    first = kinds.index("denomination_trace")
    assert ours[first : first + end - start] == theirs[start:end]
    assert kinds[first + end - start] == "write_acknowledgement"


def test_acknowledgement_of_success_equals_the_recorded(net: TransferNet) -> None:
    events = load_vector("simd-v8.8.0/flow_recv.json")["tx"]["tx_result"]["events"]
    recorded = {
        pair["value"]
        for item in events
        for pair in item["attributes"]
        if pair["key"] == "packet_ack"
    }
    assert recorded == {net.deliver(net.foreign_to_a.a, net.send_in(ALICE, 1)).decode()}
