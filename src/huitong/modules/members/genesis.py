"""Members and accounts in the genesis file.

::

    {"members": [Member…], "accounts": [Account…], "next_account_number": "3",
     "emergency_calls": [EmergencyCall…]}

Without ``next_account_number`` the accounts are numbered in the order of the list, which
is what a new zone wants. A member without a status is active.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from huitong.core.address import check_address
from huitong.core.context import Context
from huitong.core.errors import RejectedError
from huitong.core.fields import (
    X25519_KEY_SIZE_BYTES,
    check_name,
    check_size,
    check_text,
)
from huitong.core.genesis import (
    GenesisError,
    check_known_keys,
    integer_from_json,
    message_to_json,
    messages_from_json,
)
from huitong.core.limits import ACCOUNTS_PER_MEMBER_MAX, MEMBERS_MAX, TITLE_BYTES_MAX
from huitong.core.secp256k1 import PUBLIC_KEY_SIZE_BYTES
from huitong.modules.members.calls import save_call, waiting_calls
from huitong.modules.members.roles import check_roles_of_account, sorted_roles
from huitong.modules.members.state import (
    ACTIVE,
    accounts_after,
    check_legal_id_free,
    find_account,
    find_member,
    get_member,
    index_account,
    index_legal_id,
    members_after,
    next_account_number,
    save_account,
    save_member,
    save_next_account_number,
)
from huitong.proto.huitong.members.v1.members_pb2 import (
    MEMBER_STATUS_REMOVED,
    Account,
    EmergencyCall,
    Member,
)


def init_genesis(ctx: Context, state: dict[str, Any]) -> None:
    """Write the members and accounts of a genesis file.

    Raises:
        GenesisError: anything in it is unknown, malformed, twice or without its member.
    """
    known = ("members", "accounts", "next_account_number", "emergency_calls")
    check_known_keys(state, known, "members")
    _init_members(ctx, state)
    _init_accounts(ctx, state)
    where = "members.emergency_calls"
    calls = messages_from_json(EmergencyCall, state.get("emergency_calls", []), where)
    for index, call in enumerate(calls):
        _init_call(ctx, call, f"{where}[{index}]")


def export_genesis(ctx: Context) -> dict[str, Any]:
    """Return all members, accounts and waiting calls, each in the order of its keys."""
    return {
        "members": [message_to_json(member) for member in members_after(ctx, "")],
        "accounts": [message_to_json(account) for account in accounts_after(ctx, "")],
        "next_account_number": str(next_account_number(ctx)),
        "emergency_calls": [message_to_json(call) for call in waiting_calls(ctx)],
    }


def _init_members(ctx: Context, state: dict[str, Any]) -> None:
    members = messages_from_json(Member, state.get("members", []), "members.members")
    if len(members) > MEMBERS_MAX:
        raise GenesisError(
            where="members.members", reason=f"more than {MEMBERS_MAX} members"
        )
    for index, member in enumerate(members):
        where = f"members.members[{index}]"
        try:
            _init_member(ctx, member)
        except RejectedError as wrong:
            raise GenesisError(where=where, reason=str(wrong)) from wrong


def _init_accounts(ctx: Context, state: dict[str, Any]) -> None:
    accounts = messages_from_json(
        Account, state.get("accounts", []), "members.accounts"
    )
    if "next_account_number" in state:
        next_number = integer_from_json(
            state["next_account_number"], "members.next_account_number"
        )
    else:
        next_number = len(accounts)
        _number(accounts)
    _check_numbers(accounts, next_number)
    counts = Counter(account.member_id for account in accounts)
    if any(count > ACCOUNTS_PER_MEMBER_MAX for count in counts.values()):
        raise GenesisError(
            where="members.accounts",
            reason=f"more than {ACCOUNTS_PER_MEMBER_MAX} accounts of one member",
        )
    for index, account in enumerate(accounts):
        where = f"members.accounts[{index}]"
        try:
            _init_account(ctx, account)
        except RejectedError as wrong:
            raise GenesisError(where=where, reason=str(wrong)) from wrong
    save_next_account_number(ctx, next_number)


def _init_member(ctx: Context, member: Member) -> None:
    check_name(member.member_id, "member_id")
    check_text(member.name, "name", TITLE_BYTES_MAX, required=True)
    check_text(member.legal_id, "legal_id", TITLE_BYTES_MAX)
    check_size(
        member.encryption_key, "encryption_key", X25519_KEY_SIZE_BYTES, required=False
    )
    roles = sorted_roles(member.roles)
    del member.roles[:]
    member.roles.extend(roles)
    member.status = member.status or ACTIVE
    if find_member(ctx, member.member_id) is not None:
        raise GenesisError(where=member.member_id, reason="stands twice")
    if member.status != MEMBER_STATUS_REMOVED:
        check_legal_id_free(ctx, member.legal_id)
        index_legal_id(ctx, member)
    save_member(ctx, member)


def _init_account(ctx: Context, account: Account) -> None:
    check_address(account.address)
    check_size(account.public_key, "public_key", PUBLIC_KEY_SIZE_BYTES, required=False)
    roles = sorted_roles(account.roles)
    del account.roles[:]
    account.roles.extend(roles)
    member = get_member(ctx, account.member_id) if account.member_id else None
    check_roles_of_account(account.roles, member)
    if find_account(ctx, account.address) is not None:
        raise GenesisError(where=account.address, reason="stands twice")
    save_account(ctx, account)
    index_account(ctx, account)


def _init_call(ctx: Context, call: EmergencyCall, where: str) -> None:
    named = (call.member_id, call.caller)
    if any(find_member(ctx, member_id) is None for member_id in named):
        raise GenesisError(where=where, reason="it names no member")
    if any(known.member_id == call.member_id for known in waiting_calls(ctx)):
        raise GenesisError(where=where, reason="stands twice")
    save_call(ctx, call)


def _number(accounts: Sequence[Account]) -> None:
    for index, account in enumerate(accounts):
        if account.account_number:
            raise GenesisError(
                where=f"members.accounts[{index}]",
                reason="account_number without next_account_number",
            )
        account.account_number = index


def _check_numbers(accounts: Sequence[Account], next_number: int) -> None:
    numbers = sorted(account.account_number for account in accounts)
    for before, after in pairwise([*numbers, next_number]):
        if before >= after:
            raise GenesisError(
                where="members.accounts",
                reason=f"account_number {before} stands twice or is not below "
                f"next_account_number {next_number}",
            )
