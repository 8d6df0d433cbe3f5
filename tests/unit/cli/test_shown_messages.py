"""How commands show messages of a zone."""

from __future__ import annotations

import pytest
from google.protobuf.message import Message

from huitong.cli.zones import message_object
from huitong.proto.huitong.exchange.v1 import exchange_pb2
from huitong.proto.huitong.records.v1 import records_pb2
from huitong.proto.ibc.core.channel.v1 import channel_pb2


@pytest.mark.parametrize(
    ("message", "field", "text"),
    [
        (channel_pb2.Channel(state=channel_pb2.STATE_OPEN), "state", "open"),
        (channel_pb2.Channel(state=channel_pb2.STATE_TRYOPEN), "state", "tryopen"),
        (
            channel_pb2.Channel(ordering=channel_pb2.ORDER_UNORDERED),
            "ordering",
            "unordered",
        ),
        (
            records_pb2.RecordHeader(status=records_pb2.RECORD_STATUS_ACTIVE),
            "status",
            "active",
        ),
        (
            exchange_pb2.Exchange(status=exchange_pb2.EXCHANGE_STATUS_TIMED_OUT),
            "status",
            "timed-out",
        ),
        (exchange_pb2.Exchange(), "side", "unspecified"),
    ],
)
def test_values_of_an_enum_are_shown_without_its_name(
    message: Message, field: str, text: str
) -> None:
    assert message_object(message)[field] == text


def test_unknown_value_of_an_enum_is_shown_as_a_number() -> None:
    message = channel_pb2.Channel.FromString(b"\x08\x63")
    assert message_object(message)["state"] == "99"
