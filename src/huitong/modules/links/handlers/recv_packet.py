"""Receive a packet that the counterparty has sent (ICS-4 ``RecvPacket``).

Order of the rules, as in ibc-go's ``packet.go`` and ``msg_server.go``:

* the packet is well-formed;
* the channel exists and is open; its counterparty is the packet's source;
* the connection is open;
* the packet is not too late by this block's height and time;
* the counterparty has committed to exactly this packet (proof);
* replay protection: what was received before is a no-op that succeeds; an ordered
  channel takes the next sequence only;
* the application's answer is run on a branch. Refusal undoes its writes, renames its
  events and is acknowledged as an error, so that one bad packet does not hold up others.

Running out of gas is not a refusal: it fails the transaction, or whoever relays could
turn any packet into an error by paying too little.
"""

from __future__ import annotations

from huitong.core.context import Context
from huitong.core.errors import OutOfGasError, RejectedError
from huitong.core.ports import ReceiveOutcome
from huitong.modules.links import state
from huitong.modules.links.acknowledgements import error_acknowledgement
from huitong.modules.links.checks import (
    check_channel_open,
    check_packet,
    check_proof,
    check_source_is_counterparty,
    get_application,
)
from huitong.modules.links.commitments import commit_packet
from huitong.modules.links.errors import (
    InvalidAcknowledgementError,
    PacketOutOfOrderError,
)
from huitong.modules.links.events import (
    emit_callback_errors,
    emit_packet_with_data,
    emit_refusal,
)
from huitong.modules.links.keys import STORE
from huitong.modules.links.packets import write_acknowledgement
from huitong.modules.links.proofs import verify_packet_commitment
from huitong.modules.links.timeouts import check_not_elapsed
from huitong.proto.ibc.core.channel.v1 import channel_pb2, tx_pb2


def check_recv_packet(ctx: Context, msg: tx_pb2.MsgRecvPacket) -> None:
    """Raise unless the packet may be received, or was received before.

    Raises:
        RejectedError: channel/3, 5, 13, 21, 40; connection/3, 6; port/5; host/2; and what
            a client or a proof is refused for. The text begins with "receive packet
            verification failed", which relayers look for.

    Spec: ICS-04 ``recvPacket``; ibc-go ``04-channel/keeper/packet.go``.
    Cost: 6 reads, one proof.
    """
    try:
        _check(ctx, msg)
    except RejectedError as wrong:
        raise wrong.prefixed("receive packet verification failed") from None


def _check(ctx: Context, msg: tx_pb2.MsgRecvPacket) -> None:
    packet = msg.packet
    check_proof(msg.proof_commitment, "commitment proof")
    check_packet(packet)
    store = ctx.store(STORE)
    port_id, channel_id = packet.destination_port, packet.destination_channel
    channel = state.get_channel(store, port_id, channel_id)
    check_channel_open(channel)
    get_application(ctx, port_id)
    check_source_is_counterparty(packet, channel)
    connection = state.get_open_connection(store, channel.connection_hops[0])
    check_not_elapsed(packet, ctx.block.height, ctx.block.time_ns)
    verify_packet_commitment(
        ctx,
        connection,
        packet,
        proof=msg.proof_commitment,
        proof_height=msg.proof_height,
        commitment=commit_packet(packet),
    )
    if channel.ordering == channel_pb2.ORDER_ORDERED:
        expected = state.get_next_sequence_receive(store, port_id, channel_id)
        if packet.sequence > expected:
            raise PacketOutOfOrderError(sequence=packet.sequence, expected=expected)


def apply_recv_packet(
    ctx: Context, msg: tx_pb2.MsgRecvPacket
) -> tx_pb2.MsgRecvPacketResponse:
    """Receive the packet, once, and write the application's acknowledgement.

    Raises:
        RejectedError: out of gas; or the application broke the rules of
            acknowledgements (channel/16, 17) or closed the channel (channel/5).
    """
    packet = msg.packet
    port_id, channel_id = packet.destination_port, packet.destination_channel
    channel = state.get_channel(ctx.store(STORE), port_id, channel_id)
    if _was_received(ctx, packet, channel):
        return tx_pb2.MsgRecvPacketResponse(result=tx_pb2.RESPONSE_RESULT_TYPE_NOOP)
    _note_received(ctx, packet, channel)
    emit_packet_with_data(ctx, "recv_packet", packet, channel)
    outcome = _ask_application(ctx, packet, msg.signer)
    if outcome.acknowledgement is not None:
        write_acknowledgement(ctx, packet, outcome.acknowledgement)
    return tx_pb2.MsgRecvPacketResponse(result=tx_pb2.RESPONSE_RESULT_TYPE_SUCCESS)


def is_recv_packet_redundant(ctx: Context, msg: tx_pb2.MsgRecvPacket) -> bool:
    """Return whether the packet was received before."""
    packet = msg.packet
    port_id, channel_id = packet.destination_port, packet.destination_channel
    channel = state.find_channel(ctx.store(STORE), port_id, channel_id)
    return channel is not None and _was_received(ctx, packet, channel)


def _was_received(
    ctx: Context, packet: channel_pb2.Packet, channel: channel_pb2.Channel
) -> bool:
    store = ctx.store(STORE)
    port_id, channel_id = packet.destination_port, packet.destination_channel
    if channel.ordering == channel_pb2.ORDER_ORDERED:
        expected = state.get_next_sequence_receive(store, port_id, channel_id)
        return packet.sequence < expected
    return state.has_receipt(store, port_id, channel_id, packet.sequence)


def _note_received(
    ctx: Context, packet: channel_pb2.Packet, channel: channel_pb2.Channel
) -> None:
    store = ctx.store(STORE)
    port_id, channel_id = packet.destination_port, packet.destination_channel
    if channel.ordering == channel_pb2.ORDER_ORDERED:
        state.save_next_sequence_receive(
            store, port_id, channel_id, packet.sequence + 1
        )
    else:
        state.save_receipt(store, port_id, channel_id, packet.sequence)


def _ask_application(
    ctx: Context, packet: channel_pb2.Packet, relayer: str
) -> ReceiveOutcome:
    application = get_application(ctx, packet.destination_port)
    branch = ctx.branch()
    try:
        outcome = application.on_recv_packet(branch, packet, relayer)
    except OutOfGasError:
        raise
    except RejectedError as refused:
        emit_refusal(ctx, refused)
        outcome = ReceiveOutcome(
            acknowledgement=error_acknowledgement(refused), success=False
        )
    if outcome.success:
        ctx.merge(branch)
        return outcome
    if outcome.acknowledgement is None:
        raise InvalidAcknowledgementError(
            reason="the application refused the packet without an acknowledgement"
        )
    emit_callback_errors(ctx, branch.events)
    return outcome
