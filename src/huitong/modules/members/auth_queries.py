"""Answers about accounts in the form of the Cosmos SDK: ``cosmos.auth.v1beta1.Query``.

Wallets and relayers ask them before they sign. Accounts of modules, which other chains
have for their coins, do not exist here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from google.protobuf.message import Message

from huitong.core.address import (
    ADDRESS_PREFIX,
    ADDRESS_SIZE_BYTES,
    decode_address,
    encode_address,
)
from huitong.core.codec import pack_any
from huitong.core.context import Context
from huitong.core.errors import InvalidAddressError, InvalidRequestError
from huitong.core.grpc_words import invalid_argument, not_found, not_found_as
from huitong.core.limits import TX_MEMO_CHARACTERS_MAX, TX_SIGNERS_MAX
from huitong.core.module import QueryRoute
from huitong.core.sdk_paging import page_of_prefix
from huitong.modules.members.keys import ACCOUNT_PREFIX, STORE
from huitong.modules.members.state import (
    accounts_after,
    find_account,
    next_account_number,
)
from huitong.proto.cosmos.auth.v1beta1 import auth_pb2
from huitong.proto.cosmos.auth.v1beta1 import query_pb2 as pb
from huitong.proto.cosmos.crypto.secp256k1 import keys_pb2
from huitong.proto.huitong.members.v1.members_pb2 import Account

_PATH: Final = "/cosmos.auth.v1beta1.Query/"


def answer_account(
    ctx: Context, request: pb.QueryAccountRequest
) -> pb.QueryAccountResponse:
    """Return number, sequence and key of an account.

    Raises:
        InvalidRequestError: the address is malformed.
        NotFoundError: there is none.
    """
    return pb.QueryAccountResponse(
        account=pack_any(_base_account(_asked_account(ctx, request.address)))
    )


def answer_account_info(
    ctx: Context, request: pb.QueryAccountInfoRequest
) -> pb.QueryAccountInfoResponse:
    """Return an account without its wrapping; raises as ``answer_account``."""
    return pb.QueryAccountInfoResponse(
        info=_base_account(_asked_account(ctx, request.address))
    )


def answer_address_by_id(
    ctx: Context, request: pb.QueryAccountAddressByIDRequest
) -> pb.QueryAccountAddressByIDResponse:
    """Return the address of the account that has a number; it walks over accounts.

    Raises:
        InvalidRequestError: the number is given in the field that is deprecated.
        NotFoundError: no account has it.
    """
    number = request.account_id
    if request.id:
        raise invalid_argument(
            "requesting with id isn't supported, try to request using account-id"
        )
    known = accounts_after(ctx, "") if number < next_account_number(ctx) else ()
    for account in known:
        if account.account_number == number:
            return pb.QueryAccountAddressByIDResponse(account_address=account.address)
    raise not_found_as(f"account address not found with account number {number}")


def answer_accounts(
    ctx: Context, request: pb.QueryAccountsRequest
) -> pb.QueryAccountsResponse:
    """Return a page of accounts in the order of their 20 bytes.

    Raises:
        InvalidRequestError: both a key and an offset are given.
    """
    found, pagination = page_of_prefix(
        ctx.store(STORE),
        ACCOUNT_PREFIX,
        request.pagination,
        lambda _, value: pack_any(_base_account(Account.FromString(value))),
    )
    return pb.QueryAccountsResponse(accounts=found, pagination=pagination)


def answer_params(
    ctx: Context, request: pb.QueryParamsRequest
) -> pb.QueryParamsResponse:
    """Return the bounds of transactions; what gas costs is in the reference of gas."""
    return pb.QueryParamsResponse(
        params=auth_pb2.Params(
            max_memo_characters=TX_MEMO_CHARACTERS_MAX, tx_sig_limit=TX_SIGNERS_MAX
        )
    )


def answer_module_accounts(
    ctx: Context, request: pb.QueryModuleAccountsRequest
) -> pb.QueryModuleAccountsResponse:
    """Return none: no module has an account."""
    return pb.QueryModuleAccountsResponse()


def answer_module_account_by_name(
    ctx: Context, request: pb.QueryModuleAccountByNameRequest
) -> pb.QueryModuleAccountByNameResponse:
    """Return none.

    Raises:
        InvalidRequestError: no name is given.
        NotFoundError: always otherwise.
    """
    if not request.name:
        raise invalid_argument("module name is empty")
    raise not_found(f"account {request.name}")


def answer_bech32_prefix(
    ctx: Context, request: pb.Bech32PrefixRequest
) -> pb.Bech32PrefixResponse:
    """Return the prefix of all addresses."""
    return pb.Bech32PrefixResponse(bech32_prefix=ADDRESS_PREFIX)


def answer_bytes_to_string(
    ctx: Context, request: pb.AddressBytesToStringRequest
) -> pb.AddressBytesToStringResponse:
    """Return the text of an address.

    Raises:
        InvalidRequestError: not 20 bytes.
    """
    size = len(request.address_bytes)
    if size != ADDRESS_SIZE_BYTES:
        raise invalid_argument(f"address of {size} bytes, not {ADDRESS_SIZE_BYTES}")
    return pb.AddressBytesToStringResponse(
        address_string=encode_address(request.address_bytes)
    )


def answer_string_to_bytes(
    ctx: Context, request: pb.AddressStringToBytesRequest
) -> pb.AddressStringToBytesResponse:
    """Return the bytes of an address.

    Raises:
        InvalidRequestError: the address is malformed.
    """
    try:
        data = decode_address(request.address_string)
    except InvalidAddressError as wrong:
        raise invalid_argument(str(wrong)) from wrong
    return pb.AddressStringToBytesResponse(address_bytes=data)


def _asked_account(ctx: Context, address: str) -> Account:
    if not address:
        raise invalid_argument("Address cannot be empty")
    try:
        account = find_account(ctx, address)
    except InvalidAddressError as wrong:
        raise InvalidRequestError(reason=f"decoding bech32 failed: {wrong}") from wrong
    if account is None:
        raise not_found(f"account {address}")
    return account


def _base_account(account: Account) -> auth_pb2.BaseAccount:
    known = auth_pb2.BaseAccount(
        address=account.address,
        account_number=account.account_number,
        sequence=account.sequence,
    )
    if account.public_key:
        known.pub_key.CopyFrom(pack_any(keys_pb2.PubKey(key=account.public_key)))
    return known


def _route(
    method: str, request: type[Message], answer: Callable[[Context, Any], Message]
) -> QueryRoute:
    return QueryRoute(path=_PATH + method, request=request, answer=answer)


QUERIES: Final = (
    _route("Account", pb.QueryAccountRequest, answer_account),
    _route("Accounts", pb.QueryAccountsRequest, answer_accounts),
    _route(
        "AccountAddressByID", pb.QueryAccountAddressByIDRequest, answer_address_by_id
    ),
    _route("AccountInfo", pb.QueryAccountInfoRequest, answer_account_info),
    _route("Params", pb.QueryParamsRequest, answer_params),
    _route("ModuleAccounts", pb.QueryModuleAccountsRequest, answer_module_accounts),
    _route(
        "ModuleAccountByName",
        pb.QueryModuleAccountByNameRequest,
        answer_module_account_by_name,
    ),
    _route("Bech32Prefix", pb.Bech32PrefixRequest, answer_bech32_prefix),
    _route(
        "AddressBytesToString", pb.AddressBytesToStringRequest, answer_bytes_to_string
    ),
    _route(
        "AddressStringToBytes", pb.AddressStringToBytesRequest, answer_string_to_bytes
    ),
)
