"""Accounts as wallets and relayers ask for them, in the form of the Cosmos SDK."""

from __future__ import annotations

from typing import Any

import pytest
from google.protobuf.message import Message

from huitong.core.address import decode_address
from huitong.core.codec import unpack_any
from huitong.core.errors import HuitongError, InvalidRequestError, NotFoundError
from huitong.core.limits import TX_MEMO_CHARACTERS_MAX, TX_SIGNERS_MAX
from huitong.proto.cosmos.auth.v1beta1 import auth_pb2
from huitong.proto.cosmos.auth.v1beta1 import query_pb2 as pb
from huitong.proto.cosmos.base.query.v1beta1.pagination_pb2 import PageRequest
from huitong.testing.actors import address_of
from tests.unit.members.zones import ACCOUNTS, new_zone

AUTH = "/cosmos.auth.v1beta1.Query/"
CLERK = address_of("tax-clerk")


def ask(method: str, request: Message) -> Any:
    return new_zone().query(AUTH + method, request)


def test_account_is_the_same_with_and_without_its_wrapping() -> None:
    wrapped = ask("Account", pb.QueryAccountRequest(address=CLERK)).account
    plain = ask("AccountInfo", pb.QueryAccountInfoRequest(address=CLERK)).info
    assert wrapped.type_url == "/cosmos.auth.v1beta1.BaseAccount"
    assert unpack_any(wrapped, auth_pb2.BaseAccount) == plain
    assert plain.address == CLERK


def test_pages_of_accounts_join_to_the_whole() -> None:
    zone, found, key = new_zone(), list[str](), b""
    while True:
        request = pb.QueryAccountsRequest(pagination=PageRequest(key=key, limit=3))
        told = zone.query(f"{AUTH}Accounts", request)
        assert len(told.accounts) <= 3
        found += [
            unpack_any(item, auth_pb2.BaseAccount).address for item in told.accounts
        ]
        key = told.pagination.next_key
        if not key:
            break
    assert found == sorted(map(address_of, ACCOUNTS), key=decode_address)


def test_bounds_of_transactions_are_told() -> None:
    params = ask("Params", pb.QueryParamsRequest()).params
    assert params.max_memo_characters == TX_MEMO_CHARACTERS_MAX
    assert params.tx_sig_limit == TX_SIGNERS_MAX


def test_no_module_has_an_account() -> None:
    assert not ask("ModuleAccounts", pb.QueryModuleAccountsRequest()).accounts


def test_account_is_found_by_its_number() -> None:
    number = ask("AccountInfo", pb.QueryAccountInfoRequest(address=CLERK)).info
    told = ask(
        "AccountAddressByID",
        pb.QueryAccountAddressByIDRequest(account_id=number.account_number),
    )
    assert told.account_address == CLERK


def test_addresses_are_converted_both_ways() -> None:
    data = decode_address(CLERK)
    assert ask("Bech32Prefix", pb.Bech32PrefixRequest()).bech32_prefix == "ht"
    text = ask(
        "AddressBytesToString", pb.AddressBytesToStringRequest(address_bytes=data)
    )
    assert text.address_string == CLERK
    back = ask(
        "AddressStringToBytes", pb.AddressStringToBytesRequest(address_string=CLERK)
    )
    assert back.address_bytes == data


@pytest.mark.parametrize(
    ("method", "request_", "error", "text"),
    [
        ("Account", pb.QueryAccountRequest(), InvalidRequestError, "cannot be empty"),
        (
            "Account",
            pb.QueryAccountRequest(address="cosmos1x"),
            InvalidRequestError,
            "decoding bech32 failed",
        ),
        (
            "Account",
            pb.QueryAccountRequest(address=address_of("nobody")),
            NotFoundError,
            f"rpc error: code = NotFound desc = account {address_of('nobody')} not found",
        ),
        (
            "AccountAddressByID",
            pb.QueryAccountAddressByIDRequest(account_id=2**64 - 1),
            NotFoundError,
            "account address not found with account number 18446744073709551615",
        ),
        (
            "AccountAddressByID",
            pb.QueryAccountAddressByIDRequest(id=1),
            InvalidRequestError,
            "try to request using account-id",
        ),
        (
            "AccountInfo",
            pb.QueryAccountInfoRequest(address=address_of("nobody")),
            NotFoundError,
            "not found",
        ),
        (
            "Accounts",
            pb.QueryAccountsRequest(pagination=PageRequest(key=b"x", offset=1)),
            InvalidRequestError,
            "",
        ),
        (
            "ModuleAccountByName",
            pb.QueryModuleAccountByNameRequest(),
            InvalidRequestError,
            "module name is empty",
        ),
        (
            "ModuleAccountByName",
            pb.QueryModuleAccountByNameRequest(name="gov"),
            NotFoundError,
            "account gov not found",
        ),
        (
            "AddressBytesToString",
            pb.AddressBytesToStringRequest(address_bytes=b"x"),
            InvalidRequestError,
            "address of 1 bytes, not 20",
        ),
        (
            "AddressStringToBytes",
            pb.AddressStringToBytesRequest(address_string="x"),
            InvalidRequestError,
            "",
        ),
    ],
)
def test_refusals(
    method: str, request_: Message, error: type[HuitongError], text: str
) -> None:
    with pytest.raises(error) as refused:
        ask(method, request_)
    assert text in str(refused.value)
