"""Answers about vouchers: ``ibc.applications.transfer.v1.Query``, and the zone's rules.

ibc-go v8 calls the way of a voucher ``DenomTrace``, v10 calls it ``Denom``; clients of
both ask, so both are answered.
"""

from __future__ import annotations

from typing import Final

from huitong.core.context import Context
from huitong.core.grpc_words import invalid_argument, not_found
from huitong.core.hashing import HASH_SIZE_BYTES
from huitong.core.ids import InvalidIdentifierError, check_channel_id, check_port_id
from huitong.core.module import QueryRoute
from huitong.core.sdk_paging import page_of_prefix
from huitong.modules.claims.queries import checked_denom
from huitong.modules.transfer.errors import TransferDenomError
from huitong.modules.transfer.keys import STORE, TRACE_PREFIX, escrow_address
from huitong.modules.transfer.state import find_trace, get_escrow_total, get_params
from huitong.modules.transfer.traces import (
    check_full_denom,
    full_denom_of,
    hash_of,
    hops_of,
)
from huitong.proto.cosmos.base.query.v1beta1 import pagination_pb2
from huitong.proto.cosmos.base.v1beta1.coin_pb2 import Coin
from huitong.proto.huitong.transfer.v1 import transfer_pb2 as own_pb2
from huitong.proto.ibc.applications.transfer.v1 import query_pb2, transfer_pb2

_PATH: Final = "/ibc.applications.transfer.v1.Query/"


def answer_denom_trace(
    ctx: Context, request: query_pb2.QueryDenomTraceRequest
) -> query_pb2.QueryDenomTraceResponse:
    """Return the way that a voucher came.

    Raises:
        InvalidRequestError: no hash.
        NotFoundError: no voucher has it.
    """
    trace = _trace(ctx, request.hash, "denomination trace")
    return query_pb2.QueryDenomTraceResponse(denom_trace=trace)


def answer_denom(
    ctx: Context, request: query_pb2.QueryDenomRequest
) -> query_pb2.QueryDenomResponse:
    """Return the same as ``DenomTrace`` with the hops as a list."""
    trace = _trace(ctx, request.hash, "denomination")
    return query_pb2.QueryDenomResponse(denom=hops_of(trace))


def answer_denom_traces(
    ctx: Context, request: query_pb2.QueryDenomTracesRequest
) -> query_pb2.QueryDenomTracesResponse:
    """Return a page of all ways; within the page by full denomination, as ibc-go does."""
    found, pagination = traces_page(ctx, request.pagination)
    return query_pb2.QueryDenomTracesResponse(
        denom_traces=_by_full_denom(found), pagination=pagination
    )


def answer_denoms(
    ctx: Context, request: query_pb2.QueryDenomsRequest
) -> query_pb2.QueryDenomsResponse:
    """Return the same as ``DenomTraces`` with the hops as lists."""
    found, pagination = traces_page(ctx, request.pagination)
    return query_pb2.QueryDenomsResponse(
        denoms=[hops_of(trace) for trace in _by_full_denom(found)],
        pagination=pagination,
    )


def answer_denom_hash(
    ctx: Context, request: query_pb2.QueryDenomHashRequest
) -> query_pb2.QueryDenomHashResponse:
    """Return the hash that the voucher for a full denomination is named after.

    Raises:
        InvalidRequestError: no denomination.
        NotFoundError: no voucher came this way.
    """
    try:
        check_full_denom(request.trace)
    except TransferDenomError as wrong:
        raise invalid_argument(str(wrong)) from None
    digest = hash_of(request.trace)
    if find_trace(ctx, digest) is None:
        raise not_found(f"{request.trace}: denomination trace")
    return query_pb2.QueryDenomHashResponse(hash=digest.hex().upper())


def answer_escrow_address(
    ctx: Context, request: query_pb2.QueryEscrowAddressRequest
) -> query_pb2.QueryEscrowAddressResponse:
    """Return the address that holds what went out over a channel.

    Raises:
        InvalidRequestError: port or channel are no identifiers.
    """
    try:
        check_port_id(request.port_id)
        check_channel_id(request.channel_id)
    except InvalidIdentifierError as wrong:
        raise invalid_argument(str(wrong)) from None
    address = escrow_address(request.port_id, request.channel_id)
    return query_pb2.QueryEscrowAddressResponse(escrow_address=address)


def answer_total_escrow(
    ctx: Context, request: query_pb2.QueryTotalEscrowForDenomRequest
) -> query_pb2.QueryTotalEscrowForDenomResponse:
    """Return how much of a denomination the escrows of all channels hold.

    Raises:
        InvalidRequestError: the denomination is malformed.
    """
    denom = checked_denom(request.denom)
    amount = Coin(denom=denom, amount=str(get_escrow_total(ctx, denom)))
    return query_pb2.QueryTotalEscrowForDenomResponse(amount=amount)


def answer_params(
    ctx: Context, request: query_pb2.QueryParamsRequest
) -> query_pb2.QueryParamsResponse:
    """Return the two switches that ibc-go has as well."""
    params = get_params(ctx)
    return query_pb2.QueryParamsResponse(
        params=transfer_pb2.Params(
            send_enabled=params.send_enabled, receive_enabled=params.receive_enabled
        )
    )


def answer_rules(
    ctx: Context, request: own_pb2.QueryParamsRequest
) -> own_pb2.QueryParamsResponse:
    """Return the zone's rules, with the list of clients."""
    return own_pb2.QueryParamsResponse(params=get_params(ctx))


def traces_page(
    ctx: Context, request: pagination_pb2.PageRequest
) -> tuple[list[transfer_pb2.DenomTrace], pagination_pb2.PageResponse]:
    """Return a page of all ways, by ascending hash.

    Raises:
        InvalidRequestError: the page is malformed.
    """

    def read(_: bytes, value: bytes) -> transfer_pb2.DenomTrace:
        return transfer_pb2.DenomTrace.FromString(value)

    return page_of_prefix(ctx.store(STORE), TRACE_PREFIX, request, read)


def _by_full_denom(
    traces: list[transfer_pb2.DenomTrace],
) -> list[transfer_pb2.DenomTrace]:
    return sorted(traces, key=lambda trace: full_denom_of(trace))


def _trace(ctx: Context, asked: str, missing: str) -> transfer_pb2.DenomTrace:
    try:
        digest = bytes.fromhex(asked.removeprefix("ibc/"))
    except ValueError:
        digest = b""
    if len(digest) != HASH_SIZE_BYTES:
        raise invalid_argument(
            f"invalid denom trace hash: {asked[:80]}, "
            f"error: expected {2 * HASH_SIZE_BYTES} hexadecimal digits"
        )
    trace = find_trace(ctx, digest)
    if trace is None:
        raise not_found(f"{asked}: {missing}")
    return trace


QUERIES: Final = (
    QueryRoute(
        path=_PATH + "DenomTrace",
        request=query_pb2.QueryDenomTraceRequest,
        answer=answer_denom_trace,
    ),
    QueryRoute(
        path=_PATH + "DenomTraces",
        request=query_pb2.QueryDenomTracesRequest,
        answer=answer_denom_traces,
    ),
    QueryRoute(
        path=_PATH + "Denom",
        request=query_pb2.QueryDenomRequest,
        answer=answer_denom,
    ),
    QueryRoute(
        path=_PATH + "Denoms",
        request=query_pb2.QueryDenomsRequest,
        answer=answer_denoms,
    ),
    QueryRoute(
        path=_PATH + "DenomHash",
        request=query_pb2.QueryDenomHashRequest,
        answer=answer_denom_hash,
    ),
    QueryRoute(
        path=_PATH + "EscrowAddress",
        request=query_pb2.QueryEscrowAddressRequest,
        answer=answer_escrow_address,
    ),
    QueryRoute(
        path=_PATH + "TotalEscrowForDenom",
        request=query_pb2.QueryTotalEscrowForDenomRequest,
        answer=answer_total_escrow,
    ),
    QueryRoute(
        path=_PATH + "Params",
        request=query_pb2.QueryParamsRequest,
        answer=answer_params,
    ),
    QueryRoute(
        path="/huitong.transfer.v1.Query/Params",
        request=own_pb2.QueryParamsRequest,
        answer=answer_rules,
    ),
)
