"""Rules that several messages share: forms that can never be right, and counterparts."""

from __future__ import annotations

import re
from typing import Final

from huitong.core.context import Context
from huitong.core.ids import (
    check_channel_id,
    check_client_id,
    check_connection_id,
    check_port_id,
)
from huitong.core.limits import (
    CHANNEL_VERSION_BYTES_MAX,
    CONNECTION_TEXT_BYTES_MAX,
    PACKET_DATA_SIZE_BYTES_MAX,
    PROOF_SIZE_BYTES_MAX,
)
from huitong.core.ports import PortApplication
from huitong.core.store.ics23.errors import InvalidProofError
from huitong.modules.links.commitments import commit_packet
from huitong.modules.links.errors import (
    ConnectionHopsError,
    InvalidChannelIdentifierError,
    InvalidChannelOrderingError,
    InvalidChannelStateError,
    InvalidChannelVersionError,
    InvalidConnectionCounterpartyError,
    InvalidConnectionIdentifierError,
    InvalidPacketError,
    RouteNotFoundError,
)
from huitong.proto.ibc.core.channel.v1 import channel_pb2
from huitong.proto.ibc.core.connection.v1 import connection_pb2

_OWN_CONNECTION_ID: Final = re.compile(r"connection-(?:0|[1-9][0-9]{0,19})", re.ASCII)
_OWN_CHANNEL_ID: Final = re.compile(r"channel-(?:0|[1-9][0-9]{0,19})", re.ASCII)

# --- forms ------------------------------------------------------------------------------


def check_proof(proof: bytes, what: str) -> None:
    """Check that a proof is there and not absurdly long.

    Raises:
        InvalidProofError: it is empty, or above 64 KiB.
    """
    if not proof:
        raise InvalidProofError(reason=f"cannot submit an empty {what}")
    if len(proof) > PROOF_SIZE_BYTES_MAX:
        raise InvalidProofError(
            reason=f"{what} of {len(proof)} bytes, at most {PROOF_SIZE_BYTES_MAX}"
        )


def check_packet(packet: channel_pb2.Packet) -> None:
    """Check the form of a packet.

    Raises:
        InvalidIdentifierError: a port or channel id of another form.
        InvalidPacketError: no sequence, no timeout, no data, or too much of it.
    """
    check_port_id(packet.source_port)
    check_port_id(packet.destination_port)
    check_channel_id(packet.source_channel)
    check_channel_id(packet.destination_channel)
    if not packet.sequence:
        raise InvalidPacketError(reason="packet sequence cannot be 0")
    timeout = packet.timeout_height
    if not (
        packet.timeout_timestamp or timeout.revision_height or timeout.revision_number
    ):
        raise InvalidPacketError(
            reason="packet timeout height and packet timeout timestamp cannot both be 0"
        )
    size = len(packet.data)
    if not 0 < size <= PACKET_DATA_SIZE_BYTES_MAX:
        raise InvalidPacketError(
            reason=f"packet data of {size} bytes, expected 1 to {PACKET_DATA_SIZE_BYTES_MAX}"
        )


def check_channel_form(channel: channel_pb2.Channel, expected: int) -> None:
    """Check the form of a proposed channel end in state ``expected``.

    Raises:
        InvalidChannelStateError: another state.
        InvalidChannelOrderingError: neither ordered nor unordered.
        ConnectionHopsError: not exactly one hop.
        InvalidIdentifierError: an id of another form.
    """
    if channel.state != expected:
        raise InvalidChannelStateError(
            reason=f"proposed channel has state {channel.state}, expected {expected}"
        )
    if channel.ordering not in (
        channel_pb2.ORDER_ORDERED,
        channel_pb2.ORDER_UNORDERED,
    ):
        raise InvalidChannelOrderingError(ordering=channel.ordering)
    if len(channel.connection_hops) != 1:
        raise ConnectionHopsError(count=len(channel.connection_hops))
    check_connection_id(channel.connection_hops[0])
    check_port_id(channel.counterparty.port_id)
    check_channel_version(channel.version)


def check_channel_version(version: str) -> None:
    """Check the length of a channel's version; its meaning is the application's.

    Raises:
        InvalidChannelVersionError: it is too long.
    """
    size = len(version.encode())
    if size > CHANNEL_VERSION_BYTES_MAX:
        raise InvalidChannelVersionError(
            reason=f"{size} bytes, at most {CHANNEL_VERSION_BYTES_MAX}"
        )


def check_own_channel_id(channel_id: str) -> None:
    """Check that an id is one that this chain could have given to a channel.

    Raises:
        InvalidChannelIdentifierError: it is not.
    """
    if _OWN_CHANNEL_ID.fullmatch(channel_id) is None:
        raise InvalidChannelIdentifierError(reason=f"channel ID ({channel_id})")


def check_own_connection_id(connection_id: str) -> None:
    """Check that an id is one that this chain could have given to a connection.

    Raises:
        InvalidConnectionIdentifierError: it is not.
    """
    if _OWN_CONNECTION_ID.fullmatch(connection_id) is None:
        raise InvalidConnectionIdentifierError(
            reason=f"connection ID ({connection_id})"
        )


def check_connection_counterparty(counterparty: connection_pb2.Counterparty) -> None:
    """Check the form of a connection's other end.

    Raises:
        InvalidIdentifierError: an id of another form.
        InvalidConnectionCounterpartyError: no store prefix, or too long a one.
    """
    check_client_id(counterparty.client_id)
    size = len(counterparty.prefix.key_prefix)
    if not 0 < size <= CONNECTION_TEXT_BYTES_MAX:
        raise InvalidConnectionCounterpartyError(
            reason=f"store prefix of {size} bytes, expected 1 to {CONNECTION_TEXT_BYTES_MAX}"
        )


# --- counterparts -----------------------------------------------------------------------


def get_application(ctx: Context, port_id: str) -> PortApplication:
    """Return the application bound to a port.

    Raises:
        RouteNotFoundError: there is none.
    """
    application = ctx.ports.get(port_id)
    if application is None:
        raise RouteNotFoundError(port_id=port_id)
    return application


def check_channel_open(channel: channel_pb2.Channel) -> None:
    """Check that packets may run over a channel.

    Raises:
        InvalidChannelStateError: it is not open.
    """
    check_channel_state(channel, channel_pb2.STATE_OPEN)


def check_channel_state(
    channel: channel_pb2.Channel, expected: channel_pb2.State
) -> None:
    """Check the state of a channel end.

    Raises:
        InvalidChannelStateError: it is another.
    """
    if channel.state != expected:
        wanted = channel_pb2.State.Name(expected)
        actual = channel_pb2.State.Name(channel.state)
        raise InvalidChannelStateError(
            reason=f"channel state is not {wanted} (got {actual})"
        )


def check_source_is_counterparty(
    packet: channel_pb2.Packet, channel: channel_pb2.Channel
) -> None:
    """Check that a packet to be received comes from the channel's other end.

    Raises:
        InvalidPacketError: it comes from elsewhere.
    """
    _check_end("source", packet.source_port, packet.source_channel, channel)


def check_destination_is_counterparty(
    packet: channel_pb2.Packet, channel: channel_pb2.Channel
) -> None:
    """Check that a packet to be settled went to the channel's other end.

    Raises:
        InvalidPacketError: it went elsewhere.
    """
    _check_end(
        "destination", packet.destination_port, packet.destination_channel, channel
    )


def _check_end(
    what: str, port_id: str, channel_id: str, channel: channel_pb2.Channel
) -> None:
    counterparty = channel.counterparty
    if (port_id, channel_id) != (counterparty.port_id, counterparty.channel_id):
        raise InvalidPacketError(
            reason=f"packet {what} {port_id}/{channel_id} is not the channel's "
            f"counterparty {counterparty.port_id}/{counterparty.channel_id}"
        )


def check_commitment_equals(commitment: bytes, packet: channel_pb2.Packet) -> None:
    """Check that a packet is, to the byte, the one that was sent.

    Raises:
        InvalidPacketError: its data or its timeout differs.
    """
    actual = commit_packet(packet)
    if actual != commitment:
        raise InvalidPacketError(
            reason=f"commitment bytes are not equal: got {actual.hex()}, "
            f"expected {commitment.hex()}"
        )
