"""What everybody sees of proposals and votes, and what an export keeps of them."""

from __future__ import annotations

from typing import Any

import pytest

from huitong.core.genesis import GenesisError
from huitong.core.limits import (
    PROPOSALS_ENDED_MAX,
)
from huitong.modules import governance, members
from huitong.modules.members import find_member
from huitong.proto.huitong.governance.v1 import governance_pb2 as pb
from huitong.testing.actors import address_of, members_genesis
from huitong.testing.contexts import MemoryZone
from huitong.testing.votes import pass_proposal
from tests.unit.governance.deciding import (
    NO,
    YES,
    admit,
    ended,
    new_zone,
    propose,
    vote,
)


def ask(zone: MemoryZone, name: str, request: Any) -> Any:
    return zone.query(f"/huitong.governance.v1.Query/{name}", request)


def test_everybody_sees_proposals_votes_and_how_they_stand() -> None:
    zone = new_zone()
    numbers = [propose(zone, admit(f"m-{n}")) for n in range(3)]
    vote(zone, 2, bank=YES, tax=NO, court=YES)
    zone.run(
        pb.MsgWithdrawProposal(
            signer=address_of("bank"), proposal_id=numbers[0], reason="typo"
        )
    )
    assert zone.told("proposal_withdrawn")[0]["reason"] == "typo"
    page = ask(zone, "Proposals", pb.QueryProposalsRequest(limit=2))
    assert [item.proposal_id for item in page.proposals] == [3, 2]
    rest = ask(zone, "Proposals", pb.QueryProposalsRequest(start_after=page.next))
    assert [item.proposal_id for item in rest.proposals] == [1]
    assert rest.next == 0
    withdrawn = ask(
        zone,
        "Proposals",
        pb.QueryProposalsRequest(status=pb.PROPOSAL_STATUS_WITHDRAWN),
    )
    assert [item.proposal_id for item in withdrawn.proposals] == [1]
    page = ask(zone, "Votes", pb.QueryVotesRequest(proposal_id=2, limit=2))
    assert [item.member_id for item in page.votes] == ["bank", "court"]
    rest = ask(
        zone, "Votes", pb.QueryVotesRequest(proposal_id=2, start_after=page.next)
    )
    assert [item.member_id for item in rest.votes] == ["tax"]
    tally = ask(zone, "Tally", pb.QueryTallyRequest(proposal_id=2))
    assert tally.tally == pb.Tally(yes=2, no=1, total=4)
    assert tally.passing
    shown = ask(zone, "Proposal", pb.QueryProposalRequest(proposal_id=2))
    assert shown.tally == tally.tally
    assert ask(zone, "Params", pb.QueryParamsRequest()).params.voting_period_s == 100


def test_export_with_running_votes_makes_the_same_state_again() -> None:
    zone = new_zone()
    pass_proposal(zone, admit("customs"))
    running = propose(zone, admit("other"))
    vote(zone, running, bank=YES, tax=NO, port=YES)
    exported = zone.export()
    again = MemoryZone(zone.modules, genesis=exported)
    assert again.export() == exported
    assert again.state.dump()["governance"] == zone.state.dump()["governance"]
    again.time_ns = zone.time_ns
    for one in (zone, again):
        vote(one, running, court=YES)
        assert ended(one) == ["passed"]
    assert again.state.dump()["members"] != {}
    assert find_member(again.context(), "other") is not None


GOOD: dict[str, Any] = {
    "proposal_id": "1",
    "proposer": "bank",
    "params": {
        "weight_rule": "WEIGHT_RULE_MEMBER",
        "voting_period_s": "60",
        "quorum_bp": 6000,
        "threshold_bp": 5000,
    },
    "submitted_time": "1",
    "deadline": "2",
    "status": "PROPOSAL_STATUS_REJECTED",
    "ended_height": "1",
}
VOTE = {"proposal_id": "1", "member_id": "bank", "option": "VOTE_OPTION_YES"}


def _without(name: str) -> dict[str, Any]:
    return {key: value for key, value in GOOD.items() if key != name}


@pytest.mark.parametrize(
    "state",
    [
        {"proposal": []},
        {"params": {"quorum_bp": 5_000}},
        {"params": {"voting_period_s": "0x"}},
        {"params": {"quorum": 6_000}},
        {"proposals": [GOOD, GOOD]},
        {"proposals": [_without("proposal_id")]},
        {"proposals": [{**GOOD, "proposer": "nobody"}]},
        {"proposals": [_without("params")]},
        {"proposals": [_without("status")]},
        {"proposals": [_without("ended_height")]},
        {"proposals": [_without("deadline")]},
        {
            "proposals": [
                {**_without("ended_height"), "status": "PROPOSAL_STATUS_VOTING"}
            ]
        },
        {"proposals": [GOOD], "next_proposal_id": "1"},
        {"proposals": [GOOD] * (PROPOSALS_ENDED_MAX + 1)},
        {"votes": [VOTE]},
        {"proposals": [GOOD], "votes": [VOTE, VOTE]},
        {"proposals": [GOOD], "votes": [{**VOTE, "option": "VOTE_OPTION_UNSPECIFIED"}]},
        {"proposals": [GOOD], "votes": [{**VOTE, "member_id": ""}]},
    ],
)
def test_genesis_with_a_mistake_is_refused(state: dict[str, Any]) -> None:
    genesis = members_genesis({"bank": ("bank", "delegate")})
    with pytest.raises(GenesisError):
        MemoryZone(
            [members.MODULE, governance.MODULE],
            genesis={"members": genesis, "governance": state},
        )


def test_empty_genesis_has_the_rules_by_default() -> None:
    zone = MemoryZone([members.MODULE, governance.MODULE])
    assert zone.export()["governance"] == {
        "params": {
            "weight_rule": "WEIGHT_RULE_MEMBER",
            "voting_period_s": "259200",
            "quorum_bp": 5001,
            "threshold_bp": 5000,
        },
        "proposals": [],
        "votes": [],
        "next_proposal_id": "1",
    }
