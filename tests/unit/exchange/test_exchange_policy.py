"""Policies, levels of fields, least grades and broken glass over a real link."""

from __future__ import annotations

from typing import Any

import pytest

from huitong.core.address import GOVERNANCE_ADDRESS
from huitong.core.errors import HuitongError, InvalidRequestError
from huitong.core.time import NS_PER_SECOND
from huitong.modules.exchange import errors, policy
from huitong.modules.exchange.state import save_exchange
from huitong.modules.policies import errors as policy_errors
from huitong.modules.policies import get_use
from huitong.proto.huitong.exchange.v1 import exchange_pb2 as pb
from huitong.proto.huitong.grants.v1 import grants_pb2
from huitong.proto.huitong.policies.v1 import policies_pb2
from huitong.testing.actors import address_of
from huitong.testing.exchanges import (
    DELEGATE,
    FIELDS,
    OFFICER,
    PUBLISHER,
    PURPOSE,
    REGULATOR,
    SUBJECT,
    ExchangePair,
    open_exchange,
)

DAY_NS = 86_400 * NS_PER_SECOND
EMERGENCY: dict[str, Any] = {"emergency": True, "emergency_reason": "a patient"}
LEVELS = [1, 2, 3, 4]  # of amount, buyer, number, seller


def published(params: dict[str, Any] | None = None, **changes: Any) -> ExchangePair:
    pair = open_exchange(params)
    pair.publish(**changes)
    return pair


def decided(pair: ExchangePair, **changes: Any) -> pb.Decision:
    """Send a request and return a's decision, which must be b's too."""
    packet = pair.request(**changes)
    acknowledgement = pair.receive(packet)
    assert acknowledgement is not None
    pair.acknowledge(packet, acknowledgement)
    on_b = pair.exchange_on_b(packet.sequence)
    assert pair.exchange_on_a(packet.sequence).decision == on_b.decision
    return on_b.decision


def consent(pair: ExchangePair, **changes: Any) -> int:
    fields: dict[str, Any] = {
        "signer": OFFICER,
        "subject": SUBJECT,
        "reader": pair.reader(),
        "purpose": PURPOSE,
        "evidence_digest": bytes(32),
    }
    message = grants_pb2.MsgRecordConsent(**{**fields, **changes})
    return int(pair.a.deliver(message).consent_id)


# --- policies -------------------------------------------------------------------------


def test_first_rule_that_is_true_decides() -> None:
    pair = published()
    pair.set_policy(
        ("refuse", "request.purpose == 'marketing'", "purpose"),
        ("grant", "request.requester == 'bank'", "bank"),
        ("refuse", "true", "nobody-else"),
    )
    granted = decided(pair)
    assert (granted.outcome, granted.reason_code) == (policy.GRANTED, "policy.bank")
    assert tuple(granted.fields) == FIELDS
    refused = decided(pair, purpose="marketing")
    assert (refused.outcome, refused.reason_code) == (policy.REFUSED, "policy.purpose")
    assert not refused.fields
    other = decided(pair, signer=address_of("rogue"), requester="thief")
    assert other.reason_code == "policy.nobody-else"


def test_silent_policy_leaves_the_decision_to_the_zone() -> None:
    pair = published()
    pair.set_policy(("refuse", "false", "never"))
    pair.grant()
    assert decided(pair).reason_code == "grant"


def test_policy_that_asks_makes_a_request_wait_in_spite_of_a_grant() -> None:
    pair = published({"ask_officer": False})
    pair.grant()
    pair.set_policy(("ask", "request.level > 1", "look-at-it"))
    assert pair.receive(pair.request()) is None
    pair.decide(1)
    assert pair.exchange_on_a(1).decision.reason_code == "officer"


def test_condition_without_a_value_refuses() -> None:
    pair = published()
    pair.set_policy(("grant", "grant.until > now", "in-time"))
    assert decided(pair).reason_code == "policy-error"
    pair.grant(valid_until=pair.now_s + 1_000)
    assert decided(pair).reason_code == "policy.in-time"


def test_policy_counts_the_use_of_a_grant_that_covers_the_request() -> None:
    pair = published()
    pair.grant(count_max=2)
    pair.set_policy(("grant", "grant.present && grant.count_left > 1", "first"))
    assert decided(pair).grant_id == 1
    assert decided(pair).reason_code == "grant"
    assert pair.receive(pair.request()) is None


def test_policy_binds_open_records_too() -> None:
    pair = published(share_class=1)
    pair.set_policy(("refuse", "request.purpose != 'audit'", "purpose"))
    assert decided(pair).reason_code == "policy.purpose"
    assert decided(pair, purpose="audit").reason_code == "open-data"


def test_policy_sees_consent_and_its_withdrawal_at_once() -> None:
    pair = published()
    pair.set_policy(("grant", "consent.present && !consent.signed", "paper"))
    consent(pair)
    assert decided(pair, consent_id=1).reason_code == "policy.paper"
    pair.a.deliver(grants_pb2.MsgWithdrawConsent(signer=OFFICER, consent_id=1))
    assert decided(pair, consent_id=1).reason_code == "consent"


def test_policy_tells_zones_apart_by_their_light_client() -> None:
    pair = published()
    pair.set_policy(("grant", "request.client == '07-tendermint-0'", "neighbour"))
    assert decided(pair).reason_code == "policy.neighbour"
    pair.set_policy(("refuse", "request.channel == 'channel-0'", "that-one"))
    assert decided(pair).reason_code == "policy.that-one"


def test_officer_cannot_grant_what_the_policy_refuses() -> None:
    pair = published()
    assert pair.receive(pair.request()) is None
    pair.set_policy(("refuse", "'seller' in request.fields", "no-seller"))
    with pytest.raises(errors.NotShareableError, match=r"policy\.no-seller"):
        pair.decide(1)
    pair.decide(1, fields=["amount"])
    assert list(pair.exchange_on_a(1).decision.fields) == ["amount"]


def test_removed_policy_holds_no_more() -> None:
    pair = published({"ask_officer": False})
    pair.set_policy(("refuse", "true", "closed"))
    assert decided(pair).reason_code == "policy.closed"
    pair.a.deliver(
        policies_pb2.MsgRemovePolicy(
            signer=GOVERNANCE_ADDRESS, record_type="tax.invoice", reason="x"
        )
    )
    assert decided(pair).reason_code == "no-grant"
    assert pair.set_policy(("refuse", "true", "again")) == 3
    assert decided(pair).reason_code == "policy.again"


def test_conditions_are_paid_for() -> None:
    used = []
    for condition in ("true", "request.fields.all(f, f in record.fields)"):
        pair = published()
        pair.set_policy(("grant", condition, "x"))
        packet = pair.request()
        ctx = pair.a.context()
        request = pb.ExchangePacketData.FromString(packet.data).request
        policy.judge(ctx, pair.path.a.channel_id, request)
        used.append(ctx.gas.used)
    assert used[1] > used[0]


@pytest.mark.parametrize(
    ("grant", "request_", "code"),
    [
        ({"fields": ["amount"]}, {}, "grant-fields"),
        ({"valid_until": 2**32}, {"term_until": 2**33}, "grant-term"),
        ({"term_max": 60}, {"term_until": 2**33}, "grant-keeping"),
        ({"legal_basis": "law 1"}, {"legal_basis": "law 2"}, "grant-legal-basis"),
        ({"consent_required": True}, {}, "grant-consent"),
        ({"valid_from": 2**40}, {}, "grant-not-yet"),
        ({"purpose": "audit"}, {}, "no-grant"),
    ],
)
def test_refusal_says_why_the_grant_does_not_cover(
    grant: dict[str, Any], request_: dict[str, Any], code: str
) -> None:
    pair = published({"ask_officer": False})
    pair.grant(**grant)
    decision = decided(pair, **request_)
    assert (decision.outcome, decision.reason_code) == (policy.REFUSED, code)


def test_grants_that_have_ended_are_told_apart() -> None:
    pair = published({"ask_officer": False})
    pair.grant(count_max=1)
    assert decided(pair).reason_code == "grant"
    assert decided(pair).reason_code == "grant-used-up"
    pair = published({"ask_officer": False})
    pair.grant(valid_until=pair.now_s + 5)
    pair.a.next_block(duration_ns=6 * NS_PER_SECOND)
    assert decided(pair).reason_code == "grant-expired"


@pytest.mark.parametrize(
    ("grant", "request_"),
    [
        ({"legal_basis": "contract 7"}, {}),
        ({"term_max": 100}, {}),
        ({"legal_basis": "law 1"}, {"legal_basis": "law 1"}),
    ],
)
def test_grant_with_conditions_covers_what_meets_them(
    grant: dict[str, Any], request_: dict[str, Any]
) -> None:
    pair = published({"ask_officer": False})
    pair.grant(**grant)
    assert decided(pair, **request_).reason_code == "grant"


# --- a grant on a consent -------------------------------------------------------------


def test_grant_on_a_consent_ends_with_it() -> None:
    pair = published({"ask_officer": False})
    consent(pair)
    pair.grant(consent_id=1)
    assert decided(pair).reason_code == "grant"
    pair.a.deliver(grants_pb2.MsgWithdrawConsent(signer=OFFICER, consent_id=1))
    assert pair.a.told("grant_withdrawn")[0]["reason"] == "consent-withdrawn"
    assert decided(pair).reason_code == "no-grant"


def test_grant_on_a_consent_covers_no_more_than_it_does_now() -> None:
    pair = published({"ask_officer": False})
    consent(pair)
    pair.grant(consent_id=1)
    consent(pair, consent_id=1, previous_version=1, fields=["amount"])
    assert decided(pair).reason_code == "grant-consent"
    assert decided(pair, fields=["amount"]).reason_code == "grant"


# --- levels ---------------------------------------------------------------------------


def test_fields_above_the_level_are_withheld_unless_they_are_asked_for() -> None:
    pair = published(field_levels=LEVELS, level=4)
    pair.grant()
    assert list(decided(pair).fields) == ["amount", "buyer", "number"]
    assert decided(pair, fields=["number"]).reason_code == "grant"
    assert decided(pair, fields=["seller"]).reason_code == "too-sensitive"
    assert decided(pair, fields=["amount", "seller"]).reason_code == "too-sensitive"


@pytest.mark.parametrize(
    ("level_max", "fields"),
    [(0, []), (1, ["amount"]), (2, ["amount", "buyer"]), (4, list(FIELDS))],
)
def test_members_decide_what_goes_to_which_zone(
    level_max: int, fields: list[str]
) -> None:
    entry = {"client_id": "07-tendermint-0", "level_max": level_max}
    pair = published({"client_levels": [entry]}, field_levels=LEVELS, level=4)
    pair.grant()
    decision = decided(pair)
    assert list(decision.fields) == fields
    assert decision.reason_code == ("grant" if fields else "too-sensitive")


def test_officer_grants_no_field_above_the_level() -> None:
    pair = published(field_levels=LEVELS, level=4)
    assert pair.receive(pair.request()) is None
    with pytest.raises(errors.NotShareableError, match="too-sensitive"):
        pair.decide(1, fields=["seller"])
    pair.decide(1)
    assert list(pair.exchange_on_a(1).decision.fields) == ["amount", "buyer", "number"]


def test_policy_sees_the_levels() -> None:
    pair = published(field_levels=LEVELS, level=4)
    pair.set_policy(
        ("grant", "request.level <= 2", "harmless"),
        ("refuse", "record.field_levels.exists(l, l == 4)", "has-secrets"),
    )
    assert decided(pair, fields=["amount"]).reason_code == "policy.harmless"
    assert decided(pair).reason_code == "policy.has-secrets"


# --- least grades ---------------------------------------------------------------------


def test_receipt_below_the_least_grade_is_refused_on_both_zones() -> None:
    pair = published()
    pair.grant(grade_min="attested")
    sequence = pair.granted()
    assert pair.exchange_on_b(sequence).decision.grade_min == "attested"
    with pytest.raises(errors.GradeTooLowError):
        pair.confirm(sequence, grade="signed")
    kept = pair.exchange_on_b(sequence)
    kept.decision.grade_min = ""  # a requester's zone that does not care
    ctx = pair.b.context()
    save_exchange(ctx, kept)
    pair.b.take(ctx)
    packet = pair.confirm(sequence, grade="signed")
    acknowledgement = pair.receive(packet)
    assert acknowledgement is not None
    assert b"error" in acknowledgement
    assert not pair.exchange_on_a(sequence).HasField("receipt")
    pair.acknowledge(packet, acknowledgement)
    pair.receive(pair.confirm(sequence, grade="attested"))
    assert pair.exchange_on_a(sequence).status == pb.EXCHANGE_STATUS_RECEIVED


@pytest.mark.parametrize(
    ("of_policy", "of_grant", "asked"),
    [
        ("", "signed", "signed"),
        ("proven", "", "proven"),
        ("signed", "attested", "attested"),
        ("proven", "signed", "proven"),
    ],
)
def test_stricter_of_two_least_grades_is_asked_for(
    of_policy: str, of_grant: str, asked: str
) -> None:
    pair = published()
    pair.set_policy(("refuse", "false", "never"), grade_min=of_policy)
    pair.grant(grade_min=of_grant)
    assert decided(pair).grade_min == asked


def test_officers_decision_asks_for_the_policys_grade() -> None:
    pair = published()
    pair.set_policy(grade_min="proven")
    pair.receive(pair.request())
    pair.decide(1)
    assert pair.exchange_on_a(1).decision.grade_min == "proven"


# --- broken glass ---------------------------------------------------------------------


def waiting(pair: ExchangePair, **changes: Any) -> int:
    packet = pair.request(timeout_ns=30 * DAY_NS, **{**EMERGENCY, **changes})
    assert pair.receive(packet) is None
    return packet.sequence


def break_glass(pair: ExchangePair, sequence: int, **changes: Any) -> int:
    fields: dict[str, Any] = {
        "signer": OFFICER,
        "channel_id": pair.path.a.channel_id,
        "sequence": sequence,
        "reason": "the doctor called",
    }
    return int(pair.a.deliver(pb.MsgBreakGlass(**{**fields, **changes})).use_id)


def review(pair: ExchangePair, use_id: int, **changes: Any) -> None:
    fields: dict[str, Any] = {
        "signer": DELEGATE,
        "use_id": use_id,
        "justified": True,
        "reason": "it was one",
    }
    pair.a.deliver(policies_pb2.MsgReviewBreakGlass(**{**fields, **changes}))


def glass(params: dict[str, Any] | None = None, **record: Any) -> ExchangePair:
    pair = published(params, **record)
    pair.set_policy(break_glass_roles=["officer"])
    return pair


def test_officer_grants_an_emergency_at_once_and_it_must_be_reviewed() -> None:
    pair = glass({"ask_officer": False})
    sequence = waiting(pair)
    assert break_glass(pair, sequence, fields=["amount"]) == 1
    kept = pair.exchange_on_a(sequence)
    assert kept.status == pb.EXCHANGE_STATUS_GRANTED
    assert (kept.decision.reason_code, kept.decision.break_glass_id) == (
        "break-glass",
        1,
    )
    assert list(kept.decision.fields) == ["amount"]
    use = get_use(pair.a.context(), 1)
    assert (use.user, use.used_by, use.requester) == ("tax", OFFICER, "bank")
    assert use.review_due == use.used_time + 3 * DAY_NS
    assert pair.a.told("glass_broken")[0]["reason"] == "the doctor called"
    review(pair, 1, justified=False, reason="a drill")
    use = get_use(pair.a.context(), 1)
    assert use.status == policies_pb2.USE_STATUS_UNJUSTIFIED
    assert pair.a.told("glass_reviewed")[0]["late"] == "0"


def test_overdue_review_is_told_and_blocks_the_next_use() -> None:
    pair = glass()
    first, second = waiting(pair), waiting(pair)
    break_glass(pair, first)
    pair.a.next_block(duration_ns=3 * DAY_NS - 60 * NS_PER_SECOND)
    third = waiting(pair)
    break_glass(pair, third)
    pair.a.next_block(duration_ns=60 * NS_PER_SECOND)
    assert get_use(pair.a.context(), 1).status == policies_pb2.USE_STATUS_OVERDUE
    late = waiting(pair)
    with pytest.raises(policy_errors.ReviewOverdueError):
        break_glass(pair, late)
    review(pair, 1, signer=REGULATOR)
    assert pair.a.told("glass_reviewed")[0]["late"] == "1"
    assert break_glass(pair, late) == 3
    assert pair.exchange_on_a(second).status == pb.EXCHANGE_STATUS_REFUSED  # deadline


def test_policy_breaks_glass_for_readers_whom_members_named() -> None:
    pair = published({"ask_officer": False})
    pair.set_policy(
        ("grant", "request.emergency && request.requester == 'bank'", "rescue")
    )
    assert decided(pair).reason_code == "no-grant"
    decision = decided(pair, **EMERGENCY)
    assert (decision.reason_code, decision.break_glass_id) == ("policy.rescue", 1)
    use = get_use(pair.a.context(), 1)
    assert (use.user, use.used_by, use.reason) == (
        f"{pair.path.a.channel_id}/bank",
        "policy",
        "a patient",
    )
    pair.a.next_block(duration_ns=3 * DAY_NS)
    refused = decided(pair, timeout_ns=9 * DAY_NS, **EMERGENCY)
    assert (refused.outcome, refused.reason_code) == (policy.REFUSED, "review-overdue")
    review(pair, 1)
    assert decided(pair, timeout_ns=9 * DAY_NS, **EMERGENCY).break_glass_id == 2


def test_emergency_that_a_grant_covers_breaks_no_glass() -> None:
    pair = published()
    pair.set_policy(("grant", "request.emergency", "rescue"))
    pair.grant()
    decision = decided(pair, **EMERGENCY)
    assert (decision.grant_id, decision.break_glass_id) == (1, 0)


BREAKING: list[tuple[dict[str, Any], dict[str, Any], type[HuitongError]]] = [
    ({}, {"reason": ""}, InvalidRequestError),
    ({}, {"fields": ["b", "a"]}, InvalidRequestError),
    ({}, {"sequence": 9}, errors.ExchangeNotFoundError),
    ({}, {"signer": address_of("other-officer")}, errors.NotPartyError),
    ({}, {"signer": PUBLISHER}, errors.BreakGlassRoleError),
    (
        {"emergency": False, "emergency_reason": ""},
        {},
        errors.NoEmergencyError,
    ),
    ({"fields": ["amount"]}, {"fields": ["buyer"]}, errors.FieldsNotAskedError),
    ({}, {"fields": ["seller"]}, errors.NotShareableError),
]


@pytest.mark.parametrize(("request_", "message", "error"), BREAKING)
def test_breaking_glass_is_refused(
    request_: dict[str, Any], message: dict[str, Any], error: type[HuitongError]
) -> None:
    pair = glass(field_levels=LEVELS, level=4)
    waiting(pair, **request_)
    with pytest.raises(error):
        break_glass(pair, message.pop("sequence", 1), **message)
    assert pair.exchange_on_a(1).status == pb.EXCHANGE_STATUS_REQUESTED


def test_glass_is_not_broken_twice_late_or_against_a_rule() -> None:
    pair = glass()
    sequence = waiting(pair)
    break_glass(pair, sequence)
    with pytest.raises(errors.ExchangeStatusError):
        break_glass(pair, sequence)
    other = waiting(pair)
    pair.set_policy(("refuse", "request.emergency", "never"), break_glass_roles=[])
    with pytest.raises(errors.NotShareableError, match=r"policy\.never"):
        break_glass(pair, other)
    pair.set_policy(("refuse", "false", "x"))
    with pytest.raises(errors.BreakGlassRoleError, match="nobody"):
        break_glass(pair, other)


REVIEWS: list[tuple[dict[str, Any], type[HuitongError]]] = [
    ({"reason": ""}, InvalidRequestError),
    ({"use_id": 9}, policy_errors.UseNotFoundError),
    ({"signer": OFFICER}, policy_errors.ReviewerError),
    ({"signer": address_of("other-delegate")}, policy_errors.ReviewerError),
]


@pytest.mark.parametrize(("changes", "error"), REVIEWS)
def test_review_is_refused(changes: dict[str, Any], error: type[HuitongError]) -> None:
    pair = glass()
    break_glass(pair, waiting(pair))
    with pytest.raises(error):
        review(pair, changes.pop("use_id", 1), **changes)
    assert get_use(pair.a.context(), 1).status == policies_pb2.USE_STATUS_OPEN


def test_review_is_final() -> None:
    pair = glass()
    break_glass(pair, waiting(pair))
    review(pair, 1)
    with pytest.raises(policy_errors.ReviewedError):
        review(pair, 1, justified=False)


@pytest.mark.parametrize(
    "changes",
    [
        {"emergency": True},
        {"emergency_reason": "why"},
        {"emergency": True, "emergency_reason": "x" * 2_000},
    ],
)
def test_emergency_without_a_reason_is_no_request(changes: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequestError):
        published().request(**changes)
