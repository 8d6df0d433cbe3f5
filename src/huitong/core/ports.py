"""What an IBC application answers: the callbacks of ICS-05 and ICS-26.

The routing table from port id to application is fixed when the zone's software is put
together. The packet core knows applications only through this shape.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from huitong.core.context import Context
from huitong.proto.ibc.core.channel.v1 import channel_pb2


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelOpening:
    """What an application is told about a channel that opens (ICS-26)."""

    ordering: int
    """``channel_pb2.Order`` number: 1 unordered, 2 ordered."""
    connection_hops: tuple[str, ...]
    """Ids of the connections below; exactly one."""
    port_id: str
    """The port on this chain."""
    channel_id: str
    """The channel on this chain."""
    counterparty_port_id: str
    """The port on the other chain."""
    counterparty_channel_id: str
    """The channel on the other chain; empty in the first step."""
    version: str
    """Proposed version; in the second step the counterparty's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiveOutcome:
    """An application's answer to a packet."""

    acknowledgement: bytes | None
    """Bytes to write now; None if the application will write them later."""
    success: bool
    """False discards every write of the callback and renames its events."""


class PortApplication(Protocol):
    """Callbacks of one IBC application. A raised RejectedError refuses the step."""

    def on_chan_open_init(self, ctx: Context, opening: ChannelOpening) -> str:
        """Return the version to use."""
        ...

    def on_chan_open_try(self, ctx: Context, opening: ChannelOpening) -> str:
        """Return the version to use; ``opening.version`` is the counterparty's."""
        ...

    def on_chan_open_ack(
        self, ctx: Context, port_id: str, channel_id: str, counterparty_version: str
    ) -> None: ...

    def on_chan_open_confirm(
        self, ctx: Context, port_id: str, channel_id: str
    ) -> None: ...

    def on_chan_close_init(
        self, ctx: Context, port_id: str, channel_id: str
    ) -> None: ...

    def on_chan_close_confirm(
        self, ctx: Context, port_id: str, channel_id: str
    ) -> None: ...

    def on_recv_packet(
        self, ctx: Context, packet: channel_pb2.Packet, relayer: str
    ) -> ReceiveOutcome: ...

    def on_acknowledgement_packet(
        self,
        ctx: Context,
        packet: channel_pb2.Packet,
        acknowledgement: bytes,
        relayer: str,
    ) -> None: ...

    def on_timeout_packet(
        self, ctx: Context, packet: channel_pb2.Packet, relayer: str
    ) -> None: ...
