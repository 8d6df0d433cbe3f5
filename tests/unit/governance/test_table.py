"""The governance table: every message, by everybody, at every wrong moment.

Each governed message of the zone is tried by every role in a transaction, and by a vote
that just misses and just meets the quorum; each message of governance itself by the role
that may, by those that may not, frozen, late, twice, and by members that came or went
during the vote. Each refusal has its code.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from google.protobuf.message import Message

from huitong.core.address import GOVERNANCE_ADDRESS
from huitong.core.codec import pack_any
from huitong.core.limits import (
    PROPOSAL_MESSAGES_MAX,
    PROPOSAL_SIZE_BYTES_MAX,
    PROPOSALS_OPEN_MAX,
    PROPOSALS_OPEN_PER_MEMBER_MAX,
)
from huitong.core.module import MessageRoute
from huitong.modules.zone import MODULES
from huitong.proto.google.protobuf.any_pb2 import Any as PackedAny
from huitong.proto.huitong.consensus.v1 import consensus_pb2
from huitong.proto.huitong.exchange.v1 import exchange_pb2
from huitong.proto.huitong.facts.v1 import facts_pb2
from huitong.proto.huitong.governance.v1 import governance_pb2 as pb
from huitong.proto.huitong.members.v1 import members_pb2
from huitong.proto.huitong.packs.v1 import packs_pb2
from huitong.proto.huitong.policies.v1 import policies_pb2
from huitong.proto.huitong.transfer.v1 import transfer_pb2
from huitong.proto.huitong.upgrades.v1 import upgrades_pb2
from huitong.proto.ibc.core.client.v1 import client_pb2
from huitong.proto.ibc.core.client.v1 import tx_pb2 as client_tx_pb2
from huitong.proto.ibc.core.connection.v1 import connection_pb2
from huitong.proto.ibc.core.connection.v1 import tx_pb2 as connection_tx_pb2
from tests.unit.governance.zones import (
    ABSTAIN,
    ACCOUNTS,
    NO,
    VOTERS,
    VOTING_PERIOD_S,
    YES,
    Zone,
    address,
    submit,
)

GOVERNED: dict[type[Message], MessageRoute] = {
    route.request: route
    for module in MODULES
    for route in module.messages
    if route.governed
}


def admit(member_id: str = "customs", **fields: Any) -> members_pb2.MsgAdmitMember:
    return members_pb2.MsgAdmitMember(member_id=member_id, name="x", **fields)


def status(member_id: str, wanted: Any) -> members_pb2.MsgSetMemberStatus:
    return members_pb2.MsgSetMemberStatus(
        member_id=member_id, status=wanted, reason="audit"
    )


SUSPENDED, REMOVED = (
    members_pb2.MEMBER_STATUS_SUSPENDED,
    members_pb2.MEMBER_STATUS_REMOVED,
)


#: Who froze in an emergency, and what they have no vote on.
CALLERS = ("bank", "court")
LIFT = members_pb2.MsgLiftEmergencyFreeze


def do_nothing(zone: Zone) -> None:
    pass


def disable_clerk(zone: Zone) -> None:
    clerk = members_pb2.MsgDisableMemberAccount(address=address("clerk"), reason="x")
    assert zone.send("tax", clerk) == ""


def freeze_port(zone: Zone) -> None:
    for name in CALLERS:
        freeze = members_pb2.MsgEmergencyFreeze(member_id="port", reason="x")
        assert zone.send(name, freeze) == ""


def second_validator(zone: Zone) -> None:
    assert zone.decide(set_validator()) == "passed"


def set_validator() -> Message:
    return consensus_pb2.MsgSetValidator(
        public_key=b"\1" * 32, power=1, member_id="tax", name="tax"
    )


def plan_upgrade(zone: Zone) -> None:
    assert zone.decide(schedule_upgrade()) == "passed"


def schedule_upgrade() -> Message:
    return upgrades_pb2.MsgScheduleUpgrade(
        name="v9", height=1_000_000, info="release v9"
    )


def installed_pack(zone: Zone) -> None:
    assert zone.decide(install_pack()) == "passed"


def install_pack() -> Message:
    return packs_pb2.MsgInstallPack(
        name="tax", version="1.0.0", digest=bytes(range(32)), title="Tax"
    )


def policy_in_force(zone: Zone) -> None:
    assert zone.decide(set_policy()) == "passed"


def set_policy() -> Message:
    rule = policies_pb2.Rule(
        effect=policies_pb2.EFFECT_REFUSE,
        condition="request.level > 2",
        reason_code="level",
    )
    return policies_pb2.MsgSetPolicy(record_type="tax.invoice", rules=[rule])


#: One example of each governed message, and what must be so before it can be carried out.
EXAMPLES: list[tuple[Message, Callable[[Zone], None]]] = [
    (admit(), do_nothing),
    (status("port", SUSPENDED), do_nothing),
    (members_pb2.MsgSetMemberRoles(member_id="port", roles=["delegate"]), do_nothing),
    (members_pb2.MsgAddAccount(address=address("new")), do_nothing),
    (
        members_pb2.MsgSetAccountRoles(address=address("clerk"), roles=["officer"]),
        do_nothing,
    ),
    (
        members_pb2.MsgDisableAccount(address=address("clerk"), reason="x"),
        do_nothing,
    ),
    (
        members_pb2.MsgEnableAccount(address=address("clerk"), reason="x"),
        disable_clerk,
    ),
    (
        members_pb2.MsgReplaceAccount(
            old_address=address("clerk"), new_address=address("new"), reason="x"
        ),
        do_nothing,
    ),
    (
        members_pb2.MsgLiftEmergencyFreeze(member_id="port", reason="x"),
        freeze_port,
    ),
    (
        pb.MsgUpdateParams(
            params=pb.Params(
                weight_rule=pb.WEIGHT_RULE_VALIDATOR_POWER,
                voting_period_s=7_200,
                quorum_bp=6_000,
                threshold_bp=6_000,
            )
        ),
        do_nothing,
    ),
    (set_validator(), do_nothing),
    (
        consensus_pb2.MsgRemoveValidator(public_key=b"\1" * 32, reason="x"),
        second_validator,
    ),
    (
        consensus_pb2.MsgUpdateBlockParams(
            params=consensus_pb2.BlockParams(
                size_bytes_max=4_194_304, gas_max=100_000_000
            )
        ),
        do_nothing,
    ),
    (consensus_pb2.MsgSetUnbondingTime(unbonding_time=10**9 * 86_400), do_nothing),
    (schedule_upgrade(), do_nothing),
    (upgrades_pb2.MsgCancelUpgrade(name="v9", reason="x"), plan_upgrade),
    (install_pack(), do_nothing),
    (packs_pb2.MsgRetirePack(name="tax", reason="x"), installed_pack),
    (set_policy(), do_nothing),
    (
        policies_pb2.MsgRemovePolicy(record_type="tax.invoice", reason="x"),
        policy_in_force,
    ),
    (
        policies_pb2.MsgUpdateParams(params=policies_pb2.Params(review_term=60)),
        do_nothing,
    ),
    (
        exchange_pb2.MsgUpdateParams(
            params=exchange_pb2.Params(
                ask_officer=True, officer_term=86_400, level_max=2
            )
        ),
        do_nothing,
    ),
    (
        facts_pb2.MsgUpdateParams(params=facts_pb2.Params(term=86_400)),
        do_nothing,
    ),
    (
        transfer_pb2.MsgUpdateParams(
            params=transfer_pb2.Params(send_enabled=True, receive_enabled=True)
        ),
        do_nothing,
    ),
    (
        client_tx_pb2.MsgUpdateParams(
            params=client_pb2.Params(allowed_clients=["07-tendermint"])
        ),
        do_nothing,
    ),
    (
        connection_tx_pb2.MsgUpdateParams(
            params=connection_pb2.Params(max_expected_time_per_block=30_000_000_000)
        ),
        do_nothing,
    ),
]
#: Its table stands in tests/unit/links, where clients expire and freeze.
ELSEWHERE = {client_tx_pb2.MsgRecoverClient}


def fresh(message: Message) -> Any:
    copy = type(message)()
    copy.CopyFrom(message)
    return copy


def name_of(message: Any) -> str:
    return str(type(message).DESCRIPTOR.full_name) if hasattr(message, "signer") else ""


def test_every_governed_message_has_an_example() -> None:
    assert {type(message) for message, _ in EXAMPLES} | ELSEWHERE == set(GOVERNED)


@pytest.mark.parametrize(("example", "before"), EXAMPLES, ids=name_of)
def test_governed_message_is_for_no_account_alone(
    example: Message, before: Callable[[Zone], None]
) -> None:
    zone = Zone()
    before(zone)
    known = zone.app.export_genesis()
    for name in ACCOUNTS:
        for signer in (address(name), GOVERNANCE_ADDRESS):
            message = fresh(example)
            message.signer = signer
            assert zone.send(name, message) == "governance/2"
    del known["history"]
    after = zone.app.export_genesis()
    del after["history"]
    assert after == known


@pytest.mark.parametrize(("example", "before"), EXAMPLES, ids=name_of)
def test_governed_message_is_carried_out_if_the_quorum_is_just_met(
    example: Message, before: Callable[[Zone], None]
) -> None:
    for count, expected in ((2, "rejected"), (3, "passed")):
        zone = Zone()
        before(zone)
        number = zone.propose(example)
        for name in ("bank", "court", "tax")[:count]:
            is_own = isinstance(example, LIFT) and name in CALLERS
            assert zone.vote(name, number) == ("governance/14" if is_own else "")
        assert zone.proposal(number).status == pb.PROPOSAL_STATUS_VOTING
        (ended,) = zone.deadline()
        assert ended["status"] == expected, ended
        assert zone.proposal(number).ended_height == zone.height


# --- messages of governance itself --------------------------------------------------------

DELEGATES = {"bank", "court", "port", "tax", "tax-2"}
OTHERS = sorted(set(ACCOUNTS) - DELEGATES)


def cases(number: int) -> list[Any]:
    return [
        submit([admit("other")], by="tax"),
        pb.MsgVote(proposal_id=number, option=YES),
        pb.MsgWithdrawProposal(proposal_id=number, reason="x"),
    ]


@pytest.mark.parametrize("case", range(3))
@pytest.mark.parametrize("name", OTHERS)
def test_only_delegates_propose_vote_and_withdraw(name: str, case: int) -> None:
    zone = Zone()
    message = cases(zone.propose(admit()))[case]
    message.signer = address(name)
    assert zone.send(name, message) == "sdk/4"


@pytest.mark.parametrize("case", range(3))
@pytest.mark.parametrize("kind", ["own", "regulator", "emergency", "suspended"])
def test_member_that_is_not_in_force_has_no_say(kind: str, case: int) -> None:
    zone = Zone()
    stop(zone, "port", kind)
    number = zone.propose(admit())
    message = cases(number)[case]
    message.signer = address("port")
    assert zone.send("port", message) == "sdk/4"


def stop(zone: Zone, member_id: str, kind: str) -> None:
    freeze = members_pb2.MsgFreezeMember(member_id=member_id, reason="x")
    if kind == "own":
        freeze.kind = members_pb2.FREEZE_KIND_OWN
        assert zone.send(member_id, freeze) == ""
    elif kind == "regulator":
        freeze.kind = members_pb2.FREEZE_KIND_REGULATOR
        assert zone.send("regulator", freeze) == ""
    elif kind == "emergency":
        freeze_port(zone)
    else:
        assert zone.decide(status(member_id, SUSPENDED)) == "passed"


def test_member_without_a_vote_neither_proposes_nor_votes() -> None:
    """A member that loses the role loses its delegates with it, and its vote."""
    zone = Zone()
    number = zone.propose(admit())
    roles = members_pb2.MsgSetMemberRoles(
        member_id="watch", roles=["delegate", "publisher"]
    )
    account = members_pb2.MsgSetAccountRoles(
        address=address("watch"), roles=["delegate"]
    )
    assert zone.decide(roles, account) == "passed"
    lost = members_pb2.MsgSetMemberRoles(member_id="watch", roles=["publisher"])
    assert zone.decide(lost) == "passed"
    for message in cases(number)[:2]:
        message.signer = address("watch")
        assert zone.send("watch", message) == "sdk/4"


def test_votes_after_the_deadline_and_after_withdrawal_are_refused() -> None:
    zone = Zone()
    ended, withdrawn = zone.propose(admit("a")), zone.propose(admit("b"))
    back = pb.MsgWithdrawProposal(proposal_id=withdrawn, reason="typo")
    assert zone.send("bank", fresh(back)) == "governance/11"
    assert zone.send("tax-2", fresh(back)) == ""
    assert zone.vote("bank", withdrawn) == "governance/4"
    assert zone.send("tax", fresh(back)) == "governance/4"
    assert [item["status"] for item in zone.deadline()] == ["rejected"]
    assert zone.vote("bank", ended) == "governance/4"
    late = pb.MsgWithdrawProposal(proposal_id=ended, reason="typo")
    assert zone.send("tax", late) == "governance/4"
    assert zone.vote("bank", 99) == "governance/3"
    absent = pb.MsgWithdrawProposal(proposal_id=99, reason="typo")
    assert zone.send("bank", absent) == "governance/3"


def test_organisation_votes_once_whichever_delegate_it_is() -> None:
    zone = Zone()
    number = zone.propose(admit())
    assert zone.vote("tax", number) == ""
    assert zone.vote("tax", number, NO) == "governance/5"
    assert zone.vote("tax-2", number) == "governance/5"
    assert zone.vote("bank", number) == ""
    (ended,) = zone.deadline()
    assert (ended["yes"], ended["total"]) == ("2", "4")
    assert ended["status"] == "rejected"


def test_member_that_came_after_the_submission_has_no_vote() -> None:
    zone = Zone()
    admission = zone.propose(
        admit("customs"),
        members_pb2.MsgAddAccount(
            address=address("newcomer"), member_id="customs", roles=["delegate"]
        ),
    )
    zone.vote_all(admission)
    zone.run(seconds=VOTING_PERIOD_S // 2)
    number = zone.propose(admit("other"))
    zone.run(seconds=VOTING_PERIOD_S // 2)
    assert zone.proposal(admission).status == pb.PROPOSAL_STATUS_PASSED
    zone.numbers["newcomer"] = len(ACCOUNTS)
    assert zone.vote("newcomer", number) == "governance/6"
    later = zone.propose(admit("third"), by="newcomer")
    assert zone.vote("newcomer", later) == ""
    zone.vote_all(number, VOTERS[:3])
    (ended, _) = zone.deadline()
    assert (ended["yes"], ended["total"], ended["status"]) == ("3", "4", "passed")


def test_vote_of_a_member_that_was_suspended_meanwhile_does_not_count() -> None:
    zone = Zone()
    exclusion = zone.propose(status("port", SUSPENDED), by="bank")
    zone.vote_all(exclusion, ("bank", "court", "tax"))
    number = zone.propose(admit())
    zone.vote_all(number, ("port", "tax"))
    ended = zone.deadline()
    assert [item["status"] for item in ended] == ["passed", "rejected"]
    assert (ended[1]["yes"], ended[1]["total"]) == ("1", "3")
    assert "customs" not in zone.members()


# --- what a proposal may hold -------------------------------------------------------------


def packed(*messages: PackedAny) -> pb.MsgSubmitProposal:
    return pb.MsgSubmitProposal(title="t", reason="r", messages=messages)


def in_the_name_of(name: str) -> PackedAny:
    message = admit()
    message.signer = address(name)
    return pack_any(message)


REFUSED: list[tuple[pb.MsgSubmitProposal, str]] = [
    (packed(), "sdk/18"),
    (submit([admit()], title=""), "sdk/18"),
    (submit([admit()], reason=""), "sdk/18"),
    (submit([admit()], title="\n"), "sdk/18"),
    (submit([admit()], reason="x" * 1_025), "sdk/18"),
    (packed(PackedAny(type_url="/huitong.members.v1.MsgNothing")), "sdk/6"),
    (
        packed(PackedAny(type_url="/huitong.members.v1.MsgAdmitMember", value=b"\xff")),
        "sdk/2",
    ),
    (packed(in_the_name_of("tax")), "governance/8"),
    (submit([pb.MsgVote(proposal_id=1, option=YES)]), "governance/7"),
    (submit([submit([admit()])]), "governance/7"),
    (
        submit([admit(f"m-{n}") for n in range(PROPOSAL_MESSAGES_MAX + 1)]),
        "governance/9",
    ),
    (
        packed(PackedAny(type_url="/x", value=bytes(PROPOSAL_SIZE_BYTES_MAX + 1))),
        "governance/9",
    ),
    (submit([admit("tax")]), "members/3"),
    (submit([admit("a"), admit("a")]), "members/3"),
    (submit([status("nobody", SUSPENDED)]), "members/2"),
]


@pytest.mark.parametrize(("message", "code"), REFUSED)
def test_proposal_that_could_not_be_carried_out_is_refused(
    message: pb.MsgSubmitProposal, code: str
) -> None:
    zone = Zone()
    message = fresh(message)
    message.signer = address("tax")
    assert zone.send("tax", message) == code
    assert zone.app.export_genesis()["governance"]["proposals"] == []


@pytest.mark.parametrize("option", [0, 9])
def test_vote_that_is_none_is_refused(option: Any) -> None:
    zone = Zone()
    number = zone.propose(admit())
    assert zone.vote("tax", number, option) == "sdk/18"


def test_open_proposals_of_a_member_are_limited() -> None:
    zone = Zone()
    for number in range(PROPOSALS_OPEN_PER_MEMBER_MAX):
        zone.propose(admit(f"tax-{number}"))
    assert zone.send("tax-2", submit([admit("one-more")], by="tax-2")) == (
        "governance/10"
    )
    assert zone.send("bank", submit([admit("one-more")], by="bank")) == ""
    back = pb.MsgWithdrawProposal(proposal_id=1, reason="room")
    assert zone.send("tax", back) == ""
    zone.propose(admit("again"))


def test_open_proposals_of_a_zone_are_limited() -> None:
    """Members that came and left theirs under vote fill the room, one each."""
    zone = Zone()
    many = [f"m-{number:03}" for number in range(PROPOSALS_OPEN_MAX)]
    zone.state["members"]["members"] += [
        {"member_id": name, "name": name, "roles": []} for name in many
    ]
    zone.state["members"]["accounts"] += [
        {"address": address(name), "member_id": name, "roles": ["delegate"]}
        for name in many
    ]
    zone = Zone(state=zone.state)
    for number, name in enumerate(many):
        zone.numbers[name] = len(ACCOUNTS) + number
        zone.propose(admit(f"by-{name}"), by=name)
    assert zone.send("bank", submit([admit("one-more")], by="bank")) == "governance/10"
    back = pb.MsgWithdrawProposal(proposal_id=1, reason="room")
    assert zone.send(many[0], back) == ""
    zone.propose(admit("again"), by="bank")


def params(**changes: Any) -> pb.MsgUpdateParams:
    known: dict[str, Any] = {
        "weight_rule": pb.WEIGHT_RULE_MEMBER,
        "voting_period_s": VOTING_PERIOD_S,
        "quorum_bp": 5_001,
        "threshold_bp": 5_000,
    }
    return pb.MsgUpdateParams(params=pb.Params(**{**known, **changes}))


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"weight_rule": 0}, "sdk/18"),
        ({"weight_rule": 9}, "sdk/18"),
        ({"quorum_bp": 5_000}, "governance/12"),
        ({"quorum_bp": 6_667}, "governance/12"),
        ({"threshold_bp": 4_999}, "governance/12"),
        ({"threshold_bp": 6_667}, "governance/12"),
        ({"voting_period_s": 0}, "governance/12"),
        ({"voting_period_s": VOTING_PERIOD_S - 1}, "governance/12"),
        ({"voting_period_s": 2_592_001}, "governance/12"),
        ({"quorum_bp": 6_666, "threshold_bp": 6_666}, ""),
        ({"voting_period_s": VOTING_PERIOD_S + 1}, ""),
        ({"voting_period_s": 2_592_000}, ""),
    ],
)
def test_rules_stay_such_that_two_thirds_can_decide(
    change: dict[str, Any], code: str
) -> None:
    assert Zone().send("tax", submit([params(**change)])) == code


def test_abstaining_counts_for_the_quorum_alone() -> None:
    zone = Zone()
    number = zone.propose(admit())
    for name, option in (("tax", YES), ("bank", ABSTAIN), ("court", ABSTAIN)):
        assert zone.vote(name, number, option) == ""
    (ended,) = zone.deadline()
    assert (ended["abstain"], ended["status"]) == ("2", "passed")
