"""Members and accounts: every message by vote, every refusal, queries and genesis."""

from __future__ import annotations

from typing import Any

import pytest

from huitong.core.address import GOVERNANCE_ADDRESS
from huitong.core.codec import encode, unpack_any
from huitong.core.errors import (
    GovernedMessageError,
    HuitongError,
    InvalidAddressError,
    InvalidRequestError,
    NotFoundError,
    UnknownAddressError,
)
from huitong.core.genesis import GenesisError
from huitong.core.limits import ACCOUNTS_PER_MEMBER_MAX, MEMBERS_MAX
from huitong.modules.members import MODULE, STORE, account_key, errors
from huitong.modules.members.state import index_account, save_member
from huitong.proto.cosmos.auth.v1beta1 import auth_pb2
from huitong.proto.cosmos.auth.v1beta1 import query_pb2 as auth_query_pb2
from huitong.proto.cosmos.crypto.secp256k1 import keys_pb2
from huitong.proto.huitong.members.v1 import members_pb2 as pb
from huitong.testing.actors import address_of
from huitong.testing.contexts import MemoryZone
from tests.unit.members.zones import (
    ACCOUNTS,
    account_of,
    emergency,
    member_of,
    new_zone,
)

OPERATOR, CLERK, NEW = (
    address_of("operator"),
    address_of("tax-clerk"),
    address_of("new"),
)
HEAD = address_of("tax-head")
KEY = bytes(range(32))
ACTIVE, SUSPENDED, REMOVED = 1, 2, 3
ADMIT: dict[str, Any] = {
    "signer": GOVERNANCE_ADDRESS,
    "member_id": "customs",
    "name": "杭州海关",
    "legal_id": "11330000000000000X",
    "roles": ["requester"],
    "encryption_key": KEY,
}


def by_vote(cls: Any, **fields: Any) -> Any:
    return cls(signer=GOVERNANCE_ADDRESS, **fields)


def status(member_id: str, wanted: int, reason: str = "audit") -> Any:
    return by_vote(
        pb.MsgSetMemberStatus, member_id=member_id, status=wanted, reason=reason
    )


def add(**fields: Any) -> Any:
    return by_vote(pb.MsgAddAccount, **{"address": NEW, **fields})


def disable(address: str, reason: str = "lost key") -> Any:
    return by_vote(pb.MsgDisableAccount, address=address, reason=reason)


def member_roles(member_id: str, *roles: str) -> Any:
    return by_vote(pb.MsgSetMemberRoles, member_id=member_id, roles=roles)


def account_roles(address: str, *roles: str) -> Any:
    return by_vote(pb.MsgSetAccountRoles, address=address, roles=roles)


def replace(old: str, new: str = NEW, reason: str = "rotation") -> Any:
    return by_vote(
        pb.MsgReplaceAccount, old_address=old, new_address=new, reason=reason
    )


def enable(address: str, reason: str = "found again") -> Any:
    return by_vote(pb.MsgEnableAccount, address=address, reason=reason)


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


def test_pages_of_members_and_accounts_join_to_the_whole() -> None:
    zone = new_zone()
    zone.run(pb.MsgAdmitMember(**ADMIT))
    found, after = [], ""
    while True:
        page = zone.query(
            "/huitong.members.v1.Query/Members",
            pb.QueryMembersRequest(start_after=after, limit=3),
        )
        found += [member.member_id for member in page.members]
        after = page.next
        if not after:
            break
    assert found == ["bank", "court", "customs", "port", "tax"]
    addresses, after = [], ""
    while True:
        accounts = zone.query(
            "/huitong.members.v1.Query/Accounts",
            pb.QueryAccountsRequest(start_after=after, limit=2),
        )
        addresses += [account.address for account in accounts.accounts]
        after = accounts.next
        if not after:
            break
    assert len(addresses) == len(set(addresses)) == len(ACCOUNTS)


def test_wallets_get_accounts_in_the_form_of_the_cosmos_sdk() -> None:
    zone = new_zone()
    ctx = zone.context()
    account = account_of(zone, "tax-clerk")
    path = "/cosmos.auth.v1beta1.Query/Account"
    request = auth_query_pb2.QueryAccountRequest(address=CLERK)
    found = unpack_any(zone.query(path, request).account, auth_pb2.BaseAccount)
    assert (found.address, found.account_number, found.sequence) == (
        CLERK,
        list(ACCOUNTS).index("tax-clerk"),
        0,
    )
    assert not found.HasField("pub_key")
    account.public_key, account.sequence = b"\2" + bytes(32), 7
    ctx.store(STORE).set(account_key(CLERK), encode(account))
    zone.take(ctx)
    found = unpack_any(zone.query(path, request).account, auth_pb2.BaseAccount)
    assert found.sequence == 7
    assert unpack_any(found.pub_key, keys_pb2.PubKey).key == account.public_key


def test_wallets_are_told_of_missing_accounts_as_grpc_does() -> None:
    zone = new_zone()
    path = "/cosmos.auth.v1beta1.Query/Account"
    with pytest.raises(NotFoundError) as missing:
        zone.query(path, auth_query_pb2.QueryAccountRequest(address=NEW))
    assert str(missing.value) == (
        f"rpc error: code = NotFound desc = account {NEW} not found: key not found"
    )
    with pytest.raises(InvalidRequestError, match="decoding bech32 failed"):
        zone.query(path, auth_query_pb2.QueryAccountRequest(address="ht1x"))


def test_unknown_member_is_not_found() -> None:
    with pytest.raises(errors.MemberNotFoundError):
        member_of(new_zone(), "nobody")


def test_export_makes_the_same_state_again() -> None:
    zone = new_zone()
    zone.run(pb.MsgAdmitMember(**ADMIT))
    zone.run(add(member_id="bank"))
    zone.run(emergency("bank-head", "court"))
    zone.run(emergency("bank-head", "port"))
    zone.run(emergency("court-head", "port"))
    zone.run(status("tax", SUSPENDED))
    again = MemoryZone([MODULE], genesis=zone.export())
    assert again.export() == zone.export()
    assert again.state.dump() == zone.state.dump()


GOOD_MEMBER = {"member_id": "tax", "name": "Tax"}
GOOD_ACCOUNT = {"address": CLERK, "member_id": "tax"}


@pytest.mark.parametrize(
    "state",
    [
        {"member": []},
        {"members": {}},
        {"members": [{**GOOD_MEMBER, "nmae": "x"}]},
        {"members": [{"member_id": "tax"}]},
        {"members": [GOOD_MEMBER, GOOD_MEMBER]},
        {
            "members": [
                {**GOOD_MEMBER, "legal_id": "91-TAX"},
                {"member_id": "tax-2", "name": "Tax", "legal_id": "91-tax"},
            ]
        },
        {"members": [{**GOOD_MEMBER, "roles": ["king"]}]},
        {"members": [{**GOOD_MEMBER, "encryption_key": "AAAA"}]},
        {"accounts": [GOOD_ACCOUNT]},
        {"members": [GOOD_MEMBER], "accounts": [GOOD_ACCOUNT, GOOD_ACCOUNT]},
        {"accounts": [{"address": "ht1"}]},
        {"accounts": [{"address": CLERK, "roles": ["officer"]}]},
        {"accounts": [{"address": CLERK, "public_key": "AAAA"}]},
        {"accounts": [{"address": CLERK, "account_number": 1}]},
        {
            "accounts": [{"address": CLERK, "account_number": "1"}],
            "next_account_number": "1",
        },
        {
            "accounts": [{"address": CLERK}, {"address": NEW}],
            "next_account_number": "2",
        },
        {"next_account_number": -1},
        {"emergency_calls": [{"member_id": "tax", "caller": "bank"}]},
        {
            "members": [GOOD_MEMBER],
            "emergency_calls": [{"member_id": "tax", "caller": "tax"}] * 2,
        },
        {
            "accounts": [
                {"address": address_of(f"{number}")}
                for number in range(ACCOUNTS_PER_MEMBER_MAX + 1)
            ]
        },
        {
            "members": [
                {"member_id": f"m-{number}", "name": "x"}
                for number in range(MEMBERS_MAX + 1)
            ]
        },
    ],
)
def test_genesis_with_a_mistake_is_refused(state: dict[str, Any]) -> None:
    with pytest.raises(GenesisError):
        MemoryZone([MODULE], genesis={"members": state})


def test_empty_genesis_is_a_zone_without_members() -> None:
    assert MemoryZone([MODULE]).export() == {
        "members": {
            "members": [],
            "accounts": [],
            "next_account_number": "0",
            "emergency_calls": [],
        }
    }
