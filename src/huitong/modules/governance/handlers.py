"""Submit, vote on and withdraw proposals; change the rules by vote.

Rules: [GOVERNANCE.1] a member with a vote proposes, by its delegate; [GOVERNANCE.2] a
member votes once; [GOVERNANCE.3] only members that were there when the proposal was
submitted vote on it; [GOVERNANCE.4] the rules of a proposal are those of its submission;
[GOVERNANCE.5] no rule lets less than half decide, or asks for more than two thirds;
[GOVERNANCE.6] who froze a member in an emergency has no vote on its return.
"""

from __future__ import annotations

from huitong.core.context import Context
from huitong.core.errors import InvalidRequestError
from huitong.core.fields import check_text
from huitong.core.limits import (
    PROPOSALS_OPEN_MAX,
    PROPOSALS_OPEN_PER_MEMBER_MAX,
    PROPOSALS_OPEN_SHARED_MAX,
    TEXT_BYTES_MAX,
    TITLE_BYTES_MAX,
    VOTING_PERIOD_BY_VOTE_S_MIN,
)
from huitong.core.time import NS_PER_SECOND
from huitong.modules.governance import events
from huitong.modules.governance.contents import check_would_work, read_messages
from huitong.modules.governance.counting import find_bar, is_interested
from huitong.modules.governance.errors import (
    AlreadyVotedError,
    NotProposerError,
    NoVoteError,
    OwnFreezeError,
    ProposalRoomReservedError,
    TooManyProposalsError,
    UnsafeRuleError,
    VotingEndedError,
)
from huitong.modules.governance.rules import check_rules
from huitong.modules.governance.state import (
    VOTING,
    find_vote,
    get_params,
    get_proposal,
    next_proposal_id,
    open_proposers,
    save_ended_proposal,
    save_new_proposal,
    save_next_proposal_id,
    save_params,
    save_vote,
)
from huitong.modules.governance.words import option_name, status_name
from huitong.modules.members.state import get_member, get_member_id
from huitong.proto.huitong.governance.v1 import governance_pb2 as pb

_OPTIONS = (pb.VOTE_OPTION_YES, pb.VOTE_OPTION_NO, pb.VOTE_OPTION_ABSTAIN)


def check_submit_proposal(ctx: Context, msg: pb.MsgSubmitProposal) -> None:
    """Raise unless the signer's member may ask for this decision.

    Raises:
        InvalidRequestError: title or reason malformed or missing, or no messages.
        NoMemberError: the signer acts for no member.
        NoVoteError: its member has no vote.
        TooManyProposalsError: too many are under vote, in all or of the member.
        ProposalRoomReservedError: the room that is left is for other members.
        ProposalTooLargeError: too many messages, or bytes in them.
        NotGovernedError, WrongAuthorityError: a message that no vote carries out.
        RejectedError: what a message that could not be carried out now raises.
    """
    check_text(msg.title, "title", TITLE_BYTES_MAX, required=True)
    check_text(msg.reason, "reason", TEXT_BYTES_MAX, required=True)
    member_id = get_member_id(ctx, msg.signer)
    _check_has_vote(ctx, member_id, ctx.block.height.revision_height)  # [GOVERNANCE.1]
    _check_room(ctx, member_id)
    check_would_work(ctx, read_messages(ctx, msg.messages))


def apply_submit_proposal(
    ctx: Context, msg: pb.MsgSubmitProposal
) -> pb.MsgSubmitProposalResponse:
    """Write the proposal with the rules of now ([GOVERNANCE.4]) and its deadline."""
    number = next_proposal_id(ctx)
    params = get_params(ctx)
    proposal = pb.Proposal(
        proposal_id=number,
        proposer=get_member_id(ctx, msg.signer),
        submitted_by=msg.signer,
        title=msg.title,
        reason=msg.reason,
        messages=msg.messages,
        params=params,
        submitted_height=ctx.block.height.revision_height,
        submitted_time=ctx.block.time_ns,
        deadline=ctx.block.time_ns + params.voting_period_s * NS_PER_SECOND,
        status=VOTING,
    )
    save_new_proposal(ctx, proposal)
    save_next_proposal_id(ctx, number + 1)
    ctx.emit(events.proposal_submitted(proposal))
    return pb.MsgSubmitProposalResponse(proposal_id=number)


def check_vote(ctx: Context, msg: pb.MsgVote) -> None:
    """Raise unless the signer's member may vote now.

    Raises:
        InvalidRequestError: no option, or the reason is malformed.
        ProposalNotFoundError: there is no such proposal.
        VotingEndedError: the deadline has passed, or it was withdrawn.
        NoMemberError: the signer acts for no member.
        NoVoteError: its member has no vote, or was admitted after the submission.
        OwnFreezeError: its member asked for a freeze that this lifts.
        AlreadyVotedError: its member has voted.
    """
    if msg.option not in _OPTIONS:
        raise InvalidRequestError(reason=f"option {msg.option} is no vote")
    check_text(msg.reason, "reason", TEXT_BYTES_MAX)
    proposal = _get_open(ctx, msg.proposal_id)
    member_id = get_member_id(ctx, msg.signer)
    _check_has_vote(ctx, member_id, proposal.submitted_height)  # [GOVERNANCE.3]
    if is_interested(ctx, proposal, member_id):  # [GOVERNANCE.6]
        raise OwnFreezeError(member_id=member_id, proposal_id=msg.proposal_id)
    vote = find_vote(ctx, msg.proposal_id, member_id)
    if vote is not None:  # [GOVERNANCE.2]
        raise AlreadyVotedError(
            member_id=member_id,
            option=option_name(vote.option),
            proposal_id=msg.proposal_id,
        )


def apply_vote(ctx: Context, msg: pb.MsgVote) -> pb.MsgVoteResponse:
    """Write the vote with its reason, for everybody in the zone to see."""
    vote = pb.Vote(
        proposal_id=msg.proposal_id,
        member_id=get_member_id(ctx, msg.signer),
        option=msg.option,
        reason=msg.reason,
        voted_by=msg.signer,
        height=ctx.block.height.revision_height,
    )
    save_vote(ctx, vote)
    ctx.emit(events.proposal_voted(vote))
    return pb.MsgVoteResponse()


def check_withdraw_proposal(ctx: Context, msg: pb.MsgWithdrawProposal) -> None:
    """Raise unless the signer's member may take its proposal back.

    Raises:
        InvalidRequestError: the reason is malformed or missing.
        ProposalNotFoundError: there is no such proposal.
        VotingEndedError: the deadline has passed, or it was withdrawn.
        NoMemberError: the signer acts for no member.
        NotProposerError: another member's proposal.
    """
    check_text(msg.reason, "reason", TEXT_BYTES_MAX, required=True)
    proposal = _get_open(ctx, msg.proposal_id)
    member_id = get_member_id(ctx, msg.signer)
    if member_id != proposal.proposer:
        raise NotProposerError(
            proposal_id=msg.proposal_id, proposer=proposal.proposer, member_id=member_id
        )


def apply_withdraw_proposal(
    ctx: Context, msg: pb.MsgWithdrawProposal
) -> pb.MsgWithdrawProposalResponse:
    """Write that nobody decides this; the votes so far stay to be seen."""
    proposal = get_proposal(ctx, msg.proposal_id)
    proposal.status = pb.PROPOSAL_STATUS_WITHDRAWN
    proposal.ended_height = ctx.block.height.revision_height
    save_ended_proposal(ctx, proposal)
    ctx.emit(
        events.proposal_withdrawn(proposal, reason=msg.reason, withdrawn_by=msg.signer)
    )
    return pb.MsgWithdrawProposalResponse()


def check_update_params(ctx: Context, msg: pb.MsgUpdateParams) -> None:
    """Raise unless these may be the rules of later proposals ([GOVERNANCE.5]).

    Raises:
        InvalidRequestError: no rule of weights.
        UnsafeRuleError: a number outside of its bounds, or a period that is shortened
            below what delegates need to notice.
    """
    check_rules(msg.params)
    period_s, known_s = msg.params.voting_period_s, get_params(ctx).voting_period_s
    if period_s < min(known_s, VOTING_PERIOD_BY_VOTE_S_MIN):
        raise UnsafeRuleError(
            rule="voting_period_s",
            actual=period_s,
            least=min(known_s, VOTING_PERIOD_BY_VOTE_S_MIN),
            most=known_s,
        )


def apply_update_params(
    ctx: Context, msg: pb.MsgUpdateParams
) -> pb.MsgUpdateParamsResponse:
    """Write the rules."""
    save_params(ctx, msg.params)
    ctx.emit(events.governance_params_changed(msg.params))
    return pb.MsgUpdateParamsResponse()


def _check_has_vote(ctx: Context, member_id: str, submitted_height: int) -> None:
    reason = find_bar(get_member(ctx, member_id), submitted_height)
    if reason:
        raise NoVoteError(member_id=member_id, reason=reason)


def _check_room(ctx: Context, member_id: str) -> None:
    """Raise unless there is room for one more proposal of a member."""
    proposers = open_proposers(ctx)
    count, own = len(proposers), proposers.count(member_id)
    if count >= PROPOSALS_OPEN_MAX:
        raise TooManyProposalsError(whose="the zone", maximum=PROPOSALS_OPEN_MAX)
    if own >= PROPOSALS_OPEN_PER_MEMBER_MAX:
        raise TooManyProposalsError(
            whose=member_id, maximum=PROPOSALS_OPEN_PER_MEMBER_MAX
        )
    if own and count >= PROPOSALS_OPEN_SHARED_MAX:
        raise ProposalRoomReservedError(count=count, member_id=member_id, own=own)


def _get_open(ctx: Context, proposal_id: int) -> pb.Proposal:
    """Return a proposal under vote.

    Raises:
        ProposalNotFoundError: there is no such proposal.
        VotingEndedError: the deadline has passed, or it was withdrawn.
    """
    proposal = get_proposal(ctx, proposal_id)
    if proposal.status != VOTING:
        raise VotingEndedError(
            proposal_id=proposal_id, status=status_name(proposal.status)
        )
    if ctx.block.time_ns >= proposal.deadline:
        raise VotingEndedError(proposal_id=proposal_id, status="waits to be counted")
    return proposal
