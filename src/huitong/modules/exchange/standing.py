"""Standing permissions: how a request for one is decided, and what it rests on.

A standing request asks for each new version of one record, or of every record of a type.
It is decided as any other, and the permission is no more than that: each version that is
pushed under it is decided anew by the rules of ``policy``, so a withdrawn grant gives
nothing from the same block on. An officer's permission stands in for a grant.

What a permission rests on, and the reason code when it is gone:

====================  ==========  ======================================================
reason code           state       when
====================  ==========  ======================================================
``term``              ended       the term that was asked for is over
``count``             ended       the versions asked for, or the grant's uses, are used up
``issuer``            withdrawn   the issuer is not in force: suspended, removed, frozen
``unknown-record``    withdrawn   the one record does not exist any more
``revoked``           withdrawn   the issuer revoked the one record
``handed-over``       withdrawn   the one record lives in another zone now
``grant``             withdrawn   the grant that decided it is withdrawn
``consent``           withdrawn   the consent it refers to is withdrawn
``provider``          ended       the issuer ended it
``requester``         ended       the requester ended it
====================  ==========  ======================================================
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from huitong.core.context import Context
from huitong.core.fields import is_covered
from huitong.core.time import NS_PER_SECOND
from huitong.modules.exchange.errors import FieldsNotAskedError
from huitong.modules.exchange.facts import Facts, asked_of, gather_for
from huitong.modules.exchange.policy import (
    GRANTED,
    REFUSED,
    WAITS,
    Verdict,
    decide,
    fields_of,
    grade_min_of,
    judge,
    judge_facts,
    judge_ungranted,
)
from huitong.modules.exchange.sharing import (
    check_consented,
    check_shareable,
    not_shareable,
)
from huitong.modules.grants.coverage import choose_grant
from huitong.modules.grants.state import find_consent, find_grant
from huitong.modules.members.state import is_in_force
from huitong.modules.records.state import (
    HANDED_OVER,
    REVOKED,
    find_record,
    status_name,
)
from huitong.proto.huitong.exchange.v1 import exchange_pb2 as pb
from huitong.proto.huitong.records.v1.records_pb2 import RecordHeader

ACTIVE = pb.SUBSCRIPTION_STATE_ACTIVE
ENDED = pb.SUBSCRIPTION_STATE_ENDED
WITHDRAWN = pb.SUBSCRIPTION_STATE_WITHDRAWN
#: The reason code of a decision on a push.
STANDING = "standing"
#: The reason code of an officer's decision.
OFFICER = "officer"
#: What the rules say where neither openness nor a grant decides.
_UNGRANTED = ("no-grant", "busy")


def judge_standing(ctx: Context, channel_id: str, request: pb.RequestPacket) -> Verdict:
    """Decide on a standing request; for one record by the rules for its head.

    Of a type, the policy is asked for each version that is pushed, when there is a record
    to judge.
    """
    if request.record_id:
        verdict = judge(ctx, channel_id, request)
        return replace(verdict, fields=tuple(request.fields))
    header = RecordHeader(issuer=request.issuer, record_type=request.record_type)
    return _decide_type(gather_for(ctx, channel_id, request, header), header)


def decide_request(facts: Facts) -> Verdict:
    """Return the verdict on any request, standing or not, from what is known; pure.

    Of a type of record the facts' header has the issuer and the type alone.
    """
    if not facts.request.record_type or facts.header is None:
        return decide(facts)
    return _decide_type(facts, facts.header)


def _decide_type(facts: Facts, header: RecordHeader) -> Verdict:
    request = facts.request
    if not facts.issuer_in_force:
        return Verdict(outcome=REFUSED, reason_code="issuer", header=header)
    asked = asked_of(facts, header, request.fields)
    grant, fault = choose_grant(facts.grants, asked, facts.consents)
    if grant is None:
        return judge_ungranted(facts, header, fault)
    return Verdict(
        outcome=GRANTED,
        reason_code="grant",
        header=header,
        fields=tuple(request.fields),
        grant_id=grant.grant_id,
        grade_min=grade_min_of(facts, grant),
    )


def check_standing_grantable(
    ctx: Context, request: pb.RequestPacket, fields: Sequence[str]
) -> None:
    """Raise unless an officer may grant a standing request for a type with these fields.

    Raises:
        NotShareableError: the issuer is not in force.
        FieldsNotAskedError: a field was not asked for.
    """
    if not is_in_force(ctx, request.issuer):
        raise not_shareable(request, "issuer")
    for name in fields:
        if name not in request.fields:
            raise FieldsNotAskedError(name=name)


def find_end(ctx: Context, subscription: pb.Subscription) -> tuple[int, str] | None:
    """Return state and reason code if what a permission rests on is gone, else None.

    Not here: how often it was used, which is for new versions only.

    Cost: at most 4 reads.
    """
    request, decision = subscription.request, subscription.decision
    now_s = ctx.block.time_ns // NS_PER_SECOND
    if now_s >= request.term_until:
        return ENDED, "term"
    if not is_in_force(ctx, request.issuer):
        return WITHDRAWN, "issuer"
    fault = _fault_of_record(ctx, request)
    if fault:
        return WITHDRAWN, fault
    # Neither expires before the term, or it would not have covered the request.
    grant = find_grant(ctx, decision.grant_id) if decision.grant_id else None
    if grant is not None and grant.withdrawn:
        return WITHDRAWN, "grant"
    consent = find_consent(ctx, request.consent_id) if request.consent_id else None
    if consent is not None and consent.withdrawn:
        return WITHDRAWN, "consent"
    return None


def is_used_up(ctx: Context, subscription: pb.Subscription) -> bool:
    """Return whether no further version may be pushed. Cost: at most 1 read."""
    count_max = subscription.request.count_max
    if count_max and subscription.push_count >= count_max:
        return True
    grant_id = subscription.decision.grant_id
    grant = find_grant(ctx, grant_id) if grant_id else None
    return (
        grant is not None
        and grant.count_max != 0
        and grant.count_used >= grant.count_max
    )


def push_request(
    subscription: pb.Subscription, record_id: str, version: int, request_id: str
) -> pb.RequestPacket:
    """Return the request that a push answers: for one version, with the fields granted.

    Both zones make the same one.
    """
    request = pb.RequestPacket()
    request.CopyFrom(subscription.request)
    request.record_id, request.version = record_id, version
    request.standing, request.record_type, request.count_max = False, "", 0
    request.request_id = request_id or request.request_id
    del request.fields[:]
    request.fields.extend(subscription.decision.fields)
    return request


def judge_push(
    ctx: Context,
    subscription: pb.Subscription,
    request: pb.RequestPacket,
    header: RecordHeader,
) -> Verdict:
    """Return what may be pushed of this version now, and under which grant.

    Raises:
        NotShareableError: the rules forbid it.
    """
    facts = gather_for(ctx, subscription.channel_id, request, header)
    verdict = admit_push(subscription, facts, judge_facts(ctx, facts))
    if verdict.outcome != GRANTED:
        raise not_shareable(request, verdict.reason_code)
    return verdict


def admit_push(
    subscription: pb.Subscription, facts: Facts, verdict: Verdict
) -> Verdict:
    """Return what a verdict on one version means under a permission; pure.

    Args:
        subscription: the permission; an officer's stands in for a grant.
        facts: what is known about the version, which is there.
        verdict: of ``policy.decide``.

    Returns:
        A verdict that is granted or refused.
    """
    header = facts.header
    if verdict.outcome == GRANTED or header is None:
        return verdict
    ungranted = (
        verdict.outcome == WAITS
        or verdict.reason_code in _UNGRANTED
        or verdict.reason_code.startswith("grant-")
    )
    if ungranted and subscription.decision.reason_code == OFFICER:
        return replace(
            verdict,
            outcome=GRANTED,
            fields=fields_of(facts, header, facts.request.fields),
            grade_min=grade_min_of(facts, None),
        )
    code = "no-grant" if ungranted else verdict.reason_code
    return replace(verdict, outcome=REFUSED, reason_code=code)


def check_still_shareable(
    ctx: Context,
    subscription: pb.Subscription,
    request: pb.RequestPacket,
    header: RecordHeader,
) -> None:
    """Raise unless a version that was granted before may be pushed again now.

    Raises:
        NotShareableError: the rules or the policy forbid it, or the consent is gone.
    """
    facts = gather_for(ctx, subscription.channel_id, request, header)
    check_shareable(ctx, facts, ())
    check_consented(facts, header, ())


def find_push_fault(subscription: pb.Subscription, decision: pb.Decision) -> str:
    """Return why a decision is not one that a permission allows; empty if it is."""
    request = subscription.request
    if decision.issuer != request.issuer:
        return "another issuer"
    if request.record_id and decision.record_id != request.record_id:
        return "another record"
    if not is_covered(decision.fields, subscription.decision.fields):
        return "a field that was not granted"
    return ""


def _fault_of_record(ctx: Context, request: pb.RequestPacket) -> str:
    if not request.record_id:
        return ""
    header = find_record(ctx, request.issuer, request.record_id)
    if header is None:
        return "unknown-record"
    return status_name(header.status) if header.status in (REVOKED, HANDED_OVER) else ""
