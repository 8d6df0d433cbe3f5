"""By vote: add, disable, enable and replace accounts, change their roles.

Rules as in ``admission``. What a vote decides does not ask whether a member is frozen:
new keys are how a member gets out of its own freeze.
"""

from __future__ import annotations

from huitong.core.address import check_address
from huitong.core.context import Context
from huitong.core.fields import check_text
from huitong.core.limits import TEXT_BYTES_MAX
from huitong.modules.members import events
from huitong.modules.members.delegates import check_vote_remains
from huitong.modules.members.errors import (
    AccountDisabledError,
    AccountEnabledError,
    UnchangedError,
)
from huitong.modules.members.new_account import add_account, check_new_account
from huitong.modules.members.roles import (
    DELEGATE,
    check_roles_of_account,
    sorted_roles,
)
from huitong.modules.members.state import (
    get_account,
    get_active_member,
    save_account,
)
from huitong.proto.huitong.members.v1 import members_pb2 as pb
from huitong.proto.huitong.members.v1.members_pb2 import Account, Member


def check_add_account(ctx: Context, msg: pb.MsgAddAccount) -> None:
    """Raise unless the account may be added.

    Raises:
        InvalidAddressError: the address is malformed.
        UnknownRoleError: a role is unknown or stands twice.
        MemberNotFoundError: there is no such member.
        MemberNotActiveError: the member is suspended or removed.
        RoleNotAllowedError: the member does not hold the role, or the role needs one.
        AccountExistsError: the address has an account.
        TooManyAccountsError: the member has as many as it may.
    """
    check_new_account(ctx, msg.address, msg.member_id, msg.roles)


def apply_add_account(ctx: Context, msg: pb.MsgAddAccount) -> pb.MsgAddAccountResponse:
    """Write the account under the next number."""
    account = add_account(ctx, msg.address, msg.member_id, msg.roles)
    return pb.MsgAddAccountResponse(account_number=account.account_number)


def check_set_account_roles(ctx: Context, msg: pb.MsgSetAccountRoles) -> None:
    """Raise unless the account may get these roles.

    Raises:
        InvalidAddressError: the address is malformed.
        UnknownAddressError: there is no such account.
        UnknownRoleError: a role is unknown or stands twice.
        MemberNotActiveError: the member is suspended or removed.
        RoleNotAllowedError: the member does not hold the role, or the role needs one.
        UnchangedError: it has these.
        VoteLostError: nobody could vote any more.
    """
    roles = sorted_roles(msg.roles)
    account = get_account(ctx, msg.address)
    check_roles_of_account(roles, _member_of(ctx, account))  # [MEMBERS.2]
    if roles == list(account.roles):
        raise UnchangedError(what=f"roles of {msg.address}")
    if DELEGATE not in roles:
        check_vote_remains(ctx, without_account=msg.address)  # [MEMBERS.4]


def apply_set_account_roles(
    ctx: Context, msg: pb.MsgSetAccountRoles
) -> pb.MsgSetAccountRolesResponse:
    """Write the roles."""
    account = get_account(ctx, msg.address)
    del account.roles[:]
    account.roles.extend(sorted_roles(msg.roles))
    save_account(ctx, account)
    ctx.emit(events.account_roles_changed(account, changed_by=msg.signer))
    return pb.MsgSetAccountRolesResponse()


def check_disable_account(ctx: Context, msg: pb.MsgDisableAccount) -> None:
    """Raise unless the account may be disabled.

    Raises:
        InvalidRequestError: the reason is malformed or missing.
        InvalidAddressError: the address is malformed.
        UnknownAddressError: there is no such account.
        AccountDisabledError: it is disabled already.
        VoteLostError: nobody could vote any more.
    """
    check_text(msg.reason, "reason", TEXT_BYTES_MAX, required=True)
    if get_account(ctx, msg.address).disabled:
        raise AccountDisabledError(address=msg.address)
    check_vote_remains(ctx, without_account=msg.address)  # [MEMBERS.4]


def apply_disable_account(
    ctx: Context, msg: pb.MsgDisableAccount
) -> pb.MsgDisableAccountResponse:
    """Write that the account may no longer sign; it keeps its number and sequence."""
    disable_account(ctx, msg.address, msg.reason, msg.signer)
    return pb.MsgDisableAccountResponse()


def disable_account(ctx: Context, address: str, reason: str, changed_by: str) -> None:
    """Let an account sign no more, and tell it."""
    account = get_account(ctx, address)
    account.disabled = True
    save_account(ctx, account)
    ctx.emit(events.account_disabled(account, reason=reason, changed_by=changed_by))


def check_enable_account(ctx: Context, msg: pb.MsgEnableAccount) -> None:
    """Raise unless the account may sign again.

    Raises:
        InvalidRequestError: the reason is malformed or missing.
        InvalidAddressError: the address is malformed.
        UnknownAddressError: there is no such account.
        AccountEnabledError: it is not disabled.
        MemberNotActiveError: the member is suspended or removed.
    """
    check_text(msg.reason, "reason", TEXT_BYTES_MAX, required=True)
    account = get_account(ctx, msg.address)
    if not account.disabled:
        raise AccountEnabledError(address=msg.address)
    _member_of(ctx, account)


def apply_enable_account(
    ctx: Context, msg: pb.MsgEnableAccount
) -> pb.MsgEnableAccountResponse:
    """Write that the account may sign again, from its next sequence on."""
    account = get_account(ctx, msg.address)
    account.disabled = False
    save_account(ctx, account)
    ctx.emit(events.account_enabled(account, reason=msg.reason, changed_by=msg.signer))
    return pb.MsgEnableAccountResponse()


def check_replace_account(ctx: Context, msg: pb.MsgReplaceAccount) -> None:
    """Raise unless a new key may take over from an old one.

    Raises:
        InvalidRequestError: the reason is malformed or missing.
        InvalidAddressError: an address is malformed.
        UnknownAddressError: there is no old account.
        AccountDisabledError: the old account signs no more anyway.
        AccountExistsError: the new address has an account.
        MemberNotActiveError: the member is suspended or removed.
        TooManyAccountsError: the member has as many as it may.
    """
    check_text(msg.reason, "reason", TEXT_BYTES_MAX, required=True)
    check_address(msg.new_address)
    account = get_account(ctx, msg.old_address)
    if account.disabled:
        raise AccountDisabledError(address=msg.old_address)
    check_new_account(ctx, msg.new_address, account.member_id, account.roles)


def apply_replace_account(
    ctx: Context, msg: pb.MsgReplaceAccount
) -> pb.MsgReplaceAccountResponse:
    """Add the new account and disable the old one, in one step."""
    old = get_account(ctx, msg.old_address)
    new = add_account(ctx, msg.new_address, old.member_id, old.roles)
    disable_account(ctx, msg.old_address, msg.reason, msg.signer)
    ctx.emit(
        events.account_replaced(
            old, new_address=msg.new_address, reason=msg.reason, changed_by=msg.signer
        )
    )
    return pb.MsgReplaceAccountResponse(account_number=new.account_number)


def _member_of(ctx: Context, account: Account) -> Member | None:
    """Return the active member of an account, None for an account of no member."""
    return get_active_member(ctx, account.member_id) if account.member_id else None
