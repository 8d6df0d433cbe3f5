"""Members and accounts in the state."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Final

from huitong.core.address import encode_address
from huitong.core.codec import encode
from huitong.core.context import Context
from huitong.core.errors import UnknownAddressError
from huitong.core.limits import ACCOUNTS_PER_MEMBER_MAX, MEMBERS_MAX
from huitong.core.store.kv import prefix_end
from huitong.modules.members.errors import (
    LegalIdTakenError,
    MemberNotActiveError,
    MemberNotFoundError,
    NoMemberError,
)
from huitong.modules.members.keys import (
    ACCOUNT_PREFIX,
    MEMBER_PREFIX,
    NEXT_ACCOUNT_NUMBER_KEY,
    STORE,
    account_key,
    account_of_member_key,
    accounts_of_member_prefix,
    legal_id_key,
    member_key,
)
from huitong.proto.huitong.members.v1 import members_pb2
from huitong.proto.huitong.members.v1.members_pb2 import Account, Member

ACTIVE = members_pb2.MEMBER_STATUS_ACTIVE
#: The one hindrance that a member may end itself.
FROZEN_BY_ITSELF: Final = "frozen by itself"


def status_name(status: int) -> str:
    """Return a member's status as one lower-case word, for events and texts."""
    name = members_pb2.MemberStatus.Name(status)
    return name.removeprefix("MEMBER_STATUS_").lower()


def find_hindrance(member: Member) -> str:
    """Return why a member must not act, as words behind "is"; empty if it may.

    Its own freeze is told only if nothing else hinders it.
    """
    if member.status != ACTIVE:
        return status_name(member.status)
    if member.HasField("regulator_freeze"):
        return "frozen by a regulator"
    if member.HasField("emergency_freeze"):
        return "frozen in an emergency"
    if member.HasField("own_freeze"):
        return FROZEN_BY_ITSELF
    return ""


def is_in_force(ctx: Context, member_id: str) -> bool:
    """Return whether a member may act: admitted, active, and not frozen by anybody.

    Cost: 1 read.
    """
    member = find_member(ctx, member_id)
    return member is not None and not find_hindrance(member)


def find_member(ctx: Context, member_id: str) -> Member | None:
    """Return a member, or None."""
    value = ctx.store(STORE).get(member_key(member_id))
    return None if value is None else Member.FromString(value)


def get_member(ctx: Context, member_id: str) -> Member:
    """Return a member.

    Raises:
        MemberNotFoundError: there is none.
    """
    member = find_member(ctx, member_id)
    if member is None:
        raise MemberNotFoundError(member_id=member_id)
    return member


def get_active_member(ctx: Context, member_id: str) -> Member:
    """Return a member that is active; it may be frozen.

    Raises:
        MemberNotFoundError: there is none.
        MemberNotActiveError: it is suspended or removed.
    """
    member = get_member(ctx, member_id)
    if member.status != ACTIVE:
        raise MemberNotActiveError(
            member_id=member_id, status=status_name(member.status)
        )
    return member


def save_member(ctx: Context, member: Member) -> None:
    """Write a member."""
    ctx.store(STORE).set(member_key(member.member_id), encode(member))


def check_legal_id_free(ctx: Context, legal_id: str) -> None:
    """Check that no member has a legal id; an empty one is nobody's.

    Raises:
        LegalIdTakenError: one has it, which may be frozen or suspended, but not removed.
    """
    holder = ctx.store(STORE).get(legal_id_key(legal_id)) if legal_id else None
    if holder is not None:
        raise LegalIdTakenError(legal_id=legal_id, member_id=holder.decode())


def index_legal_id(ctx: Context, member: Member) -> None:
    """Let the legal id be this member's, or nobody's once the member is removed."""
    if not member.legal_id:
        return
    key = legal_id_key(member.legal_id)
    if member.status == members_pb2.MEMBER_STATUS_REMOVED:
        ctx.store(STORE).delete(key)
    else:
        ctx.store(STORE).set(key, member.member_id.encode())


def members_after(ctx: Context, start_after: str) -> Iterator[Member]:
    """Walk over the members by ascending id, those behind ``start_after``."""
    start = member_key(start_after) + b"\x00" if start_after else MEMBER_PREFIX
    for _, value in ctx.store(STORE).iterate(start, prefix_end(MEMBER_PREFIX)):
        yield Member.FromString(value)


def count_members(ctx: Context) -> int:
    """Return how many members were ever admitted, counting up to the limit."""
    pairs = ctx.store(STORE).iterate(MEMBER_PREFIX, prefix_end(MEMBER_PREFIX))
    return sum(1 for _ in islice(pairs, MEMBERS_MAX))


def find_account(ctx: Context, address: str) -> Account | None:
    """Return an account, or None.

    Raises:
        InvalidAddressError: the text is no address.
    """
    value = ctx.store(STORE).get(account_key(address))
    return None if value is None else Account.FromString(value)


def get_account(ctx: Context, address: str) -> Account:
    """Return an account.

    Raises:
        InvalidAddressError: the text is no address.
        UnknownAddressError: no account has it.
    """
    account = find_account(ctx, address)
    if account is None:
        raise UnknownAddressError(address=address)
    return account


def get_member_id(ctx: Context, address: str) -> str:
    """Return the id of the member for which an account acts.

    Raises:
        UnknownAddressError: there is no such account.
        NoMemberError: it acts for no member.
    """
    account = get_account(ctx, address)
    if not account.member_id:
        raise NoMemberError(address=address)
    return account.member_id


def save_account(ctx: Context, account: Account) -> None:
    """Write an account."""
    ctx.store(STORE).set(account_key(account.address), encode(account))


def index_account(ctx: Context, account: Account) -> None:
    """Enter a new account into the list of its member's accounts."""
    key = account_of_member_key(account.member_id, account.address)
    ctx.store(STORE).set(key, b"\x01")


def accounts_of_member(ctx: Context, member_id: str) -> Iterator[Account]:
    """Walk over a member's accounts, disabled ones among them; empty: of no member."""
    for address in _addresses_of_member(ctx, member_id):
        yield get_account(ctx, address)


def count_accounts(ctx: Context, member_id: str) -> int:
    """Return how many accounts a member has ever had, counting up to the limit."""
    entries = _addresses_of_member(ctx, member_id)
    return sum(1 for _ in islice(entries, ACCOUNTS_PER_MEMBER_MAX))


def _addresses_of_member(ctx: Context, member_id: str) -> Iterator[str]:
    prefix = accounts_of_member_prefix(member_id)
    for key, _ in ctx.store(STORE).iterate(prefix, prefix_end(prefix)):
        yield encode_address(key[len(prefix) :])


def accounts_after(ctx: Context, start_after: str) -> Iterator[Account]:
    """Walk over the accounts in the order of their 20 bytes, those behind one.

    Raises:
        InvalidAddressError: ``start_after`` is neither empty nor an address.
    """
    start = account_key(start_after) + b"\x00" if start_after else ACCOUNT_PREFIX
    for _, value in ctx.store(STORE).iterate(start, prefix_end(ACCOUNT_PREFIX)):
        yield Account.FromString(value)


def next_account_number(ctx: Context) -> int:
    """Return the number that the next new account will have."""
    value = ctx.store(STORE).get(NEXT_ACCOUNT_NUMBER_KEY)
    return 0 if value is None else int.from_bytes(value, "big")


def save_next_account_number(ctx: Context, number: int) -> None:
    """Write the number that the next new account will have."""
    ctx.store(STORE).set(NEXT_ACCOUNT_NUMBER_KEY, number.to_bytes(8, "big"))
