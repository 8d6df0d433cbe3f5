"""Answers about policies and uses of broken glass."""

from __future__ import annotations

from itertools import islice

from huitong.core.context import Context
from huitong.core.limits import PAGE_SCAN_MAX
from huitong.core.paging import page_of, page_size
from huitong.modules.policies.state import (
    get_params,
    get_policy,
    get_use,
    is_unreviewed,
    policies_after,
    uses_after,
)
from huitong.proto.huitong.policies.v1 import policies_pb2 as pb


def answer_policy(
    ctx: Context, request: pb.QueryPolicyRequest
) -> pb.QueryPolicyResponse:
    """Return the policy for a type of record, or one of its versions.

    Raises:
        PolicyNotFoundError: there is none.
    """
    policy = get_policy(ctx, request.record_type, request.version)
    return pb.QueryPolicyResponse(policy=policy)


def answer_policies(
    ctx: Context, request: pb.QueryPoliciesRequest
) -> pb.QueryPoliciesResponse:
    """Return the newest policies by ascending record type, removed ones included."""
    found, more = page_of(policies_after(ctx, request.start_after), request.limit)
    return pb.QueryPoliciesResponse(
        policies=found, next=found[-1].record_type if more else ""
    )


def answer_break_glass_use(
    ctx: Context, request: pb.QueryBreakGlassUseRequest
) -> pb.QueryBreakGlassUseResponse:
    """Return one use of broken glass.

    Raises:
        UseNotFoundError: there is none.
    """
    return pb.QueryBreakGlassUseResponse(use=get_use(ctx, request.use_id))


def answer_break_glass_uses(
    ctx: Context, request: pb.QueryBreakGlassUsesRequest
) -> pb.QueryBreakGlassUsesResponse:
    """Return uses by ascending id.

    With a filter the page may end early; ``next`` tells where to go on all the same.
    """
    size = page_size(request.limit)
    found = pb.QueryBreakGlassUsesResponse()
    after = uses_after(ctx, request.start_after)
    last = 0
    for use in islice(after, PAGE_SCAN_MAX):
        if len(found.uses) == size:
            found.next = last
            return found
        wanted = not request.unreviewed or is_unreviewed(use)
        if wanted and request.user in ("", use.user):
            found.uses.append(use)
        last = use.use_id
    if next(after, None) is not None:
        found.next = last
    return found


def answer_params(
    ctx: Context, request: pb.QueryParamsRequest
) -> pb.QueryParamsResponse:
    """Return the module's rules."""
    return pb.QueryParamsResponse(params=get_params(ctx))
