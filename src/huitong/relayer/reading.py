"""Reading a lane from both zones' state: where a relayer starts, and starts again.

The state tells which packets stand where; their contents are not in the state but in the
transactions that made them, which the node finds by the packet's attributes.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from typing import Final

import structlog

from huitong.client import TxOutcome, ZoneClient
from huitong.client.searching import search_txs
from huitong.core.events import Event
from huitong.proto.cosmos.base.query.v1beta1 import pagination_pb2
from huitong.proto.ibc.core.channel.v1 import channel_pb2, query_pb2
from huitong.relayer import packet_events
from huitong.relayer.endpoint import Endpoint
from huitong.relayer.errors import PacketDataMissingError
from huitong.relayer.lane import ChannelEnd, Lane, LaneReading
from huitong.relayer.packet_events import PacketEvent

log = structlog.get_logger("relayer")

_QUERY: Final = "/ibc.core.channel.v1.Query/"
#: Commitments asked for at once.
PAGE_SIZE: Final = 1_000
#: Sequences in one question about receipts or acknowledgements.
SEQUENCES_PER_QUERY: Final = 500
#: Searches for transactions in one round trip.
SEARCHES_PER_ROUND: Final = 10


async def read_channel(
    client: ZoneClient, end: ChannelEnd, height: int = 0
) -> channel_pb2.Channel:
    """Return the end of a channel as the state holds it.

    Raises:
        QueryError: there is no such channel.
    """
    request = query_pb2.QueryChannelRequest(
        port_id=end.port_id, channel_id=end.channel_id
    )
    answer = await client.query(
        _QUERY + "Channel", request, query_pb2.QueryChannelResponse, height
    )
    return answer.channel


async def read_lane(
    a: Endpoint,
    b: Endpoint,
    end_on_a: ChannelEnd,
    end_on_b: ChannelEnd,
    known: Lane | None = None,
) -> LaneReading:
    """Read where all packets from a to b stand.

    Args:
        a: the zone that sends.
        b: the zone that receives.
        end_on_a: the channel's end there.
        end_on_b: the channel's end here.
        known: an earlier view of the lane, whose contents need not be searched again.
    """
    height_on_a = await _provable_height(a.client)
    channel_on_a = await read_channel(a.client, end_on_a, height_on_a)
    lane = Lane(
        end_on_a=end_on_a,
        end_on_b=end_on_b,
        is_ordered=channel_on_a.ordering == channel_pb2.ORDER_ORDERED,
        is_closed_on_a=channel_on_a.state == channel_pb2.STATE_CLOSED,
    )
    standing = await _commitments(a.client, end_on_a, height_on_a)
    # b is read after a, so that a packet that a reports cannot be unknown to be received.
    height_on_b = await _provable_height(b.client)
    channel_on_b = await read_channel(b.client, end_on_b, height_on_b)
    lane.is_closed_on_b = channel_on_b.state == channel_pb2.STATE_CLOSED
    unreceived = await _unreceived(b.client, end_on_b, standing, height_on_b)
    for sequence in sorted(set(standing) - unreceived):
        lane.add_received(sequence, height_on_b)
    if lane.is_ordered:
        lane.next_receive_on_b = await _next_receive(b.client, end_on_b, height_on_b)
    missing = await _fill_packets(a, lane, standing, height_on_a, known)
    await _fill_answers(b, lane, height_on_b, known)
    return LaneReading(
        lane=lane,
        height_on_a=height_on_a,
        height_on_b=height_on_b,
        missing=tuple(missing),
    )


async def _provable_height(client: ZoneClient) -> int:
    """Return the newest version of the state that a header proves already."""
    return max(await client.latest_height() - 1, 1)


async def _commitments(client: ZoneClient, end: ChannelEnd, height: int) -> list[int]:
    sequences: list[int] = []
    page_key = b""
    while True:
        request = query_pb2.QueryPacketCommitmentsRequest(
            port_id=end.port_id,
            channel_id=end.channel_id,
            pagination=pagination_pb2.PageRequest(key=page_key, limit=PAGE_SIZE),
        )
        answer = await client.query(
            _QUERY + "PacketCommitments",
            request,
            query_pb2.QueryPacketCommitmentsResponse,
            height,
        )
        sequences += [item.sequence for item in answer.commitments]
        page_key = answer.pagination.next_key
        if not page_key:
            return sorted(sequences)


async def _unreceived(
    client: ZoneClient, end: ChannelEnd, sequences: list[int], height: int
) -> set[int]:
    requests = [
        query_pb2.QueryUnreceivedPacketsRequest(
            port_id=end.port_id,
            channel_id=end.channel_id,
            packet_commitment_sequences=chunk,
        )
        for chunk in _chunks(sequences)
    ]
    answers = await client.query_many(
        _QUERY + "UnreceivedPackets",
        requests,
        query_pb2.QueryUnreceivedPacketsResponse,
        height,
    )
    return {sequence for answer in answers for sequence in answer.sequences}


async def _next_receive(client: ZoneClient, end: ChannelEnd, height: int) -> int:
    request = query_pb2.QueryNextSequenceReceiveRequest(
        port_id=end.port_id, channel_id=end.channel_id
    )
    answer = await client.query(
        _QUERY + "NextSequenceReceive",
        request,
        query_pb2.QueryNextSequenceReceiveResponse,
        height,
    )
    return answer.next_sequence_receive


async def _acknowledged(
    client: ZoneClient, end: ChannelEnd, sequences: list[int], height: int
) -> list[int]:
    requests = [
        query_pb2.QueryPacketAcknowledgementsRequest(
            port_id=end.port_id,
            channel_id=end.channel_id,
            packet_commitment_sequences=chunk,
        )
        for chunk in _chunks(sequences)
    ]
    answers = await client.query_many(
        _QUERY + "PacketAcknowledgements",
        requests,
        query_pb2.QueryPacketAcknowledgementsResponse,
        height,
    )
    return sorted(
        item.sequence for answer in answers for item in answer.acknowledgements
    )


async def _fill_packets(
    a: Endpoint, lane: Lane, standing: list[int], height: int, known: Lane | None
) -> list[int]:
    """Put the contents of the standing packets into the lane; return those not found."""
    wanted = set(standing)
    if known is not None:
        for sequence in sorted(wanted & set(known.sent)):
            lane.add_sent(known.sent[sequence].packet, height)
    absent = wanted - set(lane.sent)

    def take(told: PacketEvent) -> None:
        end = lane.end_on_a
        if told.sequence in absent and told.is_from(end.port_id, end.channel_id):
            lane.add_sent(told.packet(), height)
            absent.discard(told.sequence)

    kind = packet_events.SEND_PACKET
    missing = await _search(a.client, kind, lane, absent, take)
    lane.sent = dict(sorted(lane.sent.items()))
    return missing


async def _fill_answers(
    b: Endpoint, lane: Lane, height: int, known: Lane | None
) -> None:
    received = sorted(set(lane.received) & set(lane.sent))
    written = await _acknowledged(b.client, lane.end_on_b, received, height)
    absent = set(written) & set(received)
    if known is not None:
        for sequence in sorted(absent & set(known.answers)):
            answer = known.answers[sequence].acknowledgement
            lane.add_answer(sequence, answer, height)
    absent -= set(lane.answers)

    def take(told: PacketEvent) -> None:
        end = lane.end_on_b
        if told.sequence in absent and told.is_to(end.port_id, end.channel_id):
            lane.add_answer(told.sequence, told.acknowledgement(), height)
            absent.discard(told.sequence)

    await _search(b.client, packet_events.WRITE_ACKNOWLEDGEMENT, lane, absent, take)


async def _search(
    client: ZoneClient,
    kind: str,
    lane: Lane,
    absent: set[int],
    take: Callable[[PacketEvent], None],
) -> list[int]:
    """Look for the transactions that told ``kind`` of the absent sequences.

    A transaction usually holds many packets, so each round asks for a few sequences far
    apart and takes all that comes with them.

    Returns:
        Sequences that no transaction tells of.
    """
    missing: list[int] = []
    while absent:
        asked = _spread(sorted(absent), SEARCHES_PER_ROUND)
        queries = [_search_text(kind, lane, sequence) for sequence in asked]
        found = await search_txs(client.rpc, queries, per_page=1)
        with client.rpc.reading("tx_search"):
            for outcomes in found:
                for told in _packet_events(outcomes, kind):
                    take(told)
        lost = sorted(absent & set(asked))
        absent -= set(lost)
        missing += lost
    if missing:
        lost_data = PacketDataMissingError(
            chain_id=await client.chain_id(),
            sequence=missing[0],
            channel_id=lane.end_on_a.channel_id,
        )
        log.warning(
            "packet_contents_missed",
            count=len(missing),
            reason=lost_data.diagnostics(),
        )
    return missing


def _packet_events(outcomes: Iterable[TxOutcome], kind: str) -> Iterator[PacketEvent]:
    for outcome in outcomes:
        for told in outcome.events:
            if told.kind == kind:
                yield PacketEvent(kind=kind, attributes=_attributes(told))


def _attributes(told: Event) -> dict[str, str]:
    return dict(told.attributes)


def _search_text(kind: str, lane: Lane, sequence: int) -> str:
    terms = (
        ("packet_src_channel", lane.end_on_a.channel_id),
        ("packet_src_port", lane.end_on_a.port_id),
        ("packet_dst_channel", lane.end_on_b.channel_id),
        ("packet_dst_port", lane.end_on_b.port_id),
        ("packet_sequence", str(sequence)),
    )
    return " AND ".join(f"{kind}.{key} = '{value}'" for key, value in terms)


def _spread(sequences: list[int], count: int) -> list[int]:
    """Return at most ``count`` of the sequences, evenly far apart."""
    step = -(-len(sequences) // count)
    return sequences[::step]


def _chunks(sequences: Collection[int]) -> Iterator[list[int]]:
    listed = list(sequences)
    for start in range(0, len(listed), SEQUENCES_PER_QUERY):
        yield listed[start : start + SEQUENCES_PER_QUERY]
