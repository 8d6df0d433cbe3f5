"""A consent binds officers as it binds the policy: until the moment of the decision."""

from __future__ import annotations

import pytest

from huitong.core.time import NS_PER_SECOND
from huitong.modules.exchange import errors
from huitong.proto.huitong.exchange.v1 import exchange_pb2 as pb
from huitong.proto.huitong.grants.v1 import grants_pb2
from huitong.testing.exchanges import (
    FIELDS,
    OFFICER,
    PURPOSE,
    SUBJECT,
    ExchangePair,
    open_exchange,
)


def waiting_under_consent(*, seconds: int = 0) -> tuple[ExchangePair, int]:
    """A request that refers to a consent and waits for an officer; the consent's end."""
    pair = open_exchange()
    pair.publish()
    valid_until = pair.now_s + seconds if seconds else 0
    pair.a.deliver(
        grants_pb2.MsgRecordConsent(
            signer=OFFICER,
            subject=SUBJECT,
            reader=pair.reader(),
            purpose=PURPOSE,
            valid_until=valid_until,
            evidence_digest=bytes(32),
        )
    )
    packet = pair.request(consent_id=1, timeout_ns=3_600 * NS_PER_SECOND)
    assert pair.receive(packet) is None
    return pair, valid_until


def test_officer_grants_under_a_consent_that_stands() -> None:
    pair, _ = waiting_under_consent()
    pair.decide(1)
    kept = pair.exchange_on_a(1)
    assert kept.status == pb.EXCHANGE_STATUS_GRANTED
    assert tuple(kept.decision.fields) == FIELDS


def test_officer_cannot_grant_once_the_consent_is_withdrawn() -> None:
    pair, _ = waiting_under_consent()
    pair.a.deliver(grants_pb2.MsgWithdrawConsent(signer=OFFICER, consent_id=1))
    with pytest.raises(errors.NotShareableError, match="consent"):
        pair.decide(1)
    assert pair.exchange_on_a(1).status == pb.EXCHANGE_STATUS_REQUESTED
    pair.decide(1, outcome=pb.OUTCOME_REFUSED, reason="consent withdrawn")
    assert pair.exchange_on_a(1).status == pb.EXCHANGE_STATUS_REFUSED


@pytest.mark.parametrize(("left_s", "is_granted"), [(1, True), (0, False)])
def test_consent_covers_nothing_from_its_last_second_on(
    left_s: int, is_granted: bool
) -> None:
    pair, end_s = waiting_under_consent(seconds=1_000)
    when_ns = (end_s - left_s) * NS_PER_SECOND
    pair.a.next_block(duration_ns=when_ns - pair.a.clock.time_ns)
    if is_granted:
        pair.decide(1)
    else:
        with pytest.raises(errors.NotShareableError, match="consent"):
            pair.decide(1)
