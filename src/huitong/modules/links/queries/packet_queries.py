"""Queries about packets and sequences: the second half of ``ibc.core.channel.v1.Query``."""

from __future__ import annotations

from collections.abc import Sequence

from google.protobuf.message import Message

from huitong.core.context import Context
from huitong.core.grpc_words import invalid_argument, not_found
from huitong.core.limits import QUERY_SEQUENCES_MAX
from huitong.core.module import QueryRoute
from huitong.core.sdk_paging import page_of_prefix
from huitong.modules.links import keys, state
from huitong.modules.links.errors import (
    SequenceReceiveNotFoundError,
    SequenceSendNotFoundError,
)
from huitong.modules.links.queries.answers import (
    channel_name,
    checked_channel,
    height_of,
)
from huitong.modules.links.queries.channel_queries import get_queried_channel
from huitong.proto.ibc.core.channel.v1 import channel_pb2, query_pb2

_PATH = "/ibc.core.channel.v1.Query/"

# --- commitments, receipts, acknowledgements ----------------------------------------------


def answer_packet_commitment(
    ctx: Context, request: query_pb2.QueryPacketCommitmentRequest
) -> Message:
    _check_packet_named(request.port_id, request.channel_id, request.sequence)
    found = state.find_commitment(
        ctx.store(keys.STORE), request.port_id, request.channel_id, request.sequence
    )
    if found is None:
        raise not_found("packet commitment hash")
    return query_pb2.QueryPacketCommitmentResponse(
        commitment=found, proof_height=height_of(ctx)
    )


def answer_packet_commitments(
    ctx: Context, request: query_pb2.QueryPacketCommitmentsRequest
) -> Message:
    port_id, channel_id = request.port_id, request.channel_id
    checked_channel(port_id, channel_id)

    def read(key: bytes, value: bytes) -> channel_pb2.PacketState:
        return channel_pb2.PacketState(
            port_id=port_id, channel_id=channel_id, sequence=int(key), data=value
        )

    found, pagination = page_of_prefix(
        ctx.store(keys.STORE),
        keys.commitment_prefix(port_id, channel_id),
        request.pagination,
        read,
    )
    return query_pb2.QueryPacketCommitmentsResponse(
        commitments=found, pagination=pagination, height=height_of(ctx)
    )


def answer_packet_receipt(
    ctx: Context, request: query_pb2.QueryPacketReceiptRequest
) -> Message:
    _check_packet_named(request.port_id, request.channel_id, request.sequence)
    received = state.has_receipt(
        ctx.store(keys.STORE), request.port_id, request.channel_id, request.sequence
    )
    return query_pb2.QueryPacketReceiptResponse(
        received=received, proof_height=height_of(ctx)
    )


def answer_packet_acknowledgement(
    ctx: Context, request: query_pb2.QueryPacketAcknowledgementRequest
) -> Message:
    _check_packet_named(request.port_id, request.channel_id, request.sequence)
    found = state.find_acknowledgement(
        ctx.store(keys.STORE), request.port_id, request.channel_id, request.sequence
    )
    if found is None:
        raise not_found("packet acknowledgement hash")
    return query_pb2.QueryPacketAcknowledgementResponse(
        acknowledgement=found, proof_height=height_of(ctx)
    )


def answer_packet_acknowledgements(
    ctx: Context, request: query_pb2.QueryPacketAcknowledgementsRequest
) -> Message:
    port_id, channel_id = request.port_id, request.channel_id
    checked_channel(port_id, channel_id)
    store = ctx.store(keys.STORE)
    response = query_pb2.QueryPacketAcknowledgementsResponse(height=height_of(ctx))

    def packet_state(sequence: int, data: bytes) -> channel_pb2.PacketState:
        return channel_pb2.PacketState(
            port_id=port_id, channel_id=channel_id, sequence=sequence, data=data
        )

    if request.packet_commitment_sequences:
        for sequence in _check_sequences(request.packet_commitment_sequences):
            found = state.find_acknowledgement(store, port_id, channel_id, sequence)
            if found is not None:
                response.acknowledgements.append(packet_state(sequence, found))
        return response
    listed, pagination = page_of_prefix(
        store,
        keys.acknowledgement_prefix(port_id, channel_id),
        request.pagination,
        lambda key, value: packet_state(int(key), value),
    )
    response.acknowledgements.extend(listed)
    response.pagination.CopyFrom(pagination)
    return response


# --- what is still to be relayed ----------------------------------------------------------


def answer_unreceived_packets(
    ctx: Context, request: query_pb2.QueryUnreceivedPacketsRequest
) -> Message:
    port_id, channel_id = request.port_id, request.channel_id
    channel = get_queried_channel(ctx, port_id, channel_id)
    asked = _check_sequences(request.packet_commitment_sequences)
    store = ctx.store(keys.STORE)
    if channel.ordering == channel_pb2.ORDER_ORDERED:
        following = _next_sequence_receive(ctx, port_id, channel_id)
        unreceived = [sequence for sequence in asked if sequence >= following]
    else:
        unreceived = [
            sequence
            for sequence in asked
            if not state.has_receipt(store, port_id, channel_id, sequence)
        ]
    return query_pb2.QueryUnreceivedPacketsResponse(
        sequences=unreceived, height=height_of(ctx)
    )


def answer_unreceived_acks(
    ctx: Context, request: query_pb2.QueryUnreceivedAcksRequest
) -> Message:
    port_id, channel_id = request.port_id, request.channel_id
    checked_channel(port_id, channel_id)
    store = ctx.store(keys.STORE)
    unreceived = [
        sequence
        for sequence in _check_sequences(request.packet_ack_sequences)
        if state.find_commitment(store, port_id, channel_id, sequence) is not None
    ]
    return query_pb2.QueryUnreceivedAcksResponse(
        sequences=unreceived, height=height_of(ctx)
    )


# --- sequences ----------------------------------------------------------------------------


def answer_next_sequence_receive(
    ctx: Context, request: query_pb2.QueryNextSequenceReceiveRequest
) -> Message:
    port_id, channel_id = request.port_id, request.channel_id
    channel = get_queried_channel(ctx, port_id, channel_id)
    following = 0
    if channel.ordering == channel_pb2.ORDER_ORDERED:
        following = _next_sequence_receive(ctx, port_id, channel_id)
    return query_pb2.QueryNextSequenceReceiveResponse(
        next_sequence_receive=following, proof_height=height_of(ctx)
    )


def answer_next_sequence_send(
    ctx: Context, request: query_pb2.QueryNextSequenceSendRequest
) -> Message:
    port_id, channel_id = request.port_id, request.channel_id
    checked_channel(port_id, channel_id)
    try:
        following = state.get_next_sequence_send(
            ctx.store(keys.STORE), port_id, channel_id
        )
    except SequenceSendNotFoundError:
        raise not_found(f"{channel_name(port_id, channel_id)}: sequence send") from None
    return query_pb2.QueryNextSequenceSendResponse(
        next_sequence_send=following, proof_height=height_of(ctx)
    )


def _next_sequence_receive(ctx: Context, port_id: str, channel_id: str) -> int:
    try:
        return state.get_next_sequence_receive(
            ctx.store(keys.STORE), port_id, channel_id
        )
    except SequenceReceiveNotFoundError:
        name = channel_name(port_id, channel_id)
        raise not_found(f"{name}: sequence receive") from None


# --- common -------------------------------------------------------------------------------


def _check_packet_named(port_id: str, channel_id: str, sequence: int) -> None:
    checked_channel(port_id, channel_id)
    if not sequence:
        raise invalid_argument("packet sequence cannot be 0")


def _check_sequences(sequences: Sequence[int]) -> Sequence[int]:
    if len(sequences) > QUERY_SEQUENCES_MAX:
        raise invalid_argument(
            f"{len(sequences)} sequences, at most {QUERY_SEQUENCES_MAX}"
        )
    for index, sequence in enumerate(sequences):
        if not sequence:
            raise invalid_argument(f"packet sequence {index} cannot be 0")
    return sequences


QUERIES = (
    QueryRoute(
        path=_PATH + "PacketCommitment",
        request=query_pb2.QueryPacketCommitmentRequest,
        answer=answer_packet_commitment,
    ),
    QueryRoute(
        path=_PATH + "PacketCommitments",
        request=query_pb2.QueryPacketCommitmentsRequest,
        answer=answer_packet_commitments,
    ),
    QueryRoute(
        path=_PATH + "PacketReceipt",
        request=query_pb2.QueryPacketReceiptRequest,
        answer=answer_packet_receipt,
    ),
    QueryRoute(
        path=_PATH + "PacketAcknowledgement",
        request=query_pb2.QueryPacketAcknowledgementRequest,
        answer=answer_packet_acknowledgement,
    ),
    QueryRoute(
        path=_PATH + "PacketAcknowledgements",
        request=query_pb2.QueryPacketAcknowledgementsRequest,
        answer=answer_packet_acknowledgements,
    ),
    QueryRoute(
        path=_PATH + "UnreceivedPackets",
        request=query_pb2.QueryUnreceivedPacketsRequest,
        answer=answer_unreceived_packets,
    ),
    QueryRoute(
        path=_PATH + "UnreceivedAcks",
        request=query_pb2.QueryUnreceivedAcksRequest,
        answer=answer_unreceived_acks,
    ),
    QueryRoute(
        path=_PATH + "NextSequenceReceive",
        request=query_pb2.QueryNextSequenceReceiveRequest,
        answer=answer_next_sequence_receive,
    ),
    QueryRoute(
        path=_PATH + "NextSequenceSend",
        request=query_pb2.QueryNextSequenceSendRequest,
        answer=answer_next_sequence_send,
    ),
)
