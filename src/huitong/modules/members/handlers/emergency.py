"""The emergency freeze: two organisations stop a third without waiting for a vote.

Rules: [MEMBERS.6] accounts of two distinct organisations in force ask within the term,
neither of them the member itself; [MEMBERS.7] at most a third of the members with a vote
are frozen so at a time, so that the others can decide, whatever quorum is allowed, and
one remains beside the two that asked, who decides on lifting it; [MEMBERS.8] only a vote
lifts it.
"""

from __future__ import annotations

from huitong.core.context import Context
from huitong.core.fields import check_text
from huitong.core.limits import (
    EMERGENCY_CALL_TERM_S,
    EMERGENCY_CALLS_PER_MEMBER_MAX,
    TEXT_BYTES_MAX,
)
from huitong.core.time import NS_PER_SECOND
from huitong.modules.members import events
from huitong.modules.members.calls import (
    delete_call,
    find_live_call,
    is_live,
    save_call,
    waiting_calls,
)
from huitong.modules.members.errors import (
    EmergencyCallExistsError,
    FrozenAlreadyError,
    NotFrozenError,
    OwnEmergencyError,
    TooManyCallsError,
    TooManyFrozenError,
)
from huitong.modules.members.roles import has_vote
from huitong.modules.members.state import (
    ACTIVE,
    get_active_member,
    get_member,
    get_member_id,
    members_after,
    save_member,
)
from huitong.proto.huitong.members.v1 import members_pb2 as pb

_EMERGENCY = "emergency"
#: Members with a vote that a freeze leaves: the two that ask, and one to judge them.
_FREE_MIN = 3


def check_emergency_freeze(ctx: Context, msg: pb.MsgEmergencyFreeze) -> None:
    """Raise unless the signer's organisation may ask for the freeze now.

    Raises:
        InvalidRequestError: the reason is malformed or missing.
        NoMemberError: the signer acts for no organisation.
        OwnEmergencyError: it is the signer's own organisation.
        MemberNotFoundError: there is no such member.
        MemberNotActiveError: it is suspended or removed.
        FrozenAlreadyError: it is frozen in an emergency already.
        EmergencyCallExistsError: the same organisation has asked, another one must.
        TooManyCallsError: the organisation waits for too many others.
        TooManyFrozenError: more than a third of those with a vote would be frozen.
    """
    check_text(msg.reason, "reason", TEXT_BYTES_MAX, required=True)
    caller = get_member_id(ctx, msg.signer)
    if caller == msg.member_id:  # [MEMBERS.6]
        raise OwnEmergencyError(member_id=caller)
    member = get_active_member(ctx, msg.member_id)
    if member.HasField("emergency_freeze"):
        raise FrozenAlreadyError(member_id=msg.member_id, kind=_EMERGENCY)
    call = find_live_call(ctx, msg.member_id)
    if call is not None and call.caller == caller:  # [MEMBERS.6]
        raise EmergencyCallExistsError(caller=caller, member_id=msg.member_id)
    if call is None:
        waiting = [known for known in waiting_calls(ctx) if known.caller == caller]
        if sum(is_live(ctx, known) for known in waiting) >= (
            EMERGENCY_CALLS_PER_MEMBER_MAX
        ):
            raise TooManyCallsError(
                caller=caller, maximum=EMERGENCY_CALLS_PER_MEMBER_MAX
            )
    if has_vote(member):
        _check_third(ctx)


def apply_emergency_freeze(
    ctx: Context, msg: pb.MsgEmergencyFreeze
) -> pb.MsgEmergencyFreezeResponse:
    """Record the first call, or freeze at the second."""
    caller = get_member_id(ctx, msg.signer)
    height = ctx.block.height.revision_height
    first = find_live_call(ctx, msg.member_id)
    if first is None:
        call = pb.EmergencyCall(
            member_id=msg.member_id,
            caller=caller,
            called_by=msg.signer,
            reason=msg.reason,
            height=height,
            expires=ctx.block.time_ns + EMERGENCY_CALL_TERM_S * NS_PER_SECOND,
        )
        save_call(ctx, call)
        ctx.emit(events.emergency_freeze_called(call))
        return pb.MsgEmergencyFreezeResponse(frozen=False)
    member = get_member(ctx, msg.member_id)
    member.emergency_freeze.CopyFrom(
        pb.Freeze(
            height=height,
            reason=msg.reason,
            frozen_by=[first.called_by, msg.signer],
        )
    )
    member.changed_height = height
    save_member(ctx, member)
    delete_call(ctx, msg.member_id)
    ctx.emit(
        events.member_frozen(
            member,
            kind=_EMERGENCY,
            reason=msg.reason,
            frozen_by=",".join(member.emergency_freeze.frozen_by),
        )
    )
    return pb.MsgEmergencyFreezeResponse(frozen=True)


def check_lift_emergency_freeze(ctx: Context, msg: pb.MsgLiftEmergencyFreeze) -> None:
    """Raise unless there is an emergency freeze to lift ([MEMBERS.8]).

    Raises:
        InvalidRequestError: the reason is malformed or missing.
        MemberNotFoundError: there is no such member.
        NotFrozenError: it is not frozen in an emergency.
    """
    check_text(msg.reason, "reason", TEXT_BYTES_MAX, required=True)
    if not get_member(ctx, msg.member_id).HasField("emergency_freeze"):
        raise NotFrozenError(member_id=msg.member_id, kind=_EMERGENCY)


def apply_lift_emergency_freeze(
    ctx: Context, msg: pb.MsgLiftEmergencyFreeze
) -> pb.MsgLiftEmergencyFreezeResponse:
    """Lift it; the member's own and the regulator's freeze stay."""
    member = get_member(ctx, msg.member_id)
    member.ClearField("emergency_freeze")
    member.changed_height = ctx.block.height.revision_height
    save_member(ctx, member)
    ctx.emit(
        events.member_unfrozen(
            member, kind=_EMERGENCY, reason=msg.reason, lifted_by=msg.signer
        )
    )
    return pb.MsgLiftEmergencyFreezeResponse()


def _check_third(ctx: Context) -> None:
    """Check that two thirds of those with a vote stay free, and three at least."""
    free = total = 0
    for member in members_after(ctx, ""):
        if member.status == ACTIVE and has_vote(member):
            total += 1
            free += not member.HasField("emergency_freeze")
    if free - 1 < _FREE_MIN or (free - 1) * 3 < total * 2:  # [MEMBERS.7]
        raise TooManyFrozenError(frozen=total - free, total=total)
