"""What the exchange refuses: messages, packets, acknowledgements of a hostile zone."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from huitong.core.codec import encode
from huitong.core.errors import HuitongError, InvalidRequestError
from huitong.core.genesis import GenesisError
from huitong.core.ids import InvalidIdentifierError
from huitong.core.limits import EXCHANGE_ACKNOWLEDGEMENT_BYTES_MAX, TEXT_BYTES_MAX
from huitong.core.ports import ChannelOpening
from huitong.core.time import NS_PER_SECOND
from huitong.modules import exchange, grants, members, records
from huitong.modules.exchange import errors
from huitong.modules.exchange.decisions import decode_decision, encode_decision
from huitong.modules.exchange.state import save_exchange
from huitong.modules.members.errors import NoMemberError
from huitong.proto.huitong.exchange.v1 import exchange_pb2 as pb
from huitong.proto.huitong.records.v1 import records_pb2
from huitong.proto.ibc.core.channel.v1 import channel_pb2
from huitong.testing.actors import address_of
from huitong.testing.contexts import MemoryZone
from huitong.testing.exchanges import (
    DIGEST,
    OFFICER,
    PUBLISHER,
    REQUESTER,
    ROGUE,
    SEALED_DIGEST,
    ExchangePair,
    open_exchange,
)

APPLICATION = exchange.ExchangeApplication()
FAR = 2**60


# --- channels -----------------------------------------------------------------------------


def opening(**changes: Any) -> ChannelOpening:
    fields: dict[str, Any] = {
        "ordering": channel_pb2.ORDER_UNORDERED,
        "connection_hops": ("connection-0",),
        "port_id": "exchange",
        "channel_id": "channel-0",
        "counterparty_port_id": "exchange",
        "counterparty_channel_id": "",
        "version": "huitong-exchange-1",
    }
    return ChannelOpening(**{**fields, **changes})


def test_channel_opens_with_our_version_only() -> None:
    ctx = MemoryZone([]).context()
    assert APPLICATION.on_chan_open_init(ctx, opening()) == "huitong-exchange-1"
    assert APPLICATION.on_chan_open_init(ctx, opening(version="")) == exchange.VERSION
    assert APPLICATION.on_chan_open_try(ctx, opening()) == exchange.VERSION
    APPLICATION.on_chan_open_ack(ctx, "exchange", "channel-0", exchange.VERSION)
    APPLICATION.on_chan_open_confirm(ctx, "exchange", "channel-0")
    APPLICATION.on_chan_close_confirm(ctx, "exchange", "channel-0")


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"ordering": channel_pb2.ORDER_ORDERED}, errors.ChannelOrderingError),
        ({"ordering": 0}, errors.ChannelOrderingError),
        ({"version": "ics20-1"}, errors.ChannelVersionError),
        ({"counterparty_port_id": "transfer"}, errors.ChannelPortError),
        ({"port_id": "transfer"}, errors.ChannelPortError),
    ],
)
def test_channel_of_another_kind_is_refused(
    changes: dict[str, Any], error: type[HuitongError]
) -> None:
    ctx = MemoryZone([]).context()
    for step in (APPLICATION.on_chan_open_init, APPLICATION.on_chan_open_try):
        with pytest.raises(error):
            step(ctx, opening(**changes))


def test_counterparty_must_agree_and_nobody_closes_a_channel() -> None:
    ctx = MemoryZone([]).context()
    with pytest.raises(errors.ChannelVersionError):
        APPLICATION.on_chan_open_try(ctx, opening(version=""))
    with pytest.raises(errors.ChannelVersionError):
        APPLICATION.on_chan_open_ack(ctx, "exchange", "channel-0", "")
    with pytest.raises(errors.ChannelCloseError):
        APPLICATION.on_chan_close_init(ctx, "exchange", "channel-0")


# --- messages -----------------------------------------------------------------------------


def request_message(**changes: Any) -> pb.MsgRequestExchange:
    request: dict[str, Any] = {
        "requester": "bank",
        "reader_key": bytes(32),
        "issuer": "tax",
        "record_id": "inv-1",
        "purpose": "audit",
    }
    fields: dict[str, Any] = {
        "signer": REQUESTER,
        "channel_id": "channel-0",
        "timeout_timestamp": FAR,
    }
    for name, value in changes.items():
        (
            fields
            if name in pb.MsgRequestExchange.DESCRIPTOR.fields_by_name
            else request
        )[name] = value
    return pb.MsgRequestExchange(request=pb.RequestPacket(**request), **fields)


ON_B: list[tuple[Any, type[HuitongError]]] = [
    (request_message(channel_id="x"), InvalidIdentifierError),
    (request_message(requester=""), InvalidRequestError),
    (request_message(reader_key=b""), InvalidRequestError),
    (request_message(issuer="A"), InvalidRequestError),
    (request_message(record_id=""), InvalidRequestError),
    (request_message(purpose=""), InvalidRequestError),
    (request_message(legal_basis="x" * (TEXT_BYTES_MAX + 1)), InvalidRequestError),
    (request_message(fields=["b", "a"]), InvalidRequestError),
    (request_message(term_until=-1), InvalidRequestError),
    (request_message(term_until=1), InvalidRequestError),
    (request_message(timeout_timestamp=0), InvalidRequestError),
    (request_message(signer=ROGUE), errors.NotPartyError),
    (request_message(signer=address_of("operator")), NoMemberError),
]


@pytest.mark.parametrize(("message", "error"), ON_B)
def test_request_is_refused_on_b(message: Any, error: type[HuitongError]) -> None:
    pair = open_exchange()
    with pytest.raises(error):
        pair.b.deliver(message)


def waiting() -> ExchangePair:
    """Sequence 1 waits, sequence 2 is granted, sequence 3 is refused."""
    pair = open_exchange()
    pair.publish()
    pair.publish(record_id="open", share_class=records_pb2.SHARE_CLASS_OPEN)
    for record_id in ("inv-1", "open", "none"):
        packet = pair.request(record_id=record_id, fields=["amount", "buyer"][:1])
        acknowledgement = pair.receive(packet)
        if acknowledgement is not None:
            pair.acknowledge(packet, acknowledgement)
    return pair


def decide(**changes: Any) -> pb.MsgDecideExchange:
    fields: dict[str, Any] = {
        "signer": OFFICER,
        "channel_id": "channel-0",
        "sequence": 1,
        "outcome": pb.OUTCOME_GRANTED,
    }
    return pb.MsgDecideExchange(**{**fields, **changes})


def deliver(**changes: Any) -> pb.MsgRecordDelivery:
    fields: dict[str, Any] = {
        "signer": PUBLISHER,
        "channel_id": "channel-0",
        "sequence": 2,
        "sealed_digest": SEALED_DIGEST,
    }
    return pb.MsgRecordDelivery(**{**fields, **changes})


ON_A: list[tuple[Any, type[HuitongError]]] = [
    (decide(outcome=0), InvalidRequestError),
    (decide(outcome=pb.OUTCOME_REFUSED), InvalidRequestError),
    (decide(outcome=9, reason="x"), InvalidRequestError),
    (
        decide(outcome=pb.OUTCOME_REFUSED, reason="x", fields=["amount"]),
        InvalidRequestError,
    ),
    (decide(fields=["b", "a"]), InvalidRequestError),
    (decide(sequence=9), errors.ExchangeNotFoundError),
    (decide(channel_id="channel-9"), errors.ExchangeNotFoundError),
    (decide(signer=address_of("other-officer")), errors.NotPartyError),
    (decide(sequence=2), errors.ExchangeStatusError),
    (decide(sequence=3), errors.ExchangeStatusError),
    (decide(fields=["buyer"]), errors.FieldsNotAskedError),
    (deliver(sealed_digest=b"1"), InvalidRequestError),
    (deliver(sequence=9), errors.ExchangeNotFoundError),
    (deliver(signer=address_of("other-officer")), errors.NotPartyError),
    (deliver(sequence=1), errors.ExchangeStatusError),
    (deliver(sequence=3), errors.ExchangeStatusError),
]


@pytest.mark.parametrize(("message", "error"), ON_A)
def test_decision_or_delivery_is_refused_on_a(
    message: Any, error: type[HuitongError]
) -> None:
    pair = waiting()
    with pytest.raises(error):
        pair.a.deliver(message)


def confirm(**changes: Any) -> pb.MsgConfirmReceipt:
    fields: dict[str, Any] = {
        "signer": REQUESTER,
        "channel_id": "channel-0",
        "sequence": 2,
        "payload_digest": DIGEST,
        "sealed_digest": SEALED_DIGEST,
        "received_time": 1,
        "grade": "proven",
        "timeout_timestamp": FAR,
    }
    return pb.MsgConfirmReceipt(**{**fields, **changes})


RECEIPTS: list[tuple[Any, type[HuitongError]]] = [
    (confirm(sequence=0), InvalidRequestError),
    (confirm(payload_digest=b""), InvalidRequestError),
    (confirm(sealed_digest=b""), InvalidRequestError),
    (confirm(received_time=0), InvalidRequestError),
    (confirm(grade="sure"), InvalidRequestError),
    (confirm(timeout_timestamp=0), InvalidRequestError),
    (confirm(sequence=9), errors.ExchangeNotFoundError),
    (confirm(signer=ROGUE), errors.NotPartyError),
    (confirm(sequence=1), errors.ExchangeStatusError),
    (confirm(sequence=3), errors.ExchangeStatusError),
    (confirm(payload_digest=bytes(32)), errors.DigestMismatchError),
]


@pytest.mark.parametrize(("message", "error"), RECEIPTS)
def test_receipt_is_refused_on_b(message: Any, error: type[HuitongError]) -> None:
    pair = waiting()
    with pytest.raises(error):
        pair.b.deliver(message)


def test_confirming_or_delivering_twice_is_refused() -> None:
    pair = waiting()
    pair.deliver_sealed(2)
    with pytest.raises(errors.ExchangeStatusError):
        pair.deliver_sealed(2)
    pair.confirm(2)
    with pytest.raises(errors.ExchangeStatusError):
        pair.confirm(2)


def test_officer_cannot_grant_what_was_revoked_meanwhile() -> None:
    pair = waiting()
    pair.a.deliver(
        records_pb2.MsgSetRecordStatus(
            signer=PUBLISHER, record_id="inv-1", status=3, reason="x"
        )
    )
    with pytest.raises(errors.NotShareableError, match="revoked"):
        pair.decide(1)
    pair.decide(1, outcome=pb.OUTCOME_REFUSED, reason="revoked")


def test_officer_is_too_late_at_the_deadline() -> None:
    pair = waiting()
    ctx = pair.a.context()
    kept = pair.exchange_on_a(1)
    kept.deadline = pair.a.time_ns
    save_exchange(ctx, kept)
    pair.a.take(ctx)
    with pytest.raises(errors.DeadlinePassedError):
        pair.decide(1)


# --- packets on a -------------------------------------------------------------------------


def sent(pair: ExchangePair, data: bytes) -> bytes | None:
    """Send any packet from b, as a hostile zone may, and return a's acknowledgement."""
    return pair.receive(pair.path.b.send(data))


def error_code(acknowledgement: bytes | None) -> int:
    assert acknowledgement is not None
    assert acknowledgement.startswith(b'{"error":"ABCI code: ')
    return int(acknowledgement[21:].split(b":")[0])


REQUEST = {
    "requester": "bank",
    "reader_key": bytes(32),
    "issuer": "tax",
    "record_id": "inv-1",
    "purpose": "audit",
}


@pytest.mark.parametrize(
    "data",
    [
        b"{}",
        b"\x00",
        b"\x0a\x00",
        encode(pb.ExchangePacketData(request=pb.RequestPacket(**REQUEST)))
        + b"\x1a\x00",
        encode(pb.ExchangePacketData(request=pb.RequestPacket(**REQUEST)))[:-1],
        encode(
            pb.ExchangePacketData(
                request=pb.RequestPacket(**{**REQUEST, "reader_key": b"1"})
            )
        ),
        encode(
            pb.ExchangePacketData(
                request=pb.RequestPacket(**{**REQUEST, "requester": "a/b"})
            )
        ),
        encode(pb.ExchangePacketData(receipt=pb.ReceiptPacket(request_sequence=1))),
    ],
)
def test_malformed_packet_gets_an_error_and_leaves_nothing(data: bytes) -> None:
    pair = waiting()
    before = exchange.MODULE.export_genesis(pair.a.context())
    assert error_code(sent(pair, data)) == errors.MalformedPacketError.code
    assert exchange.MODULE.export_genesis(pair.a.context()) == before


def receipt(**changes: Any) -> bytes:
    fields: dict[str, Any] = {
        "request_sequence": 2,
        "payload_digest": DIGEST,
        "sealed_digest": SEALED_DIGEST,
        "received_time": 1,
        "grade": "proven",
    }
    return encode(
        pb.ExchangePacketData(receipt=pb.ReceiptPacket(**{**fields, **changes}))
    )


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (receipt(request_sequence=9), errors.ExchangeNotFoundError),
        (receipt(request_sequence=1), errors.ExchangeStatusError),
        (receipt(request_sequence=3), errors.ExchangeStatusError),
        (receipt(payload_digest=bytes(32)), errors.DigestMismatchError),
        (receipt(sealed_digest=bytes(32)), errors.DigestMismatchError),
    ],
)
def test_forged_receipt_is_refused_on_a(data: bytes, error: type[HuitongError]) -> None:
    pair = waiting()
    pair.deliver_sealed(2)
    assert error_code(sent(pair, data)) == error.code
    assert pair.exchange_on_a(2).status == pb.EXCHANGE_STATUS_DELIVERED


def test_second_receipt_is_refused_on_a() -> None:
    pair = waiting()
    assert sent(pair, receipt()) == b'{"result":"AQ=="}'
    first = pair.exchange_on_a(2)
    assert error_code(sent(pair, receipt())) == errors.ReceiptExistsError.code
    assert pair.exchange_on_a(2) == first


def test_late_delivery_must_match_the_receipt() -> None:
    pair = waiting()
    sent(pair, receipt())
    with pytest.raises(errors.DigestMismatchError):
        pair.deliver_sealed(2, sealed_digest=bytes(32))


def test_refused_receipt_opens_the_exchange_on_b_again() -> None:
    pair = waiting()
    pair.deliver_sealed(2, sealed_digest=bytes(32))
    packet = pair.confirm(2)
    refused = pair.receive(packet)
    assert error_code(refused) == errors.DigestMismatchError.code
    assert refused is not None
    pair.acknowledge(packet, refused)
    assert pair.exchange_on_b(2).status == pb.EXCHANGE_STATUS_GRANTED
    assert pair.b.told("receipt_refused")[0]["reason"] == "refused"


# --- acknowledgements on b ----------------------------------------------------------------


def asked() -> tuple[ExchangePair, channel_pb2.Packet]:
    pair = open_exchange()
    return pair, pair.request(fields=["amount", "buyer"])


def answered(
    pair: ExchangePair, packet: channel_pb2.Packet, acknowledgement: bytes
) -> pb.Exchange:
    """Let the application of b hear any acknowledgement, as if a had proven it."""
    ctx = pair.b.context()
    APPLICATION.on_acknowledgement_packet(ctx, packet, acknowledgement, "")
    pair.b.take(ctx)
    return pair.exchange_on_b(1)


GOOD = pb.Decision(
    outcome=pb.OUTCOME_GRANTED,
    reason_code="grant",
    decided_by="policy",
    issuer="tax",
    record_id="inv-1",
    version=1,
    payload_digest=DIGEST,
    fields=["amount"],
)


def changed(**changes: Any) -> bytes:
    decision = pb.Decision()
    decision.CopyFrom(GOOD)
    for name, value in changes.items():
        decision.ClearField(name)
        if isinstance(value, list):
            getattr(decision, name).extend(value)
        else:
            setattr(decision, name, value)
    return encode_decision(decision)


def test_good_decision_is_believed() -> None:
    pair, packet = asked()
    assert answered(pair, packet, changed()).status == pb.EXCHANGE_STATUS_GRANTED


HOSTILE = [
    b"",
    b"\x01",
    b"null",
    b'{"result":1}',
    b'{"result":"AQ=="}',
    b'{"result":"??"}',
    b'{"result":""}',
    b'{"error":"ABCI code: 3: error handling packet: see events for details"}',
    b'{"error":""}',
    b'{"error":"\\ud800"}',
    b'{"error":"a\\nb"}',
    b'{"error":"' + b"x" * (TEXT_BYTES_MAX + 1) + b'"}',
    b'{"result":"' + b"A" * EXCHANGE_ACKNOWLEDGEMENT_BYTES_MAX + b'"}',
    b"[" * 5000,
    changed() + b" ",
    changed(outcome=pb.OUTCOME_UNSPECIFIED),
    changed(outcome=9),
    changed(outcome=pb.OUTCOME_REFUSED),
    changed(reason_code=""),
    changed(reason_code="A B"),
    changed(reason="a\nb"),
    changed(decided_by=""),
    changed(issuer="court"),
    changed(record_id="inv-2"),
    changed(version=0),
    changed(payload_digest=b"1"),
    changed(fields=[]),
    changed(fields=["seller"]),
    changed(fields=["buyer", "amount"]),
    b'{"result":"' + base64.b64encode(encode(GOOD) + b"\x78\x01") + b'"}',
]


@pytest.mark.parametrize("acknowledgement", HOSTILE)
def test_garbage_of_a_hostile_zone_fails_the_exchange_and_settles_the_packet(
    acknowledgement: bytes,
) -> None:
    pair, packet = asked()
    kept = answered(pair, packet, acknowledgement)
    assert kept.status == pb.EXCHANGE_STATUS_FAILED
    assert kept.failure
    assert not kept.HasField("decision")
    assert pair.b.told("exchange_failed")[0]["failure"] == kept.failure


def test_decision_about_another_version_than_asked_for_is_none() -> None:
    request = pb.RequestPacket(issuer="tax", record_id="inv-1", version=2)
    with pytest.raises(errors.DecisionError, match="another version"):
        decode_decision(changed(), request)
    request.version = 1
    assert decode_decision(changed(fields=["seller"]), request).version == 1


@given(st.binary(max_size=200) | st.text(max_size=60).map(lambda text: text.encode()))
def test_any_acknowledgement_settles_a_request(acknowledgement: bytes) -> None:
    pair, packet = SHARED
    ctx = pair.b.context()
    APPLICATION.on_acknowledgement_packet(ctx, packet, acknowledgement, "")
    kept = exchange.get_exchange(ctx, exchange.REQUESTER, "channel-0", 1)
    assert kept.status == pb.EXCHANGE_STATUS_FAILED


SHARED = asked()


@given(st.binary(max_size=300))
def test_no_packet_data_raises_anything_but_a_refusal(data: bytes) -> None:
    packet = channel_pb2.Packet(
        sequence=5, data=data, destination_channel="channel-0", timeout_timestamp=FAR
    )
    with pytest.raises(errors.MalformedPacketError):
        APPLICATION.on_recv_packet(SHARED[0].a.context(), packet, "")


@pytest.mark.parametrize(
    "acknowledgement", [b"", b'{"result":"Ag=="}', b'{"error":"x"}']
)
def test_receipt_that_is_not_taken_is_open_again(acknowledgement: bytes) -> None:
    pair = waiting()
    packet = pair.confirm(2)
    ctx = pair.b.context()
    APPLICATION.on_acknowledgement_packet(ctx, packet, acknowledgement, "")
    pair.b.take(ctx)
    assert pair.exchange_on_b(2).status == pb.EXCHANGE_STATUS_GRANTED


def test_answers_to_packets_that_b_knows_nothing_of_change_nothing() -> None:
    pair = waiting()
    packet = pair.confirm(2)
    stranger = channel_pb2.Packet()
    stranger.CopyFrom(packet)
    stranger.sequence = 77
    unknown = channel_pb2.Packet(sequence=78, source_channel="channel-0", data=b"?")
    before = exchange.MODULE.export_genesis(pair.b.context())
    for other in (stranger, unknown):
        for acknowledgement in (b'{"result":"AQ=="}', b"?"):
            ctx = pair.b.context()
            APPLICATION.on_acknowledgement_packet(ctx, other, acknowledgement, "")
            APPLICATION.on_timeout_packet(ctx, other, "")
            assert exchange.MODULE.export_genesis(ctx) == before


# --- genesis ------------------------------------------------------------------------------

MODULES = (members.MODULE, records.MODULE, grants.MODULE, exchange.MODULE)


def exported() -> dict[str, Any]:
    return exchange.MODULE.export_genesis(waiting().a.context())


def imported(state: dict[str, Any]) -> MemoryZone:
    return MemoryZone(MODULES, genesis={"exchange": state})


def test_export_makes_the_same_state_again() -> None:
    pair = waiting()
    ctx = pair.a.context()
    state = exchange.MODULE.export_genesis(ctx)
    again = imported(state)
    assert again.export()["exchange"] == state
    kept = dict(ctx.store(exchange.STORE).iterate(b"", None))
    assert again.state.dump()[exchange.STORE] == kept
    assert [item["sequence"] for item in state["waiting"]] == ["1"]


def test_rules_that_are_left_out_have_their_defaults() -> None:
    params = imported({"params": {"level_max": 2}}).export()["exchange"]["params"]
    assert params == {
        "ask_officer": True,
        "officer_term": "259200",
        "level_max": 2,
        "client_levels": [],
    }


WRONG_EXCHANGE = [
    {"status": None},
    {"side": None},
    {"channel_id": "x"},
    {"request": {}},
    {"deadline": "0"},
    {"status": "EXCHANGE_STATUS_GRANTED"},
]


@pytest.mark.parametrize("change", WRONG_EXCHANGE)
def test_genesis_with_a_wrong_exchange_is_refused(change: dict[str, Any]) -> None:
    state = exported()
    kept = {**state["exchanges"][0], **change}
    state["exchanges"][0] = {
        name: value for name, value in kept.items() if value is not None
    }
    with pytest.raises(GenesisError):
        imported(state)


@pytest.mark.parametrize(
    "params",
    [
        [],
        {"ask": True},
        {"ask_officer": 1},
        {"officer_term": 0},
        {"officer_term": "31622401"},
        {"level_max": 0},
        {"level_max": 5},
        {"level_max": "x"},
    ],
)
def test_genesis_with_wrong_rules_is_refused(params: Any) -> None:
    with pytest.raises(GenesisError, match="params"):
        imported({"params": params})


def test_genesis_with_packets_that_do_not_fit_is_refused() -> None:
    state = exported()
    for wrong in (
        {**state, "waiting": []},
        {**state, "waiting": state["waiting"] * 2},
        {**state, "exchanges": state["exchanges"] * 2},
        {**state, "exchanges": []},
        {**state, "more": []},
    ):
        with pytest.raises(GenesisError):
            imported(wrong)


def test_waiting_request_of_an_imported_zone_is_refused_in_time() -> None:
    state = exported()
    del state["exchanges"][1:]
    zone = imported(state)
    deadline_s = int(state["exchanges"][0]["deadline"]) // NS_PER_SECOND
    zone.next_block(seconds=deadline_s - zone.time_ns // NS_PER_SECOND + 1)
    assert zone.told("exchange_decided")[0]["reason_code"] == "deadline"
