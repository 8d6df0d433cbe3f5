"""Whatever a message or a query holds, it is answered or refused, and never crashes.

Messages are made from their descriptors: every field with values that are right, nearly
right, or absurd. What is neither an answer nor a named refusal is a bug.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any, Final

import pytest
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from hypothesis import given
from hypothesis import strategies as st

from huitong.core.codec import decode, encode
from huitong.core.errors import RejectedError, UnavailableError
from huitong.core.module import MessageRoute, QueryRoute
from huitong.modules import (
    anchors,
    exchange,
    facts,
    grants,
    history,
    members,
    node_info,
    records,
)
from huitong.proto.huitong.exchange.v1 import exchange_pb2
from huitong.proto.ibc.core.channel.v1 import channel_pb2
from huitong.testing.exchanges import (
    DIGEST,
    OFFICER,
    PUBLISHER,
    PURPOSE,
    REQUESTER,
    SUBJECT,
    ExchangePair,
    open_exchange,
    sent_packet,
)

MODULES: Final = (
    members.MODULE,
    records.MODULE,
    facts.MODULE,
    anchors.MODULE,
    grants.MODULE,
    exchange.MODULE,
    history.MODULE,
    node_info.MODULE,
)
TEXTS: Final = (
    "",
    "tax",
    "bank",
    "inv-1",
    "channel-0",
    "tax.invoice",
    "connection-0",
    "records",
    PURPOSE,
    "amount",
    "buyer",
    "proven",
    "officer",
    PUBLISHER,
    OFFICER,
    REQUESTER,
    "a/b",
    "\x00",
    "x" * 5_000,
)
BLOBS: Final = (b"", DIGEST, SUBJECT, bytes(32), b"1", bytes(5_000))
NUMBERS: Final = (0, 1, 2, 3, 4, 5, 20, 300)


def integers(low: int, high: int) -> st.SearchStrategy[int]:
    known = [number for number in NUMBERS if number <= high]
    return st.sampled_from([*known, low, high]) | st.integers(low, high)


def values(field: FieldDescriptor) -> st.SearchStrategy[Any]:
    """Return values for one field, whether or not it repeats."""
    if field.message_type is not None:
        return messages(field.message_type._concrete_class)
    return {
        FieldDescriptor.CPPTYPE_STRING: (
            st.sampled_from(BLOBS) | st.binary(max_size=40)
            if field.type == FieldDescriptor.TYPE_BYTES
            else st.sampled_from(TEXTS) | st.text(max_size=20)
        ),
        FieldDescriptor.CPPTYPE_BOOL: st.booleans(),
        FieldDescriptor.CPPTYPE_UINT32: integers(0, 2**32 - 1),
        FieldDescriptor.CPPTYPE_UINT64: integers(0, 2**64 - 1),
        FieldDescriptor.CPPTYPE_INT64: integers(-(2**63), 2**63 - 1),
        FieldDescriptor.CPPTYPE_ENUM: integers(-(2**31), 2**31 - 1),
    }[field.cpp_type]


def messages(cls: type[Message]) -> st.SearchStrategy[Any]:
    """Return messages of a type with any of its fields set."""
    fields = {
        field.name: st.lists(values(field), max_size=3)
        if field.is_repeated
        else values(field)
        for field in cls.DESCRIPTOR.fields
    }
    return st.fixed_dictionaries({}, optional=fields).map(lambda made: _made(cls, made))


def _made(cls: type[Message], fields: dict[str, Any]) -> Message:
    """Build a message; of the members of a oneof the last one stays."""
    made = cls()
    for name, value in fields.items():
        made.MergeFrom(cls(**{name: value}))
    return made


def prepared() -> ExchangePair:
    """A zone that holds a bit of everything."""
    pair = open_exchange()
    pair.publish(title="Invoice")
    pair.grant()
    for fields in ((), ("amount",)):
        pair.receive(pair.request(fields=fields, purpose=PURPOSE))
    pair.receive(pair.request(purpose="audit"))
    sequence = pair.subscribed()
    pair.push(sequence)
    pair.receive_on_b(sent_packet(pair.a))
    pair.publish(record_id="inv-2")
    pair.receive_on_b(pair.offer(record_id="inv-2"))
    for zone in (pair.a, pair.b):
        zone.next_block()
    return pair


PAIR: Final = prepared()
ROUTES: Final = [route for module in MODULES for route in module.messages]
QUERIES: Final = [route for module in MODULES for route in module.queries]


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.request.__name__)
def test_any_message_is_carried_out_or_refused(route: MessageRoute) -> None:
    @given(messages(route.request))
    def check(message: Any) -> None:
        message = decode(route.request, encode(message))
        for zone in (PAIR.a, PAIR.b):
            for signer in (message.signer, PUBLISHER, OFFICER, REQUESTER):
                message.signer = signer
                ctx = zone.context(signer)
                try:
                    route.check(ctx, message)
                    route.apply(ctx, message)
                except RejectedError:
                    continue

    check()


@pytest.mark.parametrize("route", QUERIES, ids=lambda route: route.path)
def test_any_query_is_answered_or_refused(route: QueryRoute) -> None:
    @given(messages(route.request))
    def check(request: Any) -> None:
        for zone in (PAIR.a, PAIR.b):
            try:
                encode(route.answer(zone.context(), request))
            except (RejectedError, UnavailableError):
                continue

    check()


@given(messages(exchange_pb2.ExchangePacketData))
def test_any_packet_is_taken_or_refused(message: Any) -> None:
    packet = channel_pb2.Packet(
        sequence=77, destination_channel="channel-0", data=encode(message)
    )
    for zone in (PAIR.a, PAIR.b):
        with suppress(RejectedError):
            exchange.ExchangeApplication().on_recv_packet(zone.context(), packet, "")


@given(messages(exchange_pb2.ExchangePacketData), st.binary(max_size=80))
def test_any_answer_to_any_packet_settles_it(message: Any, answer: bytes) -> None:
    packet = channel_pb2.Packet(
        sequence=1, source_channel="channel-0", data=encode(message)
    )
    application = exchange.ExchangeApplication()
    for zone in (PAIR.a, PAIR.b):
        application.on_acknowledgement_packet(zone.context(), packet, answer, "")
        application.on_timeout_packet(zone.context(), packet, "")
