"""Proposals over RPC: propose, vote, wait for what comes of it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

from google.protobuf.message import Message

from huitong.client.answers import TxOutcome
from huitong.client.sender import Sender
from huitong.client.zone import ZoneClient
from huitong.core.address import GOVERNANCE_ADDRESS
from huitong.core.codec import pack_any
from huitong.proto.huitong.governance.v1 import governance_pb2 as pb

QUERY_PATH: Final = "/huitong.governance.v1.Query"
#: How often the zone is asked whether a proposal has ended, in seconds.
_ASK_S: Final = 0.2


def proposal_of(
    signer: str, messages: Sequence[Message], *, title: str, reason: str
) -> pb.MsgSubmitProposal:
    """Return the message that proposes ``messages``, signed as by a vote.

    Args:
        signer: address of a delegate.
        messages: governed messages; each gets the governance address as its signer.
        title: one line for people.
        reason: why.
    """
    packed = []
    for message in messages:
        governed = type(message)()
        governed.CopyFrom(message)
        governed.signer = GOVERNANCE_ADDRESS  # type: ignore[attr-defined]
        packed.append(pack_any(governed))
    return pb.MsgSubmitProposal(
        signer=signer, title=title, reason=reason, messages=packed
    )


async def propose(
    sender: Sender, messages: Sequence[Message], *, title: str, reason: str
) -> int:
    """Submit a proposal of ``messages`` and return its number.

    Raises:
        TransactionFailedError: the zone refuses it.
    """
    message = proposal_of(sender.address, messages, title=title, reason=reason)
    outcome: TxOutcome = await sender.send(message)
    return outcome.response(pb.MsgSubmitProposalResponse).proposal_id


async def vote(
    sender: Sender,
    proposal_id: int,
    option: pb.VoteOption = pb.VOTE_OPTION_YES,
    reason: str = "",
) -> None:
    """Vote for the member of ``sender``.

    Raises:
        TransactionFailedError: the zone refuses it.
    """
    await sender.send(
        pb.MsgVote(
            signer=sender.address,
            proposal_id=proposal_id,
            option=option,
            reason=reason,
        )
    )


async def get_proposal(client: ZoneClient, proposal_id: int) -> pb.Proposal:
    """Return a proposal.

    Raises:
        QueryError: there is none (governance/3).
    """
    answer = await client.query(
        f"{QUERY_PATH}/Proposal",
        pb.QueryProposalRequest(proposal_id=proposal_id),
        pb.QueryProposalResponse,
    )
    return answer.proposal


async def wait_for_end(client: ZoneClient, proposal_id: int) -> pb.Proposal:
    """Return a proposal once its voting has ended."""
    while True:
        proposal = await get_proposal(client, proposal_id)
        if proposal.status != pb.PROPOSAL_STATUS_VOTING:
            return proposal
        await asyncio.sleep(_ASK_S)


async def decide(
    delegates: Sequence[Sender],
    *messages: Message,
    title: str = "a change",
    reason: str = "agreed by the members",
) -> pb.Proposal:
    """Propose ``messages``, let all delegates vote yes, and wait for the deadline.

    Args:
        delegates: one for each organisation that votes; the first proposes.
        *messages: governed messages.
        title: one line for people.
        reason: why.

    Returns:
        The proposal with its status, ``PASSED`` if it was carried out.

    Raises:
        TransactionFailedError: the zone refuses the proposal or a vote.
    """
    number = await propose(delegates[0], messages, title=title, reason=reason)
    await asyncio.gather(*(vote(sender, number) for sender in delegates))
    return await wait_for_end(delegates[0].client, number)
