"""Who froze others in an emergency cannot keep them frozen."""

from __future__ import annotations

import pytest

from huitong.client.voting import proposal_of
from huitong.core.errors import HuitongError
from huitong.modules import consensus, governance, members
from huitong.modules.governance.errors import OwnFreezeError
from huitong.modules.governance.state import get_proposal
from huitong.modules.members.errors import TooManyFrozenError
from huitong.proto.huitong.governance.v1 import governance_pb2 as pb
from huitong.proto.huitong.members.v1 import members_pb2
from huitong.testing.actors import address_of, members_genesis
from huitong.testing.contexts import MemoryZone

PERIOD_S = 100
CALLERS = ("m00", "m01")


def new_zone(count: int, **params: object) -> MemoryZone:
    names = [f"m{number:02}" for number in range(count)]
    rules = {"voting_period_s": str(PERIOD_S), **params}
    return MemoryZone(
        [members.MODULE, consensus.MODULE, governance.MODULE],
        genesis={
            "members": members_genesis({name: (name, "delegate") for name in names}),
            "governance": {"params": rules},
        },
    )


def freeze(zone: MemoryZone, member_id: str) -> None:
    for caller in CALLERS:
        zone.run(
            members_pb2.MsgEmergencyFreeze(
                signer=address_of(caller), member_id=member_id, reason="x"
            )
        )


def freeze_all_they_can(zone: MemoryZone, count: int) -> list[str]:
    frozen = []
    for number in range(2, count):
        try:
            freeze(zone, f"m{number:02}")
        except TooManyFrozenError:
            break
        frozen.append(f"m{number:02}")
    return frozen


def outcome(
    zone: MemoryZone, messages: list[object], yes: list[str], no: list[str]
) -> pb.Proposal:
    submit = proposal_of(address_of(yes[0]), messages, title="t", reason="r")
    number = zone.run(submit).proposal_id
    for names, option in ((yes, pb.VOTE_OPTION_YES), (no, pb.VOTE_OPTION_NO)):
        for name in names:
            zone.run(
                pb.MsgVote(signer=address_of(name), proposal_id=number, option=option)
            )
    zone.next_block(PERIOD_S)
    return get_proposal(zone.context(), number)


def lift(member_id: str) -> members_pb2.MsgLiftEmergencyFreeze:
    return members_pb2.MsgLiftEmergencyFreeze(member_id=member_id, reason="x")


@pytest.mark.parametrize("threshold_bp", [5_000, 6_666])
@pytest.mark.parametrize("count", [4, 5, 6, 7, 10, 12, 15, 30])
def test_two_that_froze_all_they_could_cannot_keep_them_frozen(
    count: int, threshold_bp: int
) -> None:
    zone = new_zone(count, quorum_bp=6_666, threshold_bp=threshold_bp)
    frozen = freeze_all_they_can(zone, count)
    assert frozen
    others = [
        f"m{number:02}" for number in range(2, count) if f"m{number:02}" not in frozen
    ]
    ended = outcome(zone, [lift(name) for name in frozen[:4]], others, [])
    assert ended.status == pb.PROPOSAL_STATUS_PASSED
    assert ended.tally == pb.Tally(yes=len(others), total=len(others))


def test_lift_in_company_of_another_message_is_counted_as_any_proposal() -> None:
    zone = new_zone(6)
    freeze(zone, "m05")
    admit = members_pb2.MsgAdmitMember(member_id="new", name="x")
    ended = outcome(zone, [lift("m05"), admit], ["m02", "m03"], list(CALLERS))
    assert ended.status == pb.PROPOSAL_STATUS_REJECTED
    assert ended.tally == pb.Tally(yes=2, no=2, frozen=1, total=6)


@pytest.mark.parametrize("option", [pb.VOTE_OPTION_YES, pb.VOTE_OPTION_NO])
@pytest.mark.parametrize("caller", CALLERS)
def test_votes_of_callers_on_lifting_their_freeze_are_refused(
    caller: str, option: pb.VoteOption
) -> None:
    zone = new_zone(6)
    freeze(zone, "m05")
    submit = proposal_of(address_of("m02"), [lift("m05")], title="t", reason="r")
    number = zone.run(submit).proposal_id
    vote = pb.MsgVote(signer=address_of(caller), proposal_id=number, option=option)
    with pytest.raises(OwnFreezeError, match=f"{caller} asked for a freeze"):
        zone.run(vote)
    zone.next_block(PERIOD_S)
    ended = get_proposal(zone.context(), number)
    assert ended.tally == pb.Tally(total=3)
    assert ended.status == pb.PROPOSAL_STATUS_REJECTED


def test_callers_vote_on_lifting_the_freezes_of_others() -> None:
    zone = new_zone(7)
    freeze(zone, "m06")
    for caller in ("m02", "m03"):
        zone.run(
            members_pb2.MsgEmergencyFreeze(
                signer=address_of(caller), member_id="m05", reason="x"
            )
        )
    ended = outcome(zone, [lift("m05")], [*CALLERS, "m04"], [])
    assert ended.status == pb.PROPOSAL_STATUS_PASSED
    assert ended.tally == pb.Tally(yes=3, total=3)


def test_freeze_that_leaves_nobody_to_judge_it_is_refused() -> None:
    zone = new_zone(3)
    with pytest.raises(HuitongError) as refused:
        freeze(zone, "m02")
    assert (refused.value.codespace, refused.value.code) == ("members", 23)
