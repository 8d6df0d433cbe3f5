"""Whether anybody can still vote: a zone without delegates could never change again."""

from __future__ import annotations

from huitong.core.context import Context
from huitong.modules.members.errors import VoteLostError
from huitong.modules.members.roles import DELEGATE, has_vote
from huitong.modules.members.state import ACTIVE, accounts_after, find_member
from huitong.proto.huitong.members.v1.members_pb2 import Account


def check_vote_remains(
    ctx: Context, *, without_member: str = "", without_account: str = ""
) -> None:
    """Check that somebody can vote after a member or an account has gone.

    A zone in which nobody could vote before, as in genesis without delegates, loses
    nothing.

    Args:
        ctx: the state before the change.
        without_member: the member that goes; empty for none.
        without_account: the account that goes; empty for none.

    Raises:
        VoteLostError: only those that go could vote.

    Cost: a walk over the accounts up to the first delegate who stays.
    """
    lost = False
    for account in accounts_after(ctx, ""):
        if not _votes(ctx, account):
            continue
        if without_account == account.address or without_member == account.member_id:
            lost = True
        else:
            return
    if lost:
        raise VoteLostError(what=without_member or without_account)


def _votes(ctx: Context, account: Account) -> bool:
    if account.disabled or DELEGATE not in account.roles:
        return False
    member = find_member(ctx, account.member_id)
    return member is not None and member.status == ACTIVE and has_vote(member)
