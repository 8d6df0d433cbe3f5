"""Bounds of the rules of voting, in genesis and by vote alike."""

from __future__ import annotations

from typing import Final

from huitong.core.errors import InvalidRequestError
from huitong.core.limits import (
    QUORUM_BP_MAX,
    QUORUM_BP_MIN,
    THRESHOLD_BP_MAX,
    THRESHOLD_BP_MIN,
    VOTING_PERIOD_S_MAX,
    VOTING_PERIOD_S_MIN,
)
from huitong.modules.governance.errors import UnsafeRuleError
from huitong.proto.huitong.governance.v1 import governance_pb2 as pb

_BOUNDS: Final = {
    "voting_period_s": (VOTING_PERIOD_S_MIN, VOTING_PERIOD_S_MAX),
    "quorum_bp": (QUORUM_BP_MIN, QUORUM_BP_MAX),
    "threshold_bp": (THRESHOLD_BP_MIN, THRESHOLD_BP_MAX),
}


def check_rules(params: pb.Params) -> None:
    """Check that members can decide by these rules, and that no minority can.

    Raises:
        InvalidRequestError: no rule of weights.
        UnsafeRuleError: a number outside of its bounds.
    """
    if params.weight_rule not in (
        pb.WEIGHT_RULE_MEMBER,
        pb.WEIGHT_RULE_VALIDATOR_POWER,
    ):
        raise InvalidRequestError(reason=f"weight_rule {params.weight_rule} is no rule")
    for rule, (least, most) in _BOUNDS.items():
        actual = getattr(params, rule)
        if not least <= actual <= most:
            raise UnsafeRuleError(rule=rule, actual=actual, least=least, most=most)
