"""Admit members, change their status and keys, add and disable accounts.

Rules: [MEMBERS.1] ids and addresses are given once; [MEMBERS.2] an account holds only
roles that its member was admitted with; [MEMBERS.3] removal is final; [MEMBERS.4] nobody
locks itself out, so that somebody can always undo. Not here: signatures and the role of
the signer, which ``authentication`` checks first.
"""

from __future__ import annotations

from huitong.core.address import check_address
from huitong.core.context import Context
from huitong.core.fields import (
    X25519_KEY_SIZE_BYTES,
    check_name,
    check_size,
    check_text,
)
from huitong.core.limits import TEXT_BYTES_MAX, TITLE_BYTES_MAX
from huitong.modules.members import events
from huitong.modules.members.authentication import MemberAuthenticator
from huitong.modules.members.errors import (
    AccountDisabledError,
    AccountExistsError,
    MemberExistsError,
    MemberStatusError,
    NotOwnMemberError,
    SelfExclusionError,
)
from huitong.modules.members.roles import (
    OPERATOR,
    check_roles_of_account,
    sorted_roles,
)
from huitong.modules.members.state import (
    ACTIVE,
    find_account,
    find_member,
    get_account,
    get_active_member,
    get_member,
    get_member_id,
    next_account_number,
    save_account,
    save_member,
    save_next_account_number,
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


def apply_admit_member(
    ctx: Context, msg: pb.MsgAdmitMember
) -> pb.MsgAdmitMemberResponse:
    """Write the member; it is active at once."""
    member = pb.Member(
        member_id=msg.member_id,
        name=msg.name,
        legal_id=msg.legal_id,
        roles=sorted_roles(msg.roles),
        encryption_key=msg.encryption_key,
        status=ACTIVE,
        changed_height=ctx.block.height.revision_height,
    )
    save_member(ctx, member)
    ctx.emit(events.member_admitted(member))
    return pb.MsgAdmitMemberResponse()


def check_set_member_status(ctx: Context, msg: pb.MsgSetMemberStatus) -> None:
    """Raise unless the member may get this status.

    Raises:
        MemberNotFoundError: there is no such member.
        MemberStatusError: removed for good, or it has this status already.
        SelfExclusionError: it is the signer's own member.
        UnauthorizedError: removal by somebody who is no operator.
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
    if get_account(ctx, msg.signer).member_id == msg.member_id:  # [MEMBERS.4]
        raise SelfExclusionError(address=msg.signer)
    if msg.status == pb.MEMBER_STATUS_REMOVED:
        MemberAuthenticator().check_roles(
            ctx, msg.signer, (OPERATOR,), "removal of a member"
        )


def apply_set_member_status(
    ctx: Context, msg: pb.MsgSetMemberStatus
) -> pb.MsgSetMemberStatusResponse:
    """Write the status; the member's accounts lose or regain their rights at once."""
    member = get_member(ctx, msg.member_id)
    previous = member.status
    member.status = msg.status
    member.changed_height = ctx.block.height.revision_height
    save_member(ctx, member)
    ctx.emit(
        events.member_status_changed(
            member, previous=previous, reason=msg.reason, changed_by=msg.signer
        )
    )
    return pb.MsgSetMemberStatusResponse()


def check_set_encryption_key(ctx: Context, msg: pb.MsgSetEncryptionKey) -> None:
    """Raise unless the signer may replace the member's encryption key.

    Raises:
        InvalidRequestError: the key has another size.
        NoMemberError: the signer acts for no member.
        NotOwnMemberError: the signer acts for another member.
    """
    check_size(
        msg.encryption_key, "encryption_key", X25519_KEY_SIZE_BYTES, required=False
    )
    member_id = get_member_id(ctx, msg.signer)
    if member_id != msg.member_id:
        raise NotOwnMemberError(
            address=msg.signer, actual=member_id, expected=msg.member_id
        )


def apply_set_encryption_key(
    ctx: Context, msg: pb.MsgSetEncryptionKey
) -> pb.MsgSetEncryptionKeyResponse:
    """Write the key."""
    member = get_member(ctx, msg.member_id)
    member.encryption_key = msg.encryption_key
    member.changed_height = ctx.block.height.revision_height
    save_member(ctx, member)
    ctx.emit(events.encryption_key_changed(member, changed_by=msg.signer))
    return pb.MsgSetEncryptionKeyResponse()


def check_add_account(ctx: Context, msg: pb.MsgAddAccount) -> None:
    """Raise unless the account may be added.

    Raises:
        InvalidAddressError: the address is malformed.
        UnknownRoleError: a role is unknown or stands twice.
        MemberNotFoundError: there is no such member.
        MemberNotActiveError: the member is suspended or removed.
        RoleNotAllowedError: the member does not hold the role, or the role needs one.
        AccountExistsError: the address has an account.
    """
    check_address(msg.address)
    roles = sorted_roles(msg.roles)
    member = get_active_member(ctx, msg.member_id) if msg.member_id else None
    check_roles_of_account(roles, member)  # [MEMBERS.2]
    if find_account(ctx, msg.address) is not None:  # [MEMBERS.1]
        raise AccountExistsError(address=msg.address)


def apply_add_account(ctx: Context, msg: pb.MsgAddAccount) -> pb.MsgAddAccountResponse:
    """Write the account under the next number."""
    number = next_account_number(ctx)
    account = pb.Account(
        address=msg.address,
        account_number=number,
        member_id=msg.member_id,
        roles=sorted_roles(msg.roles),
    )
    save_account(ctx, account)
    save_next_account_number(ctx, number + 1)
    ctx.emit(events.account_added(account))
    return pb.MsgAddAccountResponse(account_number=number)


def check_disable_account(ctx: Context, msg: pb.MsgDisableAccount) -> None:
    """Raise unless the account may be disabled.

    Raises:
        InvalidRequestError: the reason is malformed or missing.
        InvalidAddressError: the address is malformed.
        UnknownAddressError: there is no such account.
        SelfExclusionError: it is the signer's own account.
        AccountDisabledError: it is disabled already.
    """
    check_text(msg.reason, "reason", TEXT_BYTES_MAX, required=True)
    account = get_account(ctx, msg.address)
    if msg.address == msg.signer:  # [MEMBERS.4]
        raise SelfExclusionError(address=msg.signer)
    if account.disabled:
        raise AccountDisabledError(address=msg.address)


def apply_disable_account(
    ctx: Context, msg: pb.MsgDisableAccount
) -> pb.MsgDisableAccountResponse:
    """Write that the account may no longer sign; it keeps its number and sequence."""
    account = get_account(ctx, msg.address)
    account.disabled = True
    save_account(ctx, account)
    ctx.emit(events.account_disabled(account, reason=msg.reason, changed_by=msg.signer))
    return pb.MsgDisableAccountResponse()
