"""Policies and uses of broken glass in the genesis file.

::

    {"params": {"review_term": "259200"}, "policies": [Policy…], "uses": [BreakGlassUse…],
     "next_use_id": "1"}

``policies`` has every version, those of one type ascending; the last is in force. The
number may be left out; then it follows the highest id.
"""

from __future__ import annotations

from typing import Any

from huitong.core.context import Context
from huitong.core.errors import RejectedError
from huitong.core.fields import check_name, check_record_id, check_text
from huitong.core.genesis import (
    GenesisError,
    check_known_keys,
    integer_from_json,
    message_from_json,
    message_to_json,
    messages_from_json,
)
from huitong.core.ids import check_channel_id
from huitong.core.limits import POLICIES_MAX, POLICY_VERSIONS_MAX, TEXT_BYTES_MAX
from huitong.modules.members.state import get_member
from huitong.modules.policies.handlers import check_params, check_policy
from huitong.modules.policies.state import (
    DEFAULT_PARAMS,
    all_versions,
    find_policy,
    find_use,
    get_params,
    is_unreviewed,
    next_use_id,
    policy_count,
    save_next_use_id,
    save_params,
    save_policy,
    save_use,
    uses_after,
)
from huitong.proto.huitong.policies.v1 import policies_pb2 as pb


def init_genesis(ctx: Context, state: dict[str, Any]) -> None:
    """Write the policies and uses of a genesis file.

    Raises:
        GenesisError: anything in it is unknown, malformed, twice or out of order.
    """
    known = ("params", "policies", "uses", "next_use_id")
    check_known_keys(state, known, "policies")
    _init_params(ctx, state.get("params"))
    where = "policies.policies"
    policies = messages_from_json(pb.Policy, state.get("policies", []), where)
    for index, policy in enumerate(policies):
        try:
            _init_policy(ctx, policy)
        except RejectedError as wrong:
            raise GenesisError(where=f"{where}[{index}]", reason=str(wrong)) from wrong
    where = "policies.uses"
    uses = messages_from_json(pb.BreakGlassUse, state.get("uses", []), where)
    for index, use in enumerate(uses):
        try:
            _init_use(ctx, use)
        except RejectedError as wrong:
            raise GenesisError(where=f"{where}[{index}]", reason=str(wrong)) from wrong
    highest = max((use.use_id for use in uses), default=0)
    where = "policies.next_use_id"
    number = integer_from_json(state.get("next_use_id", highest + 1), where)
    if number <= highest:
        raise GenesisError(where=where, reason=f"id {highest} is in use")
    save_next_use_id(ctx, number)


def export_genesis(ctx: Context) -> dict[str, Any]:
    """Return the rules, all versions of all policies, and all uses by ascending id."""
    return {
        "params": message_to_json(get_params(ctx)),
        "policies": [message_to_json(policy) for policy in all_versions(ctx)],
        "uses": [message_to_json(use) for use in uses_after(ctx, 0)],
        "next_use_id": str(next_use_id(ctx)),
    }


def _init_params(ctx: Context, data: object) -> None:
    params = DEFAULT_PARAMS
    if data is not None:
        params = message_from_json(pb.Params, data, "policies.params")
    try:
        check_params(params)
    except RejectedError as wrong:
        raise GenesisError(where="policies.params", reason=str(wrong)) from wrong
    save_params(ctx, params)


def _init_policy(ctx: Context, policy: pb.Policy) -> None:
    if policy.removed:
        check_name(policy.record_type, "record_type")
        if policy.rules or policy.grade_min or policy.break_glass_roles:
            raise GenesisError(where="removed", reason="a removed policy says nothing")
    else:
        check_policy(policy)
    known = find_policy(ctx, policy.record_type)
    version = 1 if known is None else known.version + 1
    if policy.version != version or version > POLICY_VERSIONS_MAX + 1:
        raise GenesisError(where="version", reason=f"expected {version}")
    if known is None and policy_count(ctx) >= POLICIES_MAX:
        raise GenesisError(where="record_type", reason="too many policies")
    save_policy(ctx, policy)


def _init_use(ctx: Context, use: pb.BreakGlassUse) -> None:
    get_member(ctx, use.issuer)
    check_record_id(use.record_id)
    check_name(use.record_type, "record_type")
    check_channel_id(use.channel_id)
    check_text(use.user, "user", TEXT_BYTES_MAX, required=True)
    check_text(use.reason, "reason", TEXT_BYTES_MAX, required=True)
    if not use.use_id or find_use(ctx, use.use_id) is not None:
        raise GenesisError(where="use_id", reason="is missing or stands twice")
    if not use.status or use.review_due <= 0:
        raise GenesisError(where="status", reason="status or review_due is missing")
    if is_unreviewed(use) == bool(use.reviewed_by):
        raise GenesisError(where="reviewed_by", reason="is not as the status says")
    save_use(ctx, use)
