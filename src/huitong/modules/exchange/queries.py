"""Answers about exchanges."""

from __future__ import annotations

from itertools import islice

from huitong.core.context import Context
from huitong.core.errors import InvalidRequestError
from huitong.core.limits import PAGE_SCAN_MAX
from huitong.core.paging import page_size
from huitong.modules.exchange.keys import PROVIDER, REQUESTER
from huitong.modules.exchange.state import (
    exchanges_after,
    find_exchange,
    get_params,
    not_found,
)
from huitong.proto.huitong.exchange.v1 import exchange_pb2 as pb


def answer_exchange(
    ctx: Context, request: pb.QueryExchangeRequest
) -> pb.QueryExchangeResponse:
    """Return one exchange; without a side, the one where this zone asked comes first.

    Raises:
        InvalidRequestError: there is no such side.
        ExchangeNotFoundError: there is none.
    """
    check_side(request.side)
    sides = (request.side,) if request.side else (REQUESTER, PROVIDER)
    for side in sides:
        exchange = find_exchange(
            ctx, side, request.channel_id, request.sequence, request.push_number
        )
        if exchange is not None:
            return pb.QueryExchangeResponse(exchange=exchange)
    raise not_found(request.channel_id, request.sequence, request.push_number)


def answer_exchanges(
    ctx: Context, request: pb.QueryExchangesRequest
) -> pb.QueryExchangesResponse:
    """Return exchanges of one side of a channel, by ascending sequence.

    With a status the page may end early; ``next`` tells where to go on all the same.

    Raises:
        InvalidRequestError: there is no such side, or the limit is too high.
    """
    check_side(request.side)
    size = page_size(request.limit)
    side = request.side or REQUESTER
    found = pb.QueryExchangesResponse()
    after = exchanges_after(ctx, side, request.channel_id, request.start_after)
    last = 0
    for exchange in islice(after, PAGE_SCAN_MAX):
        if len(found.exchanges) == size:
            found.next = last
            return found
        if request.status in (pb.EXCHANGE_STATUS_UNSPECIFIED, exchange.status):
            found.exchanges.append(exchange)
        last = exchange.sequence
    if next(after, None) is not None:
        found.next = last
    return found


def answer_params(
    ctx: Context, request: pb.QueryParamsRequest
) -> pb.QueryParamsResponse:
    """Return the zone's rules."""
    return pb.QueryParamsResponse(params=get_params(ctx))


def check_side(side: int) -> None:
    """Check that a query names a side, or none.

    Raises:
        InvalidRequestError: there is no such side.
    """
    if side not in (pb.EXCHANGE_SIDE_UNSPECIFIED, PROVIDER, REQUESTER):
        raise InvalidRequestError(reason=f"side {side} is unknown")
