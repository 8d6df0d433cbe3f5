"""Who may vote, how much a vote weighs, and whether a proposal passes.

Entitled are the members with a vote (``has_vote``) that were admitted in or before the
block of the submission, and are active at the deadline. The rules, exactly:

* quorum: ``(yes + no + abstain) * 10000 >= quorum_bp * total``;
* threshold: ``yes * 10000 > threshold_bp * (yes + no + frozen)``;
* somebody voted yes.

``total`` is the weight of all that are entitled. A member that is frozen at the deadline
is entitled, but its vote does not count, and its weight stands against the proposal: so a
freeze can stop a decision and can never make one.

A proposal that does nothing but lift emergency freezes is for those to decide who neither
asked for these freezes nor are frozen so: whoever froze a member cannot keep it frozen,
and its weight does not stand against its own return.
"""

from __future__ import annotations

from typing import Final

from huitong.core.context import Context
from huitong.modules.consensus.state import ACTIVE as VALIDATOR_ACTIVE
from huitong.modules.consensus.state import all_validators
from huitong.modules.governance.state import votes_after
from huitong.modules.members.roles import has_vote
from huitong.modules.members.state import (
    ACTIVE,
    find_account,
    find_hindrance,
    members_after,
)
from huitong.proto.huitong.governance.v1 import governance_pb2 as pb
from huitong.proto.huitong.governance.v1.governance_pb2 import Params, Proposal, Tally
from huitong.proto.huitong.members.v1.members_pb2 import (
    Member,
    MsgLiftEmergencyFreeze,
)

#: All, in basis points.
_ALL_BP: Final = 10_000
_LIFT_URL: Final = f"/{MsgLiftEmergencyFreeze.DESCRIPTOR.full_name}"
#: Option → field of the tally.
_FIELDS: Final = {
    pb.VOTE_OPTION_YES: "yes",
    pb.VOTE_OPTION_NO: "no",
    pb.VOTE_OPTION_ABSTAIN: "abstain",
}


def find_bar(member: Member, submitted_height: int) -> str:
    """Return why a member has no vote on a proposal of a height; empty if it has one."""
    if not has_vote(member):
        return "it was admitted without a vote"
    if member.admitted_height > submitted_height:
        return "it was admitted after the proposal"
    if member.status != ACTIVE:
        return "it is suspended or removed"
    return ""


def count_votes(ctx: Context, proposal: Proposal) -> Tally:
    """Return the weights for and against a proposal, with the members as they are now.

    Cost: a walk over all members and over the votes of the proposal.
    """
    cast = {
        vote.member_id: vote.option
        for vote in votes_after(ctx, proposal.proposal_id, "")
    }
    entitled = _entitled(ctx, proposal, _lifted_members(proposal))
    weights = _weights(ctx, entitled, proposal.params)
    sums = dict.fromkeys(("yes", "no", "abstain", "frozen"), 0)
    for member, weight in zip(entitled, weights, strict=True):
        option = cast.get(member.member_id)
        if find_hindrance(member):
            sums["frozen"] += weight
        elif option is not None:
            sums[_FIELDS[option]] += weight
    return Tally(**sums, total=sum(weights))


def is_interested(ctx: Context, proposal: Proposal, member_id: str) -> bool:
    """Return whether a member with a vote has none here, as the freezes stand now.

    Cost: nothing unless the proposal only lifts freezes; then a walk over all members.
    """
    lifted = _lifted_members(proposal)
    if not lifted:
        return False
    deciding = _entitled(ctx, proposal, lifted)
    return all(member.member_id != member_id for member in deciding)


def _entitled(ctx: Context, proposal: Proposal, lifted: set[str]) -> list[Member]:
    """Return who decides; ``lifted`` as ``_lifted_members`` tells it."""
    entitled = [
        member
        for member in members_after(ctx, "")
        if not find_bar(member, proposal.submitted_height)
    ]
    return _disinterested(ctx, entitled, lifted) if lifted else entitled


def _lifted_members(proposal: Proposal) -> set[str]:
    """Return whose emergency freezes it lifts; nobody's if it does anything else."""
    lifted = set()
    for packed in proposal.messages:
        if packed.type_url != _LIFT_URL:
            return set()
        lifted.add(MsgLiftEmergencyFreeze.FromString(packed.value).member_id)
    return lifted


def _disinterested(
    ctx: Context, entitled: list[Member], lifted: set[str]
) -> list[Member]:
    """Return those who neither asked for these freezes nor are frozen so.

    A freeze leaves one of them at least; should all have gone since, all decide.
    """
    callers = {
        account.member_id
        for member in entitled
        if member.member_id in lifted
        for address in member.emergency_freeze.frozen_by
        if (account := find_account(ctx, address)) is not None
    }
    others = [
        member
        for member in entitled
        if member.member_id not in callers and not member.HasField("emergency_freeze")
    ]
    return others or entitled


def is_passing(tally: Tally, params: Params) -> bool:
    """Return whether a proposal with these weights passes."""
    voted = tally.yes + tally.no + tally.abstain
    return (
        tally.yes > 0
        and voted * _ALL_BP >= params.quorum_bp * tally.total
        and tally.yes * _ALL_BP
        > params.threshold_bp * (tally.yes + tally.no + tally.frozen)
    )


def _weights(ctx: Context, members: list[Member], params: Params) -> list[int]:
    """Return the weight of each member.

    Power is what was voted for, whatever the engine makes of a frozen member. By
    validators, if none of the members runs any, each has one vote as without this
    rule: otherwise nobody could ever decide anything again.
    """
    if params.weight_rule == pb.WEIGHT_RULE_VALIDATOR_POWER:
        powers: dict[str, int] = {}
        for validator in all_validators(ctx):
            if validator.status == VALIDATOR_ACTIVE:
                known = powers.get(validator.member_id, 0)
                powers[validator.member_id] = known + validator.power
        weights = [powers.get(member.member_id, 0) for member in members]
        if any(weights):
            return weights
    return [1] * len(members)
