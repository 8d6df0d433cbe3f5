"""What a person may give: nothing that the zone's rules or the policy forbid."""

from __future__ import annotations

from collections.abc import Sequence

from huitong.core.context import Context
from huitong.core.gas import GAS_POLICY_STEP
from huitong.modules.exchange.errors import FieldsNotAskedError, NotShareableError
from huitong.modules.exchange.facts import Facts, asked_of
from huitong.modules.exchange.policy import (
    fault_of,
    fields_of,
    is_consented,
    judge_by_policy,
)
from huitong.modules.grants.coverage import choose_grant
from huitong.modules.policies.rules import REFUSE
from huitong.proto.huitong.exchange.v1.exchange_pb2 import RequestPacket
from huitong.proto.huitong.records.v1.records_pb2 import RecordHeader


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
    fault, cost = judge_sharing(facts, fields)
    ctx.gas.consume(GAS_POLICY_STEP * cost, "policy")
    if fault or facts.header is None:
        raise not_shareable(facts.request, fault)
    return facts.header


def judge_sharing(facts: Facts, fields: Sequence[str]) -> tuple[str, int]:
    """Return why nobody may grant these fields, and what the policy cost; pure.

    Args:
        facts: the request and what is known about it.
        fields: those to be granted; none stand for those asked for.

    Returns:
        The reason code, empty if a person may; steps of the policy's conditions.

    Raises:
        FieldsNotAskedError: one was not asked for.
    """
    request, header = facts.request, facts.header
    fault = fault_of(facts, ())
    if not fault and header is not None:
        for name in fields:
            if name not in (request.fields or header.fields):
                raise FieldsNotAskedError(name=name)
        fault = fault_of(facts, fields or request.fields)
    if fault or header is None:
        return fault, 0
    granted = fields_of(facts, header, fields or request.fields)
    asked = asked_of(facts, header, granted)
    grant = choose_grant(facts.grants, asked, facts.consents)[0]
    judgement = judge_by_policy(facts, asked, grant)
    refused = judgement.reason_code if judgement.effect == REFUSE else ""
    return refused, judgement.cost


def check_consented(facts: Facts, header: RecordHeader, fields: Sequence[str]) -> None:
    """Check that the consent that a request refers to covers these fields now.

    Args:
        facts: the request and what is known about it.
        header: the record.
        fields: those to be granted; none stand for those asked for.

    Raises:
        NotShareableError: it does not.
    """
    granted = fields_of(facts, header, fields or facts.request.fields)
    if not is_consented(facts, asked_of(facts, header, granted)):
        raise not_shareable(facts.request, "consent")


def not_shareable(request: RequestPacket, reason_code: str) -> NotShareableError:
    """Return the refusal of what the zone's rules forbid."""
    return NotShareableError(
        issuer=request.issuer, record_id=request.record_id, reason_code=reason_code
    )
