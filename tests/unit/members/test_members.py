"""Members and accounts: every message by vote, every refusal, queries and genesis."""

from __future__ import annotations

from typing import Any

import pytest

from huitong.core.address import GOVERNANCE_ADDRESS
from huitong.core.errors import (
    GovernedMessageError,
    HuitongError,
    InvalidAddressError,
    InvalidRequestError,
    UnknownAddressError,
)
from huitong.core.limits import ACCOUNTS_PER_MEMBER_MAX, MEMBERS_MAX
from huitong.modules.members import MODULE, errors
from huitong.modules.members.state import index_account, save_member
from huitong.proto.huitong.members.v1 import members_pb2 as pb
from huitong.testing.actors import address_of
from huitong.testing.contexts import MemoryZone
from tests.unit.members.messages import (
    ACTIVE,
    ADMIT,
    CLERK,
    HEAD,
    KEY,
    NEW,
    REMOVED,
    SUSPENDED,
    account_roles,
    add,
    by_vote,
    disable,
    enable,
    member_roles,
    replace,
    status,
)
from tests.unit.members.zones import (
    ACCOUNTS,
    account_of,
    emergency,
    member_of,
    new_zone,
)


def test_admitted_member_is_active_and_told() -> None:
    zone = new_zone()
    zone.next_block()
    zone.run(pb.MsgAdmitMember(**ADMIT))
    assert member_of(zone, "customs") == pb.Member(
        member_id="customs",
        name="杭州海关",
        legal_id="11330000000000000X",
        roles=["requester"],
        encryption_key=KEY,
        status="MEMBER_STATUS_ACTIVE",
        changed_height=2,
        admitted_height=2,
    )
    assert zone.told("member_admitted") == [
        {
            "member_id": "customs",
            "name": "杭州海关",
            "legal_id": "11330000000000000X",
            "roles": "requester",
            "encryption_key": KEY.hex(),
        }
    ]


def test_status_goes_there_and_back_and_ends_with_removal() -> None:
    zone = new_zone()
    for wanted in (SUSPENDED, ACTIVE, SUSPENDED, REMOVED):
        zone.next_block()
        zone.run(status("tax", wanted))
        assert member_of(zone, "tax").status == wanted
        assert member_of(zone, "tax").changed_height == zone.height
    assert zone.told("member_status_changed") == [
        {
            "member_id": "tax",
            "status": "removed",
            "previous_status": "suspended",
            "reason": "audit",
            "changed_by": GOVERNANCE_ADDRESS,
        }
    ]
    with pytest.raises(errors.MemberStatusError):
        zone.run(status("tax", ACTIVE))
    with pytest.raises(errors.MemberStatusError):
        zone.run(member_roles("tax", "officer"))


def test_accounts_lose_the_roles_that_their_member_loses() -> None:
    zone = new_zone()
    zone.run(disable(CLERK))
    zone.run(member_roles("tax", "publisher", "delegate"))
    assert list(member_of(zone, "tax").roles) == ["delegate", "publisher"]
    assert list(account_of(zone, "tax-clerk").roles) == ["publisher"]
    assert list(account_of(zone, "tax-head").roles) == ["delegate"]
    assert {told["address"] for told in zone.told("account_roles_changed")} == {
        CLERK,
        address_of("tax-both"),
    }
    zone.run(member_roles("tax"))
    assert list(account_of(zone, "tax-clerk").roles) == ["publisher"]
    assert zone.told("account_roles_changed") == []


def test_added_account_gets_the_next_number_and_sorted_roles() -> None:
    zone = new_zone()
    number = len(ACCOUNTS)
    added = add(member_id="tax", roles=["publisher", "officer"])
    assert zone.run(added).account_number == number
    assert account_of(zone, "new") == pb.Account(
        address=NEW,
        account_number=number,
        member_id="tax",
        roles=["officer", "publisher"],
    )
    relayer = add(address=address_of("relayer"), roles=["relayer"])
    assert zone.run(relayer).account_number == number + 1
    assert zone.told("account_added")[0]["roles"] == "relayer"


def test_disabled_account_keeps_its_number_and_may_come_back() -> None:
    zone = new_zone()
    zone.run(disable(CLERK))
    account = account_of(zone, "tax-clerk")
    assert account.disabled
    assert account.account_number == list(ACCOUNTS).index("tax-clerk")
    assert zone.told("account_disabled")[0]["reason"] == "lost key"
    with pytest.raises(errors.AccountDisabledError):
        zone.run(disable(CLERK))
    with pytest.raises(errors.AccountDisabledError):
        zone.run(replace(CLERK))
    zone.run(enable(CLERK))
    assert not account_of(zone, "tax-clerk").disabled
    assert zone.told("account_enabled")[0]["reason"] == "found again"


def test_replaced_account_hands_over_member_and_roles_at_once() -> None:
    zone = new_zone()
    answer = zone.run(replace(HEAD))
    assert account_of(zone, "tax-head").disabled
    assert account_of(zone, "new") == pb.Account(
        address=NEW,
        account_number=answer.account_number,
        member_id="tax",
        roles=["delegate"],
    )
    assert zone.told("account_replaced") == [
        {
            "address": HEAD,
            "new_address": NEW,
            "member_id": "tax",
            "reason": "rotation",
            "changed_by": GOVERNANCE_ADDRESS,
        }
    ]


def test_account_gets_other_roles_of_its_member() -> None:
    zone = new_zone()
    zone.run(account_roles(CLERK, "publisher", "delegate"))
    assert list(account_of(zone, "tax-clerk").roles) == ["delegate", "publisher"]
    assert zone.told("account_roles_changed")[0]["roles"] == "delegate,publisher"


REFUSALS: list[tuple[Any, type[HuitongError]]] = [
    (pb.MsgAdmitMember(**{**ADMIT, "member_id": "Bank"}), InvalidRequestError),
    (pb.MsgAdmitMember(**{**ADMIT, "name": ""}), InvalidRequestError),
    (pb.MsgAdmitMember(**{**ADMIT, "legal_id": "\n"}), InvalidRequestError),
    (pb.MsgAdmitMember(**{**ADMIT, "encryption_key": b"1"}), InvalidRequestError),
    (pb.MsgAdmitMember(**{**ADMIT, "roles": ["king"]}), errors.UnknownRoleError),
    (pb.MsgAdmitMember(**{**ADMIT, "roles": ["relayer"] * 2}), errors.UnknownRoleError),
    (pb.MsgAdmitMember(**{**ADMIT, "member_id": "tax"}), errors.MemberExistsError),
    (pb.MsgAdmitMember(**{**ADMIT, "legal_id": "91-PORT"}), errors.LegalIdTakenError),
    (pb.MsgAdmitMember(**{**ADMIT, "legal_id": "91-port"}), errors.LegalIdTakenError),
    (status("nobody", SUSPENDED), errors.MemberNotFoundError),
    (status("tax", ACTIVE), errors.MemberStatusError),
    (status("tax", 0), errors.MemberStatusError),
    (status("tax", 9), errors.MemberStatusError),
    (status("tax", SUSPENDED, reason=""), InvalidRequestError),
    (member_roles("nobody"), errors.MemberNotFoundError),
    (member_roles("tax", "king"), errors.UnknownRoleError),
    (member_roles("bank"), errors.UnchangedError),
    (add(address="ht1"), InvalidAddressError),
    (add(address=CLERK), errors.AccountExistsError),
    (add(roles=["king"]), errors.UnknownRoleError),
    (add(roles=["publisher"]), errors.RoleNotAllowedError),
    (add(roles=["delegate"]), errors.RoleNotAllowedError),
    (add(member_id="tax", roles=["requester"]), errors.RoleNotAllowedError),
    (add(member_id="nobody"), errors.MemberNotFoundError),
    (account_roles(NEW), UnknownAddressError),
    (account_roles(CLERK, "king"), errors.UnknownRoleError),
    (account_roles(CLERK, "requester"), errors.RoleNotAllowedError),
    (account_roles(CLERK, "publisher", "officer"), errors.UnchangedError),
    (disable(NEW), UnknownAddressError),
    (disable("ht1"), InvalidAddressError),
    (disable(CLERK, reason=""), InvalidRequestError),
    (enable(CLERK), errors.AccountEnabledError),
    (enable(NEW), UnknownAddressError),
    (enable(CLERK, reason=""), InvalidRequestError),
    (replace(NEW), UnknownAddressError),
    (replace(CLERK, "ht1"), InvalidAddressError),
    (replace(CLERK, HEAD), errors.AccountExistsError),
    (replace(CLERK, CLERK), errors.AccountExistsError),
    (replace(CLERK, reason=""), InvalidRequestError),
    (
        by_vote(pb.MsgLiftEmergencyFreeze, member_id="tax", reason="x"),
        errors.NotFrozenError,
    ),
    (by_vote(pb.MsgLiftEmergencyFreeze, member_id="tax"), InvalidRequestError),
    (
        by_vote(pb.MsgLiftEmergencyFreeze, member_id="nobody", reason="x"),
        errors.MemberNotFoundError,
    ),
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


GOVERNED = [route for route in MODULE.messages if route.governed]


@pytest.mark.parametrize("route", GOVERNED, ids=lambda r: r.request.DESCRIPTOR.name)
@pytest.mark.parametrize("signer", ["operator", "regulator", "tax-head", "nobody"])
def test_what_members_decide_is_refused_from_everybody_alone(
    route: Any, signer: str
) -> None:
    with pytest.raises(GovernedMessageError):
        new_zone().run(route.request(signer=address_of(signer)))


def test_suspended_member_gets_no_accounts_and_no_roles_for_them() -> None:
    zone = new_zone()
    zone.run(disable(HEAD))
    zone.run(status("tax", SUSPENDED))
    for message in (
        add(member_id="tax"),
        enable(HEAD),
        replace(CLERK),
        account_roles(CLERK, "publisher"),
    ):
        with pytest.raises(errors.MemberNotActiveError):
            zone.run(message)


@pytest.mark.parametrize("wanted", [ACTIVE, SUSPENDED])
def test_member_keeps_its_legal_id_until_it_is_removed(wanted: int) -> None:
    zone = new_zone()
    for caller in ("bank-head", "court-head"):
        zone.run(emergency(caller, "port"))
    if wanted != ACTIVE:
        zone.run(status("port", wanted))
    again = pb.MsgAdmitMember(**{**ADMIT, "legal_id": "91-PORT"})
    with pytest.raises(errors.LegalIdTakenError, match="member port"):
        zone.run(again)
    zone.run(status("port", REMOVED))
    zone.run(again)
    with pytest.raises(errors.LegalIdTakenError, match="member customs"):
        zone.run(
            pb.MsgAdmitMember(**{**ADMIT, "member_id": "x", "legal_id": "91-Port"})
        )
    assert MemoryZone([MODULE], genesis=zone.export()).state.dump() == zone.state.dump()


def test_members_without_a_legal_id_do_not_stand_in_each_others_way() -> None:
    zone = new_zone()
    for name in ("a", "b"):
        zone.run(pb.MsgAdmitMember(**{**ADMIT, "member_id": name, "legal_id": ""}))
    assert not member_of(zone, "b").legal_id


def test_keys_of_a_frozen_member_are_replaced_by_vote() -> None:
    zone = new_zone()
    for caller in ("bank-head", "court-head"):
        zone.run(emergency(caller, "tax"))
    zone.run(replace(HEAD))
    assert account_of(zone, "tax-head").disabled


@pytest.mark.parametrize(
    "last",
    [
        status("tax", SUSPENDED),
        status("tax", REMOVED),
        disable(HEAD),
        account_roles(HEAD, "officer"),
        member_roles("tax", "officer"),
    ],
    ids=lambda message: type(message).__name__,
)
def test_last_delegate_of_a_zone_stays(last: Any) -> None:
    zone = new_zone()
    for member_id in ("bank", "court", "port"):
        zone.run(status(member_id, SUSPENDED))
    zone.run(disable(address_of("tax-both")))
    with pytest.raises(errors.VoteLostError):
        zone.run(last)
    zone.run(status("port", ACTIVE))
    zone.run(last)


def test_zone_has_room_for_so_many_members_and_accounts() -> None:
    zone = new_zone()
    ctx = zone.context()
    for number in range(MEMBERS_MAX - 4):
        save_member(
            ctx, pb.Member(member_id=f"m-{number}", status="MEMBER_STATUS_REMOVED")
        )
    for number in range(ACCOUNTS_PER_MEMBER_MAX - 3):
        index_account(ctx, pb.Account(address=address_of(f"{number}"), member_id="tax"))
    zone.take(ctx)
    with pytest.raises(errors.TooManyMembersError):
        zone.run(pb.MsgAdmitMember(**ADMIT))
    for message in (add(member_id="tax"), replace(CLERK)):
        with pytest.raises(errors.TooManyAccountsError):
            zone.run(message)
    zone.run(add(member_id="bank"))
