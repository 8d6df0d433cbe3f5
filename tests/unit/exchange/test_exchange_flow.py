"""An exchange from request to receipt, over a real link, and every rule of the policy."""

from __future__ import annotations

import json
from typing import Any

import pytest

from huitong.core.address import GOVERNANCE_ADDRESS
from huitong.core.errors import InvalidRequestError
from huitong.core.time import NS_PER_SECOND
from huitong.modules import exchange
from huitong.modules.exchange import deadlines, errors, policy, queries
from huitong.modules.exchange.decisions import encode_decision
from huitong.modules.links import state as links_state
from huitong.modules.links.keys import STORE as LINKS_STORE
from huitong.proto.huitong.exchange.v1 import exchange_pb2 as pb
from huitong.proto.huitong.grants.v1 import grants_pb2
from huitong.proto.huitong.members.v1 import members_pb2
from huitong.proto.huitong.records.v1 import records_pb2
from huitong.proto.ibc.core.channel.v1 import channel_pb2
from huitong.testing.exchanges import (
    DIGEST,
    FIELDS,
    OFFICER,
    PUBLISHER,
    PURPOSE,
    REQUESTER,
    ROGUE,
    SEALED_DIGEST,
    SUBJECT,
    ExchangePair,
    open_exchange,
    sent_packet,
    written_acknowledgement,
)

OPEN, CONDITIONAL, CLOSED = 1, 2, 3


def published(**changes: Any) -> ExchangePair:
    pair = open_exchange()
    pair.publish(**changes)
    return pair


def decided(pair: ExchangePair, **changes: Any) -> pb.Decision:
    """Send a request and return a's decision, which must be b's too."""
    packet = pair.request(**changes)
    acknowledgement = pair.receive(packet)
    assert acknowledgement is not None
    pair.acknowledge(packet, acknowledgement)
    on_a, on_b = (
        pair.exchange_on_a(packet.sequence),
        pair.exchange_on_b(packet.sequence),
    )
    assert on_a.decision == on_b.decision
    assert on_a.status == on_b.status
    return on_b.decision


# --- the whole way ------------------------------------------------------------------------


def test_exchange_under_a_grant_from_request_to_receipt() -> None:
    pair = published()
    pair.grant(count_max=1)
    packet = pair.request(fields=["amount"])
    asked = pair.exchange_on_b(packet.sequence)
    assert (asked.status, asked.side) == (
        pb.EXCHANGE_STATUS_REQUESTED,
        exchange.REQUESTER,
    )
    acknowledgement = pair.receive(packet)
    assert acknowledgement is not None
    assert list(json.loads(acknowledgement)) == ["result"]
    told = pair.a.told("exchange_decided")[0]
    assert (told["side"], told["outcome"], told["reason_code"], told["grant_id"]) == (
        "provider",
        "granted",
        "grant",
        "1",
    )
    assert pair.a.told("grant_used")[0]["used_for"] == "channel-0/1"
    pair.acknowledge(packet, acknowledgement)
    decision = pair.exchange_on_b(packet.sequence).decision
    assert decision == pb.Decision(
        outcome=pb.OUTCOME_GRANTED,
        reason_code="grant",
        grant_id=1,
        decided_by="policy",
        decided_height=decision.decided_height,
        decided_time=decision.decided_time,
        issuer="tax",
        record_id="inv-1",
        version=1,
        payload_digest=DIGEST,
        fields=["amount"],
    )
    pair.deliver_sealed(packet.sequence)
    assert pair.exchange_on_a(1).status == pb.EXCHANGE_STATUS_DELIVERED
    receipt = pair.confirm(packet.sequence)
    taken = pair.receive(receipt)
    assert taken == b'{"result":"AQ=="}'
    assert pair.a.told("exchange_received")[0]["grade"] == "proven"
    pair.acknowledge(receipt, taken)
    on_a, on_b = pair.exchange_on_a(1), pair.exchange_on_b(1)
    assert on_a.status == on_b.status == pb.EXCHANGE_STATUS_RECEIVED
    assert on_a.receipt == on_b.receipt
    assert on_a.sealed_digest == on_b.sealed_digest == SEALED_DIGEST
    assert on_b.receipt_acknowledged
    assert pair.b.told("receipt_acknowledged")[0]["receipt_sequence"] == "2"
    assert pair.receive(pair.request(fields=["amount"])) is None  # it is used up


def test_officer_grants_fewer_fields_than_were_asked_for() -> None:
    pair = published()
    packet = pair.request(fields=["amount", "buyer"])
    assert pair.receive(packet) is None
    waiting = pair.exchange_on_a(1)
    assert waiting.status == pb.EXCHANGE_STATUS_REQUESTED
    assert pair.a.told("exchange_requested")[0]["deadline"] == str(waiting.deadline)
    acknowledgement = pair.decide(1, fields=["buyer"], reason="enough")
    pair.acknowledge(packet, acknowledgement)
    decision = pair.exchange_on_b(1).decision
    assert (decision.reason_code, decision.reason) == ("officer", "enough")
    assert (decision.decided_by, list(decision.fields)) == ("tax", ["buyer"])
    assert not pair.exchange_on_a(1).deadline


def test_officer_grants_all_fields_by_naming_none() -> None:
    pair = published()
    for fields in ((), ("buyer", "seller")):
        packet = pair.request(fields=fields)
        pair.receive(packet)
        pair.acknowledge(packet, pair.decide(packet.sequence))
        decision = pair.exchange_on_b(packet.sequence).decision
        assert tuple(decision.fields) == (fields or FIELDS)


def test_officer_refuses_with_a_reason() -> None:
    pair = published()
    packet = pair.request()
    pair.receive(packet)
    acknowledgement = pair.decide(
        1, outcome=pb.OUTCOME_REFUSED, reason="purpose not shown"
    )
    pair.acknowledge(packet, acknowledgement)
    on_b = pair.exchange_on_b(1)
    assert on_b.status == pb.EXCHANGE_STATUS_REFUSED
    assert on_b.decision.reason == "purpose not shown"
    assert not on_b.decision.payload_digest


def test_delivery_may_be_stated_after_the_receipt_came() -> None:
    pair = published()
    pair.grant()
    sequence = pair.granted()
    pair.receive(pair.confirm(sequence))
    pair.deliver_sealed(sequence)
    on_a = pair.exchange_on_a(sequence)
    assert on_a.status == pb.EXCHANGE_STATUS_RECEIVED
    assert on_a.sealed_digest == SEALED_DIGEST


def test_request_that_times_out_is_settled_on_b() -> None:
    pair = published()
    packet = pair.request(timeout_ns=5 * NS_PER_SECOND)
    pair.b.next_block(duration_ns=60 * NS_PER_SECOND)
    pair.path.b.time_out(packet)
    assert pair.exchange_on_b(1).status == pb.EXCHANGE_STATUS_TIMED_OUT
    assert pair.b.told("exchange_timed_out")[0]["sequence"] == "1"


def test_receipt_that_times_out_can_be_sent_again() -> None:
    pair = published()
    pair.grant()
    sequence = pair.granted()
    late = pair.confirm(sequence, timeout_ns=5 * NS_PER_SECOND)
    pair.b.next_block(duration_ns=60 * NS_PER_SECOND)
    pair.path.b.time_out(late)
    on_b = pair.exchange_on_b(sequence)
    assert on_b.status == pb.EXCHANGE_STATUS_GRANTED
    assert not on_b.HasField("receipt")
    assert not on_b.receipt_sequence
    assert not on_b.sealed_digest
    assert pair.b.told("receipt_refused")[0]["reason"] == "timed out"
    again = pair.confirm(sequence)
    assert pair.receive(again) == b'{"result":"AQ=="}'


def test_both_zones_may_ask_on_one_channel() -> None:
    pair = published()
    pair.grant()
    sequence = pair.granted()
    on_b = exchange.find_exchange(
        pair.b.context(), exchange.PROVIDER, "channel-0", sequence
    )
    assert on_b is None
    on_a = exchange.find_exchange(
        pair.a.context(), exchange.REQUESTER, "channel-0", sequence
    )
    assert on_a is None


# --- the policy ---------------------------------------------------------------------------


def set_status(pair: ExchangePair, status: int) -> None:
    pair.a.deliver(
        records_pb2.MsgSetRecordStatus(
            signer=PUBLISHER, record_id="inv-1", status=status, reason="x"
        )
    )


def new_version(pair: ExchangePair) -> None:
    pair.a.deliver(
        records_pb2.MsgPublishVersion(
            signer=PUBLISHER,
            record_id="inv-1",
            previous_version=1,
            payload_digest=DIGEST[::-1],
            fields=FIELDS,
        )
    )


def suspend_issuer(pair: ExchangePair) -> None:
    pair.a.deliver(
        members_pb2.MsgSetMemberStatus(
            signer=GOVERNANCE_ADDRESS, member_id="tax", status=2, reason="x"
        )
    )


Case = tuple[str, dict[str, Any], dict[str, Any], Any]
REFUSED: list[Case] = [
    ("unknown-record", {}, {"record_id": "inv-2"}, None),
    ("unknown-record", {}, {"issuer": "nobody"}, None),
    ("unknown-record", {}, {"version": 2}, None),
    ("superseded", {}, {"version": 1}, new_version),
    ("suspended", {}, {}, lambda pair: set_status(pair, 2)),
    ("revoked", {}, {}, lambda pair: set_status(pair, 3)),
    ("issuer", {}, {}, suspend_issuer),
    ("not-yet-valid", {"valid_from": 2**40}, {}, None),
    ("expired", {"valid_until": 1}, {}, None),
    ("closed", {"share_class": CLOSED}, {}, None),
    ("too-sensitive", {"level": 4}, {}, None),
    ("too-sensitive", {"level": 4, "share_class": OPEN}, {}, None),
    ("unknown-field", {}, {"fields": ["amount", "price"]}, None),
    ("consent", {}, {"consent_id": 9}, None),
]


@pytest.mark.parametrize(("reason_code", "record", "request_", "act"), REFUSED)
def test_request_is_refused_in_spite_of_a_grant(
    reason_code: str, record: dict[str, Any], request_: dict[str, Any], act: Any
) -> None:
    pair = published(**record)
    pair.grant()
    if act is not None:
        act(pair)
    decision = decided(pair, **request_)
    assert (decision.outcome, decision.reason_code) == (policy.REFUSED, reason_code)
    assert not decision.fields
    assert not pair.a.told("grant_used")


def test_open_record_is_granted_to_everybody() -> None:
    pair = published(share_class=OPEN)
    decision = decided(pair, signer=ROGUE, requester="thief", purpose="any")
    assert (decision.outcome, decision.reason_code) == (policy.GRANTED, "open-data")
    assert tuple(decision.fields) == FIELDS


def test_newest_version_is_granted_where_none_is_named() -> None:
    pair = published()
    pair.grant()
    new_version(pair)
    decision = decided(pair)
    assert (decision.version, decision.payload_digest) == (2, DIGEST[::-1])


NOT_COVERED: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({}, {"signer": ROGUE, "requester": "thief"}),
    ({}, {"purpose": "marketing"}),
    ({"fields": ["amount"]}, {}),
    ({"fields": ["amount"]}, {"fields": ["amount", "buyer"]}),
    ({"reader": grants_pb2.Reader(channel_id="channel-7", member_id="bank")}, {}),
    ({"reader": grants_pb2.Reader(member_id="bank")}, {}),
    ({"consent_required": True}, {}),
    ({"valid_until": 2**32}, {"term_until": 2**33}),
]


@pytest.mark.parametrize(("grant", "request_"), NOT_COVERED)
def test_request_that_no_grant_covers_waits_for_an_officer(
    grant: dict[str, Any], request_: dict[str, Any]
) -> None:
    pair = published()
    pair.grant(**grant)
    assert pair.receive(pair.request(**request_)) is None
    assert pair.exchange_on_a(1).status == pb.EXCHANGE_STATUS_REQUESTED


def test_zone_that_asks_no_officers_refuses_without_a_grant() -> None:
    pair = open_exchange({"ask_officer": False})
    pair.publish()
    assert decided(pair).reason_code == "no-grant"


def test_level_of_the_zone_is_the_last_that_is_shared() -> None:
    pair = open_exchange({"level_max": 1})
    pair.publish(level=1)
    pair.grant()
    assert decided(pair).reason_code == "grant"
    pair.publish(level=2, record_id="inv-2")
    pair.grant(record_id="inv-2")
    assert decided(pair, record_id="inv-2").reason_code == "too-sensitive"


def test_consent_of_the_subject_is_checked_and_withdrawable() -> None:
    pair = published()
    pair.grant(consent_required=True)
    consent = grants_pb2.MsgRecordConsent(
        signer=OFFICER,
        subject=SUBJECT,
        reader=pair.reader(),
        purpose=PURPOSE,
        evidence_digest=bytes(32),
    )
    assert pair.a.deliver(consent).consent_id == 1
    assert decided(pair, consent_id=1).reason_code == "grant"
    pair.a.deliver(grants_pb2.MsgWithdrawConsent(signer=OFFICER, consent_id=1))
    assert decided(pair, consent_id=1).reason_code == "consent"


def test_withdrawn_grant_covers_nothing_from_the_same_block_on() -> None:
    pair = published()
    grant_id = pair.grant()
    packet = pair.request()
    pair.a.deliver(grants_pb2.MsgWithdrawGrant(signer=PUBLISHER, grant_id=grant_id))
    assert pair.receive(packet) is None


def test_flood_of_waiting_requests_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(policy, "WAITING_PER_CHANNEL_MAX", 2)
    pair = published()
    for _ in range(2):
        assert pair.receive(pair.request()) is None
    assert decided(pair).reason_code == "busy"
    pair.decide(1)
    assert pair.receive(pair.request()) is None


# --- deadlines ----------------------------------------------------------------------------


def overdue(pair: ExchangePair) -> bytes | None:
    """Run the hook of a block and return the acknowledgement it wrote."""
    ctx = pair.a.context()
    deadlines.refuse_overdue(ctx)
    pair.a.take(ctx)
    return written_acknowledgement(pair.a)


def test_waiting_request_is_refused_when_its_deadline_has_come() -> None:
    pair = published()
    packet = pair.request(timeout_ns=100 * NS_PER_SECOND)
    assert pair.receive(packet) is None
    deadline = pair.exchange_on_a(1).deadline
    assert deadline == packet.timeout_timestamp
    pair.a.next_block(duration_ns=deadline - pair.a.clock.time_ns - 1)
    assert pair.exchange_on_a(1).status == pb.EXCHANGE_STATUS_REQUESTED
    pair.a.next_block(duration_ns=1)
    on_a = pair.exchange_on_a(1)
    assert on_a.status == pb.EXCHANGE_STATUS_REFUSED
    assert (on_a.decision.reason_code, on_a.decision.decided_by) == (
        "deadline",
        "policy",
    )
    assert overdue(pair) is None


def test_refusal_by_deadline_settles_the_packet_on_b() -> None:
    pair = published()
    packet = pair.request(timeout_ns=3 * NS_PER_SECOND)
    assert pair.receive(packet) is None
    pair.a.clock.advance(3 * NS_PER_SECOND)
    pair.a.next_block()
    exchange_on_a = pair.exchange_on_a(1)
    pair.acknowledge(packet, encode_decision(exchange_on_a.decision))
    assert pair.exchange_on_b(1).decision.reason_code == "deadline"


def test_term_of_officers_bounds_the_deadline() -> None:
    pair = open_exchange({"officer_term": 60})
    pair.publish()
    pair.receive(pair.request(timeout_ns=3600 * NS_PER_SECOND))
    on_a = pair.exchange_on_a(1)
    assert on_a.deadline == on_a.requested_time + 60 * NS_PER_SECOND


def test_request_that_times_out_by_height_waits_for_the_term_of_officers() -> None:
    pair = published()
    message = pb.MsgRequestExchange(
        signer=REQUESTER,
        channel_id=pair.path.b.channel_id,
        request=pb.RequestPacket(
            requester="bank",
            reader_key=bytes(32),
            issuer="tax",
            record_id="inv-1",
            purpose=PURPOSE,
        ),
        timeout_height_revision=1,
        timeout_height=10_000,
    )
    pair.b.deliver(message)
    packet = sent_packet(pair.b)
    assert packet.timeout_height.revision_height == 10_000
    pair.receive(packet)
    on_a = pair.exchange_on_a(1)
    assert on_a.deadline == on_a.requested_time + 259_200 * NS_PER_SECOND


def test_one_block_refuses_a_bounded_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deadlines, "DEADLINES_PER_BLOCK_MAX", 2)
    pair = published()
    for _ in range(3):
        pair.receive(pair.request(timeout_ns=60 * NS_PER_SECOND))
    pair.a.next_block(duration_ns=61 * NS_PER_SECOND)
    waiting = [pair.exchange_on_a(sequence).deadline for sequence in (1, 2, 3)]
    assert [bool(deadline) for deadline in waiting] == [False, False, True]
    pair.a.next_block()
    assert not pair.exchange_on_a(3).deadline


def test_deadline_on_a_closed_channel_refuses_without_an_acknowledgement() -> None:
    pair = published()
    pair.receive(pair.request(timeout_ns=60 * NS_PER_SECOND))
    ctx = pair.a.context()
    channel = links_state.get_channel(ctx.store(LINKS_STORE), "exchange", "channel-0")
    channel.state = channel_pb2.STATE_CLOSED
    links_state.save_channel(ctx.store(LINKS_STORE), "exchange", "channel-0", channel)
    pair.a.take(ctx)
    pair.a.next_block(duration_ns=61 * NS_PER_SECOND)
    assert pair.exchange_on_a(1).status == pb.EXCHANGE_STATUS_REFUSED


# --- queries and genesis ------------------------------------------------------------------


def test_exchanges_are_found_by_side_status_and_page() -> None:
    pair = published()
    pair.grant(fields=["amount"])
    for fields in (["amount"], ["buyer"], ["amount"], ["buyer"], ["amount"]):
        pair.receive(pair.request(fields=fields))
    pair.a.next_block()
    pair.b.next_block()
    path = "/huitong.exchange.v1.Query/Exchanges"

    def pages(zone: Any, **asked: Any) -> list[int]:
        found: list[int] = []
        after = 0
        while True:
            request = pb.QueryExchangesRequest(
                channel_id="channel-0", start_after=after, limit=2, **asked
            )
            page = zone.query(path, request)
            found += [item.sequence for item in page.exchanges]
            after = page.next
            if not after:
                return found

    assert pages(pair.a, side=exchange.PROVIDER) == [1, 2, 3, 4, 5]
    assert pages(pair.a, side=exchange.PROVIDER, status=1) == [2, 4]
    assert pages(pair.a, side=exchange.PROVIDER, status=2) == [1, 3, 5]
    assert pages(pair.a) == []
    assert pages(pair.b) == [1, 2, 3, 4, 5]


def test_page_with_a_filter_ends_early_but_goes_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(queries, "PAGE_SCAN_MAX", 2)
    pair = published()
    pair.grant(fields=["amount"])
    for fields in (["amount"], ["amount"], ["buyer"]):
        pair.receive(pair.request(fields=fields))
    ctx = pair.a.context()
    request = pb.QueryExchangesRequest(
        channel_id="channel-0", side=exchange.PROVIDER, status=1
    )
    first = queries.answer_exchanges(ctx, request)
    assert (len(first.exchanges), first.next) == (0, 2)
    request.start_after = first.next
    second = queries.answer_exchanges(ctx, request)
    assert ([item.sequence for item in second.exchanges], second.next) == ([3], 0)


def test_one_exchange_is_found_with_and_without_its_side() -> None:
    pair = published()
    pair.receive(pair.request())
    pair.a.next_block()
    path = "/huitong.exchange.v1.Query/Exchange"
    for side in (0, exchange.PROVIDER):
        request = pb.QueryExchangeRequest(channel_id="channel-0", sequence=1, side=side)
        assert pair.a.query(path, request).exchange.side == exchange.PROVIDER
    for sequence, side in ((1, exchange.REQUESTER), (2, 0)):
        request = pb.QueryExchangeRequest(
            channel_id="channel-0", sequence=sequence, side=side
        )
        with pytest.raises(errors.ExchangeNotFoundError):
            pair.a.query(path, request)


def test_unknown_side_is_refused() -> None:
    zone = open_exchange().a
    with pytest.raises(InvalidRequestError, match="side 300"):
        zone.query(
            "/huitong.exchange.v1.Query/Exchange", pb.QueryExchangeRequest(side=300)
        )
    with pytest.raises(InvalidRequestError, match="side -1"):
        zone.query(
            "/huitong.exchange.v1.Query/Exchanges", pb.QueryExchangesRequest(side=-1)
        )


def test_rules_of_the_zone_are_answered() -> None:
    path = "/huitong.exchange.v1.Query/Params"
    params = published().a.query(path, pb.QueryParamsRequest()).params
    assert (params.ask_officer, params.officer_term, params.level_max) == (
        True,
        259_200,
        3,
    )


def test_requester_is_named_in_events_of_both_sides() -> None:
    pair = published()
    pair.grant()
    pair.granted()
    told = pair.b.told("exchange_decided")[0]
    assert (told["side"], told["requester"], told["issuer"]) == (
        "requester",
        "bank",
        "tax",
    )
