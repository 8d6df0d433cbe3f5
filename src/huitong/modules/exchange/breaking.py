"""Broken glass: an emergency is granted at once, and must be reviewed.

Rules: [GLASS.1] the request itself says that it is an emergency and why; [GLASS.2] members
have decided for the type of record who breaks glass, or under which condition the zone
does; [GLASS.3] every use is written down and due for review; [GLASS.4] who has a review
overdue breaks no glass. What the zone's rules forbid to everybody, such as a revoked
record or a level, and what a rule of the policy refuses, stays forbidden.
"""

from __future__ import annotations

from huitong.core.context import Context
from huitong.core.fields import check_field_names, check_text
from huitong.core.limits import TEXT_BYTES_MAX
from huitong.modules.exchange.deciding import decision_of
from huitong.modules.exchange.decisions import POLICY
from huitong.modules.exchange.errors import BreakGlassRoleError, NoEmergencyError
from huitong.modules.exchange.facts import Facts, gather, user_of
from huitong.modules.exchange.keys import PROVIDER
from huitong.modules.exchange.policy import (
    GRANTED,
    Verdict,
    fields_of,
    grade_min_of,
)
from huitong.modules.exchange.settling import (
    check_party,
    check_waiting,
    settle_waiting,
)
from huitong.modules.exchange.sharing import check_shareable
from huitong.modules.exchange.state import get_exchange
from huitong.modules.members.state import get_account
from huitong.modules.policies.broken_glass import begin_use, check_may_break_glass
from huitong.proto.huitong.exchange.v1 import exchange_pb2 as pb
from huitong.proto.huitong.policies.v1.policies_pb2 import BreakGlassUse
from huitong.proto.huitong.records.v1.records_pb2 import RecordHeader


def check_break_glass(ctx: Context, msg: pb.MsgBreakGlass) -> None:
    """Raise unless the signer may grant this emergency now.

    Raises:
        InvalidRequestError: a field is malformed or the reason is missing.
        ExchangeNotFoundError: there is no such request.
        NotPartyError: it is about another member's record.
        ExchangeStatusError, DeadlinePassedError: it does not wait, or it is too late.
        NoEmergencyError: the request does not say that it is one.
        NotShareableError: the zone's rules or the policy forbid it to everybody.
        BreakGlassRoleError: the signer holds no role that breaks glass here.
        FieldsNotAskedError: more is granted than was asked for.
        ReviewOverdueError: the issuer's last use waits for its review too long.
    """
    check_text(msg.reason, "reason", TEXT_BYTES_MAX, required=True)
    check_field_names(msg.fields)
    exchange = get_exchange(ctx, PROVIDER, msg.channel_id, msg.sequence)
    check_party(ctx, msg.signer, exchange.request.issuer)
    check_waiting(ctx, exchange)
    if not exchange.request.emergency:  # [GLASS.1]
        raise NoEmergencyError(channel_id=msg.channel_id, sequence=msg.sequence)
    facts = gather(ctx, msg.channel_id, exchange.request)
    header = check_shareable(ctx, facts, msg.fields)
    _check_role(ctx, msg.signer, facts, header)  # [GLASS.2]
    check_may_break_glass(ctx, exchange.request.issuer)  # [GLASS.4]


def apply_break_glass(ctx: Context, msg: pb.MsgBreakGlass) -> pb.MsgBreakGlassResponse:
    """Write the use and the decision, and acknowledge the packet with it.

    Raises:
        RejectedError: the channel does not take it, see ``links.write_acknowledgement``.
    """
    exchange = get_exchange(ctx, PROVIDER, msg.channel_id, msg.sequence)
    facts = gather(ctx, msg.channel_id, exchange.request)
    header = facts.header or RecordHeader()
    issuer = exchange.request.issuer
    use_id = begin_use(  # [GLASS.3]
        ctx, _use(exchange, header, user=issuer, used_by=msg.signer, reason=msg.reason)
    )
    verdict = Verdict(
        outcome=GRANTED,
        reason_code="break-glass",
        header=header,
        fields=fields_of(facts, header, msg.fields or exchange.request.fields),
        grade_min=grade_min_of(facts, None),
    )
    decision = decision_of(
        ctx,
        exchange.request,
        verdict,
        reason=msg.reason,
        decided_by=issuer,
        break_glass_id=use_id,
    )
    settle_waiting(ctx, exchange, decision)
    return pb.MsgBreakGlassResponse(use_id=use_id)


def break_by_policy(ctx: Context, exchange: pb.Exchange, verdict: Verdict) -> int:
    """Write it down if the policy itself granted an emergency.

    Returns:
        The use's id; 0 if no glass was broken.
    """
    if not verdict.breaks_glass or verdict.header is None:
        return 0
    request = exchange.request
    use = _use(
        exchange,
        verdict.header,
        user=user_of(exchange.channel_id, request.requester),
        used_by=POLICY,
        reason=request.emergency_reason,
    )
    return begin_use(ctx, use)  # [GLASS.3]


def _check_role(ctx: Context, signer: str, facts: Facts, header: RecordHeader) -> None:
    allowed = tuple(facts.policy.break_glass_roles) if facts.policy else ()
    held = get_account(ctx, signer).roles
    if not any(role in allowed for role in held):
        raise BreakGlassRoleError(
            record_type=header.record_type, roles=", ".join(allowed) or "nobody"
        )


def _use(
    exchange: pb.Exchange,
    header: RecordHeader,
    *,
    user: str,
    used_by: str,
    reason: str,
) -> BreakGlassUse:
    return BreakGlassUse(
        user=user,
        used_by=used_by,
        issuer=header.issuer,
        record_id=header.record_id,
        version=header.version,
        record_type=header.record_type,
        channel_id=exchange.channel_id,
        sequence=exchange.sequence,
        requester=exchange.request.requester,
        reason=reason,
    )
