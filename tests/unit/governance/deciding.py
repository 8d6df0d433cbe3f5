"""A zone of four organisations that decide, without an engine."""

from __future__ import annotations

from typing import Any

from huitong.client.voting import proposal_of
from huitong.core.module import Module
from huitong.modules import consensus, governance, members
from huitong.modules.governance.state import (
    find_proposal,
)
from huitong.proto.huitong.governance.v1 import governance_pb2 as pb
from huitong.proto.huitong.members.v1 import members_pb2
from huitong.testing.actors import address_of, members_genesis
from huitong.testing.contexts import MemoryZone

YES, NO, ABSTAIN = pb.VOTE_OPTION_YES, pb.VOTE_OPTION_NO, pb.VOTE_OPTION_ABSTAIN
PERIOD_S = 100
NAMES = ("bank", "court", "port", "tax")


def new_zone(
    names: tuple[str, ...] = NAMES, module: Module = members.MODULE, **params: Any
) -> MemoryZone:
    """Return a zone of organisations with a delegate each, and a regulator."""
    genesis = members_genesis({name: (name, "delegate") for name in names})
    genesis["accounts"].append(
        {"address": address_of("regulator"), "roles": ["regulator"]}
    )
    rules = {"voting_period_s": str(PERIOD_S), **params}
    return MemoryZone(
        [module, consensus.MODULE, governance.MODULE],
        genesis={"members": genesis, "governance": {"params": rules}},
    )


def admit(member_id: str) -> members_pb2.MsgAdmitMember:
    """Return the message that admits a member."""
    return members_pb2.MsgAdmitMember(member_id=member_id, name="x")


def propose(zone: MemoryZone, *messages: Any, by: str = "bank") -> int:
    """Submit a proposal and return its number."""
    submit = proposal_of(address_of(by), messages, title="t", reason="r")
    return int(zone.run(submit).proposal_id)


def vote(zone: MemoryZone, number: int, **options: pb.VoteOption) -> None:
    """Vote for members by name."""
    for name, option in options.items():
        zone.run(pb.MsgVote(signer=address_of(name), proposal_id=number, option=option))


def ended(zone: MemoryZone, seconds: int = PERIOD_S) -> list[str]:
    """Return the status of each proposal that ends in the block after so long."""
    zone.next_block(seconds)
    return [told["status"] for told in zone.told("proposal_ended")]


def proposal(zone: MemoryZone, number: int) -> pb.Proposal:
    """Return a proposal as it is stored."""
    found = find_proposal(zone.context(), number)
    assert found is not None
    return found
