"""Acknowledgements and timeouts: given back or not, told as ibc-go tells, never raised."""

from __future__ import annotations

import pytest

from huitong.core.errors import OutOfGasError
from huitong.modules.links.acknowledgements import result_acknowledgement
from huitong.modules.transfer.application import TransferApplication
from huitong.proto.ibc.core.channel.v1 import channel_pb2
from huitong.testing.actors import address_of
from huitong.testing.transfers import RICH, TransferNet, open_transfers
from tests.vectors import load_vector

ERROR = b'{"error":"ABCI code: 1: error handling packet: see events for details"}'


@pytest.fixture
def net() -> TransferNet:
    return open_transfers()


def sent(net: TransferNet, amount: int = 7) -> channel_pb2.Packet:
    denom = net.fund("alice", 100)
    return net.send(net.foreign_to_a.b, "alice", RICH, denom, amount)


def answer(net: TransferNet, packet: channel_pb2.Packet, acknowledgement: bytes) -> int:
    """Settle a packet as if its proof held; return what alice holds."""
    ctx = net.a.context()
    TransferApplication().on_acknowledgement_packet(
        ctx, packet, acknowledgement, "relayer"
    )
    net.a.take(ctx)
    return net.held(net.a, "alice", net.voucher())


def test_success_is_told_as_simd_tells_it(net: TransferNet) -> None:
    assert answer(net, sent(net), b'{"result":"AQ=="}') == 93
    events = load_vector("simd-v8.8.0/flow_ack.json")["tx"]["tx_result"]["events"]
    theirs = [
        [pair["key"] for pair in item["attributes"]][:-1]
        for item in events
        if item["type"] == "fungible_token_packet"
    ][:2]
    ours = [dict(item.attributes) for item in net.a.events]
    assert [list(item) for item in ours] == theirs
    assert ours[0]["acknowledgement"] == 'result:"\\001" '
    assert ours[1] == {"success": "\x01"}


def test_error_gives_back_and_is_told(net: TransferNet) -> None:
    assert answer(net, sent(net), ERROR) == 100
    told = net.a.told("fungible_token_packet")
    text = "ABCI code: 1: error handling packet: see events for details"
    assert told[0]["acknowledgement"] == f'error:"{text}" '
    assert told[1] == {"error": text}


@pytest.mark.parametrize(
    ("acknowledgement", "held"),
    [
        (result_acknowledgement(b""), 93),
        (result_acknowledgement(b"\xff\x00"), 93),
        (b'{"error":""}', 100),
        (b"\xff", 93),
        (b"{}", 93),
        (b'{"other":1}', 93),
        (b"[" * 5_000, 93),
        (b'{"response":{"result":"AQ=="}}', 93),
    ],
)
def test_no_acknowledgement_raises_and_only_errors_give_back(
    net: TransferNet, acknowledgement: bytes, held: int
) -> None:
    assert answer(net, sent(net), acknowledgement) == held
    assert len(net.a.told("fungible_token_packet")) == 2


def test_chain_that_took_the_escrow_and_then_refuses_gives_nothing_back(
    net: TransferNet,
) -> None:
    denom = net.fund("alice", 100)
    out = net.send(net.a_to_b.a, "alice", address_of("bob"), denom, 40)
    # Zone b lies: it sends back what it never took, and refuses the packet afterwards.
    way = f"transfer/{net.a_to_b.b.channel_id}/transfer/channel-0/stake"
    data = (
        f'{{"amount":"40","denom":"{way}","receiver":"{address_of("carol")}",'
        '"sender":"x"}'
    )
    assert net.deliver(net.a_to_b.b, net.a_to_b.b.send(data.encode())) == (
        b'{"result":"AQ=="}'
    )
    assert answer(net, out, ERROR) == 60
    (failed,) = net.a.told("transfer_refund_failed")
    assert failed["sender"] == address_of("alice")
    assert net.supply(net.a, denom) == 100
    assert net.held(net.a, "carol", denom) == 40


def test_chain_that_issues_too_much_meanwhile_gives_nothing_back(
    net: TransferNet,
) -> None:
    out = sent(net)
    most = str(2**256 - 1 - 93)
    end = net.foreign_to_a.a
    data = (
        f'{{"amount":"{most}","denom":"stake","receiver":"{address_of("carol")}",'
        '"sender":"x"}'
    )
    assert net.deliver(end, end.send(data.encode())) == b'{"result":"AQ=="}'
    assert answer(net, out, ERROR) == 93
    assert "pass 2^256" in net.a.told("transfer_refund_failed")[0]["reason"]
    assert net.supply(net.a, net.voucher()) == 2**256 - 1


def test_too_little_gas_is_no_reason_to_keep_what_belongs_to_others(
    net: TransferNet,
) -> None:
    out = sent(net)
    ctx = net.a.context(gas=1_500)
    with pytest.raises(OutOfGasError):
        TransferApplication().on_timeout_packet(ctx, out, "relayer")
