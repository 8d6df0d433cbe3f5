"""What proposals may cost: work, room under vote, room afterwards."""

from __future__ import annotations

import pytest

from huitong.core.limits import (
    PROPOSALS_ENDED_MAX,
    PROPOSALS_OPEN_MAX,
    PROPOSALS_OPEN_PER_MEMBER_MAX,
    PROPOSALS_OPEN_SHARED_MAX,
    PROPOSALS_PER_BLOCK_MAX,
)
from huitong.modules.governance.errors import (
    ProposalRoomReservedError,
    TooManyProposalsError,
)
from huitong.modules.governance.state import (
    find_proposal,
    save_new_proposal,
    save_vote,
    votes_after,
)
from huitong.proto.huitong.governance.v1 import governance_pb2 as pb
from huitong.testing.actors import address_of
from huitong.testing.contexts import MemoryZone
from tests.unit.governance.deciding import (
    YES,
    admit,
    ended,
    new_zone,
    proposal,
    propose,
    vote,
)


def test_block_ends_so_many_proposals_and_the_next_one_goes_on() -> None:
    zone = new_zone()
    count = PROPOSALS_PER_BLOCK_MAX + 2
    numbers = [propose(zone, admit(f"m-{n}")) for n in range(count)]
    for number in numbers:
        vote(zone, number, bank=YES, court=YES, port=YES)
    assert ended(zone) == ["passed"] * PROPOSALS_PER_BLOCK_MAX
    last = proposal(zone, numbers[-1])
    assert last.status == pb.PROPOSAL_STATUS_VOTING
    assert ended(zone, 1) == ["passed"] * 2
    assert [proposal(zone, number).ended_height for number in numbers] == [
        *[2] * PROPOSALS_PER_BLOCK_MAX,
        3,
        3,
    ]


def test_zone_keeps_so_many_ended_proposals_and_forgets_the_oldest_with_its_votes() -> (
    None
):
    zone = new_zone()
    ctx = zone.context()
    for number in range(1, PROPOSALS_ENDED_MAX + 1):
        old = pb.Proposal(
            proposal_id=1_000_000 - number,
            status=pb.PROPOSAL_STATUS_REJECTED,
            ended_height=1,
        )
        save_new_proposal(ctx, old)
    zone.take(ctx)
    zone.next_block(1)
    oldest = 1_000_000 - PROPOSALS_ENDED_MAX
    ctx = zone.context()
    save_vote(ctx, pb.Vote(proposal_id=oldest, member_id="tax", option=YES))
    zone.take(ctx)
    number = propose(zone, admit("customs"))
    vote(zone, number, bank=YES)
    ended(zone)
    ctx = zone.context()
    assert find_proposal(ctx, oldest) is None
    assert list(votes_after(ctx, oldest, "")) == []
    assert find_proposal(ctx, oldest + 1) is not None
    assert len(list(votes_after(ctx, number, ""))) == 1


def fill(zone: MemoryZone, count: int) -> None:
    """Put proposals under vote, each of another member."""
    ctx = zone.context()
    for number in range(count):
        other = pb.Proposal(
            proposal_id=1_000 + number,
            proposer=f"m-{number}",
            deadline=2**62,
            status=pb.PROPOSAL_STATUS_VOTING,
        )
        save_new_proposal(ctx, other)
    zone.take(ctx)


def test_zone_has_room_for_so_many_open_proposals() -> None:
    zone = new_zone()
    fill(zone, PROPOSALS_OPEN_MAX)
    with pytest.raises(TooManyProposalsError, match="the zone"):
        propose(zone, admit("customs"))


def test_half_of_the_room_is_for_members_without_a_proposal() -> None:
    zone = new_zone()
    fill(zone, PROPOSALS_OPEN_SHARED_MAX - 2)
    first = propose(zone, admit("a"))
    propose(zone, admit("b"))
    with pytest.raises(ProposalRoomReservedError, match=r"50 .* bank has 2"):
        propose(zone, admit("c"))
    propose(zone, admit("c"), by="tax")
    with pytest.raises(ProposalRoomReservedError, match=r"51 .* tax has 1"):
        propose(zone, admit("d"), by="tax")
    withdraw = pb.MsgWithdrawProposal(
        signer=address_of("bank"), proposal_id=first, reason="room"
    )
    zone.run(withdraw)
    with pytest.raises(ProposalRoomReservedError, match=r"50 .* bank has 1"):
        propose(zone, admit("d"))


def test_few_members_cannot_keep_the_others_from_proposing() -> None:
    zone = new_zone()
    ctx = zone.context()
    per_member = PROPOSALS_OPEN_PER_MEMBER_MAX
    for number in range(PROPOSALS_OPEN_SHARED_MAX):
        greedy = pb.Proposal(
            proposal_id=1_000 + number,
            proposer=f"m-{number // per_member}",
            deadline=2**62,
            status=pb.PROPOSAL_STATUS_VOTING,
        )
        save_new_proposal(ctx, greedy)
    zone.take(ctx)
    for name in ("bank", "tax", "court"):
        assert propose(zone, admit(f"by-{name}"), by=name)
