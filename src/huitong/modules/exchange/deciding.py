"""Carry out a decision on a request, whoever took it: the rules, an officer, a deadline."""

from __future__ import annotations

from huitong.core.context import Context
from huitong.modules.exchange import events
from huitong.modules.exchange.decisions import POLICY, make_decision
from huitong.modules.exchange.policy import GRANTED, Verdict
from huitong.modules.exchange.state import save_exchange
from huitong.modules.exchange.subscriptions import start_subscription
from huitong.proto.huitong.exchange.v1 import exchange_pb2 as pb


def decision_of(
    ctx: Context,
    request: pb.RequestPacket,
    verdict: Verdict,
    *,
    reason: str = "",
    decided_by: str = POLICY,
    break_glass_id: int = 0,
) -> pb.Decision:
    """Return the decision that a verdict makes.

    A standing permission is for no one version, and without names of fields it is for
    every field that a version has.
    """
    header, fields = verdict.header, verdict.fields
    if request.standing:
        header = None
    elif header is not None and not fields:
        fields = tuple(header.fields)
    decision = make_decision(
        ctx,
        request,
        outcome=verdict.outcome,
        reason_code=verdict.reason_code,
        reason=reason,
        decided_by=decided_by,
        header=header,
        fields=fields,
        grant_id=verdict.grant_id,
        grade_min=verdict.grade_min,
        break_glass_id=break_glass_id,
    )
    if request.standing and verdict.outcome == GRANTED:
        decision.fields.extend(fields)
        decision.grade_min = verdict.grade_min
    return decision


def write_decision(ctx: Context, exchange: pb.Exchange, decision: pb.Decision) -> None:
    """Write a decision, in either zone; a standing permission begins with it.

    Cost: 1 write, and 2 for a standing permission.
    """
    standing = exchange.request.standing
    exchange.decision.CopyFrom(decision)
    if decision.outcome != GRANTED:
        exchange.status = pb.EXCHANGE_STATUS_REFUSED
    elif standing:
        exchange.status = pb.EXCHANGE_STATUS_STANDING
    else:
        exchange.status = pb.EXCHANGE_STATUS_GRANTED
    save_exchange(ctx, exchange)
    ctx.emit(events.exchange_decided(exchange))
    if exchange.status == pb.EXCHANGE_STATUS_STANDING:
        start_subscription(ctx, exchange)
