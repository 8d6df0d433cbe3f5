"""What applications do with packets: send them, and acknowledge them, now or later.

An application acts for its own port; which port that is was fixed when the zone's
software was put together (``ctx.ports``).
"""

from __future__ import annotations

from huitong.core.context import Context
from huitong.core.height import Height
from huitong.core.limits import ACKNOWLEDGEMENT_SIZE_BYTES_MAX
from huitong.core.time import TimeNs
from huitong.light import light_client
from huitong.modules.links import state
from huitong.modules.links.checks import (
    check_channel_open,
    check_packet,
    get_application,
)
from huitong.modules.links.commitments import commit_acknowledgement, commit_packet
from huitong.modules.links.errors import (
    AcknowledgementExistsError,
    InvalidAcknowledgementError,
    InvalidPacketError,
)
from huitong.modules.links.events import (
    emit_packet_with_data,
    emit_write_acknowledgement,
)
from huitong.modules.links.keys import STORE
from huitong.modules.links.proofs import check_client_active
from huitong.modules.links.timeouts import check_not_elapsed
from huitong.proto.ibc.core.channel.v1 import channel_pb2


def send_packet(
    ctx: Context,
    port_id: str,
    channel_id: str,
    timeout_height: Height,
    timeout_timestamp: TimeNs,
    data: bytes,
) -> int:
    """Send a packet: commit to it and tell relayers.

    Args:
        ctx: the branch to write to.
        port_id: the sending application's port.
        channel_id: an open channel on that port.
        timeout_height: height of the receiving chain from which on the packet is too
            late; ``Height.ZERO`` for none.
        timeout_timestamp: time from which on it is too late; 0 for none. One of the two
            is needed.
        data: 1 byte to 256 KiB, for the application on the other side.

    Returns:
        The packet's sequence on the channel, from 1.

    Raises:
        RejectedError: channel/3, 5, 10, 13, 40; connection/3; client/4, 7, 29; port/5.

    Spec: ICS-04 ``sendPacket``; ibc-go ``04-channel/keeper/packet.go``.
    Cost: 6 reads, 2 writes.
    """
    store = ctx.store(STORE)
    channel = state.get_channel(store, port_id, channel_id)
    check_channel_open(channel)
    get_application(ctx, port_id)
    sequence = state.get_next_sequence_send(store, port_id, channel_id)
    packet = channel_pb2.Packet(
        sequence=sequence,
        source_port=port_id,
        source_channel=channel_id,
        destination_port=channel.counterparty.port_id,
        destination_channel=channel.counterparty.channel_id,
        data=data,
        timeout_height=timeout_height.to_proto(),
        timeout_timestamp=timeout_timestamp,
    )
    check_packet(packet)
    connection = state.get_connection(store, channel.connection_hops[0])
    client_id = connection.client_id
    check_client_active(ctx, client_id)
    latest = light_client.latest_height(store, client_id)
    # The newest header that is known here is a lower bound of the other chain's now.
    time_ns_on_counterparty = light_client.timestamp_at_height(store, client_id, latest)
    check_not_elapsed(packet, latest, time_ns_on_counterparty)
    state.save_next_sequence_send(store, port_id, channel_id, sequence + 1)
    commitment = commit_packet(packet)
    state.save_commitment(store, port_id, channel_id, sequence, commitment)
    emit_packet_with_data(ctx, "send_packet", packet, channel)
    return sequence


def write_acknowledgement(
    ctx: Context, packet: channel_pb2.Packet, acknowledgement: bytes
) -> None:
    """Acknowledge a packet that was received here, once.

    Raises:
        ChannelNotFoundError, InvalidChannelStateError: the channel is not open.
        InvalidPacketError: the packet was never received here.
        AcknowledgementExistsError: it is acknowledged.
        InvalidAcknowledgementError: empty, or above 256 KiB.

    Spec: ICS-04 ``writeAcknowledgement``. Cost: 3 reads, 1 write.
    """
    store = ctx.store(STORE)
    port_id, channel_id = packet.destination_port, packet.destination_channel
    sequence = packet.sequence
    channel = state.get_channel(store, port_id, channel_id)
    check_channel_open(channel)
    if state.has_acknowledgement(store, port_id, channel_id, sequence):
        raise AcknowledgementExistsError(
            port_id=port_id, channel_id=channel_id, sequence=sequence
        )
    if not 0 < len(acknowledgement) <= ACKNOWLEDGEMENT_SIZE_BYTES_MAX:
        raise InvalidAcknowledgementError(
            reason=f"{len(acknowledgement)} bytes, "
            f"expected 1 to {ACKNOWLEDGEMENT_SIZE_BYTES_MAX}"
        )
    _check_received(ctx, packet, channel)
    commitment = commit_acknowledgement(acknowledgement)
    state.save_acknowledgement(store, port_id, channel_id, sequence, commitment)
    emit_write_acknowledgement(ctx, packet, channel, acknowledgement)


def _check_received(
    ctx: Context, packet: channel_pb2.Packet, channel: channel_pb2.Channel
) -> None:
    store = ctx.store(STORE)
    port_id, channel_id = packet.destination_port, packet.destination_channel
    if channel.ordering == channel_pb2.ORDER_ORDERED:
        expected = state.get_next_sequence_receive(store, port_id, channel_id)
        received = packet.sequence < expected
    else:
        received = state.has_receipt(store, port_id, channel_id, packet.sequence)
    if not received:
        raise InvalidPacketError(
            reason=f"packet {packet.sequence} was not received, so it has no acknowledgement"
        )
