"""One message, one encoding."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from huitong.core.codec import (
    DecodeError,
    UnexpectedTypeError,
    decode,
    delimited,
    encode,
    encode_uvarint,
    pack_any,
    type_url_of,
    unpack_any,
)
from huitong.core.limits import MESSAGE_DEPTH_MAX
from huitong.proto.cosmos.tx.v1beta1 import tx_pb2
from huitong.proto.google.protobuf.any_pb2 import Any
from huitong.proto.ibc.core.channel.v1 import channel_pb2
from huitong.proto.ibc.core.client.v1 import client_pb2

UINT64 = st.integers(min_value=0, max_value=2**64 - 1)

PACKETS = st.builds(
    lambda sequence, port, data, height, time: channel_pb2.Packet(
        sequence=sequence,
        source_port=port,
        data=data,
        timeout_height=client_pb2.Height(revision_height=height),
        timeout_timestamp=time,
    ),
    UINT64,
    st.text(max_size=20),
    st.binary(max_size=200),
    UINT64,
    UINT64,
)

MALFORMED = {
    "unknown field": bytes.fromhex("080118ff01"),
    "field number 0": bytes.fromhex("0000"),
    "trailing byte": bytes.fromhex("080100"),
    "cut off number": bytes.fromhex("0880"),
    "cut off tag": bytes.fromhex("80"),
    "wrong wire type": bytes.fromhex("0d01000000"),
    "group": bytes.fromhex("0b0c"),
    "number not in its shortest form": bytes.fromhex("088100"),
    "tag not in its shortest form": bytes.fromhex("880001"),
    "number above 64 bits": bytes.fromhex("08ffffffffffffffffff7f"),
    "fields out of order": bytes.fromhex("10020801"),
    "field twice": bytes.fromhex("08010802"),
    "default written out": bytes.fromhex("0800"),
}


@given(PACKETS)
def test_what_is_encoded_decodes_to_the_same(packet: channel_pb2.Packet) -> None:
    assert decode(channel_pb2.Packet, encode(packet)) == packet


@given(PACKETS, st.data())
def test_a_changed_byte_is_rejected_or_gives_another_message(
    packet: channel_pb2.Packet, data: st.DataObject
) -> None:
    encoded = bytearray(encode(packet))
    if not encoded:
        return
    place = data.draw(st.integers(0, len(encoded) - 1))
    encoded[place] ^= data.draw(st.integers(1, 255))
    check_rejected_or_canonical(bytes(encoded))


@given(PACKETS, st.binary(min_size=1, max_size=1), st.data())
def test_an_added_byte_is_rejected_or_gives_another_message(
    packet: channel_pb2.Packet, byte: bytes, data: st.DataObject
) -> None:
    encoded = encode(packet)
    place = data.draw(st.integers(0, len(encoded)))
    check_rejected_or_canonical(encoded[:place] + byte + encoded[place:])


@given(st.binary(max_size=60))
def test_arbitrary_bytes_are_rejected_or_canonical(data: bytes) -> None:
    check_rejected_or_canonical(data)


def check_rejected_or_canonical(data: bytes) -> None:
    try:
        message = decode(channel_pb2.Packet, data)
    except DecodeError:
        return
    assert encode(message) == data


@pytest.mark.parametrize("kind", MALFORMED)
def test_another_form_is_rejected(kind: str) -> None:
    with pytest.raises(
        DecodeError, match=r"cannot decode ibc\.core\.client\.v1\.Height"
    ):
        decode(client_pb2.Height, MALFORMED[kind])


def test_unknown_field_in_a_submessage_is_rejected() -> None:
    packet = channel_pb2.Packet()
    packet.timeout_height.revision_height = 1
    inner = encode(packet.timeout_height) + bytes.fromhex("1801")
    with pytest.raises(DecodeError):
        decode(channel_pb2.Packet, b"\x3a" + delimited(inner))


def test_invalid_utf8_in_a_string_is_rejected() -> None:
    with pytest.raises(DecodeError, match="malformed"):
        decode(channel_pb2.Packet, b"\x12\x02\xc3\x28")


def test_unpacked_numbers_of_a_packed_list_are_rejected() -> None:
    from huitong.proto.ibc.core.channel.v1 import query_pb2

    cls = query_pb2.QueryUnreceivedPacketsRequest
    packed = encode(cls(packet_commitment_sequences=[1, 2]))
    assert decode(cls, packed).packet_commitment_sequences == [1, 2]
    with pytest.raises(DecodeError):
        decode(cls, bytes.fromhex("18011802"))


def nested(levels: int, innermost: bytes) -> bytes:
    """Return a ``ModeInfo`` with ``levels`` messages in one another below it."""
    data = innermost
    for _ in range(levels // 2):
        data = b"\x12" + delimited(b"\x12" + delimited(data))
    return data


@pytest.mark.parametrize("levels", [0, 2, MESSAGE_DEPTH_MAX - 2])
def test_messages_in_one_another_decode_up_to_the_limit(levels: int) -> None:
    data = nested(levels, b"\x0a\x00")
    assert encode(decode(tx_pb2.ModeInfo, data)) == data


@pytest.mark.parametrize("levels", [MESSAGE_DEPTH_MAX, 64, 98, 110, 10_000])
def test_deeper_messages_are_rejected(levels: int) -> None:
    with pytest.raises(DecodeError):
        decode(tx_pb2.ModeInfo, nested(levels, b"\x0a\x00"))


@pytest.mark.parametrize("levels", range(0, 104, 2))
def test_no_unknown_field_hides_in_the_depth(levels: int) -> None:
    with pytest.raises(DecodeError):
        decode(tx_pb2.ModeInfo, nested(levels, bytes.fromhex("f87f01")))


def test_depth_is_counted_through_types_that_are_not_recursive() -> None:
    signer = b"\x0a" + delimited(b"\x12" + delimited(nested(80, b"\x0a\x00")))
    with pytest.raises(DecodeError, match="in one another"):
        decode(tx_pb2.AuthInfo, signer)


def test_too_long_bytes_are_rejected_before_they_are_parsed() -> None:
    data = encode(channel_pb2.Packet(data=bytes(100)))
    decode(channel_pb2.Packet, data, size_bytes_max=len(data))
    with pytest.raises(DecodeError, match=f"longer than {len(data) - 1} bytes"):
        decode(channel_pb2.Packet, data, size_bytes_max=len(data) - 1)


def test_decode_error_shows_the_head_of_the_bytes() -> None:
    with pytest.raises(DecodeError) as caught:
        decode(client_pb2.Height, b"\xff" * 40)
    assert "40 bytes that begin with 0x" + "ff" * 16 in str(caught.value)
    assert (caught.value.codespace, caught.value.code) == ("codec", 2)


def test_empty_submessages_keep_their_presence() -> None:
    packet = channel_pb2.Packet()
    packet.timeout_height.SetInParent()
    assert encode(packet) == b"\x3a\x00"
    assert decode(channel_pb2.Packet, b"\x3a\x00").HasField("timeout_height")


def test_any_holds_the_type_url_and_the_canonical_bytes() -> None:
    height = client_pb2.Height(revision_number=1, revision_height=2)
    packed = pack_any(height)
    assert packed.type_url == "/ibc.core.client.v1.Height"
    assert packed.type_url == type_url_of(client_pb2.Height)
    assert packed.value == encode(height)
    assert unpack_any(packed, channel_pb2.Packet, client_pb2.Height) == height


def test_any_of_another_type_is_rejected() -> None:
    packed = pack_any(client_pb2.Height())
    with pytest.raises(
        UnexpectedTypeError, match=r"expected /ibc\.core\.channel\.v1\.Packet"
    ):
        unpack_any(packed, channel_pb2.Packet)


@pytest.mark.parametrize("prefix", ["", "type.googleapis.com/", "//"])
def test_any_with_another_form_of_type_url_is_rejected(prefix: str) -> None:
    with pytest.raises(UnexpectedTypeError):
        unpack_any(
            Any(type_url=prefix + "ibc.core.client.v1.Height"), client_pb2.Height
        )


def test_the_value_of_an_any_is_decoded_strictly() -> None:
    packed = Any(type_url="/ibc.core.client.v1.Height", value=b"\x08\x00")
    with pytest.raises(DecodeError):
        unpack_any(packed, client_pb2.Height)


@pytest.mark.parametrize(
    ("number", "encoded"),
    [(0, "00"), (1, "01"), (127, "7f"), (128, "8001"), (300, "ac02")],
)
def test_uvarint_has_its_shortest_form(number: int, encoded: str) -> None:
    assert encode_uvarint(number).hex() == encoded


@given(st.integers(1, 2**64 - 1))
def test_uvarint_is_what_protobuf_writes(number: int) -> None:
    height = client_pb2.Height(revision_number=number)
    assert b"\x08" + encode_uvarint(number) == encode(height)


@pytest.mark.parametrize("number", [-1, 2**64])
def test_uvarint_outside_64_bits_is_refused(number: int) -> None:
    with pytest.raises(ValueError, match="unsigned 64-bit"):
        encode_uvarint(number)


def test_delimited_bytes_stand_behind_their_length() -> None:
    assert delimited(b"ab") == b"\x02ab"
    assert delimited(bytes(128))[:2] == b"\x80\x01"
