"""Settle a packet that was not received in time (ICS-4 ``TimeoutPacket``).

Order of the rules, as in ibc-go's ``timeout.go``:

* packet and message are well-formed;
* the channel exists, in whatever state: packets of a closed channel time out too; its
  counterparty is the packet's destination; the connection exists;
* at the height of the proof the counterparty could no longer receive the packet: so it
  is not received there now, and never will be;
* a packet without commitment here is settled, or was never sent: a no-op that succeeds;
* the packet is the one that was sent; the counterparty has not received it (proof of
  absence, or of the next sequence on an ordered channel);
* the commitment is gone before the application hears of it; an ordered channel closes,
  because its order is broken for good.
"""

from __future__ import annotations

from huitong.core.context import Context
from huitong.core.errors import RejectedError
from huitong.core.height import Height
from huitong.light import light_client
from huitong.modules.links import state
from huitong.modules.links.checks import (
    check_commitment_equals,
    check_destination_is_counterparty,
    check_packet,
    check_proof,
    get_application,
)
from huitong.modules.links.errors import InvalidSequenceError, PacketReceivedError
from huitong.modules.links.events import emit_channel_closed, emit_packet_settled
from huitong.modules.links.handlers.acknowledge_packet import is_packet_settled
from huitong.modules.links.keys import STORE
from huitong.modules.links.proofs import (
    verify_next_sequence_receive,
    verify_receipt_absence,
)
from huitong.modules.links.timeouts import check_elapsed
from huitong.proto.ibc.core.channel.v1 import channel_pb2, tx_pb2
from huitong.proto.ibc.core.client.v1 import client_pb2
from huitong.proto.ibc.core.connection.v1 import connection_pb2


def check_timeout_packet(ctx: Context, msg: tx_pb2.MsgTimeout) -> None:
    """Raise unless the packet has timed out without being received, or is settled.

    Raises:
        RejectedError: channel/3, 13, 19, 39; connection/3; ibc/1; port/5; host/2; and what
            a client or a proof is refused for. The text begins with "timeout packet
            verification failed".

    Spec: ICS-04 ``timeoutPacket``; ibc-go ``04-channel/keeper/timeout.go``.
    Cost: 6 reads, one proof.
    """
    try:
        _check(ctx, msg)
    except RejectedError as wrong:
        raise wrong.prefixed("timeout packet verification failed") from None


def _check(ctx: Context, msg: tx_pb2.MsgTimeout) -> None:
    packet = msg.packet
    check_proof(msg.proof_unreceived, "unreceived proof")
    check_next_sequence_given(msg.next_sequence_recv)
    check_packet(packet)
    store = ctx.store(STORE)
    port_id, channel_id = packet.source_port, packet.source_channel
    channel = state.get_channel(store, port_id, channel_id)
    get_application(ctx, port_id)
    check_destination_is_counterparty(packet, channel)
    connection = state.get_connection(store, channel.connection_hops[0])
    proof_height = Height.from_proto(msg.proof_height)
    time_ns_at_proof = light_client.timestamp_at_height(
        store, connection.client_id, proof_height
    )
    check_elapsed(packet, proof_height, time_ns_at_proof)
    commitment = state.find_commitment(store, port_id, channel_id, packet.sequence)
    if commitment is None:
        return
    check_commitment_equals(commitment, packet)
    verify_not_received(
        ctx,
        channel,
        connection,
        packet,
        proof=msg.proof_unreceived,
        proof_height=msg.proof_height,
        next_sequence=msg.next_sequence_recv,
    )


def check_next_sequence_given(next_sequence: int) -> None:
    """Check that the message names a next sequence; unordered channels ignore it.

    Raises:
        InvalidSequenceError: it is 0.
    """
    if not next_sequence:
        raise InvalidSequenceError(reason="next sequence receive cannot be 0")


def verify_not_received(
    ctx: Context,
    channel: channel_pb2.Channel,
    connection: connection_pb2.ConnectionEnd,
    packet: channel_pb2.Packet,
    *,
    proof: bytes,
    proof_height: client_pb2.Height,
    next_sequence: int,
) -> None:
    """Verify that the counterparty had not received the packet at the proof's height.

    Raises:
        PacketReceivedError: an ordered channel that waits for a later packet.
        RejectedError: the client or the proof does not allow to say so.
    """
    if channel.ordering != channel_pb2.ORDER_ORDERED:
        verify_receipt_absence(
            ctx, connection, packet, proof=proof, proof_height=proof_height
        )
        return
    if next_sequence > packet.sequence:
        raise PacketReceivedError(next_sequence=next_sequence, sequence=packet.sequence)
    verify_next_sequence_receive(
        ctx,
        connection,
        packet,
        proof=proof,
        proof_height=proof_height,
        next_sequence=next_sequence,
    )


def apply_timeout_packet(
    ctx: Context, msg: tx_pb2.MsgTimeout
) -> tx_pb2.MsgTimeoutResponse:
    """Settle the packet as timed out, once, and tell the application.

    Raises:
        RejectedError: the application refuses; then nothing is settled.
    """
    if is_packet_settled(ctx, msg.packet):
        return tx_pb2.MsgTimeoutResponse(result=tx_pb2.RESPONSE_RESULT_TYPE_NOOP)
    settle_as_timed_out(ctx, msg.packet, msg.signer)
    return tx_pb2.MsgTimeoutResponse(result=tx_pb2.RESPONSE_RESULT_TYPE_SUCCESS)


def settle_as_timed_out(ctx: Context, packet: channel_pb2.Packet, relayer: str) -> None:
    """Remove the commitment, close an ordered channel, tell the world and the application.

    Raises:
        RejectedError: the application refuses.
    """
    store = ctx.store(STORE)
    port_id, channel_id = packet.source_port, packet.source_channel
    channel = state.get_channel(store, port_id, channel_id)
    state.delete_commitment(store, port_id, channel_id, packet.sequence)
    if channel.ordering == channel_pb2.ORDER_ORDERED:
        channel.state = channel_pb2.STATE_CLOSED
        state.save_channel(store, port_id, channel_id, channel)
        emit_channel_closed(ctx, port_id, channel_id, channel)
    emit_packet_settled(ctx, "timeout_packet", packet, channel)
    get_application(ctx, port_id).on_timeout_packet(ctx, packet, relayer)


def is_timeout_redundant(ctx: Context, msg: tx_pb2.MsgTimeout) -> bool:
    """Return whether the packet is settled, or was never sent."""
    return is_packet_settled(ctx, msg.packet)
