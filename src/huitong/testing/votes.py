"""Decisions of the members of a zone in memory.

::

    pass_proposal(zone, MsgAdmitMember(member_id="customs", name="海关"))

For zones that run there is ``huitong.client.voting.decide``.
"""

from __future__ import annotations

from google.protobuf.message import Message

from huitong.client.voting import proposal_of
from huitong.core.context import Context
from huitong.modules.governance import get_params, get_proposal
from huitong.modules.members import roles
from huitong.modules.members.state import accounts_after, is_in_force
from huitong.proto.huitong.governance.v1 import governance_pb2 as pb
from huitong.testing.contexts import MemoryZone


def pass_proposal(zone: MemoryZone, *messages: Message) -> pb.Proposal:
    """Let a delegate of every member vote for ``messages``, up to the deadline.

    Returns:
        The proposal, which has passed.

    Raises:
        HuitongError: it could not be proposed.
        AssertionError: it did not pass.
    """
    voters = voters_of(zone.context())
    submit = proposal_of(voters[0], messages, title="a change", reason="it is time")
    number = zone.run(submit).proposal_id
    for voter in voters:
        yes = pb.VOTE_OPTION_YES
        zone.run(pb.MsgVote(signer=voter, proposal_id=number, option=yes))
    zone.next_block(get_params(zone.context()).voting_period_s)
    ended = get_proposal(zone.context(), number)
    if ended.status != pb.PROPOSAL_STATUS_PASSED:
        raise AssertionError(f"it did not pass: {ended}")
    return ended


def voters_of(ctx: Context) -> list[str]:
    """Return the address of one delegate of each member in force, by member id."""
    found = {
        account.member_id: account.address
        for account in accounts_after(ctx, "")
        if roles.DELEGATE in account.roles
        and not account.disabled
        and is_in_force(ctx, account.member_id)
    }
    return [address for _, address in sorted(found.items())]
