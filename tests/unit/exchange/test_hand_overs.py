"""Hand-overs: offered, accepted, returned, late, refused; the record has one place."""

from __future__ import annotations

from typing import Any

import pytest

from huitong.core.codec import encode
from huitong.core.errors import HuitongError, InvalidRequestError
from huitong.core.hashing import merkle_root, sha256
from huitong.core.ids import InvalidIdentifierError
from huitong.core.limits import HAND_OVER_HISTORY_MAX, TEXT_BYTES_MAX
from huitong.core.time import NS_PER_SECOND
from huitong.modules import exchange, records
from huitong.modules.exchange import errors, hand_overs
from huitong.modules.exchange.hand_overs import (
    decode_hand_over_decision,
    find_hand_over,
    get_hand_over,
    save_hand_over,
)
from huitong.modules.exchange.keys import GIVER, RECEIVER
from huitong.modules.exchange.state import all_waiting, waiting_count
from huitong.modules.links.acknowledgements import result_acknowledgement
from huitong.modules.members.errors import NoMemberError
from huitong.modules.records.errors import (
    RecordExistsError,
    RecordNotFoundError,
    RecordStatusError,
)
from huitong.modules.records.state import find_record, get_record
from huitong.proto.huitong.exchange.v1 import exchange_pb2
from huitong.proto.huitong.exchange.v1 import handover_pb2 as pb
from huitong.proto.huitong.grants.v1 import grants_pb2
from huitong.proto.huitong.records.v1 import records_pb2
from huitong.proto.huitong.records.v1.records_pb2 import RecordHeader
from huitong.proto.ibc.core.channel.v1.channel_pb2 import Packet
from huitong.testing.actors import address_of
from huitong.testing.exchanges import (
    DIGEST,
    FIELDS,
    PUBLISHER,
    SEALED_DIGEST,
    SUBJECT,
    TAKER,
    ExchangePair,
    open_exchange,
    sent_packet,
    written_acknowledgement,
)

QUERY = "/huitong.exchange.v1.Query/"
OTHER = address_of("other-officer")
ACTIVE = records_pb2.RECORD_STATUS_ACTIVE
IN_HAND_OVER = records_pb2.RECORD_STATUS_IN_HAND_OVER
HANDED_OVER = records_pb2.RECORD_STATUS_HANDED_OVER
APPLICATION = exchange.ExchangeApplication()


def published(**changes: Any) -> ExchangePair:
    pair = open_exchange()
    pair.publish(**changes)
    return pair


def record_on_a(pair: ExchangePair) -> RecordHeader:
    return get_record(pair.a.context(), "tax", "inv-1")


def record_on_b(pair: ExchangePair, record_id: str = "inv-1") -> RecordHeader | None:
    return find_record(pair.b.context(), "bank", record_id)


def on_a(pair: ExchangePair, sequence: int = 1) -> pb.HandOver:
    return get_hand_over(pair.a.context(), GIVER, "channel-0", sequence)


def on_b(pair: ExchangePair, sequence: int = 1) -> pb.HandOver:
    return get_hand_over(pair.b.context(), RECEIVER, "channel-0", sequence)


def offered(**changes: Any) -> tuple[ExchangePair, Packet]:
    """Offer inv-1 and bring the offer to b, where it waits."""
    pair = published()
    packet = pair.offer(**changes)
    assert pair.receive_on_b(packet) is None
    return pair, packet


RETURN: dict[str, Any] = {
    "outcome": pb.HAND_OVER_OUTCOME_RETURNED,
    "reason": "not our district",
    "payload_digest": b"",
}


def error_code(acknowledgement: bytes | None) -> int:
    assert acknowledgement is not None
    assert acknowledgement.startswith(b'{"error":"ABCI code: ')
    return int(acknowledgement[21:].split(b":")[0])


# --- the whole way ------------------------------------------------------------------------


def test_accepted_record_moves_with_its_history_and_is_final_here() -> None:
    pair = published(title="Invoice")
    second = pair.publish_version(1)
    packet = pair.offer(request_id="case-9", reason="the taxpayer moved")
    locked = record_on_a(pair)
    assert (locked.status, locked.status_reason) == (IN_HAND_OVER, "the taxpayer moved")
    assert pair.a.told("record_status_changed")[0]["status"] == "in-hand-over"
    assert pair.a.told("hand_over_offered")[0]["request_id"] == "case-9"
    assert pair.receive_on_b(packet) is None
    assert record_on_b(pair) is None
    assert on_b(pair).offer == on_a(pair).offer
    acknowledgement = pair.decide_hand_over(1, payload_digest=second, reason="ours now")
    taken = record_on_b(pair)
    assert taken is not None
    assert (taken.status, taken.version, taken.issuer) == (ACTIVE, 1, "bank")
    assert (taken.payload_digest, taken.subject) == (second, SUBJECT)
    assert list(taken.fields) == list(FIELDS)
    history = pb.HistoryEntry(
        version=1,
        payload_digest=DIGEST,
        published_time=on_a(pair).offer.history[0].published_time,
    )
    assert taken.origin == records_pb2.Origin(
        channel_id="channel-0",
        client_id=pair.path.b.client_id,
        sequence=1,
        issuer="tax",
        record_id="inv-1",
        version=2,
        payload_digest=second,
        history_root=merkle_root([encode(history)]),
        history_count=1,
    )
    pair.acknowledge_on_a(packet, acknowledgement)
    gone = record_on_a(pair)
    assert gone.status == HANDED_OVER
    assert gone.moved_to == records_pb2.Place(
        channel_id="channel-0", sequence=1, issuer="bank", record_id="inv-1"
    )
    told = pair.a.told("hand_over_decided")[0]
    assert (told["status"], told["side"], told["reason"]) == (
        "accepted",
        "giver",
        "ours now",
    )
    for kept in (on_a(pair), on_b(pair)):
        assert kept.status == pb.HAND_OVER_STATUS_ACCEPTED
        assert kept.decision.decided_by == "bank"
    assert on_a(pair).decision == on_b(pair).decision
    with pytest.raises(RecordStatusError, match="handed-over"):
        pair.publish_version(2)
    with pytest.raises(RecordStatusError, match="handed-over"):
        pair.a.deliver(
            records_pb2.MsgSetRecordStatus(
                signer=PUBLISHER, record_id="inv-1", status=3, reason="x"
            )
        )
    with pytest.raises(RecordStatusError, match="handed-over"):
        pair.offer()
    next_version = records_pb2.MsgPublishVersion(
        signer=TAKER,
        record_id="inv-1",
        previous_version=1,
        payload_digest=sha256(b"new"),
        fields=FIELDS,
    )
    pair.b.deliver(next_version)
    newest = record_on_b(pair)
    assert newest is not None
    assert newest.origin == taken.origin


def test_receipts_of_the_readers_move_with_the_record() -> None:
    pair = published()
    pair.grant()
    sequence = pair.granted()
    pair.receive(pair.confirm(sequence))
    exchange_on_a = pair.exchange_on_a(sequence)
    link = exchange_pb2.RecordReceipt(
        channel_id="channel-0", receipt=exchange_on_a.receipt
    )
    pair.receive_on_b(pair.offer())
    pair.decide_hand_over(1)
    taken = record_on_b(pair)
    assert taken is not None
    assert taken.origin.receipts_count == 1
    assert taken.origin.receipts_digest == sha256(sha256(encode(link)))


def test_returned_record_is_unlocked_with_the_reason() -> None:
    pair, packet = offered()
    returned = pair.decide_hand_over(1, **RETURN)
    assert record_on_b(pair) is None
    pair.acknowledge_on_a(packet, returned)
    kept = record_on_a(pair)
    assert (kept.status, kept.status_reason) == (ACTIVE, "not our district")
    assert on_a(pair).status == pb.HAND_OVER_STATUS_RETURNED
    assert on_a(pair).decision.reason == "not our district"
    pair.publish_version(1)
    assert pair.offer().sequence == 2


def test_offer_that_nobody_decides_on_is_returned_at_its_deadline() -> None:
    pair, packet = offered(timeout_ns=300 * NS_PER_SECOND)
    assert on_b(pair).deadline == packet.timeout_timestamp
    pair.b.next_block(duration_ns=400 * NS_PER_SECOND)
    kept = on_b(pair)
    assert kept.status == pb.HAND_OVER_STATUS_RETURNED
    assert kept.decision.reason_code == "deadline"
    assert not kept.deadline
    assert not list(all_waiting(pair.b.context()))
    with pytest.raises(errors.HandOverStatusError, match="returned"):
        pair.decide_hand_over(1)
    returned = result_acknowledgement(encode(kept.decision))
    pair.acknowledge_on_a(packet, returned)
    assert record_on_a(pair).status == ACTIVE
    assert record_on_a(pair).status_reason == "deadline"


def test_offer_that_did_not_arrive_in_time_is_unlocked_by_proof() -> None:
    pair = published()
    packet = pair.offer(timeout_ns=30 * NS_PER_SECOND)
    for zone in (pair.a, pair.b):
        zone.next_block(duration_ns=40 * NS_PER_SECOND)
    pair.path.a.time_out(packet)
    assert record_on_a(pair).status == ACTIVE
    assert on_a(pair).status == pb.HAND_OVER_STATUS_TIMED_OUT
    assert pair.a.told("hand_over_failed")[0]["status"] == "timed_out"
    with pytest.raises(HuitongError):
        pair.receive_on_b(packet)
    assert find_hand_over(pair.b.context(), RECEIVER, "channel-0", 1) is None


def test_record_may_get_another_id_and_can_come_back() -> None:
    pair, packet = offered()
    taken = pair.decide_hand_over(1, record_id="case-1")
    pair.acknowledge_on_a(packet, taken)
    assert record_on_b(pair) is None
    assert record_on_a(pair).moved_to.record_id == "case-1"
    back = pb.MsgOfferHandOver(
        signer=TAKER,
        channel_id="channel-0",
        record_id="case-1",
        receiver="tax",
        reader_key=bytes(32),
        sealed_digest=SEALED_DIGEST,
        reason="moved back",
        timeout_timestamp=pair.b.time_ns + 10**12,
    )
    pair.b.deliver(back)
    returning = sent_packet(pair.b)
    assert pair.receive(returning) is None
    decide = pb.MsgDecideHandOver(
        signer=address_of("officer"),
        channel_id="channel-0",
        sequence=returning.sequence,
        outcome=pb.HAND_OVER_OUTCOME_ACCEPTED,
        payload_digest=DIGEST,
        record_id="inv-1",
    )
    with pytest.raises(RecordExistsError):
        pair.a.deliver(decide)
    decide.record_id = ""
    pair.a.deliver(decide)
    came_back = get_record(pair.a.context(), "tax", "case-1")
    assert came_back.origin.issuer == "bank"
    kept = get_hand_over(pair.a.context(), RECEIVER, "channel-0", returning.sequence)
    assert kept.offer.record.origin.record_id == "inv-1"


def test_long_history_is_listed_in_part_and_proven_as_a_whole() -> None:
    pair = published()
    count = HAND_OVER_HISTORY_MAX + 3
    for previous in range(1, count + 1):
        pair.publish_version(previous)
    pair.offer()
    offer = on_a(pair).offer
    assert offer.history_count == count
    assert [entry.version for entry in offer.history] == list(range(4, count + 1))
    entries = [
        pb.HistoryEntry(
            version=header.version,
            payload_digest=header.payload_digest,
            published_time=header.published_time,
        )
        for header in (
            records.get_version(pair.a.context(), "tax", "inv-1", version)
            for version in range(1, count + 1)
        )
    ]
    assert offer.history_root == merkle_root(map(encode, entries))


# --- while it is under way ----------------------------------------------------------------


def test_nothing_is_changed_or_shared_while_the_record_is_locked() -> None:
    pair = published()
    pair.grant()
    pair.receive(pair.request(purpose="audit"))  # waits for an officer
    pair.subscribed()
    pair.offer()
    with pytest.raises(RecordStatusError, match="in-hand-over"):
        pair.publish_version(1)
    for status in (1, 2, 3):
        with pytest.raises(RecordStatusError, match="in-hand-over"):
            pair.a.deliver(
                records_pb2.MsgSetRecordStatus(
                    signer=PUBLISHER,
                    record_id="inv-1",
                    status=status,  # type: ignore[arg-type]
                    reason="x",
                )
            )
    with pytest.raises(RecordStatusError, match="in-hand-over"):
        pair.offer()
    with pytest.raises(errors.NotShareableError, match="in-hand-over"):
        pair.decide(1)
    with pytest.raises(errors.NotShareableError, match="in-hand-over"):
        pair.push(2)
    packet = pair.request()
    acknowledgement = pair.receive(packet) or b""
    pair.acknowledge(packet, acknowledgement)
    decision = pair.exchange_on_b(packet.sequence).decision
    assert decision.reason_code == "in-hand-over"


def test_standing_permission_ends_with_the_record_s_leave() -> None:
    pair = published()
    pair.grant()
    pair.subscribed()
    packet = pair.offer()
    pair.receive_on_b(packet)
    pair.acknowledge_on_a(packet, pair.decide_hand_over(packet.sequence))
    assert pair.push(1).reason_code == "handed-over"


def test_offer_and_request_of_one_sequence_wait_side_by_side() -> None:
    pair = published()
    pair.receive(pair.request())
    pair.receive_on_b(pair.offer())
    assert waiting_count(pair.a.context(), "channel-0") == 1
    assert waiting_count(pair.b.context(), "channel-0") == 1
    pair.decide_hand_over(1)
    assert waiting_count(pair.b.context(), "channel-0") == 0


# --- refusals -----------------------------------------------------------------------------

OFFERS: list[tuple[dict[str, Any], type[HuitongError]]] = [
    ({"channel_id": "x"}, InvalidIdentifierError),
    ({"record_id": ""}, InvalidRequestError),
    ({"receiver": "A B"}, InvalidRequestError),
    ({"reader_key": b"1"}, InvalidRequestError),
    ({"sealed_digest": b"1"}, InvalidRequestError),
    ({"reason": ""}, InvalidRequestError),
    ({"reason": "x" * (TEXT_BYTES_MAX + 1)}, InvalidRequestError),
    ({"request_id": "a/b"}, InvalidRequestError),
    ({"timeout_timestamp": 0}, InvalidRequestError),
    ({"signer": address_of("operator")}, NoMemberError),
    ({"signer": OTHER}, RecordNotFoundError),
    ({"record_id": "inv-9"}, RecordNotFoundError),
    ({"record_id": "inv-2"}, errors.NotShareableError),
    ({"record_id": "inv-3"}, RecordStatusError),
]


@pytest.mark.parametrize(("changes", "error"), OFFERS)
def test_offer_is_refused_on_a(
    changes: dict[str, Any], error: type[HuitongError]
) -> None:
    pair = published()
    pair.publish(record_id="inv-2", level=4)
    pair.publish(record_id="inv-3")
    pair.a.deliver(
        records_pb2.MsgSetRecordStatus(
            signer=PUBLISHER, record_id="inv-3", status=2, reason="x"
        )
    )
    with pytest.raises(error):
        pair.offer(**changes)
    assert record_on_a(pair).status == ACTIVE


def test_offer_on_a_channel_that_is_not_there_locks_nothing() -> None:
    pair = published()
    with pytest.raises(HuitongError):
        pair.offer(channel_id="channel-9")
    assert record_on_a(pair).status == ACTIVE


DECISIONS: list[tuple[dict[str, Any], type[HuitongError]]] = [
    ({"channel_id": "x"}, InvalidIdentifierError),
    ({"outcome": 0}, InvalidRequestError),
    ({"outcome": 9}, InvalidRequestError),
    ({"payload_digest": b""}, InvalidRequestError),
    ({"record_id": "?"}, InvalidRequestError),
    ({"reason": "a\nb"}, InvalidRequestError),
    ({**RETURN, "reason": ""}, InvalidRequestError),
    ({**RETURN, "record_id": "x"}, InvalidRequestError),
    ({**RETURN, "payload_digest": DIGEST}, InvalidRequestError),
    ({"sequence": 9}, errors.HandOverNotFoundError),
    ({"signer": address_of("rogue-officer")}, errors.NotPartyError),
    ({"payload_digest": bytes(32)}, errors.DigestMismatchError),
    ({"record_id": "taken"}, RecordExistsError),
]


@pytest.mark.parametrize(("changes", "error"), DECISIONS)
def test_decision_is_refused_on_b(
    changes: dict[str, Any], error: type[HuitongError]
) -> None:
    pair, _ = offered()
    pair.b.deliver(
        records_pb2.MsgPublishRecord(
            signer=TAKER,
            record_id="taken",
            record_type="x",
            payload_digest=DIGEST,
            fields=["a"],
            level=1,
            share_class=records_pb2.SHARE_CLASS_OPEN,
        )
    )
    with pytest.raises(error):
        pair.decide_hand_over(**{"sequence": 1, **changes})
    assert on_b(pair).status == pb.HAND_OVER_STATUS_OFFERED


def test_officer_is_too_late_at_the_deadline() -> None:
    pair, _ = offered()
    ctx = pair.b.context()
    kept = on_b(pair)
    kept.deadline = pair.b.time_ns
    save_hand_over(ctx, kept)
    pair.b.take(ctx)
    with pytest.raises(errors.DeadlinePassedError):
        pair.decide_hand_over(1)


def test_offer_to_a_stranger_is_refused_on_b_and_unlocked_on_a() -> None:
    pair = published()
    packet = pair.offer(receiver="nobody")
    refused = pair.receive_on_b(packet)
    assert error_code(refused) == errors.ReceiverNotReadyError.code
    pair.acknowledge_on_a(packet, refused or b"")
    assert record_on_a(pair).status == ACTIVE
    kept = on_a(pair)
    assert kept.status == pb.HAND_OVER_STATUS_FAILED
    assert "ABCI code: 22" in kept.failure


def test_too_many_that_wait_refuse_an_offer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hand_overs, "WAITING_PER_CHANNEL_MAX", 1)
    pair, _ = offered()
    pair.publish(record_id="inv-2")
    refused = pair.receive_on_b(pair.offer(record_id="inv-2"))
    assert error_code(refused) == errors.TooManyWaitingError.code


def hostile(**changes: Any) -> bytes:
    """Return the data of an offer that a hostile zone may send."""
    record = {
        "issuer": "tax",
        "record_id": "inv-1",
        "version": 2,
        "record_type": "tax.invoice",
        "payload_digest": DIGEST,
        "fields": ["amount"],
        "level": 2,
        "share_class": records_pb2.SHARE_CLASS_OPEN,
        "status": ACTIVE,
    }
    fields: dict[str, Any] = {
        "receiver": "bank",
        "reader_key": bytes(32),
        "sealed_digest": SEALED_DIGEST,
        "reason": "x",
        "history_root": bytes(32),
        "history_count": 1,
        "history": [pb.HistoryEntry(version=1, payload_digest=DIGEST)],
    }
    for name, value in changes.items():
        (fields if name in fields else record)[name] = value
    for name in ("receipts_digest", "receipts_count", "request_id"):
        if name in record:
            fields[name] = record.pop(name)
    offer = pb.HandOverPacket(record=RecordHeader(**record), **fields)
    return encode(exchange_pb2.ExchangePacketData(hand_over=offer))


def test_well_formed_offer_of_any_zone_waits() -> None:
    pair = open_exchange()
    assert pair.receive_on_b(pair.path.a.send(hostile())) is None


HOSTILE: list[dict[str, Any]] = [
    {"receiver": ""},
    {"reader_key": b""},
    {"sealed_digest": b""},
    {"reason": ""},
    {"request_id": " "},
    {"issuer": "?"},
    {"record_id": "?"},
    {"record_type": ""},
    {"subject": b"1"},
    {"payload_digest": b""},
    {"fields": []},
    {"fields": ["b", "a"]},
    {"level": 0},
    {"level": 5},
    {"share_class": 0},
    {"share_class": 9},
    {"status": IN_HAND_OVER},
    {"moved_to": records_pb2.Place()},
    {"origin": records_pb2.Origin()},
    {"origin": records_pb2.Origin(channel_id="channel-0", client_id="x")},
    {"valid_from": -1},
    {"status_reason": "\x00"},
    {"version": 0},
    {"version": 1},
    {"history_root": b""},
    {"history_count": 2},
    {"history": []},
    {"history": [pb.HistoryEntry(version=1, payload_digest=b"1")]},
    {"history": [pb.HistoryEntry(version=0, payload_digest=DIGEST)]},
    {"receipts_count": 1},
    {"receipts_digest": b"1"},
]


@pytest.mark.parametrize("changes", HOSTILE)
def test_malformed_offer_gets_an_error_and_leaves_nothing(
    changes: dict[str, Any],
) -> None:
    pair = open_exchange()
    before = exchange.MODULE.export_genesis(pair.b.context())
    refused = pair.receive_on_b(pair.path.a.send(hostile(**changes)))
    assert error_code(refused) == errors.MalformedPacketError.code
    assert exchange.MODULE.export_genesis(pair.b.context()) == before


# --- acknowledgements of a hostile zone ---------------------------------------------------

OFFER = pb.HandOverPacket(
    record=RecordHeader(issuer="tax", record_id="inv-1", payload_digest=DIGEST)
)


def decision(**changes: Any) -> bytes:
    fields: dict[str, Any] = {
        "outcome": pb.HAND_OVER_OUTCOME_ACCEPTED,
        "reason_code": "officer",
        "decided_by": "bank",
        "record_id": "inv-1",
        "payload_digest": DIGEST,
    }
    made = pb.HandOverDecision(**{**fields, **changes})
    return result_acknowledgement(encode(made))


NO_DECISIONS: list[bytes] = [
    b"",
    b"?",
    b'{"result":"AQ=="}',
    b'{"error":"x"}',
    b'{"result":"' + b"A" * 8_000 + b'"}',
    decision() + b" ",
    decision(outcome=0),
    decision(outcome=9),
    decision(reason_code=""),
    decision(reason="a\nb"),
    decision(decided_by=""),
    decision(record_id=""),
    decision(record_id="?"),
    decision(payload_digest=b""),
    decision(payload_digest=bytes(32)),
    decision(outcome=pb.HAND_OVER_OUTCOME_RETURNED),
    decision(outcome=pb.HAND_OVER_OUTCOME_RETURNED, payload_digest=b""),
]


@pytest.mark.parametrize("acknowledgement", NO_DECISIONS)
def test_garbage_of_a_hostile_zone_unlocks_the_record(acknowledgement: bytes) -> None:
    assert decode_hand_over_decision(decision(), OFFER).record_id == "inv-1"
    pair, packet = offered()
    ctx = pair.a.context()
    APPLICATION.on_acknowledgement_packet(ctx, packet, acknowledgement, "")
    pair.a.take(ctx)
    kept = on_a(pair)
    assert kept.status == pb.HAND_OVER_STATUS_FAILED
    assert kept.failure
    assert record_on_a(pair).status == ACTIVE


def test_second_answer_changes_nothing() -> None:
    pair, packet = offered()
    acknowledgement = pair.decide_hand_over(1)
    pair.receive_on_b(packet)  # replayed: no effect
    assert written_acknowledgement(pair.b) is None
    assert waiting_count(pair.b.context(), "channel-0") == 0
    pair.acknowledge_on_a(packet, acknowledgement)
    before = exchange.MODULE.export_genesis(pair.a.context())
    ctx = pair.a.context()
    APPLICATION.on_acknowledgement_packet(ctx, packet, b"?", "")
    APPLICATION.on_timeout_packet(ctx, packet, "")
    assert exchange.MODULE.export_genesis(ctx) == before
    assert record_on_a(pair).status == HANDED_OVER


# --- queries ------------------------------------------------------------------------------


def test_hand_overs_are_listed_by_side_and_status() -> None:
    pair, packet = offered()
    pair.publish(record_id="inv-2")
    pair.offer(record_id="inv-2")
    pair.acknowledge_on_a(packet, pair.decide_hand_over(1))
    for zone in (pair.a, pair.b):
        zone.next_block()

    def listed(**changes: Any) -> list[int]:
        asked = exchange_pb2.QueryHandOversRequest(channel_id="channel-0", **changes)
        found = pair.a.query(QUERY + "HandOvers", asked).hand_overs
        return [item.sequence for item in found]

    assert listed() == [1, 2]
    assert listed(limit=1) == [1]
    assert listed(start_after=1) == [2]
    assert listed(status=pb.HAND_OVER_STATUS_OFFERED) == [2]
    assert listed(side=RECEIVER) == []
    one = exchange_pb2.QueryHandOverRequest(channel_id="channel-0", sequence=1)
    assert pair.b.query(QUERY + "HandOver", one).hand_over.side == RECEIVER
    one.sequence = 9
    with pytest.raises(errors.HandOverNotFoundError):
        pair.b.query(QUERY + "HandOver", one)
    wrong = exchange_pb2.QueryHandOversRequest(side=9)  # type: ignore[arg-type]
    with pytest.raises(InvalidRequestError):
        pair.a.query(QUERY + "HandOvers", wrong)


def test_grant_on_a_record_that_left_gives_nothing() -> None:
    pair, packet = offered()
    pair.a.deliver(
        grants_pb2.MsgGrant(
            signer=PUBLISHER,
            reader=pair.reader(),
            record_id="inv-1",
            purpose="audit",
        )
    )
    pair.acknowledge_on_a(packet, pair.decide_hand_over(1))
    request = pair.request(purpose="audit")
    pair.acknowledge(request, pair.receive(request) or b"")
    decision_on_b = pair.exchange_on_b(request.sequence).decision
    assert decision_on_b.reason_code == "handed-over"
