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
from huitong.modules.exchange.errors import (
    FieldsNotAskedError,
    NotShareableError,
)
from huitong.modules.exchange.policy import (
    GRANTED,
    REFUSED,
    WAITS,
    Verdict,
    find_fault,
    has_consent,
    judge,
    judge_record,
    judge_ungranted,
)
from huitong.modules.grants.coverage import Asked, find_covering_grant
from huitong.modules.grants.state import find_consent, find_grant
from huitong.modules.members.state import is_in_force
from huitong.modules.records.state import (
    HANDED_OVER,
    REVOKED,
    find_record,
    status_name,
)
from huitong.proto.huitong.exchange.v1 import exchange_pb2 as pb
from huitong.proto.huitong.grants.v1.grants_pb2 import Reader
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
    """Decide on a standing request; for one record by the rules for its head."""
    if request.record_id:
        verdict = judge(ctx, channel_id, request)
        return replace(verdict, fields=tuple(request.fields))
    header = RecordHeader(issuer=request.issuer, record_type=request.record_type)
    if not is_in_force(ctx, request.issuer):
        return Verdict(
            outcome=REFUSED,
            reason_code="issuer",
            header=header,
            fields=(),
            grant_id=0,
        )
    asked = Asked(
        header=header,
        reader=Reader(channel_id=channel_id, member_id=request.requester),
        purpose=request.purpose,
        fields=tuple(request.fields),
        term_until=request.term_until,
        consent_id=0,
        now_s=ctx.block.time_ns // NS_PER_SECOND,
    )
    grant = find_covering_grant(ctx, asked)
    if grant is None:
        return judge_ungranted(ctx, channel_id, header)
    return Verdict(
        outcome=GRANTED,
        reason_code="grant",
        header=header,
        fields=tuple(request.fields),
        grant_id=grant.grant_id,
    )


def check_standing_grantable(
    ctx: Context, channel_id: str, request: pb.RequestPacket, fields: Sequence[str]
) -> None:
    """Raise unless an officer may grant a standing request with these fields.

    Raises:
        NotShareableError: the zone's rules forbid it, or consent does not cover it.
        FieldsNotAskedError: a field was not asked for or is not in the record.
    """
    fault = "" if is_in_force(ctx, request.issuer) else "issuer"
    header = find_record(ctx, request.issuer, request.record_id)
    if request.record_id:
        fault = find_fault(ctx, header, request.fields)
    if fault:
        raise not_shareable(request, fault)
    asked = request.fields or (header.fields if header is not None else ())
    for name in fields:
        if name not in asked:
            raise FieldsNotAskedError(name=name)
    granted = fields or request.fields
    if header is not None and not has_consent(
        ctx, channel_id, request, header, granted
    ):
        raise not_shareable(request, "consent")


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
) -> int:
    """Return the grant under which this version may be pushed now; 0 for none needed.

    Raises:
        NotShareableError: the rules forbid it.
    """
    verdict = judge_record(ctx, subscription.channel_id, request, header)
    if verdict.outcome == GRANTED:
        return verdict.grant_id
    ungranted = verdict.outcome == WAITS or verdict.reason_code in _UNGRANTED
    if ungranted and subscription.decision.reason_code == OFFICER:
        return 0
    raise not_shareable(request, "no-grant" if ungranted else verdict.reason_code)


def check_still_shareable(
    ctx: Context,
    subscription: pb.Subscription,
    request: pb.RequestPacket,
    header: RecordHeader,
) -> None:
    """Raise unless a version that was granted before may be pushed again now.

    Raises:
        NotShareableError: the rules forbid it.
    """
    fault = find_fault(ctx, header, request.fields)
    if not fault and not has_consent(
        ctx, subscription.channel_id, request, header, request.fields
    ):
        fault = "consent"
    if fault:
        raise not_shareable(request, fault)


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


def not_shareable(request: pb.RequestPacket, reason_code: str) -> NotShareableError:
    """Return the refusal of what the zone's rules forbid."""
    return NotShareableError(
        issuer=request.issuer, record_id=request.record_id, reason_code=reason_code
    )


def _fault_of_record(ctx: Context, request: pb.RequestPacket) -> str:
    if not request.record_id:
        return ""
    header = find_record(ctx, request.issuer, request.record_id)
    if header is None:
        return "unknown-record"
    return status_name(header.status) if header.status in (REVOKED, HANDED_OVER) else ""
