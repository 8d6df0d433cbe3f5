"""Accounts that are new: what a vote and a member's delegate have in common."""

from __future__ import annotations

from collections.abc import Sequence

from huitong.core.address import check_address
from huitong.core.context import Context
from huitong.core.limits import ACCOUNTS_PER_MEMBER_MAX
from huitong.modules.members import events
from huitong.modules.members.errors import AccountExistsError, TooManyAccountsError
from huitong.modules.members.roles import check_roles_of_account, sorted_roles
from huitong.modules.members.state import (
    count_accounts,
    find_account,
    get_active_member,
    index_account,
    next_account_number,
    save_account,
    save_next_account_number,
)
from huitong.proto.huitong.members.v1.members_pb2 import Account


def check_new_account(
    ctx: Context, address: str, member_id: str, roles: Sequence[str]
) -> None:
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
    check_address(address)
    wanted = sorted_roles(roles)
    member = get_active_member(ctx, member_id) if member_id else None
    check_roles_of_account(wanted, member)  # [MEMBERS.2]
    if find_account(ctx, address) is not None:  # [MEMBERS.1]
        raise AccountExistsError(address=address)
    if count_accounts(ctx, member_id) >= ACCOUNTS_PER_MEMBER_MAX:
        raise TooManyAccountsError(
            member_id=member_id or "no member", maximum=ACCOUNTS_PER_MEMBER_MAX
        )


def add_account(
    ctx: Context, address: str, member_id: str, roles: Sequence[str]
) -> Account:
    """Write an account under the next number, and tell it."""
    number = next_account_number(ctx)
    account = Account(
        address=address,
        account_number=number,
        member_id=member_id,
        roles=sorted_roles(roles),
    )
    save_account(ctx, account)
    index_account(ctx, account)
    save_next_account_number(ctx, number + 1)
    ctx.emit(events.account_added(account))
    return account
