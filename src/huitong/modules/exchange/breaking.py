"""Broken glass: an emergency is granted at once, and must be reviewed.

Rules: [GLASS.1] the request itself says that it is an emergency and why; [GLASS.2] members
have decided for the type of record who breaks glass, or under which condition the zone
does; [GLASS.3] every use is written down and due for review; [GLASS.4] who has a review
overdue breaks no glass. What the zone's rules forbid to everybody, such as a revoked
record or a level, and what a rule of the policy refuses, stays forbidden.
"""

from __future__ import annotations

from collections.abc import Sequence

from huitong.core.context import Context
from huitong.core.fields import check_field_names, check_text
from huitong.core.gas import GAS_POLICY_STEP
from huitong.core.limits import TEXT_BYTES_MAX
from huitong.modules.exchange.decisions import POLICY, make_decision
from huitong.modules.exchange.errors import (
    BreakGlassRoleError,
    FieldsNotAskedError,
    NoEmergencyError,
    NotShareableError,
)
from huitong.modules.exchange.facts import Facts, asked_of, gather, user_of
from huitong.modules.exchange.keys import PROVIDER
from huitong.modules.exchange.policy import (
    GRANTED,
    fault_of,
    fields_of,
    grade_min_of,
    judge_by_policy,
)
from huitong.modules.exchange.settling import (
    check_party,
    check_waiting,
    settle_waiting,
)
from huitong.modules.exchange.state import get_exchange
from huitong.modules.grants.coverage import choose_grant
from huitong.modules.members.state import get_account
from huitong.modules.policies.broken_glass import begin_use, check_may_break_glass
from huitong.modules.policies.rules import REFUSE
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
    decision = make_decision(
        ctx,
        exchange.request,
        outcome=GRANTED,
        reason_code="break-glass",
        reason=msg.reason,
        decided_by=issuer,
        header=header,
        fields=fields_of(facts, header, msg.fields or exchange.request.fields),
        grant_id=0,
        grade_min=grade_min_of(facts, None),
        break_glass_id=use_id,
    )
    settle_waiting(ctx, exchange, decision)
    return pb.MsgBreakGlassResponse(use_id=use_id)


def break_by_policy(ctx: Context, exchange: pb.Exchange, header: RecordHeader) -> int:
    """Write that the policy itself granted an emergency; return the use's id."""
    request = exchange.request
    user = user_of(exchange.channel_id, request.requester)
    return begin_use(  # [GLASS.3]
        ctx,
        _use(
            exchange, header, user=user, used_by=POLICY, reason=request.emergency_reason
        ),
    )


def check_shareable(ctx: Context, facts: Facts, fields: Sequence[str]) -> RecordHeader:
    """Check that a person may grant these fields, and return the record.

    Args:
        ctx: pays for the policy's conditions.
        facts: the request and what is known about it.
        fields: those to be granted; none stand for those asked for.

    Raises:
        NotShareableError: the zone's rules or a rule of the policy forbid it.
        FieldsNotAskedError: one was not asked for.
    """
    request, header = facts.request, facts.header
    fault = fault_of(facts, ())
    if not fault and header is not None:
        for name in fields:
            if name not in (request.fields or header.fields):
                raise FieldsNotAskedError(name=name)
        fault = fault_of(facts, fields or request.fields)
    if not fault and header is not None:
        granted = fields_of(facts, header, fields or request.fields)
        asked = asked_of(facts, header, granted)
        grant = choose_grant(facts.grants, asked, facts.consents)[0]
        judgement = judge_by_policy(facts, asked, grant)
        ctx.gas.consume(GAS_POLICY_STEP * judgement.cost, "policy")
        if judgement.effect != REFUSE:
            return header
        fault = judgement.reason_code
    raise NotShareableError(
        issuer=request.issuer, record_id=request.record_id, reason_code=fault
    )


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
