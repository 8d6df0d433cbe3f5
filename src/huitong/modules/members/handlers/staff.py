"""By a member's delegate for the member itself: its staff and its encryption key.

The member was admitted with roles, and the delegate hands out those of its staff without
a vote; delegates, operators, regulators and relayers come by vote only.
"""

from __future__ import annotations

from collections.abc import Sequence

from huitong.core.context import Context
from huitong.core.fields import X25519_KEY_SIZE_BYTES, check_size, check_text
from huitong.core.limits import TEXT_BYTES_MAX
from huitong.modules.members import events
from huitong.modules.members.errors import (
    AccountDisabledError,
    NotOwnMemberError,
    RoleNotAllowedError,
)
from huitong.modules.members.handlers.accounts import disable_account
from huitong.modules.members.new_account import add_account, check_new_account
from huitong.modules.members.roles import STAFF_ROLES
from huitong.modules.members.state import (
    get_account,
    get_member,
    get_member_id,
    save_member,
)
from huitong.proto.huitong.members.v1 import members_pb2 as pb


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
    check_own_member(ctx, msg.signer, msg.member_id)


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


def check_add_member_account(ctx: Context, msg: pb.MsgAddMemberAccount) -> None:
    """Raise unless the signer's member may get this account.

    Raises:
        InvalidAddressError: the address is malformed.
        UnknownRoleError: a role is unknown or stands twice.
        NoMemberError: the signer acts for no member.
        RoleNotAllowedError: no role of staff, or the member does not hold it.
        AccountExistsError: the address has an account.
        TooManyAccountsError: the member has as many as it may.
    """
    member_id = get_member_id(ctx, msg.signer)
    check_new_account(ctx, msg.address, member_id, msg.roles)
    _check_staff(msg.roles)


def apply_add_member_account(
    ctx: Context, msg: pb.MsgAddMemberAccount
) -> pb.MsgAddMemberAccountResponse:
    """Write the account under the next number."""
    member_id = get_member_id(ctx, msg.signer)
    account = add_account(ctx, msg.address, member_id, msg.roles)
    return pb.MsgAddMemberAccountResponse(account_number=account.account_number)


def check_disable_member_account(ctx: Context, msg: pb.MsgDisableMemberAccount) -> None:
    """Raise unless the account is one of the staff of the signer's member.

    Raises:
        InvalidRequestError: the reason is malformed or missing.
        InvalidAddressError: the address is malformed.
        UnknownAddressError: there is no such account.
        NoMemberError: the signer, or the account, acts for no member.
        NotOwnMemberError: the account acts for another member.
        RoleNotAllowedError: it holds more than roles of staff.
        AccountDisabledError: it is disabled already.
    """
    check_text(msg.reason, "reason", TEXT_BYTES_MAX, required=True)
    check_own_member(ctx, msg.address, get_member_id(ctx, msg.signer))
    account = get_account(ctx, msg.address)
    _check_staff(account.roles)
    if account.disabled:
        raise AccountDisabledError(address=msg.address)


def apply_disable_member_account(
    ctx: Context, msg: pb.MsgDisableMemberAccount
) -> pb.MsgDisableMemberAccountResponse:
    """Write that the account may no longer sign."""
    disable_account(ctx, msg.address, msg.reason, msg.signer)
    return pb.MsgDisableMemberAccountResponse()


def check_own_member(ctx: Context, address: str, member_id: str) -> None:
    """Check that an account acts for a member.

    Raises:
        InvalidAddressError: the address is malformed.
        UnknownAddressError: there is no such account.
        NoMemberError: the account acts for no member.
        NotOwnMemberError: the account acts for another member.
    """
    actual = get_member_id(ctx, address)
    if actual != member_id:
        raise NotOwnMemberError(address=address, actual=actual, expected=member_id)


def _check_staff(roles: Sequence[str]) -> None:
    for role in roles:
        if role not in STAFF_ROLES:
            raise RoleNotAllowedError(role=role, reason="it is given and taken by vote")
