"""What the own zone's blocks and state say about this gateway's exchanges."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator
from typing import Any, Final, TypeAlias

from huitong.client.subscription import BlockSeen
from huitong.client.zone import ZoneClient
from huitong.modules.exchange.keys import PORT_ID, PROVIDER, REQUESTER
from huitong.proto.huitong.exchange.v1.exchange_pb2 import (
    Exchange,
    QueryExchangeRequest,
    QueryExchangeResponse,
    QueryExchangesRequest,
    QueryExchangesResponse,
)
from huitong.proto.ibc.core.channel.v1 import query_pb2

EXCHANGE_PATH: Final = "/huitong.exchange.v1.Query/Exchange"
EXCHANGES_PATH: Final = "/huitong.exchange.v1.Query/Exchanges"
CHANNELS_PATH: Final = "/ibc.core.channel.v1.Query/Channels"
#: Exchanges in one answer, the most that a zone gives.
PAGE: Final = 1_000
#: A run of sequences is asked for at once if at most so many times more lie in it than
#: are wanted.
SPARSE_MAX: Final = 8
#: Events that say that an exchange has changed.
_KINDS: Final = frozenset(
    {
        "exchange_requested",
        "exchange_decided",
        "exchange_delivered",
        "exchange_received",
        "exchange_timed_out",
        "exchange_failed",
        "receipt_acknowledged",
        "receipt_refused",
    }
)
_SIDES: Final = {"provider": PROVIDER, "requester": REQUESTER}

Touched: TypeAlias = dict[tuple[int, str], set[int]]
"""Sequences of exchanges, by side and channel."""


def touched_in(block: BlockSeen, member_id: str) -> Touched:
    """Return the exchanges of a member that a block has changed."""
    found: Touched = {}
    for told in _events(block):
        if told["type"] not in _KINDS:
            continue
        event = {pair["key"]: pair.get("value") or "" for pair in told["attributes"]}
        side = _SIDES.get(event.get("side", ""))
        if side is None:
            continue
        if event["issuer" if side == PROVIDER else "requester"] == member_id:
            where = (side, event["channel_id"])
            found.setdefault(where, set()).add(int(event["sequence"]))
    return found


def _events(block: BlockSeen) -> Iterator[dict[str, Any]]:
    for tx in block.txs:
        if not tx.code:
            yield from tx.events
    yield from block.events


async def read_exchanges(zone: ZoneClient, touched: Touched) -> list[Exchange]:
    """Return exchanges as the newest state of the own zone has them."""
    found: list[Exchange] = []
    for (side, channel_id), sequences in touched.items():
        first, last = min(sequences), max(sequences)
        if last - first < SPARSE_MAX * len(sequences):
            run = _run(zone, side, channel_id, first, last)
            found += [one async for one in run if one.sequence in sequences]
            continue
        requests = [
            QueryExchangeRequest(
                channel_id=channel_id,
                sequence=sequence,
                side=side,  # type: ignore[arg-type]
            )
            for sequence in sorted(sequences)
        ]
        answers = await zone.query_many(EXCHANGE_PATH, requests, QueryExchangeResponse)
        found += [answer.exchange for answer in answers]
    return found


async def _run(
    zone: ZoneClient, side: int, channel_id: str, first: int, last: int
) -> AsyncIterator[Exchange]:
    after = first - 1
    while after < last:
        request = QueryExchangesRequest(
            channel_id=channel_id,
            side=side,  # type: ignore[arg-type]
            start_after=after,
            limit=min(PAGE, last - after),
        )
        answer = await zone.query(EXCHANGES_PATH, request, QueryExchangesResponse)
        for one in answer.exchanges:
            if one.sequence <= last:
                yield one
        if not answer.next:
            return
        after = answer.next


async def all_exchanges(
    zone: ZoneClient, member_id: str
) -> AsyncIterator[list[Exchange]]:
    """Yield, page by page, all exchanges of a member that the own zone holds."""
    for channel_id in await _channels(zone):
        for side in (PROVIDER, REQUESTER):
            after = 0
            while True:
                request = QueryExchangesRequest(
                    channel_id=channel_id, side=side, start_after=after, limit=PAGE
                )
                answer = await zone.query(
                    EXCHANGES_PATH, request, QueryExchangesResponse
                )
                yield list(_of_member(answer.exchanges, member_id))
                if not answer.next:
                    break
                after = answer.next


def _of_member(exchanges: Iterable[Exchange], member_id: str) -> Iterator[Exchange]:
    for one in exchanges:
        request = one.request
        ours = request.issuer if one.side == PROVIDER else request.requester
        if ours == member_id:
            yield one


async def _channels(zone: ZoneClient) -> list[str]:
    """Return the own zone's channels of exchanges."""
    answer = await zone.query(
        CHANNELS_PATH, query_pb2.QueryChannelsRequest(), query_pb2.QueryChannelsResponse
    )
    return [one.channel_id for one in answer.channels if one.port_id == PORT_ID]
