"""Members and accounts as queries and genesis show them."""

from __future__ import annotations

from typing import Any

import pytest

from huitong.core.codec import encode, unpack_any
from huitong.core.errors import (
    InvalidRequestError,
    NotFoundError,
)
from huitong.core.genesis import GenesisError
from huitong.core.limits import ACCOUNTS_PER_MEMBER_MAX, MEMBERS_MAX
from huitong.modules.members import MODULE, STORE, account_key, errors
from huitong.proto.cosmos.auth.v1beta1 import auth_pb2
from huitong.proto.cosmos.auth.v1beta1 import query_pb2 as auth_query_pb2
from huitong.proto.cosmos.crypto.secp256k1 import keys_pb2
from huitong.proto.huitong.members.v1 import members_pb2 as pb
from huitong.testing.actors import address_of
from huitong.testing.contexts import MemoryZone
from tests.unit.members.messages import (
    ADMIT,
    CLERK,
    NEW,
    SUSPENDED,
    add,
    status,
)
from tests.unit.members.zones import (
    ACCOUNTS,
    account_of,
    emergency,
    member_of,
    new_zone,
)


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
