"""What the module ``governance`` tells the world."""

from __future__ import annotations

from huitong.core.events import Event, event
from huitong.modules.governance.words import option_name, status_name, weight_rule_name
from huitong.proto.huitong.governance.v1.governance_pb2 import Params, Proposal, Vote


def proposal_submitted(proposal: Proposal) -> Event:
    """A member asks the others to decide."""
    return event(
        "proposal_submitted",
        proposal_id=proposal.proposal_id,
        proposer=proposal.proposer,
        submitted_by=proposal.submitted_by,
        title=proposal.title,
        reason=proposal.reason,
        messages=",".join(message.type_url for message in proposal.messages),
        deadline=proposal.deadline,
    )


def proposal_voted(vote: Vote) -> Event:
    """A member has voted."""
    return event(
        "proposal_voted",
        proposal_id=vote.proposal_id,
        member_id=vote.member_id,
        option=option_name(vote.option),
        reason=vote.reason,
        voted_by=vote.voted_by,
    )


def proposal_ended(proposal: Proposal) -> Event:
    """The deadline has passed, and this is what came of the proposal."""
    tally = proposal.tally
    return event(
        "proposal_ended",
        proposal_id=proposal.proposal_id,
        status=status_name(proposal.status),
        yes=tally.yes,
        no=tally.no,
        abstain=tally.abstain,
        frozen=tally.frozen,
        total=tally.total,
        error_codespace=proposal.error_codespace,
        error_code=proposal.error_code,
        failed_message=proposal.failed_message,
    )


def proposal_withdrawn(proposal: Proposal, *, reason: str, withdrawn_by: str) -> Event:
    """The member that proposed took it back."""
    return event(
        "proposal_withdrawn",
        proposal_id=proposal.proposal_id,
        proposer=proposal.proposer,
        reason=reason,
        withdrawn_by=withdrawn_by,
    )


def governance_params_changed(params: Params) -> Event:
    """Later proposals are counted by other rules."""
    return event(
        "governance_params_changed",
        weight_rule=weight_rule_name(params.weight_rule),
        voting_period_s=params.voting_period_s,
        quorum_bp=params.quorum_bp,
        threshold_bp=params.threshold_bp,
    )
