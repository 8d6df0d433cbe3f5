"""Rules, proposals and votes in the genesis file.

::

    {"params": {"weight_rule": "WEIGHT_RULE_MEMBER", "voting_period_s": "259200",
                "quorum_bp": 5001, "threshold_bp": 5000},
     "proposals": [Proposal…], "votes": [Vote…], "next_proposal_id": "1"}

A rule that is left out has its default, as shown. Proposals under vote go on with their
deadlines.
"""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from huitong.core.context import Context
from huitong.core.errors import RejectedError
from huitong.core.genesis import (
    GenesisError,
    check_known_keys,
    integer_from_json,
    message_from_json,
    message_to_json,
    messages_from_json,
)
from huitong.core.limits import PROPOSALS_ENDED_MAX, PROPOSALS_OPEN_MAX
from huitong.modules.governance.contents import read_messages
from huitong.modules.governance.rules import check_rules
from huitong.modules.governance.state import (
    DEFAULT_PARAMS,
    VOTING,
    all_proposals,
    find_proposal,
    find_vote,
    get_params,
    next_proposal_id,
    save_new_proposal,
    save_next_proposal_id,
    save_params,
    save_vote,
    votes_after,
)
from huitong.modules.members.state import get_member
from huitong.proto.huitong.governance.v1 import governance_pb2 as pb


def init_genesis(ctx: Context, state: dict[str, Any]) -> None:
    """Write the rules, proposals and votes of a genesis file.

    Raises:
        GenesisError: anything in it is unknown, malformed, twice, or out of bounds.
    """
    known = ("params", "proposals", "votes", "next_proposal_id")
    check_known_keys(state, known, "governance")
    save_params(ctx, _params_from_json(state.get("params", {})))
    where = "governance.proposals"
    # The library reorders the entries of messages that name their type while it reads.
    given = deepcopy(state.get("proposals", []))
    proposals = messages_from_json(pb.Proposal, given, where)
    opened = sum(proposal.status == VOTING for proposal in proposals)
    if opened > PROPOSALS_OPEN_MAX or len(proposals) - opened > PROPOSALS_ENDED_MAX:
        raise GenesisError(where=where, reason="there are more than a zone keeps")
    numbers = [proposal.proposal_id for proposal in proposals]
    least = max(numbers, default=0) + 1
    next_id = integer_from_json(
        state.get("next_proposal_id", least), "governance.next_proposal_id"
    )
    if next_id < least:
        raise GenesisError(
            where="governance.next_proposal_id", reason=f"expected {least} or more"
        )
    save_next_proposal_id(ctx, next_id)
    for index, proposal in enumerate(proposals):
        try:
            _init_proposal(ctx, proposal)
        except RejectedError as wrong:
            raise GenesisError(where=f"{where}[{index}]", reason=str(wrong)) from wrong
    where = "governance.votes"
    for index, vote in enumerate(
        messages_from_json(pb.Vote, state.get("votes", []), where)
    ):
        _init_vote(ctx, vote, f"{where}[{index}]")


def export_genesis(ctx: Context) -> dict[str, Any]:
    """Return the rules, all proposals by number, and their votes."""
    proposals = sorted(all_proposals(ctx), key=lambda known: known.proposal_id)
    return {
        "params": message_to_json(get_params(ctx)),
        "proposals": [message_to_json(proposal) for proposal in proposals],
        "votes": [
            message_to_json(vote)
            for proposal in proposals
            for vote in votes_after(ctx, proposal.proposal_id, "")
        ],
        "next_proposal_id": str(next_proposal_id(ctx)),
    }


def _params_from_json(data: object) -> pb.Params:
    where = "governance.params"
    given = message_from_json(pb.Params, data, where)
    params = pb.Params()
    params.CopyFrom(DEFAULT_PARAMS)
    params.MergeFrom(given)
    try:
        check_rules(params)
    except RejectedError as wrong:
        raise GenesisError(where=where, reason=str(wrong)) from wrong
    return params


def _init_proposal(ctx: Context, proposal: pb.Proposal) -> None:
    number = str(proposal.proposal_id)
    if not proposal.proposal_id or find_proposal(ctx, proposal.proposal_id) is not None:
        raise GenesisError(
            where=number, reason="proposal_id is missing or stands twice"
        )
    get_member(ctx, proposal.proposer)
    check_rules(proposal.params)
    is_open = proposal.status == VOTING
    if not proposal.status or bool(proposal.ended_height) == is_open:
        raise GenesisError(where=number, reason="status and ended_height do not fit")
    if proposal.deadline <= 0 or proposal.submitted_time <= 0:
        raise GenesisError(where=number, reason="deadline or submitted_time is missing")
    if is_open:
        read_messages(ctx, proposal.messages)
    save_new_proposal(ctx, proposal)


def _init_vote(ctx: Context, vote: pb.Vote, where: str) -> None:
    if find_proposal(ctx, vote.proposal_id) is None or not vote.member_id:
        raise GenesisError(where=where, reason="it names no proposal or no member")
    if vote.option == pb.VOTE_OPTION_UNSPECIFIED:
        raise GenesisError(where=where, reason="it has no option")
    if find_vote(ctx, vote.proposal_id, vote.member_id) is not None:
        raise GenesisError(where=where, reason="stands twice")
    save_vote(ctx, vote)
