"""What the own zone's blocks and state say about this gateway's exchanges."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

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
        "exchange_pushed",
        "push_settled",
    }
)
#: Events that say that a standing permission has changed.
_STANDING_KINDS: Final = frozenset(
    {"subscription_started", "subscription_ended", "subscription_end_settled"}
)
#: Events that say that the ground of a standing permission may be gone: what has whose
#: member, and what names the ground.
_GROUND_KINDS: Final = {
    "grant_withdrawn": ("holder", "grant_id"),
    "consent_withdrawn": ("recorder", "consent_id"),
    "record_status_changed": ("issuer", "record_id"),
}
#: A record in one of these is pushed to nobody any more.
_GONE: Final = ("revoked", "handed-over")
_SIDES: Final = {"provider": PROVIDER, "requester": REQUESTER}


@dataclass(slots=True)
class Touched:
    """What a block has changed of a member's exchanges; true if anything."""

    exchanges: dict[tuple[int, str], set[int]] = field(default_factory=dict)
    """Sequences of requests, by side and channel."""
    pushes: dict[tuple[int, str, int], set[int]] = field(default_factory=dict)
    """Numbers of pushed versions, by side, channel and sequence of the request."""
    subscriptions: dict[tuple[int, str], set[int]] = field(default_factory=dict)
    """Sequences of standing permissions, by side and channel."""
    grants: set[int] = field(default_factory=set)
    """Grants that were withdrawn."""
    consents: set[int] = field(default_factory=set)
    """Consents that were withdrawn."""
    records: set[str] = field(default_factory=set)
    """Records that were revoked or handed over."""

    def __bool__(self) -> bool:
        return bool(
            self.exchanges or self.pushes or self.subscriptions or self.is_ground_lost
        )

    @property
    def is_ground_lost(self) -> bool:
        """Whether standing permissions may have lost what they rest on."""
        return bool(self.grants or self.consents or self.records)


def touched_in(block: BlockSeen, member_id: str) -> Touched:
    """Return what a block has changed of a member's exchanges."""
    found = Touched()
    for told in _events(block):
        kind = told["type"]
        if kind in _KINDS or kind in _STANDING_KINDS:
            _note_exchange(found, kind, _attributes(told), member_id)
        elif kind in _GROUND_KINDS:
            _note_ground(found, kind, _attributes(told), member_id)
    return found


def _note_exchange(
    found: Touched, kind: str, event: dict[str, str], member_id: str
) -> None:
    side = _SIDES.get(event.get("side", ""))
    if side is None:
        return
    if event["issuer" if side == PROVIDER else "requester"] != member_id:
        return
    channel_id, sequence = event["channel_id"], int(event["sequence"])
    number = int(event.get("push_number") or 0)
    if kind in _STANDING_KINDS:
        found.subscriptions.setdefault((side, channel_id), set()).add(sequence)
    elif number:
        found.pushes.setdefault((side, channel_id, sequence), set()).add(number)
    else:
        found.exchanges.setdefault((side, channel_id), set()).add(sequence)


def _note_ground(
    found: Touched, kind: str, event: dict[str, str], member_id: str
) -> None:
    whose, what = _GROUND_KINDS[kind]
    if event.get(whose) != member_id:
        return
    if kind == "grant_withdrawn":
        found.grants.add(int(event[what]))
    elif kind == "consent_withdrawn":
        found.consents.add(int(event[what]))
    elif event.get("status") in _GONE:
        found.records.add(event[what])


def _attributes(told: dict[str, Any]) -> dict[str, str]:
    return {pair["key"]: pair.get("value") or "" for pair in told["attributes"]}


def _events(block: BlockSeen) -> Iterator[dict[str, Any]]:
    for tx in block.txs:
        if not tx.code:
            yield from tx.events
    yield from block.events


async def read_exchanges(zone: ZoneClient, touched: Touched) -> list[Exchange]:
    """Return exchanges as the newest state of the own zone has them, pushes last."""
    found: list[Exchange] = []
    for (side, channel_id), sequences in touched.exchanges.items():
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
    pushes = [
        QueryExchangeRequest(
            channel_id=channel_id,
            sequence=sequence,
            side=side,  # type: ignore[arg-type]
            push_number=number,
        )
        for (side, channel_id, sequence), numbers in touched.pushes.items()
        for number in sorted(numbers)
    ]
    if pushes:
        answers = await zone.query_many(EXCHANGE_PATH, pushes, QueryExchangeResponse)
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
    """Yield, page by page, all exchanges of a member that the own zone holds; no pushes."""
    for channel_id in await exchange_channels(zone):
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


async def exchange_channels(zone: ZoneClient) -> list[str]:
    """Return the own zone's channels of exchanges."""
    answer = await zone.query(
        CHANNELS_PATH, query_pb2.QueryChannelsRequest(), query_pb2.QueryChannelsResponse
    )
    return [one.channel_id for one in answer.channels if one.port_id == PORT_ID]
