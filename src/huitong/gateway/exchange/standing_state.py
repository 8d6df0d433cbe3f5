"""Standing permissions and pushed versions as the own zone has them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Final

from huitong.client.zone import ZoneClient
from huitong.gateway.exchange.zone_state import PAGE, Touched, exchange_channels
from huitong.modules.exchange.keys import PROVIDER, REQUESTER
from huitong.proto.huitong.exchange.v1.exchange_pb2 import (
    Exchange,
    QueryPushesRequest,
    QueryPushesResponse,
    QuerySubscriptionRequest,
    QuerySubscriptionResponse,
    QuerySubscriptionsRequest,
    QuerySubscriptionsResponse,
    Subscription,
)

SUBSCRIPTION_PATH: Final = "/huitong.exchange.v1.Query/Subscription"
SUBSCRIPTIONS_PATH: Final = "/huitong.exchange.v1.Query/Subscriptions"
PUSHES_PATH: Final = "/huitong.exchange.v1.Query/Pushes"


async def read_subscriptions(zone: ZoneClient, touched: Touched) -> list[Subscription]:
    """Return standing permissions as the newest state of the own zone has them."""
    requests = [
        QuerySubscriptionRequest(
            channel_id=channel_id,
            sequence=sequence,
            side=side,  # type: ignore[arg-type]
        )
        for (side, channel_id), sequences in touched.subscriptions.items()
        for sequence in sorted(sequences)
    ]
    if not requests:
        return []
    answers = await zone.query_many(
        SUBSCRIPTION_PATH, requests, QuerySubscriptionResponse
    )
    return [answer.subscription for answer in answers]


async def all_subscriptions(
    zone: ZoneClient, member_id: str
) -> AsyncIterator[list[Subscription]]:
    """Yield, page by page, all standing permissions of a member on the own zone."""
    for channel_id in await exchange_channels(zone):
        for side in (PROVIDER, REQUESTER):
            after = 0
            while True:
                request = QuerySubscriptionsRequest(
                    channel_id=channel_id, side=side, start_after=after, limit=PAGE
                )
                answer = await zone.query(
                    SUBSCRIPTIONS_PATH, request, QuerySubscriptionsResponse
                )
                yield [
                    one
                    for one in answer.subscriptions
                    if member_id
                    == (
                        one.request.issuer
                        if side == PROVIDER
                        else one.request.requester
                    )
                ]
                if not answer.next:
                    break
                after = answer.next


async def all_pushes(
    zone: ZoneClient, subscription: Subscription
) -> AsyncIterator[list[Exchange]]:
    """Yield, page by page, the versions that were pushed under a permission."""
    after = 0
    while True:
        request = QueryPushesRequest(
            channel_id=subscription.channel_id,
            sequence=subscription.sequence,
            side=subscription.side,
            start_after=after,
            limit=PAGE,
        )
        answer = await zone.query(PUSHES_PATH, request, QueryPushesResponse)
        yield list(answer.pushes)
        if not answer.next:
            return
        after = answer.next
