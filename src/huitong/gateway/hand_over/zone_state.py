"""What the own zone's blocks and state say about this gateway's hand-overs."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any, Final

from huitong.client.subscription import BlockSeen
from huitong.client.zone import ZoneClient
from huitong.gateway.exchange.zone_state import exchange_channels
from huitong.proto.huitong.exchange.v1 import exchange_pb2
from huitong.proto.huitong.exchange.v1 import handover_pb2 as pb

_QUERY: Final = "/huitong.exchange.v1.Query/"
#: Hand-overs in one answer.
PAGE: Final = 100
_KINDS: Final = frozenset(
    {"hand_over_offered", "hand_over_decided", "hand_over_failed"}
)
_SIDES: Final = {
    "giver": pb.HAND_OVER_SIDE_GIVER,
    "receiver": pb.HAND_OVER_SIDE_RECEIVER,
}


def touched_in(block: BlockSeen, member_id: str) -> set[tuple[int, str, int]]:
    """Return side, channel and sequence of a member's hand-overs that a block changed."""
    found = set()
    for told in _events(block):
        if told["type"] not in _KINDS:
            continue
        event = {pair["key"]: pair.get("value") or "" for pair in told["attributes"]}
        side = _SIDES.get(event.get("side", ""))
        if side is None:
            continue
        is_giver = side == pb.HAND_OVER_SIDE_GIVER
        if event["issuer" if is_giver else "receiver"] == member_id:
            found.add((int(side), event["channel_id"], int(event["sequence"])))
    return found


def _events(block: BlockSeen) -> Iterator[dict[str, Any]]:
    for tx in block.txs:
        if not tx.code:
            yield from tx.events
    yield from block.events


async def read_hand_overs(
    zone: ZoneClient, touched: set[tuple[int, str, int]]
) -> list[pb.HandOver]:
    """Return hand-overs as the newest state of the own zone has them."""
    requests = [
        exchange_pb2.QueryHandOverRequest(
            side=side,  # type: ignore[arg-type]
            channel_id=channel_id,
            sequence=sequence,
        )
        for side, channel_id, sequence in sorted(touched)
    ]
    answers = await zone.query_many(
        f"{_QUERY}HandOver", requests, exchange_pb2.QueryHandOverResponse
    )
    return [answer.hand_over for answer in answers]


async def all_hand_overs(
    zone: ZoneClient, member_id: str
) -> AsyncIterator[list[pb.HandOver]]:
    """Yield, page by page, all hand-overs of a member that the own zone holds."""
    for channel_id in await exchange_channels(zone):
        for side in _SIDES.values():
            after = 0
            while True:
                request = exchange_pb2.QueryHandOversRequest(
                    channel_id=channel_id, side=side, start_after=after, limit=PAGE
                )
                answer = await zone.query(
                    f"{_QUERY}HandOvers", request, exchange_pb2.QueryHandOversResponse
                )
                yield [one for one in answer.hand_overs if _own(one) == member_id]
                if not answer.next:
                    break
                after = answer.next


def _own(hand_over: pb.HandOver) -> str:
    offer = hand_over.offer
    is_giver = hand_over.side == pb.HAND_OVER_SIDE_GIVER
    return offer.record.issuer if is_giver else offer.receiver
