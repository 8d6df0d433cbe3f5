"""Answers about claims: ``cosmos.bank.v1beta1.Query``, which every wallet asks.

Nothing is bonded or locked here, so what an address holds is what it can spend.
"""

from __future__ import annotations

from typing import Final

from huitong.core.address import decode_address
from huitong.core.context import Context
from huitong.core.errors import InvalidAddressError
from huitong.core.grpc_words import invalid_argument
from huitong.core.module import QueryRoute
from huitong.core.sdk_paging import page_of_prefix
from huitong.modules.claims.amounts import is_denom
from huitong.modules.claims.keys import STORE, SUPPLY_PREFIX, holdings_prefix
from huitong.modules.claims.state import get_holding, get_supply
from huitong.proto.cosmos.bank.v1beta1 import bank_pb2, query_pb2
from huitong.proto.cosmos.base.query.v1beta1 import pagination_pb2
from huitong.proto.cosmos.base.v1beta1.coin_pb2 import Coin

_PATH: Final = "/cosmos.bank.v1beta1.Query/"


def answer_balance(
    ctx: Context, request: query_pb2.QueryBalanceRequest
) -> query_pb2.QueryBalanceResponse:
    """Return what an address holds of a denomination; nobody's address holds 0.

    Raises:
        InvalidRequestError: address or denomination is malformed.
    """
    balance = _balance(ctx, request.address, request.denom)
    return query_pb2.QueryBalanceResponse(balance=balance)


def answer_spendable_balance(
    ctx: Context, request: query_pb2.QuerySpendableBalanceByDenomRequest
) -> query_pb2.QuerySpendableBalanceByDenomResponse:
    """Return the same as ``Balance``: nothing is locked.

    Raises:
        InvalidRequestError: address or denomination is malformed.
    """
    balance = _balance(ctx, request.address, request.denom)
    return query_pb2.QuerySpendableBalanceByDenomResponse(balance=balance)


def answer_all_balances(
    ctx: Context, request: query_pb2.QueryAllBalancesRequest
) -> query_pb2.QueryAllBalancesResponse:
    """Return a page of what an address holds, by ascending denomination.

    Raises:
        InvalidRequestError: the address is malformed, or the page is.
    """
    found, pagination = _holdings(ctx, request.address, request.pagination)
    return query_pb2.QueryAllBalancesResponse(balances=found, pagination=pagination)


def answer_spendable_balances(
    ctx: Context, request: query_pb2.QuerySpendableBalancesRequest
) -> query_pb2.QuerySpendableBalancesResponse:
    """Return the same as ``AllBalances``: nothing is locked.

    Raises:
        InvalidRequestError: the address is malformed, or the page is.
    """
    found, pagination = _holdings(ctx, request.address, request.pagination)
    return query_pb2.QuerySpendableBalancesResponse(
        balances=found, pagination=pagination
    )


def answer_total_supply(
    ctx: Context, request: query_pb2.QueryTotalSupplyRequest
) -> query_pb2.QueryTotalSupplyResponse:
    """Return a page of all denominations with their sums.

    Raises:
        InvalidRequestError: the page is malformed.
    """
    found, pagination = page_of_prefix(
        ctx.store(STORE), SUPPLY_PREFIX, request.pagination, _read_coin
    )
    return query_pb2.QueryTotalSupplyResponse(supply=found, pagination=pagination)


def answer_supply_of(
    ctx: Context, request: query_pb2.QuerySupplyOfRequest
) -> query_pb2.QuerySupplyOfResponse:
    """Return the sum of all that is held of a denomination.

    Raises:
        InvalidRequestError: the denomination is malformed.
    """
    checked_denom(request.denom)
    amount = get_supply(ctx, request.denom)
    return query_pb2.QuerySupplyOfResponse(amount=_coin(request.denom, amount))


def answer_params(
    ctx: Context, request: query_pb2.QueryParamsRequest
) -> query_pb2.QueryParamsResponse:
    """Return that claims cannot be sent within the zone: no message does it."""
    return query_pb2.QueryParamsResponse(
        params=bank_pb2.Params(default_send_enabled=False)
    )


def checked_denom(denom: str) -> str:
    """Return a denomination of a request.

    Raises:
        InvalidRequestError: it is none, in the Cosmos SDK's words.
    """
    if not is_denom(denom):
        raise invalid_argument(f"invalid denom: {denom}")
    return denom


def _balance(ctx: Context, address: str, denom: str) -> Coin:
    checked_denom(denom)
    _check_address(address)
    return _coin(denom, get_holding(ctx, address, denom))


def _holdings(
    ctx: Context, address: str, request: pagination_pb2.PageRequest
) -> tuple[list[Coin], pagination_pb2.PageResponse]:
    _check_address(address)
    prefix = holdings_prefix(address)
    return page_of_prefix(ctx.store(STORE), prefix, request, _read_coin)


def _check_address(address: str) -> None:
    try:
        decode_address(address)
    except InvalidAddressError as wrong:
        reason = f"invalid address: decoding bech32 failed: {wrong}"
        raise invalid_argument(reason) from None


def _read_coin(key: bytes, value: bytes) -> Coin:
    return _coin(key.decode(), int.from_bytes(value, "big"))


def _coin(denom: str, amount: int) -> Coin:
    return Coin(denom=denom, amount=str(amount))


QUERIES: Final = (
    QueryRoute(
        path=_PATH + "Balance",
        request=query_pb2.QueryBalanceRequest,
        answer=answer_balance,
    ),
    QueryRoute(
        path=_PATH + "AllBalances",
        request=query_pb2.QueryAllBalancesRequest,
        answer=answer_all_balances,
    ),
    QueryRoute(
        path=_PATH + "SpendableBalances",
        request=query_pb2.QuerySpendableBalancesRequest,
        answer=answer_spendable_balances,
    ),
    QueryRoute(
        path=_PATH + "SpendableBalanceByDenom",
        request=query_pb2.QuerySpendableBalanceByDenomRequest,
        answer=answer_spendable_balance,
    ),
    QueryRoute(
        path=_PATH + "TotalSupply",
        request=query_pb2.QueryTotalSupplyRequest,
        answer=answer_total_supply,
    ),
    QueryRoute(
        path=_PATH + "SupplyOf",
        request=query_pb2.QuerySupplyOfRequest,
        answer=answer_supply_of,
    ),
    QueryRoute(
        path=_PATH + "Params",
        request=query_pb2.QueryParamsRequest,
        answer=answer_params,
    ),
)
