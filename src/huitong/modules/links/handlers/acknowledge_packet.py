"""Settle a packet by the acknowledgement of its receiver (ICS-4 ``AcknowledgePacket``).

Order of the rules, as in ibc-go's ``packet.go``:

* packet and acknowledgement are well-formed;
* the channel exists and is open; its counterparty is the packet's destination;
* the connection is open;
* a packet without commitment here is settled, or was never sent: a no-op that succeeds;
* a standard acknowledgement has its one form (ASA-2025-004);
* the packet is the one that was sent; the counterparty has written this acknowledgement
  for it (proof); an ordered channel settles the next sequence only;
* the commitment is gone before the application hears of it, so that nothing that the
  application does can settle the packet again.
"""

from __future__ import annotations

from huitong.core.context import Context
from huitong.core.errors import RejectedError
from huitong.modules.links import state
from huitong.modules.links.acknowledgements import check_acknowledgement
from huitong.modules.links.checks import (
    check_channel_open,
    check_commitment_equals,
    check_destination_is_counterparty,
    check_packet,
    check_proof,
    get_application,
)
from huitong.modules.links.errors import (
    InvalidAcknowledgementError,
    PacketOutOfOrderError,
)
from huitong.modules.links.events import emit_packet_settled
from huitong.modules.links.keys import STORE
from huitong.modules.links.proofs import verify_packet_acknowledgement
from huitong.proto.ibc.core.channel.v1 import channel_pb2, tx_pb2


def check_acknowledge_packet(ctx: Context, msg: tx_pb2.MsgAcknowledgement) -> None:
    """Raise unless the packet may be settled by this acknowledgement, or is settled.

    Raises:
        RejectedError: channel/3, 5, 13, 16, 21; connection/3, 6; port/5; host/2; and what
            a client or a proof is refused for. The text begins with "acknowledge packet
            verification failed".

    Spec: ICS-04 ``acknowledgePacket``; ibc-go ``04-channel/keeper/packet.go``.
    Cost: 6 reads, one proof.
    """
    try:
        _check(ctx, msg)
    except RejectedError as wrong:
        raise wrong.prefixed("acknowledge packet verification failed") from None


def _check(ctx: Context, msg: tx_pb2.MsgAcknowledgement) -> None:
    packet = msg.packet
    check_proof(msg.proof_acked, "acknowledgement proof")
    if not msg.acknowledgement:
        raise InvalidAcknowledgementError(reason="acknowledgement cannot be empty")
    check_packet(packet)
    store = ctx.store(STORE)
    port_id, channel_id = packet.source_port, packet.source_channel
    channel = state.get_channel(store, port_id, channel_id)
    check_channel_open(channel)
    get_application(ctx, port_id)
    check_destination_is_counterparty(packet, channel)
    connection = state.get_open_connection(store, channel.connection_hops[0])
    commitment = state.find_commitment(store, port_id, channel_id, packet.sequence)
    if commitment is None:
        return
    check_acknowledgement(msg.acknowledgement)
    check_commitment_equals(commitment, packet)
    verify_packet_acknowledgement(
        ctx,
        connection,
        packet,
        proof=msg.proof_acked,
        proof_height=msg.proof_height,
        acknowledgement=msg.acknowledgement,
    )
    if channel.ordering == channel_pb2.ORDER_ORDERED:
        expected = state.get_next_sequence_acknowledge(store, port_id, channel_id)
        if packet.sequence != expected:
            raise PacketOutOfOrderError(sequence=packet.sequence, expected=expected)


def apply_acknowledge_packet(
    ctx: Context, msg: tx_pb2.MsgAcknowledgement
) -> tx_pb2.MsgAcknowledgementResponse:
    """Settle the packet, once, and tell the application.

    Raises:
        RejectedError: the application refuses; then nothing is settled.
    """
    packet = msg.packet
    if is_packet_settled(ctx, packet):
        return tx_pb2.MsgAcknowledgementResponse(
            result=tx_pb2.RESPONSE_RESULT_TYPE_NOOP
        )
    store = ctx.store(STORE)
    port_id, channel_id = packet.source_port, packet.source_channel
    channel = state.get_channel(store, port_id, channel_id)
    if channel.ordering == channel_pb2.ORDER_ORDERED:
        state.save_next_sequence_acknowledge(
            store, port_id, channel_id, packet.sequence + 1
        )
    state.delete_commitment(store, port_id, channel_id, packet.sequence)
    emit_packet_settled(ctx, "acknowledge_packet", packet, channel)
    application = get_application(ctx, port_id)
    application.on_acknowledgement_packet(ctx, packet, msg.acknowledgement, msg.signer)
    return tx_pb2.MsgAcknowledgementResponse(result=tx_pb2.RESPONSE_RESULT_TYPE_SUCCESS)


def is_acknowledgement_redundant(ctx: Context, msg: tx_pb2.MsgAcknowledgement) -> bool:
    """Return whether the packet is settled, or was never sent."""
    return is_packet_settled(ctx, msg.packet)


def is_packet_settled(ctx: Context, packet: channel_pb2.Packet) -> bool:
    """Return whether no commitment of the packet stands here."""
    commitment = state.find_commitment(
        ctx.store(STORE), packet.source_port, packet.source_channel, packet.sequence
    )
    return commitment is None
