"""Proposals from submission to what comes of them."""

from __future__ import annotations

from huitong.modules import governance, members
from huitong.modules.members import find_member
from huitong.proto.huitong.governance.v1 import governance_pb2 as pb
from huitong.proto.huitong.members.v1 import members_pb2
from huitong.testing.actors import members_genesis
from huitong.testing.contexts import MemoryZone
from huitong.testing.votes import pass_proposal


def test_passed_proposal_is_carried_out_in_the_block_of_its_deadline() -> None:
    genesis = members_genesis(
        {name: (name, "delegate") for name in ("bank", "court", "tax")}
    )
    zone = MemoryZone([members.MODULE, governance.MODULE], genesis={"members": genesis})
    ended = pass_proposal(
        zone, members_pb2.MsgAdmitMember(member_id="customs", name="Customs")
    )
    assert ended.ended_height == zone.height == 2
    assert ended.tally == pb.Tally(yes=3, total=3)
    assert find_member(zone.context(), "customs") is not None
