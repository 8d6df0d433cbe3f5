"""What members decide about requests for a type of record, and broken glass."""

from __future__ import annotations

from typing import Final

from huitong.core.module import MessageRoute, Module, QueryRoute
from huitong.modules.policies import handlers, queries
from huitong.modules.policies.broken_glass import mark_overdue
from huitong.modules.policies.genesis import export_genesis, init_genesis
from huitong.modules.policies.keys import STORE, policy_key, use_key
from huitong.modules.policies.rules import Judgement, check_rules, judge_by_rules
from huitong.modules.policies.state import find_policy, get_policy, get_use
from huitong.modules.policies.variables import VARIABLES
from huitong.proto.huitong.policies.v1 import policies_pb2 as pb

__all__ = [
    "MODULE",
    "STORE",
    "VARIABLES",
    "Judgement",
    "check_rules",
    "find_policy",
    "get_policy",
    "get_use",
    "judge_by_rules",
    "policy_key",
    "use_key",
]

_QUERY: Final = "/huitong.policies.v1.Query"

MODULE: Final = Module(
    name="policies",
    store=STORE,
    messages=(
        MessageRoute(
            request=pb.MsgSetPolicy,
            check=handlers.check_set_policy,
            apply=handlers.apply_set_policy,
            governed=True,
        ),
        MessageRoute(
            request=pb.MsgRemovePolicy,
            check=handlers.check_remove_policy,
            apply=handlers.apply_remove_policy,
            governed=True,
        ),
        MessageRoute(
            request=pb.MsgUpdateParams,
            check=handlers.check_update_params,
            apply=handlers.apply_update_params,
            governed=True,
        ),
        MessageRoute(
            request=pb.MsgReviewBreakGlass,
            check=handlers.check_review_break_glass,
            apply=handlers.apply_review_break_glass,
            roles=handlers.REVIEWERS,
        ),
    ),
    queries=(
        QueryRoute(
            path=f"{_QUERY}/Policy",
            request=pb.QueryPolicyRequest,
            answer=queries.answer_policy,
        ),
        QueryRoute(
            path=f"{_QUERY}/Policies",
            request=pb.QueryPoliciesRequest,
            answer=queries.answer_policies,
        ),
        QueryRoute(
            path=f"{_QUERY}/BreakGlassUse",
            request=pb.QueryBreakGlassUseRequest,
            answer=queries.answer_break_glass_use,
        ),
        QueryRoute(
            path=f"{_QUERY}/BreakGlassUses",
            request=pb.QueryBreakGlassUsesRequest,
            answer=queries.answer_break_glass_uses,
        ),
        QueryRoute(
            path=f"{_QUERY}/Params",
            request=pb.QueryParamsRequest,
            answer=queries.answer_params,
        ),
    ),
    init_genesis=init_genesis,
    export_genesis=export_genesis,
    begin_block=mark_overdue,
)
