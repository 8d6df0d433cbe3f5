"""Which message goes to which handler, and who may send it.

Who is a member, and what it and its accounts may do, is decided by vote. A delegate looks
after the staff of its own member; freezes are the exception that waits for no vote.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from google.protobuf.message import Message

from huitong.core.context import Context
from huitong.core.module import MessageRoute
from huitong.modules.members.handlers import (
    accounts,
    admission,
    emergency,
    freezes,
    staff,
)
from huitong.modules.members.roles import DELEGATE, OPERATOR, REGULATOR
from huitong.proto.huitong.members.v1 import members_pb2 as pb


def _governed(
    request: type[Message],
    check: Callable[[Context, Any], None],
    apply: Callable[[Context, Any], Message],
) -> MessageRoute:
    return MessageRoute(request=request, check=check, apply=apply, governed=True)


def _by_delegate(
    request: type[Message],
    check: Callable[[Context, Any], None],
    apply: Callable[[Context, Any], Message],
) -> MessageRoute:
    return MessageRoute(request=request, check=check, apply=apply, roles=(DELEGATE,))


MESSAGES: Final[tuple[MessageRoute, ...]] = (
    _governed(
        pb.MsgAdmitMember, admission.check_admit_member, admission.apply_admit_member
    ),
    _governed(
        pb.MsgSetMemberStatus,
        admission.check_set_member_status,
        admission.apply_set_member_status,
    ),
    _governed(
        pb.MsgSetMemberRoles,
        admission.check_set_member_roles,
        admission.apply_set_member_roles,
    ),
    _governed(pb.MsgAddAccount, accounts.check_add_account, accounts.apply_add_account),
    _governed(
        pb.MsgSetAccountRoles,
        accounts.check_set_account_roles,
        accounts.apply_set_account_roles,
    ),
    _governed(
        pb.MsgDisableAccount,
        accounts.check_disable_account,
        accounts.apply_disable_account,
    ),
    _governed(
        pb.MsgEnableAccount,
        accounts.check_enable_account,
        accounts.apply_enable_account,
    ),
    _governed(
        pb.MsgReplaceAccount,
        accounts.check_replace_account,
        accounts.apply_replace_account,
    ),
    _governed(
        pb.MsgLiftEmergencyFreeze,
        emergency.check_lift_emergency_freeze,
        emergency.apply_lift_emergency_freeze,
    ),
    _by_delegate(
        pb.MsgSetEncryptionKey,
        staff.check_set_encryption_key,
        staff.apply_set_encryption_key,
    ),
    _by_delegate(
        pb.MsgAddMemberAccount,
        staff.check_add_member_account,
        staff.apply_add_member_account,
    ),
    _by_delegate(
        pb.MsgDisableMemberAccount,
        staff.check_disable_member_account,
        staff.apply_disable_member_account,
    ),
    MessageRoute(
        request=pb.MsgFreezeMember,
        check=freezes.check_freeze_member,
        apply=freezes.apply_freeze_member,
        roles=(DELEGATE, REGULATOR),
    ),
    MessageRoute(
        request=pb.MsgUnfreezeMember,
        check=freezes.check_unfreeze_member,
        apply=freezes.apply_unfreeze_member,
        roles=(DELEGATE, REGULATOR),
        while_frozen=True,
    ),
    MessageRoute(
        request=pb.MsgEmergencyFreeze,
        check=emergency.check_emergency_freeze,
        apply=emergency.apply_emergency_freeze,
        roles=(DELEGATE, OPERATOR, REGULATOR),
    ),
)
