"""Members and accounts: every message, every refusal, queries and genesis."""

from __future__ import annotations

from typing import Any

import pytest

from huitong.core.codec import encode, unpack_any
from huitong.core.errors import (
    HuitongError,
    InvalidAddressError,
    InvalidRequestError,
    NotFoundError,
    UnauthorizedError,
    UnknownAddressError,
)
from huitong.core.genesis import GenesisError
from huitong.modules.members import MODULE, STORE, account_key, errors
from huitong.proto.cosmos.auth.v1beta1 import auth_pb2
from huitong.proto.cosmos.auth.v1beta1 import query_pb2 as auth_query_pb2
from huitong.proto.cosmos.crypto.secp256k1 import keys_pb2
from huitong.proto.huitong.members.v1 import members_pb2 as pb
from huitong.testing.actors import address_of, members_genesis
from huitong.testing.contexts import MemoryZone

OPERATOR, REGULATOR = address_of("operator"), address_of("regulator")
CLERK, NEW = address_of("clerk"), address_of("new")
KEY = bytes(range(32))
ACTIVE, SUSPENDED, REMOVED = 1, 2, 3
ADMIT: dict[str, Any] = {
    "signer": OPERATOR,
    "member_id": "bank",
    "name": "长江银行",
    "legal_id": "91500000MA5U000000",
    "roles": ["requester"],
    "encryption_key": KEY,
}


def new_zone() -> MemoryZone:
    genesis = members_genesis(
        {
            "operator": ("", "operator"),
            "second": ("", "operator"),
            "regulator": ("", "regulator"),
            "clerk": ("tax", "officer publisher"),
            "head": ("tax", "operator"),
        }
    )
    genesis["members"][0]["roles"] = ["operator", "officer", "publisher"]
    return MemoryZone([MODULE], genesis={"members": genesis})


def member_of(zone: MemoryZone, member_id: str) -> pb.Member:
    request = pb.QueryMemberRequest(member_id=member_id)
    return zone.query("/huitong.members.v1.Query/Member", request).member


def account_of(zone: MemoryZone, address: str) -> pb.Account:
    request = pb.QueryAccountRequest(address=address)
    return zone.query("/huitong.members.v1.Query/Account", request).account


def status(
    member_id: str, wanted: int, signer: str = OPERATOR
) -> pb.MsgSetMemberStatus:
    return pb.MsgSetMemberStatus(
        signer=signer, member_id=member_id, status=wanted, reason="audit"
    )


def test_admitted_member_is_active_and_told() -> None:
    zone = new_zone()
    zone.run(pb.MsgAdmitMember(**ADMIT))
    expected = pb.Member(
        member_id="bank",
        name="长江银行",
        legal_id="91500000MA5U000000",
        roles=["requester"],
        encryption_key=KEY,
        status=ACTIVE,
        changed_height=1,
    )
    assert member_of(zone, "bank") == expected
    assert zone.told("member_admitted") == [
        {
            "member_id": "bank",
            "name": "长江银行",
            "legal_id": "91500000MA5U000000",
            "roles": "requester",
            "encryption_key": KEY.hex(),
        }
    ]


def test_status_goes_there_and_back_and_ends_with_removal() -> None:
    zone = new_zone()
    for wanted, signer in (
        (SUSPENDED, REGULATOR),
        (ACTIVE, REGULATOR),
        (SUSPENDED, OPERATOR),
        (REMOVED, OPERATOR),
    ):
        zone.next_block()
        zone.run(status("tax", wanted, signer))
        assert member_of(zone, "tax").status == wanted
        assert member_of(zone, "tax").changed_height == zone.height
    assert zone.told("member_status_changed") == [
        {
            "member_id": "tax",
            "status": "removed",
            "previous_status": "suspended",
            "reason": "audit",
            "changed_by": OPERATOR,
        }
    ]


def test_member_replaces_and_removes_its_own_encryption_key() -> None:
    zone = new_zone()
    for key in (KEY, b""):
        zone.run(
            pb.MsgSetEncryptionKey(signer=CLERK, member_id="tax", encryption_key=key)
        )
        assert member_of(zone, "tax").encryption_key == key
        assert zone.told("encryption_key_changed")[0]["encryption_key"] == key.hex()


def test_added_account_gets_the_next_number_and_sorted_roles() -> None:
    zone = new_zone()
    added = pb.MsgAddAccount(
        signer=OPERATOR, address=NEW, member_id="tax", roles=["publisher", "officer"]
    )
    assert zone.run(added).account_number == 5
    assert account_of(zone, NEW) == pb.Account(
        address=NEW,
        account_number=5,
        member_id="tax",
        roles=["officer", "publisher"],
    )
    relayer = pb.MsgAddAccount(
        signer=OPERATOR, address=address_of("relayer"), roles=["relayer"]
    )
    assert zone.run(relayer).account_number == 6
    assert zone.told("account_added")[0]["roles"] == "relayer"


def test_disabled_account_keeps_its_number_and_is_told() -> None:
    zone = new_zone()
    zone.run(pb.MsgDisableAccount(signer=OPERATOR, address=CLERK, reason="lost key"))
    account = account_of(zone, CLERK)
    assert account.disabled
    assert account.account_number == 3
    assert zone.told("account_disabled")[0]["reason"] == "lost key"


REFUSALS: list[tuple[Any, type[HuitongError]]] = [
    (pb.MsgAdmitMember(**{**ADMIT, "member_id": "Bank"}), InvalidRequestError),
    (pb.MsgAdmitMember(**{**ADMIT, "name": ""}), InvalidRequestError),
    (pb.MsgAdmitMember(**{**ADMIT, "legal_id": "\n"}), InvalidRequestError),
    (pb.MsgAdmitMember(**{**ADMIT, "encryption_key": b"1"}), InvalidRequestError),
    (pb.MsgAdmitMember(**{**ADMIT, "roles": ["king"]}), errors.UnknownRoleError),
    (
        pb.MsgAdmitMember(**{**ADMIT, "roles": ["relayer", "relayer"]}),
        errors.UnknownRoleError,
    ),
    (pb.MsgAdmitMember(**{**ADMIT, "member_id": "tax"}), errors.MemberExistsError),
    (pb.MsgAdmitMember(**{**ADMIT, "signer": CLERK}), UnauthorizedError),
    (status("nobody", SUSPENDED), errors.MemberNotFoundError),
    (status("tax", ACTIVE), errors.MemberStatusError),
    (status("tax", 0), errors.MemberStatusError),
    (status("tax", 9), errors.MemberStatusError),
    (status("tax", SUSPENDED, address_of("head")), errors.SelfExclusionError),
    (status("tax", REMOVED, REGULATOR), UnauthorizedError),
    (
        pb.MsgSetMemberStatus(signer=OPERATOR, member_id="tax", status=SUSPENDED),
        InvalidRequestError,
    ),
    (
        pb.MsgSetEncryptionKey(signer=CLERK, member_id="bank", encryption_key=KEY),
        errors.NotOwnMemberError,
    ),
    (
        pb.MsgSetEncryptionKey(signer=OPERATOR, member_id="tax", encryption_key=KEY),
        errors.NoMemberError,
    ),
    (
        pb.MsgSetEncryptionKey(signer=CLERK, member_id="tax", encryption_key=b"1"),
        InvalidRequestError,
    ),
    (pb.MsgAddAccount(signer=OPERATOR, address="ht1"), InvalidAddressError),
    (pb.MsgAddAccount(signer=OPERATOR, address=CLERK), errors.AccountExistsError),
    (
        pb.MsgAddAccount(signer=OPERATOR, address=NEW, roles=["king"]),
        errors.UnknownRoleError,
    ),
    (
        pb.MsgAddAccount(signer=OPERATOR, address=NEW, roles=["publisher"]),
        errors.RoleNotAllowedError,
    ),
    (
        pb.MsgAddAccount(
            signer=OPERATOR, address=NEW, member_id="tax", roles=["requester"]
        ),
        errors.RoleNotAllowedError,
    ),
    (
        pb.MsgAddAccount(signer=OPERATOR, address=NEW, member_id="nobody"),
        errors.MemberNotFoundError,
    ),
    (
        pb.MsgDisableAccount(signer=OPERATOR, address=NEW, reason="x"),
        UnknownAddressError,
    ),
    (
        pb.MsgDisableAccount(signer=OPERATOR, address=OPERATOR, reason="x"),
        errors.SelfExclusionError,
    ),
    (pb.MsgDisableAccount(signer=OPERATOR, address=CLERK), InvalidRequestError),
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


def test_removal_is_final_and_no_account_is_added_to_a_suspended_member() -> None:
    zone = new_zone()
    zone.run(status("tax", SUSPENDED))
    with pytest.raises(errors.MemberNotActiveError):
        zone.run(pb.MsgAddAccount(signer=OPERATOR, address=NEW, member_id="tax"))
    zone.run(status("tax", REMOVED))
    with pytest.raises(errors.MemberStatusError):
        zone.run(status("tax", ACTIVE))


def test_disabling_twice_is_refused() -> None:
    zone = new_zone()
    message = pb.MsgDisableAccount(signer=OPERATOR, address=CLERK, reason="x")
    zone.run(message)
    with pytest.raises(errors.AccountDisabledError):
        zone.run(message)


def test_pages_of_members_and_accounts_join_to_the_whole() -> None:
    zone = new_zone()
    for member_id in ("bank", "court", "customs"):
        zone.run(pb.MsgAdmitMember(**{**ADMIT, "member_id": member_id}))
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
    assert found == ["bank", "court", "customs", "tax"]
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
    assert len(addresses) == len(set(addresses)) == 5


def test_wallets_get_accounts_in_the_form_of_the_cosmos_sdk() -> None:
    zone = new_zone()
    ctx = zone.context()
    account = account_of(zone, CLERK)
    path = "/cosmos.auth.v1beta1.Query/Account"
    request = auth_query_pb2.QueryAccountRequest(address=CLERK)
    found = unpack_any(zone.query(path, request).account, auth_pb2.BaseAccount)
    assert (found.address, found.account_number, found.sequence) == (CLERK, 3, 0)
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
    zone.run(status("tax", SUSPENDED))
    zone.run(pb.MsgAddAccount(signer=OPERATOR, address=NEW, member_id="bank"))
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
    ],
)
def test_genesis_with_a_mistake_is_refused(state: dict[str, Any]) -> None:
    with pytest.raises(GenesisError):
        MemoryZone([MODULE], genesis={"members": state})


def test_empty_genesis_is_a_zone_without_members() -> None:
    assert MemoryZone([MODULE]).export() == {
        "members": {"members": [], "accounts": [], "next_account_number": "0"}
    }
