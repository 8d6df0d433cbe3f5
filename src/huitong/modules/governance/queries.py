"""Answers about proposals, votes and the rules of voting."""

from __future__ import annotations

from huitong.core.context import Context
from huitong.core.paging import page_of
from huitong.modules.governance.counting import count_votes, is_passing
from huitong.modules.governance.state import (
    VOTING,
    all_proposals,
    get_params,
    get_proposal,
    votes_after,
)
from huitong.proto.huitong.governance.v1 import governance_pb2 as pb


def answer_proposal(
    ctx: Context, request: pb.QueryProposalRequest
) -> pb.QueryProposalResponse:
    """Return one proposal and how it stands.

    Raises:
        ProposalNotFoundError: there is none, or none any more.
    """
    proposal = get_proposal(ctx, request.proposal_id)
    return pb.QueryProposalResponse(proposal=proposal, tally=_tally(ctx, proposal))


def answer_proposals(
    ctx: Context, request: pb.QueryProposalsRequest
) -> pb.QueryProposalsResponse:
    """Return proposals, newest first; as many as the zone keeps are few."""
    found = (
        proposal
        for proposal in all_proposals(ctx, request.start_after)
        if not request.status or proposal.status == request.status
    )
    proposals, more = page_of(found, request.limit)
    return pb.QueryProposalsResponse(
        proposals=proposals, next=proposals[-1].proposal_id if more else 0
    )


def answer_votes(ctx: Context, request: pb.QueryVotesRequest) -> pb.QueryVotesResponse:
    """Return votes by member id.

    Raises:
        ProposalNotFoundError: there is no such proposal.
    """
    get_proposal(ctx, request.proposal_id)
    found = votes_after(ctx, request.proposal_id, request.start_after)
    votes, more = page_of(found, request.limit)
    return pb.QueryVotesResponse(votes=votes, next=votes[-1].member_id if more else "")


def answer_tally(ctx: Context, request: pb.QueryTallyRequest) -> pb.QueryTallyResponse:
    """Return the weights as of now, or at the deadline if that has passed.

    Raises:
        ProposalNotFoundError: there is no such proposal.
    """
    proposal = get_proposal(ctx, request.proposal_id)
    tally = _tally(ctx, proposal)
    return pb.QueryTallyResponse(
        tally=tally, passing=is_passing(tally, proposal.params)
    )


def answer_params(
    ctx: Context, request: pb.QueryParamsRequest
) -> pb.QueryParamsResponse:
    """Return the rules for new proposals."""
    return pb.QueryParamsResponse(params=get_params(ctx))


def _tally(ctx: Context, proposal: pb.Proposal) -> pb.Tally:
    return count_votes(ctx, proposal) if proposal.status == VOTING else proposal.tally
