"""By vote: admit members, change their status and what their accounts may be given.

Rules: [MEMBERS.1] ids and addresses are given once, and a legal id to one member at a
time, which keeps it until it is removed; [MEMBERS.2] an account holds only
roles that its member was admitted with; [MEMBERS.3] removal is final; [MEMBERS.4] a zone
that can vote stays one that can. Not here: who may ask for it, which governance decides.
"""

from __future__ import annotations

from huitong.core.context import Context
from huitong.core.fields import (
    X25519_KEY_SIZE_BYTES,
    check_name,
    check_size,
    check_text,
)
from huitong.core.limits import MEMBERS_MAX, TEXT_BYTES_MAX, TITLE_BYTES_MAX
from huitong.modules.members import events
from huitong.modules.members.delegates import check_vote_remains
from huitong.modules.members.errors import (
    MemberExistsError,
    MemberStatusError,
    TooManyMembersError,
    UnchangedError,
)
from huitong.modules.members.roles import DELEGATE, has_vote, sorted_roles
from huitong.modules.members.state import (
    ACTIVE,
    accounts_of_member,
    check_legal_id_free,
    count_members,
    find_member,
    get_member,
    index_legal_id,
    save_account,
    save_member,
    status_name,
)
from huitong.proto.huitong.members.v1 import members_pb2 as pb

_STATUSES = (
    pb.MEMBER_STATUS_ACTIVE,
    pb.MEMBER_STATUS_SUSPENDED,
    pb.MEMBER_STATUS_REMOVED,
)


def check_admit_member(ctx: Context, msg: pb.MsgAdmitMember) -> None:
    """Raise unless the member may be admitted.

    Raises:
        InvalidRequestError: a field is malformed.
        UnknownRoleError: a role is unknown or stands twice.
        MemberExistsError: the id is taken.
        LegalIdTakenError: the organisation is a member under another id.
        TooManyMembersError: the zone is full.
    """
    check_name(msg.member_id, "member_id")
    check_text(msg.name, "name", TITLE_BYTES_MAX, required=True)
    check_text(msg.legal_id, "legal_id", TITLE_BYTES_MAX)
    check_size(
        msg.encryption_key, "encryption_key", X25519_KEY_SIZE_BYTES, required=False
    )
    sorted_roles(msg.roles)
    if find_member(ctx, msg.member_id) is not None:  # [MEMBERS.1]
        raise MemberExistsError(member_id=msg.member_id)
    check_legal_id_free(ctx, msg.legal_id)  # [MEMBERS.1]
    if count_members(ctx) >= MEMBERS_MAX:
        raise TooManyMembersError(maximum=MEMBERS_MAX)


def apply_admit_member(
    ctx: Context, msg: pb.MsgAdmitMember
) -> pb.MsgAdmitMemberResponse:
    """Write the member; it is active at once."""
    height = ctx.block.height.revision_height
    member = pb.Member(
        member_id=msg.member_id,
        name=msg.name,
        legal_id=msg.legal_id,
        roles=sorted_roles(msg.roles),
        encryption_key=msg.encryption_key,
        status=ACTIVE,
        changed_height=height,
        admitted_height=height,
    )
    save_member(ctx, member)
    index_legal_id(ctx, member)
    ctx.emit(events.member_admitted(member))
    return pb.MsgAdmitMemberResponse()


def check_set_member_status(ctx: Context, msg: pb.MsgSetMemberStatus) -> None:
    """Raise unless the member may get this status.

    Raises:
        MemberNotFoundError: there is no such member.
        MemberStatusError: removed for good, or it has this status already.
        VoteLostError: nobody could vote any more.
        InvalidRequestError: the reason is malformed or missing.
    """
    check_text(msg.reason, "reason", TEXT_BYTES_MAX, required=True)
    member = get_member(ctx, msg.member_id)
    if (
        msg.status not in _STATUSES
        or msg.status == member.status
        or member.status == pb.MEMBER_STATUS_REMOVED  # [MEMBERS.3]
    ):
        wanted = status_name(msg.status) if msg.status in _STATUSES else msg.status
        raise MemberStatusError(
            member_id=msg.member_id, status=status_name(member.status), wanted=wanted
        )
    if msg.status != ACTIVE:
        check_vote_remains(ctx, without_member=msg.member_id)  # [MEMBERS.4]


def apply_set_member_status(
    ctx: Context, msg: pb.MsgSetMemberStatus
) -> pb.MsgSetMemberStatusResponse:
    """Write the status; the member's accounts lose or regain their rights at once."""
    member = get_member(ctx, msg.member_id)
    previous = member.status
    member.status = msg.status
    member.changed_height = ctx.block.height.revision_height
    save_member(ctx, member)
    index_legal_id(ctx, member)
    ctx.emit(
        events.member_status_changed(
            member, previous=previous, reason=msg.reason, changed_by=msg.signer
        )
    )
    return pb.MsgSetMemberStatusResponse()


def check_set_member_roles(ctx: Context, msg: pb.MsgSetMemberRoles) -> None:
    """Raise unless the member may get these roles for its accounts; none means all.

    Raises:
        MemberNotFoundError: there is no such member.
        MemberStatusError: it was removed.
        UnknownRoleError: a role is unknown or stands twice.
        UnchangedError: it has these.
        VoteLostError: nobody could vote any more.
    """
    roles = sorted_roles(msg.roles)
    member = get_member(ctx, msg.member_id)
    if member.status == pb.MEMBER_STATUS_REMOVED:  # [MEMBERS.3]
        raise MemberStatusError(
            member_id=msg.member_id, status=status_name(member.status), wanted="roles"
        )
    if roles == list(member.roles):
        raise UnchangedError(what=f"roles of {msg.member_id}")
    if has_vote(member) and roles and DELEGATE not in roles:
        check_vote_remains(ctx, without_member=msg.member_id)  # [MEMBERS.4]


def apply_set_member_roles(
    ctx: Context, msg: pb.MsgSetMemberRoles
) -> pb.MsgSetMemberRolesResponse:
    """Write the roles, and take from its accounts those that it lost ([MEMBERS.2])."""
    member = get_member(ctx, msg.member_id)
    del member.roles[:]
    member.roles.extend(sorted_roles(msg.roles))
    member.changed_height = ctx.block.height.revision_height
    save_member(ctx, member)
    ctx.emit(events.member_roles_changed(member, changed_by=msg.signer))
    if not member.roles:
        return pb.MsgSetMemberRolesResponse()
    for account in list(accounts_of_member(ctx, msg.member_id)):
        kept = [role for role in account.roles if role in member.roles]
        if kept != list(account.roles):
            del account.roles[:]
            account.roles.extend(kept)
            save_account(ctx, account)
            ctx.emit(events.account_roles_changed(account, changed_by=msg.signer))
    return pb.MsgSetMemberRolesResponse()
