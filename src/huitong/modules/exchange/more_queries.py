"""Answers about standing permissions, pushes and hand-overs."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any, TypeVar

from huitong.core.context import Context
from huitong.core.errors import InvalidRequestError
from huitong.core.limits import PAGE_SCAN_MAX
from huitong.core.paging import page_of, page_size
from huitong.modules.exchange.errors import (
    HandOverNotFoundError,
    SubscriptionNotFoundError,
)
from huitong.modules.exchange.hand_overs import find_hand_over, hand_overs_after
from huitong.modules.exchange.keys import GIVER, PROVIDER, RECEIVER, REQUESTER
from huitong.modules.exchange.passed_on import find_receipts
from huitong.modules.exchange.queries import check_side
from huitong.modules.exchange.state import pushes_after
from huitong.modules.exchange.subscriptions import (
    find_subscription,
    get_subscription,
    subscriptions_after,
)
from huitong.proto.huitong.exchange.v1 import exchange_pb2 as pb
from huitong.proto.huitong.exchange.v1 import handover_pb2

EntryT = TypeVar("EntryT", pb.Subscription, handover_pb2.HandOver)


def answer_subscription(
    ctx: Context, request: pb.QuerySubscriptionRequest
) -> pb.QuerySubscriptionResponse:
    """Return one permission; without a side, the one where this zone asked comes first.

    Raises:
        InvalidRequestError: there is no such side.
        SubscriptionNotFoundError: there is none.
    """
    check_side(request.side)
    for side in (request.side,) if request.side else (REQUESTER, PROVIDER):
        found = find_subscription(ctx, side, request.channel_id, request.sequence)
        if found is not None:
            return pb.QuerySubscriptionResponse(subscription=found)
    raise SubscriptionNotFoundError(
        channel_id=request.channel_id, sequence=request.sequence
    )


def answer_subscriptions(
    ctx: Context, request: pb.QuerySubscriptionsRequest
) -> pb.QuerySubscriptionsResponse:
    """Return permissions of one side of a channel, by ascending sequence.

    With a state the page may end early; ``next`` tells where to go on all the same.

    Raises:
        InvalidRequestError: there is no such side, or the limit is too high.
    """
    check_side(request.side)
    side = request.side or REQUESTER
    after = subscriptions_after(ctx, side, request.channel_id, request.start_after)
    found, last = _filtered(after, "state", request.state, request.limit)
    return pb.QuerySubscriptionsResponse(subscriptions=found, next=last)


def answer_pushes(
    ctx: Context, request: pb.QueryPushesRequest
) -> pb.QueryPushesResponse:
    """Return the pushes of one permission, by ascending number.

    Raises:
        InvalidRequestError: there is no such side, or the limit is too high.
    """
    check_side(request.side)
    side = request.side or REQUESTER
    after = pushes_after(
        ctx, side, request.channel_id, request.sequence, request.start_after
    )
    page, more = page_of(after, request.limit)
    last = page[-1].push_number if more else 0
    return pb.QueryPushesResponse(pushes=page, next=last)


def answer_missed_pushes(
    ctx: Context, request: pb.QueryMissedPushesRequest
) -> pb.QueryMissedPushesResponse:
    """Return the numbers that have not arrived here, up to the provider's counter.

    Cost: one step of a walk for each number that did arrive, within one page.

    Raises:
        InvalidRequestError: the limit is too high.
        SubscriptionNotFoundError: this zone asked for none such.
    """
    size = page_size(request.limit)
    get_subscription(ctx, REQUESTER, request.channel_id, request.sequence)
    answer = pb.QueryMissedPushesResponse()
    expected = request.start_after + 1
    arrived = pushes_after(
        ctx, REQUESTER, request.channel_id, request.sequence, request.start_after
    )
    looked_at = 0
    here = next(arrived, None)
    while expected <= request.push_last:
        if here is not None and here.push_number == expected:
            here = next(arrived, None)
            looked_at += 1
        else:
            answer.numbers.append(expected)
        expected += 1
        if len(answer.numbers) == size or looked_at == PAGE_SCAN_MAX:
            answer.next = expected - 1 if expected <= request.push_last else 0
            break
    return answer


def answer_hand_over(
    ctx: Context, request: pb.QueryHandOverRequest
) -> pb.QueryHandOverResponse:
    """Return one hand-over; without a side, the one that this zone gives comes first.

    Raises:
        InvalidRequestError: there is no such side.
        HandOverNotFoundError: there is none.
    """
    _check_hand_over_side(request.side)
    for side in (request.side,) if request.side else (GIVER, RECEIVER):
        found = find_hand_over(ctx, side, request.channel_id, request.sequence)
        if found is not None:
            return pb.QueryHandOverResponse(hand_over=found)
    raise HandOverNotFoundError(
        channel_id=request.channel_id, sequence=request.sequence
    )


def answer_hand_overs(
    ctx: Context, request: pb.QueryHandOversRequest
) -> pb.QueryHandOversResponse:
    """Return hand-overs of one side of a channel, by ascending sequence.

    With a status the page may end early; ``next`` tells where to go on all the same.

    Raises:
        InvalidRequestError: there is no such side, or the limit is too high.
    """
    _check_hand_over_side(request.side)
    side = request.side or GIVER
    after = hand_overs_after(ctx, side, request.channel_id, request.start_after)
    found, last = _filtered(after, "status", request.status, request.limit)
    return pb.QueryHandOversResponse(hand_overs=found, next=last)


def answer_record_receipts(
    ctx: Context, request: pb.QueryRecordReceiptsRequest
) -> pb.QueryRecordReceiptsResponse:
    """Return how many receipts a record has, and the head of their chain."""
    receipts = find_receipts(ctx, request.issuer, request.record_id)
    return pb.QueryRecordReceiptsResponse(receipts=receipts)


def _filtered(
    entries: Iterator[EntryT], field: str, wanted: Any, limit: int
) -> tuple[list[EntryT], int]:
    """Return a page of entries whose field is as wanted, and where to go on; 0: no more.

    Nothing wanted takes all.
    """
    size = page_size(limit)
    found: list[EntryT] = []
    last = 0
    for entry in islice(entries, PAGE_SCAN_MAX):
        if len(found) == size:
            return found, last
        if not wanted or getattr(entry, field) == wanted:
            found.append(entry)
        last = entry.sequence
    return found, last if next(entries, None) is not None else 0


def _check_hand_over_side(side: int) -> None:
    if side not in (handover_pb2.HAND_OVER_SIDE_UNSPECIFIED, GIVER, RECEIVER):
        raise InvalidRequestError(reason=f"side {side} is unknown")
