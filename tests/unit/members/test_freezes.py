"""Freezes: whose they are, who lifts them, and that none stands in for another."""

from __future__ import annotations

from typing import Any

import pytest

from huitong.core.address import GOVERNANCE_ADDRESS
from huitong.core.errors import (
    HuitongError,
    InvalidRequestError,
    NotFoundError,
    UnauthorizedError,
)
from huitong.core.limits import (
    EMERGENCY_CALL_TERM_S,
    EMERGENCY_CALLS_PER_MEMBER_MAX,
)
from huitong.modules.members import errors, get_account, is_in_force
from huitong.modules.members.authentication import check_may_act
from huitong.proto.huitong.members.v1 import members_pb2 as pb
from huitong.testing.actors import address_of
from huitong.testing.contexts import MemoryZone
from tests.unit.members.zones import (
    emergency,
    freeze,
    member_of,
    new_zone,
    unfreeze,
)

OWN, REGULATOR, EMERGENCY = 1, 2, 3
FREEZERS = {OWN: "tax-head", REGULATOR: "regulator"}


def lift(member_id: str = "tax") -> Any:
    return pb.MsgLiftEmergencyFreeze(
        signer=GOVERNANCE_ADDRESS, member_id=member_id, reason="new keys"
    )


def freeze_tax(zone: MemoryZone, kind: int) -> None:
    if kind == EMERGENCY:
        zone.run(emergency("bank-head", "tax"))
        zone.run(emergency("court-head", "tax"))
    else:
        zone.run(freeze(FREEZERS[kind], "tax", kind))


def unfreeze_tax(zone: MemoryZone, kind: int) -> None:
    zone.run(lift() if kind == EMERGENCY else unfreeze(FREEZERS[kind], "tax", kind))


def may_act(zone: MemoryZone, name: str, while_frozen: bool = False) -> bool:
    ctx = zone.context()
    try:
        check_may_act(ctx, get_account(ctx, address_of(name)), while_frozen)
    except UnauthorizedError:
        return False
    return True


@pytest.mark.parametrize("kind", [OWN, REGULATOR, EMERGENCY])
def test_frozen_member_is_not_in_force_until_the_freeze_is_lifted(kind: int) -> None:
    zone = new_zone()
    freeze_tax(zone, kind)
    assert not is_in_force(zone.context(), "tax")
    assert not may_act(zone, "tax-clerk")
    assert may_act(zone, "bank-head")
    told = zone.told("member_frozen")[0]
    assert told["member_id"] == "tax"
    assert told["kind"] == {1: "own", 2: "regulator", 3: "emergency"}[kind]
    unfreeze_tax(zone, kind)
    assert is_in_force(zone.context(), "tax")
    assert zone.told("member_unfrozen")[0]["kind"] == told["kind"]


@pytest.mark.parametrize(("first", "second"), [(1, 2), (1, 3), (2, 3)])
def test_no_freeze_is_lifted_with_another(first: int, second: int) -> None:
    for lifted in (first, second):
        zone = new_zone()
        freeze_tax(zone, first)
        freeze_tax(zone, second)
        unfreeze_tax(zone, lifted)
        assert not is_in_force(zone.context(), "tax")
        with pytest.raises(errors.NotFrozenError):
            unfreeze_tax(zone, lifted)
        unfreeze_tax(zone, second if lifted == first else first)
        assert is_in_force(zone.context(), "tax")


def test_own_freeze_alone_may_be_lifted_by_a_frozen_member() -> None:
    zone = new_zone()
    freeze_tax(zone, OWN)
    assert may_act(zone, "tax-head", while_frozen=True)
    freeze_tax(zone, REGULATOR)
    assert not may_act(zone, "tax-head", while_frozen=True)


def test_regulator_whose_member_is_frozen_lifts_nothing_of_others() -> None:
    zone = new_zone()
    zone.run(freeze("regulator", "bank", REGULATOR))
    zone.run(freeze("court-head", "court", OWN))
    with pytest.raises(UnauthorizedError, match="only its own freeze"):
        zone.run(unfreeze("court-regulator", "bank", REGULATOR))
    zone.run(unfreeze("court-head", "court", OWN))
    zone.run(unfreeze("court-regulator", "bank", REGULATOR))


def test_suspended_member_is_not_frozen_besides() -> None:
    zone = new_zone()
    suspend = pb.MsgSetMemberStatus(
        member_id="tax", status="MEMBER_STATUS_SUSPENDED", reason="x"
    )
    zone.decide(suspend)
    for message in (
        freeze("regulator", "tax", REGULATOR),
        unfreeze("regulator", "tax", REGULATOR),
        emergency("bank-head", "tax"),
    ):
        with pytest.raises(errors.MemberNotActiveError):
            zone.run(message)


REFUSALS: list[tuple[Any, type[HuitongError]]] = [
    (message, error)
    for make in (freeze, unfreeze)
    for message, error in (
        (make("tax-clerk", "tax", OWN), UnauthorizedError),
        (make("operator", "tax", OWN), UnauthorizedError),
        (make("regulator", "tax", OWN), UnauthorizedError),
        (make("tax-head", "tax", REGULATOR), UnauthorizedError),
        (make("bank-head", "tax", OWN), errors.NotOwnMemberError),
        (make("court-regulator", "court", REGULATOR), errors.SelfExclusionError),
        (make("tax-both", "tax", REGULATOR), errors.SelfExclusionError),
        (make("regulator", "nobody", REGULATOR), errors.MemberNotFoundError),
        (make("regulator", "tax", 0), InvalidRequestError),
        (make("regulator", "tax", EMERGENCY), InvalidRequestError),
        (make("regulator", "tax", 9), InvalidRequestError),
        (make("regulator", "tax", REGULATOR, ""), InvalidRequestError),
    )
]
REFUSALS += [
    (unfreeze("tax-head", "tax", OWN), errors.NotFrozenError),
    (unfreeze("regulator", "tax", REGULATOR), errors.NotFrozenError),
    (emergency("tax-clerk", "bank"), UnauthorizedError),
    (emergency("operator", "tax"), errors.NoMemberError),
    (emergency("regulator", "tax"), errors.NoMemberError),
    (emergency("tax-head", "tax"), errors.OwnEmergencyError),
    (emergency("tax-head", "nobody"), errors.MemberNotFoundError),
    (emergency("tax-head", "bank", ""), InvalidRequestError),
]


@pytest.mark.parametrize(("message", "error"), REFUSALS)
def test_message_is_refused_and_writes_nothing(
    message: Any, error: type[HuitongError]
) -> None:
    zone = new_zone()
    before = zone.state.dump()
    with pytest.raises(error):
        zone.run(message)
    assert zone.state.dump() == before


@pytest.mark.parametrize("kind", [OWN, REGULATOR, EMERGENCY])
def test_second_freeze_of_a_kind_is_refused(kind: int) -> None:
    zone = new_zone()
    freeze_tax(zone, kind)
    with pytest.raises(errors.FrozenAlreadyError):
        freeze_tax(zone, kind)


# --- the emergency freeze -----------------------------------------------------------------


def call_of(zone: MemoryZone, member_id: str) -> pb.EmergencyCall:
    path = "/huitong.members.v1.Query/EmergencyCall"
    request = pb.QueryEmergencyCallRequest(member_id=member_id)
    answer: pb.QueryEmergencyCallResponse = zone.query(path, request)
    return answer.call


def test_emergency_freeze_takes_two_organisations() -> None:
    zone = new_zone()
    assert not zone.run(emergency("bank-head", "tax")).frozen
    assert is_in_force(zone.context(), "tax")
    assert call_of(zone, "tax").caller == "bank"
    assert zone.told("emergency_freeze_called")[0]["called_by"] == address_of(
        "bank-head"
    )
    with pytest.raises(errors.EmergencyCallExistsError):
        zone.run(emergency("bank-operator", "tax"))
    zone.next_block(EMERGENCY_CALL_TERM_S - 1)
    assert zone.run(emergency("court-regulator", "tax")).frozen
    member = member_of(zone, "tax")
    assert list(member.emergency_freeze.frozen_by) == [
        address_of("bank-head"),
        address_of("court-regulator"),
    ]
    with pytest.raises(NotFoundError):
        call_of(zone, "tax")


def test_call_expires() -> None:
    zone = new_zone()
    zone.run(emergency("bank-head", "tax"))
    zone.next_block(EMERGENCY_CALL_TERM_S)
    with pytest.raises(NotFoundError):
        call_of(zone, "tax")
    assert not zone.run(emergency("court-head", "tax")).frozen
    assert zone.run(emergency("bank-head", "tax")).frozen


def test_call_of_an_organisation_that_is_frozen_itself_does_not_count() -> None:
    zone = new_zone()
    zone.run(emergency("bank-head", "tax"))
    zone.run(freeze("regulator", "bank", REGULATOR))
    assert not zone.run(emergency("court-head", "tax")).frozen
    assert call_of(zone, "tax").caller == "court"


def test_emergency_freezes_leave_two_thirds_of_those_with_a_vote() -> None:
    zone = new_zone()
    freeze_tax(zone, EMERGENCY)
    with pytest.raises(errors.TooManyFrozenError):
        zone.run(emergency("bank-head", "port"))
    zone.decide(pb.MsgSetMemberRoles(member_id="port", roles=["publisher"]))
    zone.run(emergency("bank-head", "port"))
    assert zone.run(emergency("court-head", "port")).frozen


def test_organisation_waits_with_so_many_calls() -> None:
    zone = new_zone()
    for number in range(EMERGENCY_CALLS_PER_MEMBER_MAX + 1):
        admit = pb.MsgAdmitMember(member_id=f"m-{number}", name="x", roles=["officer"])
        zone.decide(admit)
    for number in range(EMERGENCY_CALLS_PER_MEMBER_MAX):
        zone.run(emergency("bank-head", f"m-{number}"))
    last = f"m-{EMERGENCY_CALLS_PER_MEMBER_MAX}"
    with pytest.raises(errors.TooManyCallsError):
        zone.run(emergency("bank-head", last))
    zone.run(emergency("court-head", last))
    assert zone.run(emergency("bank-head", last)).frozen
    zone.next_block(EMERGENCY_CALL_TERM_S)
    zone.run(emergency("bank-head", "tax"))
