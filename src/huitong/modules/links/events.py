"""What the links module tells the world.

Names and attributes are those of ibc-go: the union of v8 and v10, in v8's order, because
relayers read packets from events. Every event is followed by ``message{module}``, which
subscriptions match on, and every event of a kind has all attributes of its kind, because
RPC aligns them by position.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from huitong.core.context import Context
from huitong.core.errors import RejectedError
from huitong.core.events import Event
from huitong.core.height import Height
from huitong.modules.links.versions import order_name
from huitong.proto.ibc.core.channel.v1 import channel_pb2
from huitong.proto.ibc.core.connection.v1 import connection_pb2

CALLBACK_ERROR_PREFIX: Final = "ibccallbackerror-"

_CLIENT_MODULE: Final = Event("message", (("module", "ibc_client"),))
_CONNECTION_MODULE: Final = Event("message", (("module", "ibc_connection"),))
_CHANNEL_MODULE: Final = Event("message", (("module", "ibc_channel"),))


# --- clients --------------------------------------------------------------------------


def emit_client_event(
    ctx: Context, kind: str, client_id: str, client_type: str, height: Height
) -> None:
    """Tell of ``create_client``, ``upgrade_client`` or ``client_misbehaviour``."""
    ctx.emit(
        Event(
            kind,
            (
                ("client_id", client_id),
                ("client_type", client_type),
                ("consensus_height", str(height)),
            ),
        )
    )
    ctx.emit(_CLIENT_MODULE)


def emit_update_client(
    ctx: Context,
    client_id: str,
    client_type: str,
    heights: tuple[Height, ...],
    client_message: bytes,
) -> None:
    """Tell of an update; ``client_message`` is the Any that was verified.

    Relayers compare the header here with their own view: it is how a fork is noticed.
    """
    ctx.emit(
        Event(
            "update_client",
            (
                ("client_id", client_id),
                ("client_type", client_type),
                ("consensus_height", str(heights[0]) if heights else ""),
                ("consensus_heights", ",".join(str(height) for height in heights)),
                ("header", client_message.hex()),
            ),
        )
    )
    ctx.emit(_CLIENT_MODULE)


def emit_recover_client(ctx: Context, client_id: str, client_type: str) -> None:
    """Tell that a client took over the state of its substitute."""
    ctx.emit(
        Event(
            "recover_client",
            (("subject_client_id", client_id), ("client_type", client_type)),
        )
    )
    ctx.emit(_CLIENT_MODULE)


# --- connections ----------------------------------------------------------------------


def emit_connection_event(
    ctx: Context,
    kind: str,
    connection_id: str,
    connection: connection_pb2.ConnectionEnd,
) -> None:
    """Tell of ``connection_open_init``, ``_try``, ``_ack`` or ``_confirm``."""
    counterparty = connection.counterparty
    ctx.emit(
        Event(
            kind,
            (
                ("connection_id", connection_id),
                ("client_id", connection.client_id),
                ("counterparty_client_id", counterparty.client_id),
                ("counterparty_connection_id", counterparty.connection_id),
            ),
        )
    )
    ctx.emit(_CONNECTION_MODULE)


# --- channels -------------------------------------------------------------------------


def emit_channel_event(
    ctx: Context, kind: str, port_id: str, channel_id: str, channel: channel_pb2.Channel
) -> None:
    """Tell of a step of opening or closing a channel, for example ``channel_open_try``."""
    ctx.emit(
        Event(
            kind,
            (
                *_channel_ends(port_id, channel_id, channel),
                ("version", channel.version),
            ),
        )
    )
    ctx.emit(_CHANNEL_MODULE)


def emit_channel_closed(
    ctx: Context, port_id: str, channel_id: str, channel: channel_pb2.Channel
) -> None:
    """Tell that an ordered channel closed because a packet timed out."""
    ctx.emit(
        Event(
            "channel_close",
            (
                *_channel_ends(port_id, channel_id, channel),
                ("channel_ordering", order_name(channel.ordering)),
            ),
        )
    )
    ctx.emit(_CHANNEL_MODULE)


def _channel_ends(
    port_id: str, channel_id: str, channel: channel_pb2.Channel
) -> tuple[tuple[str, str], ...]:
    return (
        ("port_id", port_id),
        ("channel_id", channel_id),
        ("counterparty_port_id", channel.counterparty.port_id),
        ("counterparty_channel_id", channel.counterparty.channel_id),
        ("connection_id", channel.connection_hops[0]),
    )


# --- packets --------------------------------------------------------------------------


def emit_packet_with_data(
    ctx: Context, kind: str, packet: channel_pb2.Packet, channel: channel_pb2.Channel
) -> None:
    """Tell of ``send_packet`` or ``recv_packet``, with the packet's data."""
    ctx.emit(
        Event(
            kind,
            (
                *_data(packet.data),
                *_packet(packet),
                *_path(channel),
            ),
        )
    )
    ctx.emit(_CHANNEL_MODULE)


def emit_write_acknowledgement(
    ctx: Context,
    packet: channel_pb2.Packet,
    channel: channel_pb2.Channel,
    acknowledgement: bytes,
) -> None:
    """Tell of an acknowledgement; only its hash stands in the state."""
    ctx.emit(
        Event(
            "write_acknowledgement",
            (
                *_data(packet.data),
                *_packet(packet),
                ("packet_ack", _as_text(acknowledgement)),
                ("packet_ack_hex", acknowledgement.hex()),
                *_path(channel),
            ),
        )
    )
    ctx.emit(_CHANNEL_MODULE)


def emit_packet_settled(
    ctx: Context, kind: str, packet: channel_pb2.Packet, channel: channel_pb2.Channel
) -> None:
    """Tell of ``acknowledge_packet`` or ``timeout_packet``."""
    ctx.emit(Event(kind, (*_packet(packet), *_path(channel))))
    ctx.emit(_CHANNEL_MODULE)


def emit_callback_errors(ctx: Context, told: Iterable[Event]) -> None:
    """Tell what a refused callback had told, under names that nobody takes for effects.

    The callback's writes are undone; an indexer that saw its events unchanged would
    count what never happened (the "Huckleberry" advisory of ibc-go).
    """
    for event in told:
        renamed = tuple(
            (CALLBACK_ERROR_PREFIX + key, value) for key, value in event.attributes
        )
        ctx.emit(Event(CALLBACK_ERROR_PREFIX + event.kind, renamed))


def emit_refusal(ctx: Context, refused: RejectedError) -> None:
    """Tell why an application refused a packet; the acknowledgement tells the code only."""
    ctx.emit(
        Event(
            CALLBACK_ERROR_PREFIX + "refusal",
            (
                ("codespace", refused.codespace),
                ("code", str(refused.code)),
                ("reason", str(refused)),
            ),
        )
    )


def _data(data: bytes) -> tuple[tuple[str, str], ...]:
    return (("packet_data", _as_text(data)), ("packet_data_hex", data.hex()))


def _packet(packet: channel_pb2.Packet) -> tuple[tuple[str, str], ...]:
    timeout = packet.timeout_height
    return (
        (
            "packet_timeout_height",
            f"{timeout.revision_number}-{timeout.revision_height}",
        ),
        ("packet_timeout_timestamp", str(packet.timeout_timestamp)),
        ("packet_sequence", str(packet.sequence)),
        ("packet_src_port", packet.source_port),
        ("packet_src_channel", packet.source_channel),
        ("packet_dst_port", packet.destination_port),
        ("packet_dst_channel", packet.destination_channel),
    )


def _path(channel: channel_pb2.Channel) -> tuple[tuple[str, str], ...]:
    hop = channel.connection_hops[0]
    return (
        ("packet_channel_ordering", order_name(channel.ordering)),
        ("packet_connection", hop),
        ("connection_id", hop),
    )


def _as_text(data: bytes) -> str:
    """Return ``data`` as text, empty where it is not UTF-8: the hex form always tells."""
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return ""
