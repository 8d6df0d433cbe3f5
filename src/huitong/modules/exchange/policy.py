"""The decision on a request: granted, refused, or to be asked of an officer.

The rules, in their order; the first that applies decides:

=======================  ========  =====================================================
reason code              outcome   when
=======================  ========  =====================================================
``unknown-record``       refused   the issuer has no such record or version
``superseded``           refused   the version asked for is no longer the head
``suspended``            refused   the issuer suspended the record
``revoked``              refused   the issuer revoked the record
``in-hand-over``         refused   the record is offered to another zone, which decides
``handed-over``          refused   the record lives in another zone now
``issuer``               refused   the issuer is not in force: suspended, removed, frozen
``not-yet-valid``        refused   the record's validity has not begun
``expired``              refused   the record's validity has ended
``closed``               refused   the record is not shared
``unknown-field``        refused   a field asked for is not in the record
``too-sensitive``        refused   a field asked for, or every field, is above the level
                                   that may go to the reader's zone
``consent``              refused   the consent referred to does not cover the request
``policy-error``         refused   a condition of the policy has no value
``policy.…``             any       a rule of the policy for the record's type
``review-overdue``       refused   the policy grants an emergency, but the review of the
                                   reader's last one is overdue
``open-data``            granted   the record is open to everybody on a linked zone
``grant``                granted   a grant covers the request
``officer``              waits     nothing else decided, and the zone asks officers, or
                                   somebody may break glass for this emergency
``busy``                 refused   too many requests of this channel wait already
``grant-…``              refused   a grant is there, but it does not cover the request
``no-grant``             refused   nothing else decided
=======================  ========  =====================================================

If no fields are named, those that may go to the reader's zone are meant. What decides is
pure, see ``decide``: a gateway asks it as the zone does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from huitong.core.context import Context
from huitong.core.fields import is_covered
from huitong.core.gas import GAS_POLICY_STEP
from huitong.core.grades import stricter
from huitong.core.limits import WAITING_PER_CHANNEL_MAX
from huitong.modules.exchange.facts import (
    Facts,
    asked_of,
    covering_consent,
    gather,
    level_max_of,
    variables_of,
)
from huitong.modules.grants.coverage import Asked, choose_grant, fault_of_consent
from huitong.modules.policies.rules import (
    ASK,
    REFUSE,
    SILENT,
    Judgement,
    judge_by_rules,
)
from huitong.modules.records.state import ACTIVE, level_of_field, status_name
from huitong.proto.huitong.exchange.v1 import exchange_pb2
from huitong.proto.huitong.exchange.v1.exchange_pb2 import RequestPacket
from huitong.proto.huitong.grants.v1.grants_pb2 import Grant
from huitong.proto.huitong.records.v1 import records_pb2
from huitong.proto.huitong.records.v1.records_pb2 import RecordHeader

GRANTED: Final = exchange_pb2.OUTCOME_GRANTED
REFUSED: Final = exchange_pb2.OUTCOME_REFUSED
#: No decision yet.
WAITS: Final = exchange_pb2.OUTCOME_UNSPECIFIED
_SILENT: Final = Judgement(effect=SILENT, reason_code="", cost=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What the rules say about a request."""

    outcome: int
    """``GRANTED``, ``REFUSED`` or ``WAITS``."""
    reason_code: str
    """The rule that decided."""
    header: RecordHeader | None
    """The record; None if there is none."""
    fields: tuple[str, ...] = ()
    """Fields that are granted, ascending."""
    grant_id: int = 0
    """The grant that covers the request; 0 for none."""
    grade_min: str = ""
    """Trust grade that the reader must reach; empty for any."""
    breaks_glass: bool = False
    """Whether it is granted for the emergency alone, and must be reviewed."""
    cost: int = 0
    """Steps that the policy's conditions took."""
    error: str = ""
    """Why a condition has no value, for people; not part of the decision."""


def judge(ctx: Context, channel_id: str, request: RequestPacket) -> Verdict:
    """Decide on a request that came in on a channel of this zone.

    Cost: that of ``gather``, and gas for the policy's conditions.
    """
    return judge_facts(ctx, gather(ctx, channel_id, request))


def judge_facts(ctx: Context, facts: Facts) -> Verdict:
    """Decide from what is known; the policy's conditions are paid for with gas."""
    verdict = decide(facts)
    ctx.gas.consume(GAS_POLICY_STEP * verdict.cost, "policy")
    return verdict


def decide(facts: Facts) -> Verdict:
    """Decide on a request from what is known about it; a pure function."""
    header = facts.header
    fault = fault_of(facts, facts.request.fields)
    if fault or header is None:
        return Verdict(outcome=REFUSED, reason_code=fault, header=header)
    asked = asked_of(facts, header, fields_of(facts, header, facts.request.fields))
    if not is_consented(facts, asked):
        return Verdict(outcome=REFUSED, reason_code="consent", header=header)
    grant, grant_fault = choose_grant(facts.grants, asked, facts.consents)
    judgement = judge_by_policy(facts, asked, grant)
    if judgement.effect == SILENT:
        return _by_zone(facts, asked, grant, grant_fault, judgement.cost)
    return _by_policy(facts, asked, grant, judgement)


def judge_ungranted(
    facts: Facts, header: RecordHeader, grant_fault: str, cost: int = 0
) -> Verdict:
    """Decide on a request that no rule forbids and no grant covers."""
    if facts.params.ask_officer or _may_break_glass(facts):
        return _ask(facts, header, "officer", cost)
    code = grant_fault or "no-grant"
    return Verdict(outcome=REFUSED, reason_code=code, header=header, cost=cost)


def fault_of(facts: Facts, fields: Sequence[str]) -> str:
    """Return the reason code for which nobody could share these fields; empty if none.

    Args:
        facts: what is known.
        fields: those to be given; none stand for all that may go.
    """
    header = facts.header
    if header is None:
        return "unknown-record"
    if header.status != ACTIVE:
        return status_name(header.status)
    if not facts.issuer_in_force:
        return "issuer"
    if facts.now_s < header.valid_from:
        return "not-yet-valid"
    if header.valid_until and facts.now_s >= header.valid_until:
        return "expired"
    if header.share_class == records_pb2.SHARE_CLASS_CLOSED:
        return "closed"
    if not is_covered(fields, header.fields):
        return "unknown-field"
    may_go = fields_of(facts, header, ())
    if not may_go or not is_covered(fields, may_go):
        return "too-sensitive"
    return ""


def fields_of(
    facts: Facts, header: RecordHeader, fields: Sequence[str]
) -> tuple[str, ...]:
    """Return the fields that are meant: those named, or all that may go."""
    if fields:
        return tuple(fields)
    level_max = level_max_of(facts)
    return tuple(
        name for name in header.fields if level_of_field(header, name) <= level_max
    )


def is_consented(facts: Facts, asked: Asked) -> bool:
    """Return whether the consent that a request refers to covers it, or it names none."""
    if not asked.consent_id:
        return True
    consent = facts.consents.get(asked.consent_id)
    return consent is not None and not fault_of_consent(consent, asked)


def judge_by_policy(facts: Facts, asked: Asked, grant: Grant | None) -> Judgement:
    """Return what the policy for the record's type says; silent if there is none."""
    if facts.policy is None or not facts.policy.rules:
        return _SILENT
    values = variables_of(facts, asked.header, asked, grant)
    return judge_by_rules(facts.policy.rules, values)


def grade_min_of(facts: Facts, grant: Grant | None) -> str:
    """Return the trust grade that policy and grant together ask of the reader."""
    return stricter(
        facts.policy.grade_min if facts.policy else "",
        grant.grade_min if grant else "",
    )


def _by_policy(
    facts: Facts, asked: Asked, grant: Grant | None, judgement: Judgement
) -> Verdict:
    header, code, cost = asked.header, judgement.reason_code, judgement.cost
    if judgement.effect == REFUSE:
        return Verdict(
            outcome=REFUSED,
            reason_code=code,
            header=header,
            cost=cost,
            error=judgement.error,
        )
    if judgement.effect == ASK:
        return _ask(facts, header, code, cost)
    breaks_glass = (
        facts.request.emergency
        and grant is None
        and header.share_class != records_pb2.SHARE_CLASS_OPEN
        and covering_consent(facts, asked, None) is None
    )
    if breaks_glass and facts.is_review_overdue:
        return Verdict(
            outcome=REFUSED, reason_code="review-overdue", header=header, cost=cost
        )
    return _grant(facts, asked, code, cost, grant=grant, breaks_glass=breaks_glass)


def _by_zone(
    facts: Facts, asked: Asked, grant: Grant | None, grant_fault: str, cost: int
) -> Verdict:
    header = asked.header
    if header.share_class == records_pb2.SHARE_CLASS_OPEN:
        return _grant(facts, asked, "open-data", cost)
    if grant is not None:
        return _grant(facts, asked, "grant", cost, grant=grant)
    return judge_ungranted(facts, header, grant_fault, cost)


def _may_break_glass(facts: Facts) -> bool:
    """Return whether somebody could grant this at once, if only it waits."""
    policy = facts.policy
    return (
        facts.request.emergency
        and policy is not None
        and bool(policy.break_glass_roles)
    )


def _grant(
    facts: Facts,
    asked: Asked,
    reason_code: str,
    cost: int,
    *,
    grant: Grant | None = None,
    breaks_glass: bool = False,
) -> Verdict:
    return Verdict(
        outcome=GRANTED,
        reason_code=reason_code,
        header=asked.header,
        fields=tuple(asked.fields),
        grant_id=0 if grant is None else grant.grant_id,
        grade_min=grade_min_of(facts, grant),
        breaks_glass=breaks_glass,
        cost=cost,
    )


def _ask(facts: Facts, header: RecordHeader, reason_code: str, cost: int) -> Verdict:
    if facts.waiting >= WAITING_PER_CHANNEL_MAX:
        return Verdict(outcome=REFUSED, reason_code="busy", header=header, cost=cost)
    return Verdict(outcome=WAITS, reason_code=reason_code, header=header, cost=cost)
