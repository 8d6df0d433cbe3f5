"""Reading a lane from both zones' state: where a relayer starts, and starts again.

The state tells which packets stand where; what is in them is found by ``contents``.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Final

from huitong.client import ZoneClient
from huitong.proto.cosmos.base.query.v1beta1 import pagination_pb2
from huitong.proto.ibc.core.channel.v1 import channel_pb2, query_pb2
from huitong.relayer import contents
from huitong.relayer.endpoint import Endpoint
from huitong.relayer.lane import ChannelEnd, Lane, LaneReading

_QUERY: Final = "/ibc.core.channel.v1.Query/"
#: Commitments asked for at once.
PAGE_SIZE: Final = 1_000
#: Sequences in one question about receipts or acknowledgements.
SEQUENCES_PER_QUERY: Final = 500


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
    missing = await _fill_packets(a, b, lane, standing, height_on_a, known)
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
    a: Endpoint,
    b: Endpoint,
    lane: Lane,
    standing: list[int],
    height: int,
    known: Lane | None,
) -> list[int]:
    """Put the contents of the standing packets into the lane; return those not found."""
    wanted = set(standing)
    if known is not None:
        for sequence in sorted(wanted & set(known.sent)):
            lane.add_sent(known.sent[sequence].packet, height)
    found = await contents.find_packets(
        a, b, lane.end_on_a, lane.end_on_b, wanted - set(lane.sent), height
    )
    for packet in found.values():
        lane.add_sent(packet, height)
    lane.sent = dict(sorted(lane.sent.items()))
    return sorted(wanted - set(lane.sent))


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
    found = await contents.find_answers(
        b, lane.end_on_a, lane.end_on_b, absent - set(lane.answers), height
    )
    for sequence, acknowledgement in found.items():
        lane.add_answer(sequence, acknowledgement, height)


def _chunks(sequences: Collection[int]) -> Iterator[list[int]]:
    listed = list(sequences)
    for start in range(0, len(listed), SEQUENCES_PER_QUERY):
        yield listed[start : start + SEQUENCES_PER_QUERY]
