"""Policies, levels and grades hold for pushes and hand-overs as for requests."""

from __future__ import annotations

from typing import Any

import pytest

from huitong.core.codec import encode
from huitong.core.errors import InvalidRequestError
from huitong.modules.exchange import errors
from huitong.modules.exchange.state import all_pushes
from huitong.modules.exchange.subscriptions import TAKEN_ACKNOWLEDGEMENT
from huitong.modules.records.state import records_after
from huitong.proto.huitong.exchange.v1 import exchange_pb2 as pb
from huitong.testing.exchanges import (
    DIGEST,
    FIELDS,
    SEALED_DIGEST,
    ExchangePair,
    open_exchange,
    sent_packet,
)

TYPE = {"record_id": "", "record_type": "tax.invoice", "fields": ["amount"]}


def published(params: dict[str, Any] | None = None, **changes: Any) -> ExchangePair:
    pair = open_exchange(params)
    pair.publish(**changes)
    return pair


def test_rule_of_the_policy_refuses_a_push_and_leaves_the_permission() -> None:
    pair = published()
    pair.grant()
    pair.subscribed()
    pair.set_policy(("refuse", "record.version > 1", "first-only"))
    assert pair.push(1).number == 1
    pair.publish_version(1)
    with pytest.raises(errors.NotShareableError, match=r"policy\.first-only"):
        pair.push(1)


def test_policy_decides_a_standing_request_and_each_push_anew() -> None:
    pair = published()
    pair.set_policy(("grant", "request.requester == 'bank'", "bank"))
    pair.subscribed()
    assert pair.push(1).number == 1
    assert pair.exchange_on_a(1, 1).decision.grant_id == 0
    pair.publish_version(1)
    pair.set_policy(("refuse", "true", "closed"))
    with pytest.raises(errors.NotShareableError, match=r"policy\.closed"):
        pair.push(1)


def test_officer_s_permission_stands_in_for_a_policy_that_asks() -> None:
    pair = published()
    pair.set_policy(("ask", "true", "look"))
    packet = pair.request(standing=True, term_until=pair.now_s + 900)
    assert pair.receive(packet) is None
    pair.acknowledge(packet, pair.decide(1))
    assert pair.push(1).number == 1


def test_permission_for_a_type_does_not_pass_by_the_policy() -> None:
    pair = open_exchange()
    pair.grant(record_id="", record_type="tax.invoice")
    pair.subscribed(**TYPE)
    pair.publish()
    pair.set_policy(("refuse", "'amount' in request.fields", "no-amount"))
    with pytest.raises(errors.NotShareableError, match=r"policy\.no-amount"):
        pair.push(1)


def test_push_gives_only_fields_that_may_go_and_asks_for_the_grant_s_grade() -> None:
    levels = [1, 4, 1, 1]  # of amount, buyer, number, seller
    pair = published(level=4, field_levels=levels)
    pair.grant(grade_min="proven")
    pair.subscribed()
    pair.push(1)
    packet = sent_packet(pair.a)
    assert pair.receive_on_b(packet) == TAKEN_ACKNOWLEDGEMENT
    decision = pair.exchange_on_b(1, 1).decision
    assert list(decision.fields) == [name for name in FIELDS if name != "buyer"]
    assert decision.grade_min == "proven"
    with pytest.raises(errors.GradeTooLowError):
        pair.confirm(1, push_number=1, grade="signed")
    receipt = pair.confirm(1, push_number=1)
    assert pair.receive(receipt) == TAKEN_ACKNOWLEDGEMENT


def test_record_above_the_level_of_the_other_zone_is_not_handed_over() -> None:
    levels = [{"client_id": "07-tendermint-0", "level_max": 1}]
    pair = published({"client_levels": levels})
    with pytest.raises(errors.NotShareableError, match="too-sensitive"):
        pair.offer()


def test_levels_of_fields_move_with_the_record() -> None:
    pair = published(level=3, field_levels=[1, 2, 3, 1])
    packet = pair.offer()
    pair.receive_on_b(packet)
    pair.decide_hand_over(packet.sequence)
    (found,) = records_after(pair.b.context(), "bank", "")
    assert list(found.field_levels) == [1, 2, 3, 1]
    assert found.level == 3


def test_standing_request_is_no_emergency() -> None:
    pair = published()
    with pytest.raises(InvalidRequestError, match="not standing"):
        pair.request(
            standing=True,
            term_until=pair.now_s + 9,
            emergency=True,
            emergency_reason="x",
        )


def test_push_that_claims_broken_glass_is_refused_on_b() -> None:
    pair = published()
    pair.grant()
    pair.subscribed()
    push = pb.PushPacket(
        request_sequence=1,
        number=1,
        sealed_digest=SEALED_DIGEST,
        decision=pb.Decision(
            outcome=pb.OUTCOME_GRANTED,
            reason_code="standing",
            decided_by="policy",
            issuer="tax",
            record_id="inv-1",
            version=1,
            payload_digest=DIGEST,
            fields=["amount"],
            break_glass_id=1,
        ),
    )
    data = encode(pb.ExchangePacketData(push=push))
    refused = pair.receive_on_b(pair.path.a.send(data))
    assert refused is not None
    assert refused.startswith(b'{"error":"ABCI code: 3:')
    assert not list(all_pushes(pair.b.context()))
