"""Standing permissions: asked for, granted, used by pushes, ended, and caught up with."""

from __future__ import annotations

from typing import Any

import pytest

from huitong.core.errors import HuitongError, InvalidRequestError
from huitong.core.hashing import sha256
from huitong.core.ids import InvalidIdentifierError
from huitong.core.time import NS_PER_SECOND
from huitong.modules import exchange, grants
from huitong.modules.exchange import errors
from huitong.modules.exchange.decisions import decode_decision, encode_decision
from huitong.modules.exchange.state import all_pushes
from huitong.modules.exchange.subscriptions import (
    TAKEN_ACKNOWLEDGEMENT,
    get_subscription,
    save_subscription,
)
from huitong.modules.members.state import get_member, save_member
from huitong.modules.records.errors import RecordNotFoundError, VersionNotFoundError
from huitong.proto.huitong.exchange.v1 import exchange_pb2 as pb
from huitong.proto.huitong.grants.v1 import grants_pb2
from huitong.proto.huitong.members.v1 import members_pb2
from huitong.proto.huitong.records.v1 import records_pb2
from huitong.testing.actors import address_of
from huitong.testing.exchanges import (
    DIGEST,
    FIELDS,
    PUBLISHER,
    PURPOSE,
    ROGUE,
    SEALED_DIGEST,
    SUBJECT,
    ExchangePair,
    open_exchange,
    sent_packet,
    written_acknowledgement,
)

QUERY = "/huitong.exchange.v1.Query/"
OTHER = address_of("other-officer")
TYPE = {"record_id": "", "record_type": "tax.invoice", "fields": ["amount"]}


def published(**grant: Any) -> ExchangePair:
    pair = open_exchange()
    pair.publish()
    pair.grant(**grant)
    return pair


def on_a(pair: ExchangePair, sequence: int = 1) -> pb.Subscription:
    ctx = pair.a.context()
    return get_subscription(ctx, exchange.PROVIDER, "channel-0", sequence)


def on_b(pair: ExchangePair, sequence: int = 1) -> pb.Subscription:
    ctx = pair.b.context()
    return get_subscription(ctx, exchange.REQUESTER, "channel-0", sequence)


def pushed(pair: ExchangePair, sequence: int = 1, **changes: Any) -> int:
    """Push up to what b says to it; return the number."""
    response = pair.push(sequence, **changes)
    assert response.number, response.reason_code
    packet = sent_packet(pair.a)
    acknowledgement = pair.receive_on_b(packet)
    assert acknowledgement == TAKEN_ACKNOWLEDGEMENT
    pair.acknowledge_on_a(packet, acknowledgement)
    return response.number


def told_end(pair: ExchangePair) -> None:
    """Carry the end that a has just sent to b, and its acknowledgement back."""
    packet = sent_packet(pair.a)
    acknowledgement = pair.receive_on_b(packet)
    assert acknowledgement == TAKEN_ACKNOWLEDGEMENT
    pair.acknowledge_on_a(packet, acknowledgement)


# --- asked for and granted ----------------------------------------------------------------


def test_standing_request_under_a_grant_makes_a_subscription_in_both_zones() -> None:
    pair = published(fields=["amount", "buyer"])
    sequence = pair.subscribed(fields=["amount"], count_max=5, request_id="job-7")
    for kept in (on_a(pair), on_b(pair)):
        assert kept.state == pb.SUBSCRIPTION_STATE_ACTIVE
        assert kept.sequence == sequence
        assert kept.request.count_max == 5
        assert kept.request.request_id == "job-7"
        assert list(kept.decision.fields) == ["amount"]
        assert kept.decision.version == 0
        assert kept.decision.payload_digest == b""
    assert on_a(pair).decision == on_b(pair).decision
    assert pair.exchange_on_a(1).status == pb.EXCHANGE_STATUS_STANDING
    assert pair.exchange_on_b(1).status == pb.EXCHANGE_STATUS_STANDING
    assert grants.get_grant(pair.a.context(), 1).count_used == 0
    assert pair.b.told("subscription_started")[0]["request_id"] == "job-7"


def test_officer_grants_a_standing_request_with_fewer_fields() -> None:
    pair = open_exchange()
    pair.publish()
    packet = pair.request(standing=True, term_until=pair.now_s + 100)
    assert pair.receive(packet) is None
    pair.acknowledge(packet, pair.decide(1, fields=["amount"]))
    assert list(on_b(pair).decision.fields) == ["amount"]
    assert on_a(pair).decision.reason_code == "officer"
    assert pushed(pair) == 1
    assert list(pair.exchange_on_b(1, 1).decision.fields) == ["amount"]


def test_officer_refuses_a_standing_request() -> None:
    pair = open_exchange()
    pair.publish()
    packet = pair.request(standing=True, term_until=pair.now_s + 100)
    pair.receive(packet)
    refused = pair.decide(1, outcome=pb.OUTCOME_REFUSED, reason="no need")
    pair.acknowledge(packet, refused)
    assert pair.exchange_on_b(1).status == pb.EXCHANGE_STATUS_REFUSED
    with pytest.raises(errors.SubscriptionNotFoundError):
        on_b(pair)


def test_officer_grants_a_type_only_with_the_fields_asked_for() -> None:
    pair = open_exchange()
    packet = pair.request(standing=True, term_until=pair.now_s + 100, **TYPE)
    assert pair.receive(packet) is None
    with pytest.raises(errors.FieldsNotAskedError):
        pair.decide(1, fields=["buyer"])
    pair.acknowledge(packet, pair.decide(1))
    assert list(on_b(pair).decision.fields) == ["amount"]


def test_officer_cannot_grant_a_record_that_was_revoked() -> None:
    pair = open_exchange()
    pair.publish()
    pair.receive(pair.request(standing=True, term_until=pair.now_s + 100))
    revoke(pair)
    with pytest.raises(errors.NotShareableError, match="revoked"):
        pair.decide(1)


def test_request_for_a_type_is_granted_by_a_grant_for_the_type() -> None:
    pair = open_exchange()
    pair.grant(record_id="", record_type="tax.invoice")
    sequence = pair.subscribed(**TYPE)
    assert on_a(pair).decision.reason_code == "grant"
    for record_id in ("inv-1", "inv-2"):
        pair.publish(record_id=record_id)
        pushed(pair, sequence, record_id=record_id)
    numbers = [push.push_number for push in all_pushes(pair.b.context())]
    assert numbers == [1, 2]


def test_request_for_a_type_without_a_grant_is_refused_where_nobody_is_asked() -> None:
    pair = open_exchange({"ask_officer": False})
    packet = pair.request(standing=True, term_until=pair.now_s + 100, **TYPE)
    acknowledgement = pair.receive(packet)
    assert acknowledgement is not None
    pair.acknowledge(packet, acknowledgement)
    assert pair.exchange_on_b(1).decision.reason_code == "no-grant"


def test_request_for_a_type_of_an_issuer_that_is_no_member_is_refused() -> None:
    pair = open_exchange()
    packet = pair.request(
        standing=True, term_until=pair.now_s + 100, **{**TYPE, "issuer": "nobody"}
    )
    acknowledgement = pair.receive(packet)
    assert acknowledgement is not None
    pair.acknowledge(packet, acknowledgement)
    assert pair.exchange_on_b(1).decision.reason_code == "issuer"


STANDING_FORMS: list[dict[str, Any]] = [
    {"standing": False, "record_type": "tax.invoice"},
    {"standing": False, "count_max": 1},
    {"record_type": "tax.invoice"},
    {"record_id": ""},
    {"record_id": "", "record_type": "Tax", "fields": ["amount"]},
    {**TYPE, "fields": []},
    {**TYPE, "consent_id": 1},
    {"version": 1},
    {"term_until": 0},
    {"request_id": "a b"},
    {"request_id": "x" * 65},
]


@pytest.mark.parametrize("changes", STANDING_FORMS)
def test_standing_request_of_a_wrong_form_is_refused(changes: dict[str, Any]) -> None:
    pair = open_exchange()
    fields = {"standing": True, "term_until": pair.now_s + 100, **changes}
    with pytest.raises(InvalidRequestError):
        pair.request(**fields)


def test_standing_request_is_neither_delivered_nor_received() -> None:
    pair = published()
    pair.subscribed()
    with pytest.raises(errors.ExchangeStatusError):
        pair.deliver_sealed(1)
    with pytest.raises(errors.ExchangeStatusError):
        pair.confirm(1)


# --- pushes -------------------------------------------------------------------------------


def test_each_version_is_pushed_received_and_settled_like_an_exchange() -> None:
    pair = published()
    sequence = pair.subscribed(fields=["amount"])
    assert pushed(pair) == 1
    digest = pair.publish_version(1)
    assert pushed(pair, request_id="trace-2") == 2
    kept = pair.exchange_on_b(sequence, 2)
    assert kept.status == pb.EXCHANGE_STATUS_GRANTED
    assert kept.request.request_id == "trace-2"
    assert kept.request == pair.exchange_on_a(sequence, 2).request
    assert (kept.decision.version, kept.decision.payload_digest) == (2, digest)
    assert kept.decision.reason_code == "standing"
    assert kept.decision.grant_id == 1
    assert kept.sealed_digest == SEALED_DIGEST
    receipt = pair.confirm(sequence, push_number=2, payload_digest=digest)
    taken = pair.receive(receipt)
    assert taken == TAKEN_ACKNOWLEDGEMENT
    assert pair.a.told("exchange_received")[0]["request_id"] == "trace-2"
    pair.acknowledge(receipt, taken)
    for kept in (pair.exchange_on_a(sequence, 2), pair.exchange_on_b(sequence, 2)):
        assert kept.status == pb.EXCHANGE_STATUS_RECEIVED
    assert pair.exchange_on_a(sequence, 2).push_acknowledged
    assert pair.exchange_on_b(sequence, 2).receipt_acknowledged
    assert grants.get_grant(pair.a.context(), 1).count_used == 2
    receipts = exchange_receipts(pair)
    assert receipts.count == 1
    assert len(receipts.digest) == 32


def exchange_receipts(pair: ExchangePair) -> pb.RecordReceipts:
    pair.a.next_block()
    asked = pb.QueryRecordReceiptsRequest(issuer="tax", record_id="inv-1")
    found: pb.RecordReceipts = pair.a.query(QUERY + "RecordReceipts", asked).receipts
    return found


def test_request_id_is_in_the_events_and_exchanges_of_both_zones() -> None:
    pair = published()
    packet = pair.request(request_id="4bf92f3577b34da6a3ce929d0e0e4736")
    assert pair.b.told("exchange_requested")[0]["request_id"].startswith("4bf92f")
    pair.receive(packet)
    assert pair.a.told("exchange_decided")[0]["request_id"].startswith("4bf92f")
    for kept in (pair.exchange_on_a(1), pair.exchange_on_b(1)):
        assert kept.request.request_id == "4bf92f3577b34da6a3ce929d0e0e4736"


def test_old_version_is_pushed_once_it_was_missed() -> None:
    pair = published()
    pair.subscribed()
    pair.publish_version(1)
    pair.publish_version(2)
    assert [pushed(pair, version=version) for version in (3, 1, 2)] == [1, 2, 3]
    versions = [push.decision.version for push in all_pushes(pair.b.context())]
    assert versions == [3, 1, 2]


def test_version_that_may_have_arrived_is_not_pushed_again() -> None:
    pair = published()
    pair.subscribed()
    pair.push(1)
    packet = sent_packet(pair.a)
    with pytest.raises(errors.PushExistsError):
        pair.push(1)
    pair.acknowledge_on_a(packet, pair.receive_on_b(packet) or b"")
    with pytest.raises(errors.PushExistsError):
        pair.push(1, version=1)


def test_push_that_timed_out_is_pushed_again_under_its_number() -> None:
    pair = published(count_max=1)
    pair.subscribed(count_max=1)
    pair.push(1, timeout_ns=30 * NS_PER_SECOND)
    packet = sent_packet(pair.a)
    for zone in (pair.a, pair.b):
        zone.next_block(duration_ns=40 * NS_PER_SECOND)
    pair.path.a.time_out(packet)
    assert pair.exchange_on_a(1, 1).status == pb.EXCHANGE_STATUS_TIMED_OUT
    assert pair.a.told("push_settled")[0]["status"] == "timed_out"
    assert pushed(pair, sealed_digest=sha256(b"again")) == 1
    assert pair.exchange_on_b(1, 1).sealed_digest == sha256(b"again")
    assert grants.get_grant(pair.a.context(), 1).count_used == 1


def test_push_before_the_decision_is_known_on_b_is_refused_and_pushed_again() -> None:
    pair = published()
    request = pair.request(standing=True, term_until=pair.now_s + 1_000)
    decision = pair.receive(request) or b""
    pair.push(1)
    packet = sent_packet(pair.a)
    refused = pair.receive_on_b(packet) or b""
    assert error_code(refused) == errors.SubscriptionNotFoundError.code
    pair.acknowledge_on_a(packet, refused)
    kept = pair.exchange_on_a(1, 1)
    assert kept.status == pb.EXCHANGE_STATUS_FAILED
    assert "ABCI code: 17" in kept.failure
    pair.acknowledge(request, decision)
    assert pushed(pair) == 1


def test_receipt_may_overtake_the_acknowledgement_of_the_push() -> None:
    pair = published()
    pair.subscribed()
    pair.push(1)
    packet = sent_packet(pair.a)
    taken = pair.receive_on_b(packet) or b""
    pair.receive(pair.confirm(1, push_number=1))
    pair.acknowledge_on_a(packet, taken)
    kept = pair.exchange_on_a(1, 1)
    assert kept.status == pb.EXCHANGE_STATUS_RECEIVED
    assert kept.push_acknowledged


def test_word_of_failure_after_a_receipt_changes_nothing() -> None:
    pair = published()
    pair.subscribed()
    pair.push(1)
    packet = sent_packet(pair.a)
    pair.receive_on_b(packet)
    pair.receive(pair.confirm(1, push_number=1))
    before = pair.exchange_on_a(1, 1)
    ctx = pair.a.context()
    exchange.ExchangeApplication().on_acknowledgement_packet(ctx, packet, b"?", "")
    pair.a.take(ctx)
    assert pair.exchange_on_a(1, 1) == before


def test_receipt_of_a_push_that_is_refused_opens_it_again_with_its_digest() -> None:
    pair = published()
    pair.subscribed()
    pushed(pair)
    packet = pair.confirm(1, push_number=1)
    ctx = pair.b.context()
    exchange.ExchangeApplication().on_timeout_packet(ctx, packet, "")
    pair.b.take(ctx)
    kept = pair.exchange_on_b(1, 1)
    assert kept.status == pb.EXCHANGE_STATUS_GRANTED
    assert kept.sealed_digest == SEALED_DIGEST
    with pytest.raises(errors.DigestMismatchError):
        pair.confirm(1, push_number=1, sealed_digest=bytes(32))
    pair.confirm(1, push_number=1)


PUSHES: list[tuple[dict[str, Any], type[HuitongError]]] = [
    ({"channel_id": "x"}, InvalidIdentifierError),
    ({"record_id": ""}, InvalidRequestError),
    ({"sealed_digest": b"1"}, InvalidRequestError),
    ({"request_id": "ä"}, InvalidRequestError),
    ({"timeout_timestamp": 0}, InvalidRequestError),
    ({"sequence": 9}, errors.SubscriptionNotFoundError),
    ({"signer": OTHER}, errors.NotPartyError),
    ({"record_id": "inv-9"}, RecordNotFoundError),
    ({"version": 9}, VersionNotFoundError),
    ({"record_id": "inv-2"}, errors.RecordNotSelectedError),
    ({"record_id": "inv-3"}, errors.RecordNotSelectedError),
]


@pytest.mark.parametrize(("changes", "error"), PUSHES)
def test_push_is_refused_on_a(
    changes: dict[str, Any], error: type[HuitongError]
) -> None:
    pair = published()
    pair.publish(record_id="inv-2")
    pair.publish(record_id="inv-3", record_type="tax.return")
    pair.subscribed()
    with pytest.raises(error):
        pair.push(**{"sequence": 1, **changes})
    assert on_a(pair).push_count == 0


def test_push_of_another_type_is_refused() -> None:
    pair = open_exchange()
    pair.grant(record_id="", record_type="tax.invoice")
    pair.subscribed(**TYPE)
    pair.publish(record_type="tax.return")
    with pytest.raises(errors.RecordNotSelectedError):
        pair.push(1)


def suspend(pair: ExchangePair) -> None:
    pair.a.deliver(
        records_pb2.MsgSetRecordStatus(
            signer=PUBLISHER, record_id="inv-1", status=2, reason="x"
        )
    )


def revoke(pair: ExchangePair) -> None:
    pair.a.deliver(
        records_pb2.MsgSetRecordStatus(
            signer=PUBLISHER, record_id="inv-1", status=3, reason="x"
        )
    )


def test_what_may_pass_refuses_a_push_and_leaves_the_permission() -> None:
    pair = published()
    pair.subscribed(fields=["amount"])
    suspend(pair)
    with pytest.raises(errors.NotShareableError, match="suspended"):
        pair.push(1)
    pair.a.deliver(
        records_pb2.MsgSetRecordStatus(signer=PUBLISHER, record_id="inv-1", status=1)
    )
    pair.publish_version(1, fields=["buyer"])
    with pytest.raises(errors.NotShareableError, match="unknown-field"):
        pair.push(1)
    pair.publish_version(2, valid_until=pair.now_s + 1)
    pair.a.next_block(duration_ns=2 * NS_PER_SECOND)
    with pytest.raises(errors.NotShareableError, match="expired"):
        pair.push(1)
    pair.publish_version(3)
    assert pushed(pair) == 1


def test_suspended_record_is_not_pushed_again_either() -> None:
    pair = published()
    pair.subscribed()
    pair.push(1)
    packet = sent_packet(pair.a)
    ctx = pair.a.context()
    exchange.ExchangeApplication().on_timeout_packet(ctx, packet, "")
    pair.a.take(ctx)
    suspend(pair)
    with pytest.raises(errors.NotShareableError, match="suspended"):
        pair.push(1)


def test_closed_record_of_a_type_is_not_pushed() -> None:
    pair = open_exchange()
    pair.grant(record_id="", record_type="tax.invoice")
    pair.subscribed(**TYPE)
    pair.publish(share_class=records_pb2.SHARE_CLASS_CLOSED)
    with pytest.raises(errors.NotShareableError, match="closed"):
        pair.push(1)


# --- what ends it -------------------------------------------------------------------------


def withdraw(pair: ExchangePair) -> None:
    pair.a.deliver(
        grants_pb2.MsgWithdrawGrant(signer=PUBLISHER, grant_id=1, reason="x")
    )


ENDS: list[tuple[str, Any, int]] = [
    ("grant", withdraw, pb.SUBSCRIPTION_STATE_WITHDRAWN),
    ("revoked", revoke, pb.SUBSCRIPTION_STATE_WITHDRAWN),
    ("count", pushed, pb.SUBSCRIPTION_STATE_ENDED),
]


@pytest.mark.parametrize(("reason_code", "cause", "state"), ENDS)
def test_push_whose_ground_is_gone_ends_the_permission_in_both_zones(
    reason_code: str, cause: Any, state: int
) -> None:
    pair = open_exchange()
    pair.publish()
    pair.grant(count_max=1)
    pair.subscribed()
    cause(pair)
    if reason_code == "count":
        pair.publish_version(1)
    before = len(list(all_pushes(pair.a.context())))
    response = pair.push(1)
    assert (response.number, response.reason_code) == (0, reason_code)
    assert len(list(all_pushes(pair.a.context()))) == before
    assert pair.a.told("subscription_ended")[0]["reason_code"] == reason_code
    told_end(pair)
    for kept in (on_a(pair), on_b(pair)):
        assert (kept.state, kept.reason_code) == (state, reason_code)
        assert kept.end_acknowledged
    with pytest.raises(errors.SubscriptionStateError):
        pair.push(1)


def test_consent_withdrawn_ends_the_permission() -> None:
    pair = published()
    consent = pair.a.deliver(
        grants_pb2.MsgRecordConsent(
            signer=PUBLISHER,
            subject=SUBJECT,
            reader=pair.reader(),
            purpose=PURPOSE,
            evidence_digest=DIGEST,
        )
    )
    pair.subscribed(consent_id=consent.consent_id)
    assert pushed(pair) == 1
    pair.publish_version(1)
    pair.a.deliver(
        grants_pb2.MsgWithdrawConsent(
            signer=PUBLISHER, consent_id=consent.consent_id, reason="x"
        )
    )
    assert pair.push(1).reason_code == "consent"
    told_end(pair)
    assert on_b(pair).state == pb.SUBSCRIPTION_STATE_WITHDRAWN


def test_term_ends_the_permission_in_each_zone_by_its_own_clock() -> None:
    pair = published()
    pair.subscribed(term_until=pair.now_s + 50)
    for zone in (pair.a, pair.b):
        zone.next_block(duration_ns=60 * NS_PER_SECOND)
    for kept in (on_a(pair), on_b(pair)):
        assert kept.state == pb.SUBSCRIPTION_STATE_ENDED
        assert kept.reason_code == "term"
        assert not kept.end_sequence
    with pytest.raises(errors.SubscriptionStateError, match="term"):
        pair.end(1)


@pytest.mark.parametrize("by_provider", [True, False])
def test_either_side_ends_it_and_the_other_learns_it(by_provider: bool) -> None:
    pair = published()
    pair.subscribed()
    pair.end(1, on_a=by_provider)
    packet = sent_packet(pair.a if by_provider else pair.b)
    if by_provider:
        told_end(pair)
    else:
        acknowledgement = pair.receive(packet) or b""
        pair.acknowledge(packet, acknowledgement)
    for kept in (on_a(pair), on_b(pair)):
        assert kept.state == pb.SUBSCRIPTION_STATE_ENDED
        assert kept.reason_code == ("provider" if by_provider else "requester")
        assert kept.reason == "no longer needed"
        assert kept.end_acknowledged
    with pytest.raises(errors.SubscriptionStateError):
        pair.push(1)


def test_both_sides_may_end_it_at_once() -> None:
    pair = published()
    pair.subscribed()
    pair.end(1)
    from_a = sent_packet(pair.a)
    pair.end(1, on_a=False)
    from_b = sent_packet(pair.b)
    pair.acknowledge_on_a(from_a, pair.receive_on_b(from_a) or b"")
    pair.acknowledge(from_b, pair.receive(from_b) or b"")
    assert on_a(pair).reason_code == "provider"
    assert on_b(pair).reason_code == "requester"
    assert on_a(pair).end_acknowledged
    assert on_b(pair).end_acknowledged


def test_push_under_way_when_b_ends_it_is_refused_on_b() -> None:
    pair = published()
    pair.subscribed()
    pair.push(1)
    packet = sent_packet(pair.a)
    pair.end(1, on_a=False)
    refused = pair.receive_on_b(packet) or b""
    assert error_code(refused) == errors.SubscriptionStateError.code
    pair.acknowledge_on_a(packet, refused)
    assert pair.exchange_on_a(1, 1).status == pb.EXCHANGE_STATUS_FAILED
    assert not list(all_pushes(pair.b.context()))


def test_end_that_did_not_arrive_is_told_again() -> None:
    pair = published()
    pair.subscribed()
    pair.end(1)
    packet = sent_packet(pair.a)
    with pytest.raises(errors.SubscriptionStateError):
        pair.end(1)
    ctx = pair.a.context()
    exchange.ExchangeApplication().on_timeout_packet(ctx, packet, "")
    pair.a.take(ctx)
    assert not on_a(pair).end_sequence
    pair.end(1, reason="another")
    told_end(pair)
    assert on_b(pair).reason == "no longer needed"
    assert on_a(pair).end_acknowledged


def test_provider_that_ends_what_has_no_ground_says_what_is_gone() -> None:
    pair = published()
    pair.subscribed()
    withdraw(pair)
    pair.end(1)
    told_end(pair)
    for kept in (on_a(pair), on_b(pair)):
        assert kept.state == pb.SUBSCRIPTION_STATE_WITHDRAWN
        assert (kept.reason_code, kept.reason) == ("grant", "no longer needed")


def test_provider_that_ends_what_is_used_up_says_so() -> None:
    pair = published()
    pair.subscribed(count_max=1)
    pair.push(1)
    pair.end(1)
    assert on_a(pair).state == pb.SUBSCRIPTION_STATE_ENDED
    assert on_a(pair).reason_code == "count"


def test_member_that_is_no_party_ends_only_what_has_no_ground() -> None:
    pair = published()
    pair.subscribed()
    with pytest.raises(errors.NotPartyError):
        pair.end(1, signer=OTHER)
    withdraw(pair)
    pair.end(1, signer=OTHER)
    assert on_a(pair).reason_code == "grant"
    assert on_a(pair).state == pb.SUBSCRIPTION_STATE_WITHDRAWN
    with pytest.raises(errors.NotPartyError):
        pair.end(1, on_a=False, signer=ROGUE)


def test_permission_of_a_frozen_issuer_is_ended_by_anybody() -> None:
    pair = published()
    pair.subscribed()
    freeze(pair, on_a=True, member_id="tax")
    pair.end(1, signer=OTHER)
    assert on_a(pair).reason_code == "issuer"


def freeze(pair: ExchangePair, *, on_a: bool, member_id: str) -> None:
    zone = pair.a if on_a else pair.b
    ctx = zone.context()
    member = get_member(ctx, member_id)
    member.regulator_freeze.CopyFrom(members_pb2.Freeze(reason="x"))
    save_member(ctx, member)
    zone.take(ctx)


def test_frozen_requester_is_pushed_nothing() -> None:
    pair = published()
    pair.subscribed()
    freeze(pair, on_a=False, member_id="bank")
    pair.push(1)
    refused = pair.receive_on_b(sent_packet(pair.a)) or b""
    assert error_code(refused) == errors.ReceiverNotReadyError.code


ENDINGS: list[tuple[dict[str, Any], type[HuitongError]]] = [
    ({"channel_id": "x"}, InvalidIdentifierError),
    ({"side": 0}, InvalidRequestError),
    ({"reason": "a\nb"}, InvalidRequestError),
    ({"timeout_timestamp": 1}, InvalidRequestError),
    ({"sequence": 9}, errors.SubscriptionNotFoundError),
    ({"side": exchange.REQUESTER}, errors.SubscriptionNotFoundError),
    ({"signer": OTHER}, errors.NotPartyError),
]


@pytest.mark.parametrize(("changes", "error"), ENDINGS)
def test_end_is_refused(changes: dict[str, Any], error: type[HuitongError]) -> None:
    pair = published()
    pair.subscribed()
    with pytest.raises(error):
        pair.end(**{"sequence": 1, **changes})


# --- packets of a hostile zone ------------------------------------------------------------


def error_code(acknowledgement: bytes | None) -> int:
    assert acknowledgement is not None
    assert acknowledgement.startswith(b'{"error":"ABCI code: ')
    return int(acknowledgement[21:].split(b":")[0])


def decision(**changes: Any) -> pb.Decision:
    fields: dict[str, Any] = {
        "outcome": pb.OUTCOME_GRANTED,
        "reason_code": "standing",
        "decided_by": "policy",
        "issuer": "tax",
        "record_id": "inv-1",
        "version": 1,
        "payload_digest": DIGEST,
        "fields": ["amount"],
    }
    return pb.Decision(**{**fields, **changes})


def push_data(**changes: Any) -> bytes:
    fields: dict[str, Any] = {
        "request_sequence": 1,
        "number": 1,
        "decision": decision(),
        "sealed_digest": SEALED_DIGEST,
    }
    push = pb.PushPacket(**{**fields, **changes})
    return pb.ExchangePacketData(push=push).SerializeToString(deterministic=True)


def end_data(**changes: Any) -> bytes:
    fields: dict[str, Any] = {
        "request_sequence": 1,
        "side": exchange.PROVIDER,
        "state": pb.SUBSCRIPTION_STATE_ENDED,
        "reason_code": "provider",
    }
    end = pb.SubscriptionEndPacket(**{**fields, **changes})
    return pb.ExchangePacketData(end=end).SerializeToString(deterministic=True)


HOSTILE: list[tuple[bytes, type[HuitongError]]] = [
    (push_data(request_sequence=0), errors.MalformedPacketError),
    (push_data(number=0), errors.MalformedPacketError),
    (push_data(sealed_digest=b""), errors.MalformedPacketError),
    (push_data(request_id="\n"), errors.MalformedPacketError),
    (push_data(decision=decision(outcome=2)), errors.MalformedPacketError),
    (push_data(decision=decision(version=0)), errors.MalformedPacketError),
    (push_data(decision=decision(fields=[])), errors.MalformedPacketError),
    (push_data(decision=decision(payload_digest=b"")), errors.MalformedPacketError),
    (push_data(decision=decision(reason_code="")), errors.MalformedPacketError),
    (push_data(decision=decision(record_id="")), errors.MalformedPacketError),
    (push_data(request_sequence=7), errors.SubscriptionNotFoundError),
    (push_data(number=3), errors.PushNotCoveredError),
    (push_data(decision=decision(issuer="court")), errors.PushNotCoveredError),
    (push_data(decision=decision(record_id="inv-2")), errors.PushNotCoveredError),
    (push_data(decision=decision(fields=["buyer"])), errors.PushNotCoveredError),
    (push_data(number=2), errors.PushExistsError),
    (push_data(decision=decision(version=2)), errors.PushExistsError),
    (end_data(request_sequence=0), errors.MalformedPacketError),
    (end_data(side=0), errors.MalformedPacketError),
    (end_data(state=pb.SUBSCRIPTION_STATE_ACTIVE), errors.MalformedPacketError),
    (end_data(reason_code=""), errors.MalformedPacketError),
    (end_data(reason="\x00"), errors.MalformedPacketError),
    (end_data(request_sequence=7), errors.SubscriptionNotFoundError),
    (end_data(side=exchange.REQUESTER), errors.SubscriptionNotFoundError),
]


@pytest.mark.parametrize(("data", "error"), HOSTILE)
def test_forged_push_or_end_is_refused_on_b_and_leaves_nothing(
    data: bytes, error: type[HuitongError]
) -> None:
    pair = published()
    pair.subscribed(fields=["amount"], count_max=2)
    pushed(pair)
    before = exchange.MODULE.export_genesis(pair.b.context())
    assert error_code(pair.receive_on_b(pair.path.a.send(data))) == error.code
    assert exchange.MODULE.export_genesis(pair.b.context()) == before


def test_push_after_the_term_is_refused_on_b() -> None:
    pair = published()
    pair.subscribed(term_until=pair.now_s + 60)
    pair.push(1)
    packet = sent_packet(pair.a)
    kept = on_b(pair)
    ctx = pair.b.context()
    kept.request.term_until = pair.b.time_ns // NS_PER_SECOND
    save_subscription(ctx, kept)
    pair.b.take(ctx)
    refused = pair.receive_on_b(packet)
    assert error_code(refused) == errors.SubscriptionStateError.code


def test_answers_to_unknown_pushes_and_ends_change_nothing() -> None:
    pair = published()
    pair.subscribed()
    before = exchange.MODULE.export_genesis(pair.a.context())
    for data in (push_data(number=9), end_data(request_sequence=9), end_data()):
        packet = pair.path.a.send(data)
        for acknowledgement in (TAKEN_ACKNOWLEDGEMENT, b"?"):
            ctx = pair.a.context()
            application = exchange.ExchangeApplication()
            application.on_acknowledgement_packet(ctx, packet, acknowledgement, "")
            application.on_timeout_packet(ctx, packet, "")
            assert exchange.MODULE.export_genesis(ctx) == before


@pytest.mark.parametrize(
    "changes",
    [
        {"version": 1},
        {"payload_digest": DIGEST},
        {"fields": ["seller"]},
        {"fields": []},
    ],
)
def test_hostile_decision_on_a_standing_request_gives_nothing(
    changes: dict[str, Any],
) -> None:
    request = pb.RequestPacket(
        issuer="tax", record_id="inv-1", standing=True, fields=["amount"]
    )
    good = {"version": 0, "payload_digest": b"", "fields": ["amount"]}
    assert decode_decision(encode_decision(decision(**good)), request)
    with pytest.raises(errors.DecisionError):
        decode_decision(encode_decision(decision(**{**good, **changes})), request)


# --- queries and genesis ------------------------------------------------------------------


def test_reader_finds_what_it_missed_from_the_provider_s_counter() -> None:
    pair = published()
    pair.subscribed()
    packets = []
    for version in range(1, 6):
        if version > 1:
            pair.publish_version(version - 1)
        pair.push(1)
        packets.append(sent_packet(pair.a))
    for index in (1, 3):
        pair.receive_on_b(packets[index])
    for zone in (pair.a, pair.b):
        zone.next_block()
    key = exchange.subscription_key(exchange.PROVIDER, "channel-0", 1)
    proven = pair.a.prove(exchange.STORE, key)
    counter = pb.Subscription.FromString(proven.value or b"").push_last
    assert counter == 5
    asked = pb.QueryMissedPushesRequest(
        channel_id="channel-0", sequence=1, push_last=counter
    )
    missed = pair.b.query(QUERY + "MissedPushes", asked)
    assert list(missed.numbers) == [1, 3, 5]
    asked.limit = 2
    first = pair.b.query(QUERY + "MissedPushes", asked)
    assert (list(first.numbers), first.next) == ([1, 3], 3)
    asked.start_after = first.next
    rest = pair.b.query(QUERY + "MissedPushes", asked)
    assert (list(rest.numbers), rest.next) == ([5], 0)
    listed = pair.a.query(
        QUERY + "Pushes",
        pb.QueryPushesRequest(
            channel_id="channel-0", sequence=1, side=exchange.PROVIDER, limit=3
        ),
    )
    assert [push.decision.version for push in listed.pushes] == [1, 2, 3]
    assert listed.next == 3
    with pytest.raises(errors.SubscriptionNotFoundError):
        pair.a.query(QUERY + "MissedPushes", asked)
    asked.limit = 10_000
    with pytest.raises(InvalidRequestError):
        pair.b.query(QUERY + "MissedPushes", asked)


def test_permissions_are_listed_by_state_and_side() -> None:
    pair = published()
    for _ in range(3):
        pair.subscribed()
    pair.end(2, on_a=False)
    for zone in (pair.a, pair.b):
        zone.next_block()

    def listed(**changes: Any) -> list[int]:
        asked = pb.QuerySubscriptionsRequest(channel_id="channel-0", **changes)
        found = pair.b.query(QUERY + "Subscriptions", asked).subscriptions
        return [item.sequence for item in found]

    assert listed() == [1, 2, 3]
    assert listed(state=pb.SUBSCRIPTION_STATE_ACTIVE) == [1, 3]
    assert listed(start_after=1, limit=1) == [2]
    assert listed(side=exchange.PROVIDER) == []
    one = pb.QuerySubscriptionRequest(channel_id="channel-0", sequence=2)
    assert pair.a.query(QUERY + "Subscription", one).subscription.sequence == 2
    one.sequence = 8
    with pytest.raises(errors.SubscriptionNotFoundError):
        pair.a.query(QUERY + "Subscription", one)
    for name, asked in (
        ("Subscription", pb.QuerySubscriptionRequest(side=9)),  # type: ignore[arg-type]
        ("Subscriptions", pb.QuerySubscriptionsRequest(side=9)),  # type: ignore[arg-type]
        ("Pushes", pb.QueryPushesRequest(side=9)),  # type: ignore[arg-type]
    ):
        with pytest.raises(InvalidRequestError):
            pair.a.query(QUERY + name, asked)


def test_push_is_found_by_its_number() -> None:
    pair = published()
    pair.subscribed()
    pushed(pair)
    pair.b.next_block()
    asked = pb.QueryExchangeRequest(channel_id="channel-0", sequence=1, push_number=1)
    assert pair.b.query(QUERY + "Exchange", asked).exchange.push_number == 1
    asked.push_number = 2
    with pytest.raises(errors.ExchangeNotFoundError, match="1/2"):
        pair.b.query(QUERY + "Exchange", asked)


def test_written_acknowledgement_is_one_byte_of_success() -> None:
    pair = published()
    pair.subscribed()
    pair.push(1)
    pair.receive_on_b(sent_packet(pair.a))
    assert written_acknowledgement(pair.b) == b'{"result":"AQ=="}'
    assert list(pair.exchange_on_b(1, 1).decision.fields) == list(FIELDS)
