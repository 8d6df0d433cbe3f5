"""``huitong governance``: propose, vote, and see how decisions stand."""

from __future__ import annotations

from typing import Any

import click

from huitong.cli.errors import cli_errors
from huitong.cli.numbers import Number
from huitong.cli.propose import propose_group
from huitong.cli.proposing import packed_to_json
from huitong.cli.zones import (
    json_option,
    limit_option,
    message_object,
    node_option,
    send,
    show,
    show_many,
    signing_options,
    with_zone,
)
from huitong.client import ZoneClient
from huitong.client.voting import QUERY_PATH
from huitong.core.time import format_rfc3339
from huitong.proto.huitong.governance.v1 import governance_pb2 as pb

_OPTIONS = {
    "yes": pb.VOTE_OPTION_YES,
    "no": pb.VOTE_OPTION_NO,
    "abstain": pb.VOTE_OPTION_ABSTAIN,
}
_STATUSES = {
    "voting": pb.PROPOSAL_STATUS_VOTING,
    "passed": pb.PROPOSAL_STATUS_PASSED,
    "rejected": pb.PROPOSAL_STATUS_REJECTED,
    "failed": pb.PROPOSAL_STATUS_FAILED,
    "withdrawn": pb.PROPOSAL_STATUS_WITHDRAWN,
}
_number = click.argument("proposal_id", type=Number(min=1))


@click.group()
def governance() -> None:
    """Decide with the other members: propose, vote, see the result."""


governance.add_command(propose_group)


@governance.command()
@_number
@click.argument("option", type=click.Choice(list(_OPTIONS)))
@click.option("--reason", default="", help="Why; everybody in the zone reads it.")
@signing_options
@cli_errors
def vote(proposal_id: int, option: str, reason: str, **signing: Any) -> None:
    """Vote for your organisation, once and for all (delegate)."""
    send(
        lambda signer: pb.MsgVote(
            signer=signer,
            proposal_id=proposal_id,
            option=_OPTIONS[option],
            reason=reason,
        ),
        **signing,
    )


@governance.command()
@_number
@click.option("--reason", required=True)
@signing_options
@cli_errors
def withdraw(proposal_id: int, reason: str, **signing: Any) -> None:
    """Take a proposal of your organisation back (delegate)."""
    send(
        lambda signer: pb.MsgWithdrawProposal(
            signer=signer, proposal_id=proposal_id, reason=reason
        ),
        **signing,
    )


@governance.command("show")
@_number
@node_option
@json_option
@cli_errors
def show_proposal(proposal_id: int, node: str, as_json: bool) -> None:
    """Show a proposal: what it does, how it stands, until when, and who voted what."""

    async def run(client: ZoneClient) -> dict[str, Any]:
        answer = await client.query(
            f"{QUERY_PATH}/Proposal",
            pb.QueryProposalRequest(proposal_id=proposal_id),
            pb.QueryProposalResponse,
        )
        counted = await client.query(
            f"{QUERY_PATH}/Tally",
            pb.QueryTallyRequest(proposal_id=proposal_id),
            pb.QueryTallyResponse,
        )
        votes = await client.query(
            f"{QUERY_PATH}/Votes",
            pb.QueryVotesRequest(proposal_id=proposal_id, limit=1000),
            pb.QueryVotesResponse,
        )
        shown = _proposal_object(answer.proposal)
        shown["tally"] = message_object(counted.tally)
        shown["passing"] = counted.passing
        shown["votes"] = [_vote_object(known) for known in votes.votes]
        return shown

    show(with_zone(node, run), as_json=as_json)


@governance.command("list")
@click.option("--status", type=click.Choice(list(_STATUSES)), help="Only these.")
@limit_option
@node_option
@json_option
@cli_errors
def list_proposals(status: str | None, limit: int, node: str, as_json: bool) -> None:
    """List proposals, newest first."""

    async def run(client: ZoneClient) -> list[dict[str, Any]]:
        request = pb.QueryProposalsRequest(limit=limit)
        if status:
            request.status = _STATUSES[status]
        answer = await client.query(
            f"{QUERY_PATH}/Proposals", request, pb.QueryProposalsResponse
        )
        return [_summary_object(known) for known in answer.proposals]

    show_many("proposals", with_zone(node, run), as_json=as_json)


@governance.command()
@node_option
@json_option
@cli_errors
def params(node: str, as_json: bool) -> None:
    """Show the rules for new proposals. Basis points: 10000 is all."""

    async def run(client: ZoneClient) -> dict[str, Any]:
        answer = await client.query(
            f"{QUERY_PATH}/Params", pb.QueryParamsRequest(), pb.QueryParamsResponse
        )
        return message_object(answer.params)

    show(with_zone(node, run), as_json=as_json)


def _summary_object(proposal: pb.Proposal) -> dict[str, Any]:
    known = message_object(proposal)
    return {
        "proposal_id": proposal.proposal_id,
        "title": proposal.title,
        "proposer": proposal.proposer,
        "status": known["status"],
        "deadline": format_rfc3339(proposal.deadline),
    }


def _proposal_object(proposal: pb.Proposal) -> dict[str, Any]:
    shown = {
        **_summary_object(proposal),
        "reason": proposal.reason,
        "submitted_by": proposal.submitted_by,
        "submitted": format_rfc3339(proposal.submitted_time),
        "rules": message_object(proposal.params),
        "messages": [packed_to_json(packed) for packed in proposal.messages],
    }
    if proposal.error_code:
        shown["failure"] = {
            "message": proposal.failed_message,
            "codespace": proposal.error_codespace,
            "code": proposal.error_code,
        }
    return shown


def _vote_object(known: pb.Vote) -> dict[str, Any]:
    shown = message_object(known)
    del shown["proposal_id"]
    return shown
