"""The rules of a policy: checked when they are set, tried one by one for a request.

A pure function of plain values, so that a gateway that has read the same state comes to
the same judgement as the chain.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from huitong.core.cel import Expression, Kind, Value, compile_expression
from huitong.core.errors import RejectedError
from huitong.core.fields import check_name
from huitong.core.limits import (
    EXPRESSIONS_KEPT,
    NAME_CHARACTERS_MAX,
    POLICY_COST_MAX,
    POLICY_RULES_MAX,
)
from huitong.modules.policies.errors import PolicyCostError, RuleError
from huitong.modules.policies.variables import VARIABLES
from huitong.proto.huitong.policies.v1 import policies_pb2 as pb

GRANT: Final = pb.EFFECT_GRANT
REFUSE: Final = pb.EFFECT_REFUSE
ASK: Final = pb.EFFECT_ASK
#: No rule decides; the zone's own rules go on.
SILENT: Final = pb.EFFECT_UNSPECIFIED
#: Before a rule's reason code in a decision, so that it is never one of the zone's own.
CODE_PREFIX: Final = "policy."
#: Reason code of a decision where the condition of a rule has no value.
ERROR_CODE: Final = "policy-error"


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What the rules of a policy say about a request."""

    effect: int
    """``GRANT``, ``REFUSE``, ``ASK`` or ``SILENT``."""
    reason_code: str
    """As the decision carries it; empty if they are silent."""
    cost: int
    """Steps that were taken."""
    error: str = ""
    """Why a condition has no value, for people."""


def judge_by_rules(rules: Sequence[pb.Rule], values: Mapping[str, Value]) -> Judgement:
    """Return what the first rule says whose condition is true.

    A condition without a value refuses: who cannot be judged gets nothing.

    Args:
        rules: such as ``check_rules`` has passed.
        values: of ``VARIABLES``, those that are absent left out.
    """
    cost = 0
    for rule in rules:
        outcome = _condition(rule.condition).evaluate(values)
        cost += outcome.cost
        if outcome.value is None:
            return Judgement(
                effect=REFUSE, reason_code=ERROR_CODE, cost=cost, error=outcome.error
            )
        if outcome.value:
            code = CODE_PREFIX + rule.reason_code
            return Judgement(effect=rule.effect, reason_code=code, cost=cost)
    return Judgement(effect=SILENT, reason_code="", cost=cost)


def check_rules(rules: Sequence[pb.Rule]) -> int:
    """Check the rules of a policy and return the steps that they take at most.

    Raises:
        RuleError: too many, or one without an effect, a code or a condition.
        PolicyCostError: together they may cost too much.
        RejectedError: codespace ``cel``: a condition that cannot be read.
    """
    if len(rules) > POLICY_RULES_MAX:
        raise RuleError(index=len(rules), reason=f"at most {POLICY_RULES_MAX} rules")
    cost = sum(_check_rule(index, rule).cost_max for index, rule in enumerate(rules))
    if cost > POLICY_COST_MAX:
        raise PolicyCostError(actual=cost, maximum=POLICY_COST_MAX)
    return cost


@lru_cache(maxsize=EXPRESSIONS_KEPT)
def _condition(source: str) -> Expression:
    """Return a condition, read and checked; those of policies in force recur."""
    return compile_expression(source, VARIABLES)


def _check_rule(index: int, rule: pb.Rule) -> Expression:
    if rule.effect not in (GRANT, REFUSE, ASK):
        raise RuleError(index=index, reason=f"effect {rule.effect} is none")
    try:
        check_name(rule.reason_code, "reason_code")
    except RejectedError as wrong:
        raise RuleError(index=index, reason=str(wrong)) from wrong
    if len(CODE_PREFIX + rule.reason_code) > NAME_CHARACTERS_MAX:
        most = NAME_CHARACTERS_MAX - len(CODE_PREFIX)
        raise RuleError(index=index, reason=f"reason_code of more than {most}")
    try:
        expression = _condition(rule.condition)
    except RejectedError as wrong:
        raise wrong.prefixed(f"rule {index}") from None
    if expression.kind is not Kind.BOOL:
        raise RuleError(
            index=index, reason=f"the condition is {expression.kind.value}, not bool"
        )
    return expression
