"""Decisions of the organisations, made as their delegates make them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from google.protobuf.message import Message

from huitong.client import Sender, ZoneClient
from huitong.core.codec import pack_any
from huitong.localnet.consortium import LocalZone
from huitong.proto.huitong.governance.v1 import governance_pb2 as pb

PROPOSAL_PATH: Final = "/huitong.governance.v1.Query/Proposal"


async def decide(
    zone: LocalZone, url: str, voters: Sequence[str], title: str, *messages: Message
) -> int:
    """Propose, vote yes and wait for the deadline; return the block that carried it out.

    Args:
        zone: where the voters' keys lie.
        url: a node that runs.
        voters: keys of delegates; the first one proposes.
        title: what it is.
        *messages: governed messages.
    """
    async with ZoneClient(url) as client:
        senders = [Sender(client, zone.private_key(voter)) for voter in voters]
        submitted = await senders[0].send(
            pb.MsgSubmitProposal(
                signer=senders[0].address,
                title=title,
                reason="agreed by all",
                messages=[pack_any(message) for message in messages],
            )
        )
        number = submitted.response(pb.MsgSubmitProposalResponse).proposal_id
        for sender in senders:
            await sender.send(
                pb.MsgVote(
                    signer=sender.address,
                    proposal_id=number,
                    option=pb.VOTE_OPTION_YES,
                    reason="agreed",
                )
            )
        request = pb.QueryProposalRequest(proposal_id=number)
        height = submitted.height
        while True:
            answer = await client.query(
                PROPOSAL_PATH, request, pb.QueryProposalResponse
            )
            if answer.proposal.status != pb.PROPOSAL_STATUS_VOTING:
                break
            height = await client.wait_height(height + 1)
    proposal = answer.proposal
    assert proposal.status == pb.PROPOSAL_STATUS_PASSED, proposal
    return proposal.ended_height
