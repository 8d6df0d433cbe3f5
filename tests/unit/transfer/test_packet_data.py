"""Packet data of ICS-20: what ibc-go writes is read and written alike, the rest refused."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from huitong.core.codec import decode
from huitong.core.errors import RejectedError
from huitong.core.tx import decode_transaction
from huitong.modules.transfer.packet_data import (
    TransferData,
    check_transfer_data,
    decode_transfer,
    encode_transfer,
)
from huitong.modules.transfer.traces import (
    full_denom_of,
    hops_of,
    parse_trace,
    voucher_denom,
)
from huitong.proto.ibc.core.channel.v1 import tx_pb2
from tests.vectors import load_vector

KNOWN = {"amount": "1", "denom": "stake", "receiver": "ht1x", "sender": "cosmos1y"}


def recorded_data() -> list[bytes]:
    """Return the data of every packet that ibc-go v8.8.0 and Hermes carried."""
    found = []
    for name, kind in (
        ("flow_recv", tx_pb2.MsgRecvPacket),
        ("flow_ack", tx_pb2.MsgAcknowledgement),
    ):
        raw = load_vector(f"simd-v8.8.0/{name}.json")["tx"]["tx"]
        for packed in decode_transaction(base64.b64decode(raw)).messages:
            if packed.type_url.endswith(kind.DESCRIPTOR.name):
                found.append(decode(kind, packed.value).packet.data)
    return found


def test_recorded_packets_are_read_and_written_to_the_same_bytes() -> None:
    recorded = recorded_data()
    assert len(recorded) > 20
    for data in recorded:
        read = decode_transfer(data)
        assert check_transfer_data(read) >= 1
        assert encode_transfer(read) == data


def test_texts_are_escaped_as_go_escapes_them() -> None:
    written = encode_transfer(TransferData(**KNOWN, memo='<a&b>"\\\n\u2028é\b\x01'))
    memo = r'"\u003ca\u0026b\u003e\"\\\n\u2028é\b\u0001"'
    assert (
        written
        == (
            f'{{"amount":"1","denom":"stake","memo":{memo},'
            '"receiver":"ht1x","sender":"cosmos1y"}'
        ).encode()
    )


@given(st.builds(TransferData, **dict.fromkeys((*KNOWN, "memo"), st.text())))
def test_what_is_written_is_read_as_it_was(data: TransferData) -> None:
    assert decode_transfer(encode_transfer(data)) == data


@pytest.mark.parametrize(
    "layout",
    [
        json.dumps(KNOWN),
        json.dumps(KNOWN, indent=2),
        json.dumps({**KNOWN, "memo": ""}),
        json.dumps(dict(reversed(KNOWN.items()))),
    ],
)
def test_other_layouts_of_the_same_are_read(layout: str) -> None:
    assert decode_transfer(layout.encode()) == TransferData(**KNOWN)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"x",
        b"\xff",
        b"[]",
        b"{}",
        b'"text"',
        json.dumps({**KNOWN, "more": "x"}).encode(),
        json.dumps({**KNOWN, "amount": 1}).encode(),
        json.dumps({**KNOWN, "memo": None}).encode(),
        json.dumps({**KNOWN, "memo": {}}).encode(),
        json.dumps(KNOWN).replace('"amount"', '"denom"').encode(),
        json.dumps(KNOWN)[:-1].encode() + b', "amount": "2"}',
        json.dumps(KNOWN).encode() + b"{}",
        json.dumps(KNOWN).replace("stake", "\\ud800").encode(),
        b"[" * 100_000,
    ],
)
def test_other_bytes_are_no_transfer(data: bytes) -> None:
    with pytest.raises(RejectedError) as refused:
        decode_transfer(data)
    assert (refused.value.codespace, refused.value.code) == ("ibc", 12)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"amount": "0"}, "transfer/5"),
        ({"amount": "-1"}, "transfer/5"),
        ({"amount": "+1"}, "transfer/5"),
        ({"amount": "01"}, "transfer/5"),
        ({"amount": "0x10"}, "transfer/5"),
        ({"amount": "1.0"}, "transfer/5"),
        ({"amount": "1_0"}, "transfer/5"),
        ({"amount": ""}, "transfer/5"),
        ({"amount": "１"}, "transfer/5"),
        ({"amount": str(2**256)}, "transfer/5"),
        ({"amount": "9" * 200_000}, "transfer/5"),
        ({"sender": " \u3000"}, "ibc/5"),
        ({"receiver": ""}, "ibc/5"),
        ({"receiver": "\t\x85"}, "ibc/5"),
        ({"receiver": "x" * 2_049}, "ibc/5"),
        ({"memo": "x" * 32_769}, "transfer/11"),
        ({"denom": ""}, "transfer/3"),
        ({"denom": " "}, "transfer/3"),
        ({"denom": "transfer/channel-0/"}, "transfer/3"),
        ({"denom": "a/b/ "}, "transfer/3"),
        ({"denom": "!/channel-0/stake"}, "transfer/3"),
        ({"denom": "transfer/channel-0/transfer/channel-1"}, "transfer/3"),
        ({"denom": "x" * 2_049}, "transfer/3"),
        ({}, ""),
        ({"amount": str(2**256 - 1)}, ""),
        ({"receiver": "x" * 2_048, "memo": "x" * 32_768}, ""),
        ({"denom": "transfer/channel-0/gamm/pool/1"}, ""),
        ({"denom": "ibc/ABC"}, ""),
    ],
)
def test_fields_are_checked(change: dict[str, Any], code: str) -> None:
    data = TransferData(**{**KNOWN, **change})
    told = ""
    try:
        check_transfer_data(data)
    except RejectedError as refused:
        told = f"{refused.codespace}/{refused.code}"
    assert told == code


@pytest.mark.parametrize(
    ("full_denom", "path", "base"),
    [
        ("uatom", "", "uatom"),
        ("gamm/pool/1", "", "gamm/pool/1"),
        ("transfer/channel-0", "", "transfer/channel-0"),
        ("transfer/channel-0/uatom", "transfer/channel-0", "uatom"),
        ("transfer/channel-0/gamm/pool/1", "transfer/channel-0", "gamm/pool/1"),
        (
            "portidone/channel-0/portidtwo/channel-1/uatom",
            "portidone/channel-0/portidtwo/channel-1",
            "uatom",
        ),
        ("transfer/channelx/uatom", "", "transfer/channelx/uatom"),
        (f"transfer/channel-{2**64}/uatom", "", f"transfer/channel-{2**64}/uatom"),
    ],
)
def test_denominations_are_split_as_ibc_go_splits_them(
    full_denom: str, path: str, base: str
) -> None:
    trace = parse_trace(full_denom)
    assert (trace.path, trace.base_denom) == (path, base)
    assert full_denom_of(trace) == full_denom
    hops = [f"{hop.port_id}/{hop.channel_id}" for hop in hops_of(trace).trace]
    assert "/".join(hops) == path


def test_vouchers_are_named_as_simd_names_them() -> None:
    digest = "C053D637CCA2A2BA030E2C5EE1B28A16F71CCB0E45E8BE52766DC1B241B77878"
    assert voucher_denom("transfer/channel-0/stake") == f"ibc/{digest}"
