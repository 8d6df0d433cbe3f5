"""Set and remove policies by vote; review uses of broken glass.

Rules: [POLICIES.1] only members together change what holds for a type of record;
[POLICIES.2] a proposal names the version that it replaces; [POLICIES.3] a condition is
read, typed and bounded before it holds; [POLICIES.4] who broke the glass does not review
it; [POLICIES.5] a review is final.
"""

from __future__ import annotations

from huitong.core.context import Context
from huitong.core.errors import InvalidRequestError
from huitong.core.fields import check_name, check_sorted, check_text
from huitong.core.grades import check_grade_min
from huitong.core.limits import (
    POLICIES_MAX,
    POLICY_VERSIONS_MAX,
    REVIEW_TERM_S_MAX,
    TEXT_BYTES_MAX,
    TITLE_BYTES_MAX,
)
from huitong.modules.members.roles import DELEGATE, MEMBER_ROLES, REGULATOR
from huitong.modules.members.state import get_account
from huitong.modules.policies import events
from huitong.modules.policies.errors import (
    PolicyRemovedError,
    ReviewedError,
    ReviewerError,
    ReviewTermError,
    StalePolicyError,
    TooManyPoliciesError,
)
from huitong.modules.policies.rules import check_rules
from huitong.modules.policies.state import (
    find_policy,
    get_policy,
    get_use,
    is_unreviewed,
    policy_count,
    save_params,
    save_policy,
    save_use,
)
from huitong.proto.huitong.policies.v1 import policies_pb2 as pb


def check_policy(policy: pb.Policy | pb.MsgSetPolicy) -> int:
    """Check what a policy says, and return the steps that its rules take at most.

    Raises:
        InvalidRequestError: type, title, grade or roles are malformed, or it says nothing.
        RuleError, PolicyCostError: of ``check_rules``.
        RejectedError: codespace ``cel``: a condition that cannot be read.
    """
    check_name(policy.record_type, "record_type")
    check_text(policy.title, "title", TITLE_BYTES_MAX)
    check_grade_min(policy.grade_min)
    check_sorted(policy.break_glass_roles, "break_glass_roles")
    for role in policy.break_glass_roles:
        if role not in MEMBER_ROLES:
            known = ", ".join(MEMBER_ROLES)
            raise InvalidRequestError(
                reason=f"break_glass_roles {role[:80]!r} is none of {known}"
            )
    if not (policy.rules or policy.grade_min or policy.break_glass_roles):
        raise InvalidRequestError(reason="the policy says nothing")
    return check_rules(policy.rules)  # [POLICIES.3]


def check_set_policy(ctx: Context, msg: pb.MsgSetPolicy) -> None:
    """Raise unless this may be the policy for its type of record.

    Raises:
        RejectedError: what ``check_policy`` raises.
        StalePolicyError: the newest is another version.
        TooManyPoliciesError: there is no room.
    """
    check_policy(msg)
    known = find_policy(ctx, msg.record_type)
    version = 0 if known is None else known.version
    if msg.previous_version != version:  # [POLICIES.2]
        raise StalePolicyError(expected=version, actual=msg.previous_version)
    if version >= POLICY_VERSIONS_MAX:
        raise TooManyPoliciesError(
            what="versions", count=version, maximum=POLICY_VERSIONS_MAX
        )
    count = policy_count(ctx)
    if known is None and count >= POLICIES_MAX:
        raise TooManyPoliciesError(
            what="record types with a policy", count=count, maximum=POLICIES_MAX
        )


def apply_set_policy(ctx: Context, msg: pb.MsgSetPolicy) -> pb.MsgSetPolicyResponse:
    """Write the policy; requests that come from now on are judged by it."""
    policy = pb.Policy(
        record_type=msg.record_type,
        version=msg.previous_version + 1,
        title=msg.title,
        rules=msg.rules,
        grade_min=msg.grade_min,
        break_glass_roles=msg.break_glass_roles,
        changed_height=ctx.block.height.revision_height,
        changed_time=ctx.block.time_ns,
    )
    save_policy(ctx, policy)
    ctx.emit(events.policy_set(policy, cost_max=check_rules(policy.rules)))
    return pb.MsgSetPolicyResponse(version=policy.version)


def check_remove_policy(ctx: Context, msg: pb.MsgRemovePolicy) -> None:
    """Raise unless there is a policy to remove.

    Raises:
        InvalidRequestError: the reason is malformed or missing.
        PolicyNotFoundError: there is none.
        PolicyRemovedError: it is removed already.
    """
    check_text(msg.reason, "reason", TEXT_BYTES_MAX, required=True)
    policy = get_policy(ctx, msg.record_type)
    if policy.removed:
        raise PolicyRemovedError(record_type=msg.record_type)


def apply_remove_policy(
    ctx: Context, msg: pb.MsgRemovePolicy
) -> pb.MsgRemovePolicyResponse:
    """Write a version that says nothing; the history stays."""
    known = get_policy(ctx, msg.record_type)
    policy = pb.Policy(
        record_type=known.record_type,
        version=known.version + 1,
        title=known.title,
        removed=True,
        changed_height=ctx.block.height.revision_height,
        changed_time=ctx.block.time_ns,
    )
    save_policy(ctx, policy)
    ctx.emit(events.policy_removed(policy, reason=msg.reason))
    return pb.MsgRemovePolicyResponse()


def check_params(params: pb.Params) -> None:
    """Raise unless a zone can work by this.

    Raises:
        ReviewTermError: the term is out of bounds.
    """
    if not 1 <= params.review_term <= REVIEW_TERM_S_MAX:
        raise ReviewTermError(actual=params.review_term, maximum=REVIEW_TERM_S_MAX)


def check_update_params(ctx: Context, msg: pb.MsgUpdateParams) -> None:
    """Raise unless these may be the module's rules.

    Raises:
        ReviewTermError: they may not.
    """
    check_params(msg.params)


def apply_update_params(
    ctx: Context, msg: pb.MsgUpdateParams
) -> pb.MsgUpdateParamsResponse:
    """Write the rules; uses that wait keep the term that they began with."""
    save_params(ctx, msg.params)
    ctx.emit(events.policy_params_changed(msg.params))
    return pb.MsgUpdateParamsResponse()


def check_review_break_glass(ctx: Context, msg: pb.MsgReviewBreakGlass) -> None:
    """Raise unless the signer may judge the use.

    Raises:
        InvalidRequestError: the reason is malformed or missing.
        UseNotFoundError: there is no such use.
        ReviewedError: somebody has judged it.
        ReviewerError: the signer broke the glass, or answers for another member.
    """
    check_text(msg.reason, "reason", TEXT_BYTES_MAX, required=True)
    use = get_use(ctx, msg.use_id)
    if not is_unreviewed(use):  # [POLICIES.5]
        raise ReviewedError(use_id=use.use_id, reviewed_by=use.reviewed_by)
    if msg.signer == use.used_by:  # [POLICIES.4]
        raise ReviewerError(use_id=use.use_id, reason="the signer broke the glass")
    account = get_account(ctx, msg.signer)
    if REGULATOR not in account.roles and account.member_id != use.issuer:
        raise ReviewerError(
            use_id=use.use_id,
            reason=f"a delegate of {use.issuer} or a regulator reviews it",
        )


def apply_review_break_glass(
    ctx: Context, msg: pb.MsgReviewBreakGlass
) -> pb.MsgReviewBreakGlassResponse:
    """Write the judgement; the user may break glass again if this was all that waited."""
    use = get_use(ctx, msg.use_id)
    use.status = pb.USE_STATUS_JUSTIFIED if msg.justified else pb.USE_STATUS_UNJUSTIFIED
    use.reviewed_by = msg.signer
    use.review_reason = msg.reason
    use.reviewed_height = ctx.block.height.revision_height
    use.reviewed_time = ctx.block.time_ns
    save_use(ctx, use)
    ctx.emit(events.glass_reviewed(use))
    return pb.MsgReviewBreakGlassResponse()


#: Who may send a review; which of them reviews what is checked above.
REVIEWERS = (DELEGATE, REGULATOR)
