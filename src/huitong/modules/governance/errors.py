"""Refusals of the module ``governance``, codespace ``governance``.

Number 2 is ``core.errors.GovernedMessageError``.
"""

from __future__ import annotations

from huitong.core.errors import RejectedError


class ProposalNotFoundError(
    RejectedError, codespace="governance", code=3, text="no proposal {proposal_id}"
):
    """There is none, or it ended so long ago that the zone no longer keeps it."""


class VotingEndedError(
    RejectedError,
    codespace="governance",
    code=4,
    text="voting on proposal {proposal_id} has ended: {status}",
):
    """The deadline has passed, or the proposal was withdrawn."""


class AlreadyVotedError(
    RejectedError,
    codespace="governance",
    code=5,
    text="{member_id} has voted {option} on proposal {proposal_id}",
):
    """An organisation votes once, whichever of its delegates it is."""


class NoVoteError(
    RejectedError,
    codespace="governance",
    code=6,
    text="{member_id} has no vote on this: {reason}",
):
    """Those vote who were members with a vote when the proposal was submitted."""


class NotGovernedError(
    RejectedError,
    codespace="governance",
    code=7,
    text="message {index}: {what} is not decided by vote",
    next_step="Send it in a transaction of the account that it names.",
):
    """A proposal carries out governed messages only."""


class WrongAuthorityError(
    RejectedError,
    codespace="governance",
    code=8,
    text="message {index} names the signer {signer}, but a vote signs as {authority}",
):
    """The signer of a governed message is the governance address."""


class ProposalTooLargeError(
    RejectedError,
    codespace="governance",
    code=9,
    text="{what}: {actual}, at most {maximum}",
):
    """People must be able to read what they vote on."""


class TooManyProposalsError(
    RejectedError,
    codespace="governance",
    code=10,
    text="{whose}: {maximum} proposals are under vote, which is the limit",
    next_step="Wait for a deadline, or withdraw a proposal of yours.",
):
    """Each proposal costs a tally at its deadline."""


class NotProposerError(
    RejectedError,
    codespace="governance",
    code=11,
    text="proposal {proposal_id} is {proposer}'s, not {member_id}'s",
):
    """The member that proposed is the one that withdraws."""


class UnsafeRuleError(
    RejectedError,
    codespace="governance",
    code=12,
    text="{rule} of {actual}, allowed are {least} to {most}",
):
    """The rules must let two thirds decide, and not less than half."""


class ProposalRoomReservedError(
    RejectedError,
    codespace="governance",
    code=13,
    text="{count} proposals are under vote; the rest of the room is for members that have "
    "none, and {member_id} has {own}",
    next_step="Wait for a deadline, or withdraw your proposals.",
):
    """A few members together cannot keep the others from proposing."""


class OwnFreezeError(
    RejectedError,
    codespace="governance",
    code=14,
    text="{member_id} asked for a freeze that proposal {proposal_id} lifts, or is frozen "
    "so itself: the others decide",
):
    """Whoever froze a member in an emergency cannot keep it frozen by its vote."""
