"""Policies, levels, grades and consents hold for each version that is pushed."""

from __future__ import annotations

from typing import Any

import pytest

from huitong.core.errors import InvalidRequestError
from huitong.core.time import NS_PER_SECOND
from huitong.modules import exchange
from huitong.modules.exchange import errors
from huitong.modules.exchange.subscriptions import get_subscription
from huitong.proto.huitong.exchange.v1 import exchange_pb2 as pb
from huitong.proto.huitong.grants.v1 import grants_pb2
from huitong.testing.exchanges import (
    FIELDS,
    OFFICER,
    PURPOSE,
    SUBJECT,
    ExchangePair,
    open_exchange,
    sent_packet,
)

LEVELS = [1, 2, 3, 4]  # of amount, buyer, number, seller


def subscribed(
    params: dict[str, Any] | None = None, *, grant: dict[str, Any] | None = None
) -> ExchangePair:
    pair = open_exchange(params)
    pair.publish(field_levels=LEVELS, level=4)
    pair.grant(**(grant or {}))
    pair.subscribed()
    return pair


def pushed(pair: ExchangePair) -> pb.Decision:
    """Push the head and return its decision, which b must have taken."""
    response = pair.push(1)
    assert response.number, response.reason_code
    packet = sent_packet(pair.a)
    acknowledgement = pair.receive_on_b(packet)
    assert acknowledgement is not None
    assert b"result" in acknowledgement
    pair.acknowledge_on_a(packet, acknowledgement)
    return pair.exchange_on_b(1, response.number).decision


def test_push_withholds_the_fields_above_the_level() -> None:
    assert list(pushed(subscribed()).fields) == ["amount", "buyer", "number"]
    entry = {"client_id": "07-tendermint-0", "level_max": 1}
    assert list(pushed(subscribed({"client_levels": [entry]})).fields) == ["amount"]


def test_policy_is_asked_for_each_version() -> None:
    pair = subscribed()
    pushed(pair)
    pair.publish_version(1, field_levels=[4, 4, 4, 4], fields=FIELDS)
    with pytest.raises(errors.NotShareableError, match="too-sensitive"):
        pair.push(1)
    pair.publish_version(2, field_levels=LEVELS, fields=FIELDS)
    pair.set_policy(("refuse", "record.version == 3", "third"))
    with pytest.raises(errors.NotShareableError, match=r"policy\.third"):
        pair.push(1)
    pair.set_policy(("grant", "record.version == 3", "third-after-all"))
    assert pushed(pair).version == 3


def test_version_is_not_pushed_again_against_a_new_rule() -> None:
    pair = subscribed()
    pair.push(1, timeout_ns=30 * NS_PER_SECOND)
    packet = sent_packet(pair.a)
    pair.b.next_block(duration_ns=60 * NS_PER_SECOND)
    pair.path.a.time_out(packet)
    pair.set_policy(("refuse", "true", "no-more"))
    with pytest.raises(errors.NotShareableError, match=r"policy\.no-more"):
        pair.push(1)


def test_push_asks_for_the_stricter_grade() -> None:
    pair = subscribed(grant={"grade_min": "signed"})
    pair.set_policy(grade_min="proven")
    assert pushed(pair).grade_min == "proven"
    with pytest.raises(errors.GradeTooLowError):
        pair.confirm(1, push_number=1, grade="attested")
    pair.receive(pair.confirm(1, push_number=1, grade="proven"))
    assert pair.exchange_on_a(1, 1).status == pb.EXCHANGE_STATUS_RECEIVED


def test_permission_ends_with_the_consent_that_its_grant_hangs_on() -> None:
    pair = open_exchange()
    pair.publish()
    pair.a.deliver(
        grants_pb2.MsgRecordConsent(
            signer=OFFICER,
            subject=SUBJECT,
            reader=pair.reader(),
            purpose=PURPOSE,
            evidence_digest=bytes(32),
        )
    )
    pair.grant(consent_id=1)
    pair.subscribed()
    pushed(pair)
    pair.publish_version(1)
    pair.a.deliver(grants_pb2.MsgWithdrawConsent(signer=OFFICER, consent_id=1))
    response = pair.push(1)
    assert (response.number, response.reason_code) == (0, "grant")
    packet = sent_packet(pair.a)
    assert pair.receive_on_b(packet) is not None
    on_b = get_subscription(pair.b.context(), exchange.REQUESTER, "channel-0", 1)
    assert on_b.state == pb.SUBSCRIPTION_STATE_WITHDRAWN


def test_officers_permission_gives_what_may_go_and_no_more() -> None:
    pair = open_exchange()
    pair.publish(field_levels=LEVELS, level=4)
    packet = pair.request(standing=True, term_until=pair.now_s + 10_000)
    assert pair.receive(packet) is None
    with pytest.raises(errors.NotShareableError, match="too-sensitive"):
        pair.decide(1, fields=["seller"])
    pair.acknowledge(packet, pair.decide(1))
    assert list(pushed(pair).fields) == ["amount", "buyer", "number"]


def test_standing_emergency_is_no_request() -> None:
    pair = open_exchange()
    with pytest.raises(InvalidRequestError, match="emergency"):
        pair.request(
            standing=True,
            term_until=pair.now_s + 100,
            emergency=True,
            emergency_reason="x",
        )
