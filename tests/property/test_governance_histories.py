"""Whatever is sent, by whomever: only votes change who is a member, and each counts once.

A plain model beside the zone keeps what every organisation voted, and the members and
accounts as they should be; after each block both must say the same.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from google.protobuf.message import Message
from hypothesis import given
from hypothesis import strategies as st

from huitong.core.address import GOVERNANCE_ADDRESS
from huitong.core.gas import GasMeter
from huitong.modules import members
from huitong.proto.huitong.governance.v1 import governance_pb2 as pb
from huitong.proto.huitong.members.v1 import members_pb2
from tests.unit.governance.zones import ACCOUNTS, VOTERS, Zone, address, submit

NAMES = st.sampled_from(sorted(ACCOUNTS))
#: Mostly delegates: what others send is refused at the door.
ACTORS = st.one_of(st.sampled_from(VOTERS), NAMES)
MEMBERS = st.sampled_from((*VOTERS, "watch", "customs", "nobody"))
ROLES = st.lists(
    st.sampled_from(("delegate", "officer", "publisher")), unique=True, max_size=3
)
FREEZES = ("own_freeze", "regulator_freeze", "emergency_freeze", "changed_height")

GOVERNED = st.one_of(
    st.builds(members_pb2.MsgAdmitMember, member_id=MEMBERS, name=st.just("x")),
    st.builds(
        members_pb2.MsgSetMemberStatus,
        member_id=MEMBERS,
        status=st.integers(1, 3),
        reason=st.just("x"),
    ),
    st.builds(members_pb2.MsgSetMemberRoles, member_id=MEMBERS, roles=ROLES),
    st.builds(
        members_pb2.MsgDisableAccount,
        address=NAMES.map(address),
        reason=st.just("x"),
    ),
    st.builds(
        members_pb2.MsgLiftEmergencyFreeze, member_id=MEMBERS, reason=st.just("x")
    ),
)
FREEZING = st.one_of(
    st.builds(
        st.sampled_from,
        st.just((members_pb2.MsgFreezeMember, members_pb2.MsgUnfreezeMember)),
    ).flatmap(
        lambda kinds: kinds.flatmap(
            lambda cls: st.builds(
                cls, member_id=MEMBERS, kind=st.integers(1, 2), reason=st.just("x")
            )
        )
    ),
    st.builds(members_pb2.MsgEmergencyFreeze, member_id=MEMBERS, reason=st.just("x")),
)
PROPOSALS = st.lists(GOVERNED, min_size=1, max_size=2)
VOTES = st.builds(
    pb.MsgVote, proposal_id=st.integers(0, 4), option=st.sampled_from((1, 1, 1, 2, 3))
)
#: Proposals that can be carried out in most states.
LIKELY = st.sampled_from(
    (
        members_pb2.MsgAdmitMember(member_id="customs", name="x"),
        members_pb2.MsgSetMemberStatus(
            member_id="port", status="MEMBER_STATUS_SUSPENDED", reason="x"
        ),
        members_pb2.MsgSetMemberStatus(
            member_id="port", status="MEMBER_STATUS_ACTIVE", reason="x"
        ),
        members_pb2.MsgSetMemberRoles(member_id="watch", roles=["delegate"]),
        members_pb2.MsgDisableAccount(address=address("clerk"), reason="x"),
    )
)
WITHDRAWALS = st.builds(
    pb.MsgWithdrawProposal, proposal_id=st.integers(1, 4), reason=st.just("x")
)
#: What an account tries: a message, a list of messages to propose, or seconds to wait.
TRIES = st.tuples(
    ACTORS,
    st.one_of(PROPOSALS, VOTES, FREEZING, GOVERNED, WITHDRAWALS, st.just(400)),
)
#: A proposal, votes on the newest one, anything else, and the deadline.
ROUNDS = st.tuples(
    st.tuples(st.sampled_from(VOTERS), LIKELY.map(lambda message: [message])),
    st.lists(
        st.tuples(
            st.sampled_from((*VOTERS, "tax-2")),
            st.builds(pb.MsgVote, option=st.sampled_from((1, 1, 1, 2, 3))),
        ),
        max_size=6,
    ),
    st.lists(TRIES, max_size=4),
    st.tuples(NAMES, st.sampled_from((10, 1_000))),
).map(lambda parts: [parts[0], *parts[1], *parts[2], parts[3]])
STEPS = st.lists(ROUNDS, min_size=1, max_size=5).map(
    lambda rounds: [step for steps in rounds for step in steps]
)


@dataclass
class History:
    """The zone and what the model expects of it."""

    zone: Zone = field(default_factory=Zone)
    votes: dict[int, dict[str, int]] = field(default_factory=dict)
    """What each organisation voted first, by proposal."""
    newest: int = 0
    """Number of the newest proposal."""
    known: Any = None
    """Members and accounts after the last step."""

    def __post_init__(self) -> None:
        self.known = self.membership()

    def step(self, name: str, what: Any) -> None:
        """Let an account try something, or time pass, and compare."""
        before = self.known
        if isinstance(what, int):
            self.zone.run(seconds=what)
        elif isinstance(what, list):
            if self.zone.send(name, submit(what, by=name)) == "":
                self.newest += 1
        else:
            self.try_message(name, what)
        ended = self.ends()
        for told in ended:
            self.check_count(told)
        self.known = self.membership()
        if self.known != before:
            assert "passed" in [told["status"] for told in ended]

    def try_message(self, name: str, given: Message) -> None:
        """Send one message; a vote that is taken must be an organisation's first."""
        message: Any = type(given)()
        message.CopyFrom(given)
        if isinstance(message, pb.MsgVote) and not message.proposal_id:
            message.proposal_id = self.newest
        taken = self.zone.send(name, message) == ""
        if isinstance(given, pb.MsgVote) and taken:
            cast = self.votes.setdefault(message.proposal_id, {})
            member_id = ACCOUNTS[name][0]
            assert member_id not in cast
            cast[member_id] = message.option

    def membership(self) -> Any:
        """Return members and accounts without freezes, sequences and seen keys."""
        with self.zone.app.query_context(0, GasMeter(None)) as ctx:
            state = members.MODULE.export_genesis(ctx)
        known = [
            {key: value for key, value in member.items() if key not in FREEZES}
            for member in state["members"]
        ]
        accounts = [
            (item["address"], item.get("roles"), item.get("disabled"))
            for item in state["accounts"]
        ]
        return known, accounts

    def ends(self) -> list[dict[str, str]]:
        """Return what was told of proposals that ended in the newest block."""
        return [
            dict(told.attributes)
            for told in self.zone.block.events
            if told.kind == "proposal_ended"
        ]

    def check_count(self, told: dict[str, str]) -> None:
        """Compare a tally with the model: never more than each organisation's one vote."""
        cast = self.votes.get(int(told["proposal_id"]), {})
        counted = {"yes": 0, "no": 0, "abstain": 0}
        for option in cast.values():
            counted[("yes", "no", "abstain")[option - 1]] += 1
        for word, most in counted.items():
            assert int(told[word]) <= most
        voted = sum(int(told[word]) for word in counted)
        frozen, total = int(told["frozen"]), int(told["total"])
        assert voted + frozen <= total
        if told["status"] != "rejected":
            assert int(told["yes"]) > int(told["no"]) + frozen
            assert 2 * voted > total


@given(steps=STEPS)
def test_only_passed_proposals_change_members_and_each_organisation_counts_once(
    steps: list[tuple[str, Any]],
) -> None:
    history = History()
    for name, what in steps:
        history.step(name, what)
    history.step("tax", 2_000)
    exported = history.zone.app.export_genesis()
    kept = {name: exported[name] for name in ("members", "governance")}
    again = Zone(state=kept).app.export_genesis()
    assert {name: again[name] for name in kept} == kept


@given(message=GOVERNED, name=NAMES)
def test_nobody_signs_in_the_place_of_a_vote(message: Message, name: str) -> None:
    zone = Zone()
    governed: Any = message
    for signer in (GOVERNANCE_ADDRESS, address(name)):
        governed.signer = signer
        assert zone.send(name, governed) == "governance/2"
