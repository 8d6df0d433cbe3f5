"""What the links module refuses, besides what light clients and proofs refuse themselves.

Codespaces and numbers are those of ibc-go (``connection``, ``channel``, ``port``,
``ibc``), so that relayers understand them; numbers above 100 are ours. The codespaces
``client`` and ``07-tendermint`` belong to ``huitong.light``, ``commitment`` to
``huitong.core.store``, and ``channel/22`` to ``huitong.core.errors``.
"""

from __future__ import annotations

from huitong.core.errors import RejectedError

# --- client (ICS-02) --------------------------------------------------------------------


class ClientTypeMismatchError(
    RejectedError,
    codespace="client",
    code=32,
    text="substitute is a {actual}, the subject a {expected}: client type not supported",
):
    """A client can only be recovered from one of its own type."""


class ClientTypeNotAllowedError(
    RejectedError,
    codespace="client",
    code=33,
    text="{client_type} is not in the list of allowed clients: client type not supported",
):
    """The zone's parameters do not allow clients of this type."""


# --- connection (ICS-03) --------------------------------------------------------------


class ConnectionNotFoundError(
    RejectedError,
    codespace="connection",
    code=3,
    text="{connection_id}: connection not found",
):
    """No connection has this id on this chain."""


class InvalidConnectionStateError(
    RejectedError,
    codespace="connection",
    code=6,
    text="{reason}: invalid connection state",
):
    """The connection is not in the state in which the step is possible."""


class InvalidConnectionCounterpartyError(
    RejectedError,
    codespace="connection",
    code=7,
    text="{reason}: invalid counterparty connection",
):
    """The description of the other end can never be right."""


class InvalidConnectionVersionError(
    RejectedError,
    codespace="connection",
    code=9,
    text="{reason}: invalid connection version",
):
    """A version that is malformed, not offered, or does not allow what is asked."""


class VersionNegotiationError(
    RejectedError,
    codespace="connection",
    code=10,
    text="{reason}: connection version negotiation failed",
):
    """The two chains have no version in common."""


class InvalidConnectionIdentifierError(
    RejectedError,
    codespace="connection",
    code=11,
    text="{reason}: invalid connection identifier",
):
    """An id where none may stand, or one of another form."""


class TooManyConnectionsError(
    RejectedError,
    codespace="connection",
    code=101,
    text="client {client_id} has {count} connections, no more are taken",
):
    """The client carries as many connections as a client may."""


# --- channel (ICS-04) -----------------------------------------------------------------


class ChannelNotFoundError(
    RejectedError,
    codespace="channel",
    code=3,
    text="port ID ({port_id}) channel ID ({channel_id}): channel not found",
):
    """No channel has this id on this port."""


class InvalidChannelStateError(
    RejectedError, codespace="channel", code=5, text="{reason}: invalid channel state"
):
    """The channel is not in the state in which the step is possible."""


class InvalidChannelOrderingError(
    RejectedError,
    codespace="channel",
    code=6,
    text="{ordering}: invalid channel ordering",
):
    """Neither ordered nor unordered."""


class InvalidChannelCounterpartyError(
    RejectedError,
    codespace="channel",
    code=7,
    text="{reason}: invalid counterparty channel",
):
    """The description of the other end can never be right."""


class SequenceSendNotFoundError(
    RejectedError,
    codespace="channel",
    code=10,
    text="source port: {port_id}, source channel: {channel_id}: sequence send not found",
):
    """The channel has no next sequence to send with; only a wrong genesis causes it."""


class SequenceReceiveNotFoundError(
    RejectedError,
    codespace="channel",
    code=11,
    text="destination port: {port_id}, destination channel: {channel_id}: sequence receive not found",
):
    """The channel has no next sequence to receive; only a wrong genesis causes it."""


class SequenceAcknowledgementNotFoundError(
    RejectedError,
    codespace="channel",
    code=12,
    text="source port: {port_id}, source channel: {channel_id}: sequence acknowledgement not found",
):
    """The channel has no next sequence to acknowledge; only a wrong genesis causes it."""


class InvalidPacketError(
    RejectedError, codespace="channel", code=13, text="{reason}: invalid packet"
):
    """The packet is malformed, of another channel, or not the one that was sent."""


class ConnectionHopsError(
    RejectedError,
    codespace="channel",
    code=15,
    text="{count} connection hops, expected 1: too many connection hops",
):
    """A channel runs over exactly one connection."""


class InvalidAcknowledgementError(
    RejectedError,
    codespace="channel",
    code=16,
    text="{reason}: invalid acknowledgement",
):
    """Empty, too long, or a standard acknowledgement in another than its one form."""


class AcknowledgementExistsError(
    RejectedError,
    codespace="channel",
    code=17,
    text="{port_id}/{channel_id}/{sequence}: acknowledgement for packet already exists",
):
    """The packet was acknowledged before; an acknowledgement never changes."""


class InvalidChannelIdentifierError(
    RejectedError,
    codespace="channel",
    code=18,
    text="{reason}: invalid channel identifier",
):
    """An id where none may stand, or one of another form."""


class PacketReceivedError(
    RejectedError,
    codespace="channel",
    code=19,
    text="next sequence receive {next_sequence} > packet sequence {sequence}: packet already received",
):
    """A packet that the counterparty has received cannot time out."""


class PacketOutOfOrderError(
    RejectedError,
    codespace="channel",
    code=21,
    text="packet sequence {sequence}, expected {expected}: packet sequence is out of order",
):
    """An ordered channel takes packets and acknowledgements one after the other."""


class InvalidChannelVersionError(
    RejectedError,
    codespace="channel",
    code=24,
    text="{reason}: invalid channel version",
):
    """A version that is too long."""


class TimeoutNotReachedError(
    RejectedError,
    codespace="channel",
    code=39,
    text="current {kind}: {actual}, timeout {kind} {timeout}: timeout not reached",
):
    """At the height of the proof the packet could still be received."""


class TimeoutElapsedError(
    RejectedError,
    codespace="channel",
    code=40,
    text="current {kind}: {actual}, timeout {kind} {timeout}: timeout elapsed",
):
    """The packet can no longer be received."""


# --- port (ICS-05) and what is common ---------------------------------------------------


class RouteNotFoundError(
    RejectedError,
    codespace="port",
    code=5,
    text="no application is bound to port {port_id}: route not found",
):
    """The zone's software has no application on this port."""


class InvalidSequenceError(
    RejectedError, codespace="ibc", code=1, text="{reason}: invalid sequence"
):
    """A sequence that must not be 0."""


class UnsupportedVersionsError(
    RejectedError, codespace="ibc", code=10, text="{reason}: invalid version"
):
    """A list of versions that is empty or too long."""


class IbcRequestError(
    RejectedError, codespace="ibc", code=8, text="{reason}: invalid request"
):
    """A value that can never be right, or a step that nobody may take."""


class UnpackAnyError(
    RejectedError,
    codespace="ibc",
    code=14,
    text="{reason}: failed unpacking protobuf message from Any",
):
    """A client state, consensus state or client message that cannot be read."""
