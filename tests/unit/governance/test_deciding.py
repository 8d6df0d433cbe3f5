"""Proposals from submission to what comes of them: weights, freezes, order, limits."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from huitong.core.context import Context
from huitong.core.limits import PROPOSAL_GAS_MAX
from huitong.core.module import Module
from huitong.core.store.errors import StorageCorruptError
from huitong.modules import governance, members
from huitong.modules.consensus.state import save_validator
from huitong.modules.governance.counting import is_passing
from huitong.modules.members import find_member
from huitong.proto.huitong.consensus.v1 import consensus_pb2
from huitong.proto.huitong.governance.v1 import governance_pb2 as pb
from huitong.proto.huitong.members.v1 import members_pb2
from huitong.testing.actors import address_of
from huitong.testing.contexts import MemoryZone
from huitong.testing.votes import pass_proposal
from tests.unit.governance.deciding import (
    NO,
    PERIOD_S,
    YES,
    admit,
    ended,
    new_zone,
    proposal,
    propose,
    vote,
)


def test_passed_proposal_is_carried_out_in_the_block_of_its_deadline() -> None:
    zone = new_zone()
    passed = pass_proposal(zone, admit("customs"))
    assert passed.ended_height == zone.height == 2
    assert passed.tally == pb.Tally(yes=4, total=4)
    assert find_member(zone.context(), "customs") is not None
    told = zone.told("member_admitted")
    assert [item["member_id"] for item in told] == ["customs"]


def test_deadline_is_the_first_moment_outside_of_the_voting_period() -> None:
    zone = new_zone()
    number = propose(zone, admit("customs"))
    vote(zone, number, bank=YES, court=YES, port=YES)
    assert ended(zone, PERIOD_S - 1) == []
    assert ended(zone, 1) == ["passed"]


def test_proposal_is_told_with_its_votes_and_its_end() -> None:
    zone = new_zone()
    number = propose(zone, admit("customs"))
    told = zone.told("proposal_submitted")[0]
    assert told["messages"] == "/huitong.members.v1.MsgAdmitMember"
    assert (told["proposer"], told["proposal_id"]) == ("bank", "1")
    vote(zone, number, court=NO)
    assert zone.told("proposal_voted")[0]["option"] == "no"
    ended(zone)
    assert zone.told("proposal_ended") == [
        {
            "proposal_id": "1",
            "status": "rejected",
            "yes": "0",
            "no": "1",
            "abstain": "0",
            "frozen": "0",
            "total": "4",
            "error_codespace": "",
            "error_code": "0",
            "failed_message": "0",
        }
    ]


@pytest.mark.parametrize(
    ("yes", "no", "abstain", "frozen", "total", "passes"),
    [
        (0, 0, 0, 0, 0, False),
        (0, 0, 4, 0, 4, False),
        (2, 0, 0, 0, 4, False),  # half is not more than half
        (1, 0, 2, 0, 4, True),
        (3, 0, 0, 0, 5, True),
        (1, 1, 1, 0, 4, False),  # as many no as yes
        (2, 1, 0, 0, 4, True),
        (2, 1, 0, 1, 4, False),  # a frozen member stands against it
        (3, 0, 0, 1, 4, True),
        (5_001, 0, 0, 0, 10_000, True),
        (5_000, 0, 0, 0, 10_000, False),
    ],
)
def test_quorum_and_threshold_are_compared_exactly(
    yes: int, no: int, abstain: int, frozen: int, total: int, passes: bool
) -> None:
    tally = pb.Tally(yes=yes, no=no, abstain=abstain, frozen=frozen, total=total)
    params = pb.Params(quorum_bp=5_001, threshold_bp=5_000)
    assert is_passing(tally, params) == passes


def test_highest_rules_let_two_thirds_decide() -> None:
    params = pb.Params(quorum_bp=6_666, threshold_bp=6_666)
    for total in range(1, 200):
        least = -(-2 * total // 3)
        assert is_passing(pb.Tally(yes=least, total=total), params)
        against = pb.Tally(yes=least, no=total - least, total=total)
        assert is_passing(against, params)


def test_freeze_cannot_swing_a_vote() -> None:
    """Two against two, and the two stop one of the others."""
    zone = new_zone()
    number = propose(zone, admit("customs"))
    vote(zone, number, bank=YES, court=YES, port=NO, tax=NO)
    for name in ("bank", "court"):
        zone.run(
            members_pb2.MsgEmergencyFreeze(
                signer=address_of(name), member_id="tax", reason="x"
            )
        )
    assert ended(zone) == ["rejected"]
    tally = proposal(zone, number).tally
    assert tally == pb.Tally(yes=2, no=1, frozen=1, total=4)


def test_member_may_be_excluded_while_it_is_frozen() -> None:
    zone = new_zone()
    zone.run(
        members_pb2.MsgFreezeMember(
            signer=address_of("regulator"),
            member_id="tax",
            kind="FREEZE_KIND_REGULATOR",
            reason="x",
        )
    )
    out = members_pb2.MsgSetMemberStatus(
        member_id="tax", status="MEMBER_STATUS_REMOVED", reason="rogue"
    )
    pass_proposal(zone, out)
    member = find_member(zone.context(), "tax")
    assert member is not None
    assert member.status == members_pb2.MEMBER_STATUS_REMOVED


def test_rules_of_a_proposal_are_those_of_its_submission() -> None:
    zone = new_zone()
    rules = pb.Params(
        weight_rule="WEIGHT_RULE_MEMBER",
        voting_period_s=7_200,
        quorum_bp=6_666,
        threshold_bp=5_000,
    )
    first = propose(zone, pb.MsgUpdateParams(params=rules))
    vote(zone, first, bank=YES, court=YES, port=YES)
    zone.next_block(1)
    second = propose(zone, admit("customs"))
    vote(zone, second, bank=YES, court=YES, port=YES)
    assert ended(zone, PERIOD_S - 1) == ["passed"]
    assert governance.get_params(zone.context()) == rules
    assert zone.told("governance_params_changed")[0]["quorum_bp"] == "6666"
    assert ended(zone, 1) == ["passed"]
    third = propose(zone, admit("other"))
    assert proposal(zone, third).params == rules


# --- weights ------------------------------------------------------------------------------


def validator(zone: MemoryZone, number: int, member_id: str, power: int) -> None:
    ctx = zone.context()
    known = consensus_pb2.Validator(
        public_key=bytes([number]) * 32,
        power=power,
        member_id=member_id,
        status=consensus_pb2.VALIDATOR_STATUS_ACTIVE,
    )
    save_validator(ctx, known)
    zone.take(ctx)


def test_votes_weigh_the_power_of_the_validators_that_a_member_runs() -> None:
    zone = new_zone(weight_rule="WEIGHT_RULE_VALIDATOR_POWER")
    for number, (name, power) in enumerate(
        [("bank", 5), ("bank", 6), ("court", 4), ("port", 5), ("", 100)]
    ):
        validator(zone, number, name, power)
    number = propose(zone, admit("customs"))
    vote(zone, number, bank=YES, court=NO, port=NO, tax=NO)
    assert ended(zone) == ["passed"]
    assert proposal(zone, number).tally == pb.Tally(yes=11, no=9, total=20)


def test_without_validators_of_members_each_has_one_vote() -> None:
    zone = new_zone(weight_rule="WEIGHT_RULE_VALIDATOR_POWER")
    validator(zone, 1, "", 100)
    pass_proposal(zone, admit("customs"))


# --- carrying out -------------------------------------------------------------------------


def test_failing_message_undoes_all_of_its_proposal() -> None:
    zone = new_zone()
    first = propose(zone, admit("customs"))
    second = propose(zone, admit("other"), admit("customs"))
    for number in (first, second):
        vote(zone, number, bank=YES, court=YES, port=YES)
    assert ended(zone) == ["passed", "failed"]
    failed = proposal(zone, second)
    assert (failed.error_codespace, failed.error_code) == ("members", 3)
    assert failed.failed_message == 1
    assert find_member(zone.context(), "other") is None
    assert len(zone.told("member_admitted")) == 1


def test_one_organisation_is_not_admitted_twice_by_two_votes() -> None:
    zone = new_zone()
    for name in ("customs", "customs-2"):
        message = admit(name)
        message.legal_id = "91-CUSTOMS"
        number = propose(zone, message)
        vote(zone, number, bank=YES, tax=YES, court=YES)
    assert ended(zone) == ["passed", "failed"]
    failed = proposal(zone, number)
    assert (failed.error_codespace, failed.error_code) == ("members", 24)
    assert find_member(zone.context(), "customs-2") is None


def _with_apply(apply: Any) -> Module:
    routes = tuple(
        replace(route, apply=apply)
        if route.request is members_pb2.MsgSetMemberStatus
        else route
        for route in members.MODULE.messages
    )
    return replace(members.MODULE, messages=routes)


def suspend() -> members_pb2.MsgSetMemberStatus:
    return members_pb2.MsgSetMemberStatus(
        member_id="tax", status="MEMBER_STATUS_SUSPENDED", reason="x"
    )


def test_bug_in_a_handler_fails_the_proposal_and_not_the_zone() -> None:
    broken = [False]

    def apply(ctx: Context, msg: Any) -> Any:
        if broken[0]:
            ctx.store("members").set(b"half-done", b"x")
            raise KeyError("bug")
        return members_pb2.MsgSetMemberStatusResponse()

    zone = new_zone(module=_with_apply(apply))
    number = propose(zone, suspend())
    vote(zone, number, bank=YES, court=YES, port=YES)
    broken[0] = True
    assert ended(zone) == ["failed"]
    assert proposal(zone, number).error_code == 111222
    assert zone.state.store("members").get(b"half-done") is None


def test_fault_of_the_machine_is_no_end_of_a_proposal() -> None:
    broken = [False]

    def apply(ctx: Context, msg: Any) -> Any:
        if broken[0]:
            raise StorageCorruptError(path="x", reason="a page is gone")
        return members_pb2.MsgSetMemberStatusResponse()

    zone = new_zone(module=_with_apply(apply))
    number = propose(zone, suspend())
    vote(zone, number, bank=YES, court=YES, port=YES)
    broken[0] = True
    with pytest.raises(StorageCorruptError):
        zone.next_block(PERIOD_S)


def test_messages_of_a_proposal_have_bounded_work() -> None:
    slow = [False]

    def apply(ctx: Context, msg: Any) -> Any:
        if slow[0]:
            ctx.gas.consume(PROPOSAL_GAS_MAX, "work")
        return members_pb2.MsgSetMemberStatusResponse()

    zone = new_zone(module=_with_apply(apply))
    number = propose(zone, suspend())
    vote(zone, number, bank=YES, court=YES, port=YES)
    slow[0] = True
    assert ended(zone) == ["failed"]
    failed = proposal(zone, number)
    assert (failed.error_codespace, failed.error_code) == ("sdk", 11)
