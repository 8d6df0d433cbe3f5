"""Settle a packet that can never be received because the other end is closed (ICS-4).

The rules are those of ``timeout_packet`` without the time limit; instead the counterparty
proves that its end of the channel is closed.
"""

from __future__ import annotations

from huitong.core.context import Context
from huitong.core.errors import RejectedError
from huitong.modules.links import state
from huitong.modules.links.checks import (
    check_commitment_equals,
    check_destination_is_counterparty,
    check_packet,
    check_proof,
    get_application,
)
from huitong.modules.links.handlers.acknowledge_packet import is_packet_settled
from huitong.modules.links.handlers.timeout_packet import (
    check_next_sequence_given,
    settle_as_timed_out,
    verify_not_received,
)
from huitong.modules.links.keys import STORE
from huitong.modules.links.proofs import expected_channel_end, verify_channel_end
from huitong.proto.ibc.core.channel.v1 import channel_pb2, tx_pb2


def check_timeout_on_close(ctx: Context, msg: tx_pb2.MsgTimeoutOnClose) -> None:
    """Raise unless the other end is closed and has not received the packet.

    Raises:
        RejectedError: channel/3, 13, 19; connection/3; ibc/1; port/5; host/2; and what a
            client or a proof is refused for. The text begins with "timeout on close
            packet verification failed".

    Spec: ICS-04 ``timeoutOnClose``; ibc-go ``04-channel/keeper/timeout.go``.
    Cost: 6 reads, two proofs.
    """
    try:
        _check(ctx, msg)
    except RejectedError as wrong:
        raise wrong.prefixed("timeout on close packet verification failed") from None


def _check(ctx: Context, msg: tx_pb2.MsgTimeoutOnClose) -> None:
    packet = msg.packet
    check_next_sequence_given(msg.next_sequence_recv)
    check_proof(msg.proof_unreceived, "unreceived proof")
    check_proof(msg.proof_close, "proof of closed counterparty channel end")
    check_packet(packet)
    store = ctx.store(STORE)
    port_id, channel_id = packet.source_port, packet.source_channel
    channel = state.get_channel(store, port_id, channel_id)
    get_application(ctx, port_id)
    check_destination_is_counterparty(packet, channel)
    connection = state.get_connection(store, channel.connection_hops[0])
    commitment = state.find_commitment(store, port_id, channel_id, packet.sequence)
    if commitment is None:
        return
    check_commitment_equals(commitment, packet)
    verify_channel_end(
        ctx,
        connection,
        proof=msg.proof_close,
        proof_height=msg.proof_height,
        port_id_on_counterparty=channel.counterparty.port_id,
        channel_id_on_counterparty=channel.counterparty.channel_id,
        expected=expected_channel_end(
            connection,
            port_id=port_id,
            channel_id=channel_id,
            state=channel_pb2.STATE_CLOSED,
            ordering=channel.ordering,
            version=channel.version,
            upgrade_sequence=msg.counterparty_upgrade_sequence,
        ),
    )
    verify_not_received(
        ctx,
        channel,
        connection,
        packet,
        proof=msg.proof_unreceived,
        proof_height=msg.proof_height,
        next_sequence=msg.next_sequence_recv,
    )


def apply_timeout_on_close(
    ctx: Context, msg: tx_pb2.MsgTimeoutOnClose
) -> tx_pb2.MsgTimeoutOnCloseResponse:
    """Settle the packet as timed out, once, and tell the application.

    Raises:
        RejectedError: the application refuses; then nothing is settled.
    """
    if is_packet_settled(ctx, msg.packet):
        return tx_pb2.MsgTimeoutOnCloseResponse(result=tx_pb2.RESPONSE_RESULT_TYPE_NOOP)
    settle_as_timed_out(ctx, msg.packet, msg.signer)
    return tx_pb2.MsgTimeoutOnCloseResponse(result=tx_pb2.RESPONSE_RESULT_TYPE_SUCCESS)


def is_timeout_on_close_redundant(ctx: Context, msg: tx_pb2.MsgTimeoutOnClose) -> bool:
    """Return whether the packet is settled, or was never sent."""
    return is_packet_settled(ctx, msg.packet)
