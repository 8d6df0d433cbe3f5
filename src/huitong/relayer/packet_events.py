"""What blocks tell about packets and clients: events in, facts out. Pure.

Only the event kinds that a relayer acts on are read; everything else is passed over.
Attributes follow ibc-go, the union of v8 and v10.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from huitong.core.height import Height
from huitong.proto.ibc.core.channel.v1 import channel_pb2

SEND_PACKET: Final = "send_packet"
RECV_PACKET: Final = "recv_packet"
WRITE_ACKNOWLEDGEMENT: Final = "write_acknowledgement"
ACKNOWLEDGE_PACKET: Final = "acknowledge_packet"
TIMEOUT_PACKET: Final = "timeout_packet"
#: What ends the life of a packet on the side that sent it.
SETTLING: Final = (ACKNOWLEDGE_PACKET, TIMEOUT_PACKET)
UPDATE_CLIENT: Final = "update_client"
CLIENT_MISBEHAVIOUR: Final = "client_misbehaviour"
PACKET_KINDS: Final = frozenset(
    {
        SEND_PACKET,
        RECV_PACKET,
        WRITE_ACKNOWLEDGEMENT,
        ACKNOWLEDGE_PACKET,
        TIMEOUT_PACKET,
    }
)
CHANNEL_CLOSE_KINDS: Final = frozenset(
    {"channel_close_init", "channel_close_confirm", "channel_close"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PacketEvent:
    """Something that happened to one packet on one chain."""

    kind: str
    """One of ``PACKET_KINDS``."""
    attributes: Mapping[str, str]
    """The event's attributes by name."""

    @property
    def sequence(self) -> int:
        """The packet's sequence, at least 1."""
        return int(self.attributes["packet_sequence"])

    def is_from(self, port_id: str, channel_id: str) -> bool:
        """Return whether the packet was sent through this end, on its source chain."""
        told = self.attributes
        return (
            told.get("packet_src_channel") == channel_id
            and told.get("packet_src_port") == port_id
        )

    def is_to(self, port_id: str, channel_id: str) -> bool:
        """Return whether the packet is for this end, on its destination chain."""
        told = self.attributes
        return (
            told.get("packet_dst_channel") == channel_id
            and told.get("packet_dst_port") == port_id
        )

    def packet(self) -> channel_pb2.Packet:
        """Return the packet; only ``send_packet``, ``recv_packet`` and acknowledgements
        written carry its data."""
        told = self.attributes
        return channel_pb2.Packet(
            sequence=self.sequence,
            source_port=told["packet_src_port"],
            source_channel=told["packet_src_channel"],
            destination_port=told["packet_dst_port"],
            destination_channel=told["packet_dst_channel"],
            data=bytes.fromhex(told["packet_data_hex"]),
            timeout_height=Height.parse(told["packet_timeout_height"]).to_proto(),
            timeout_timestamp=int(told["packet_timeout_timestamp"]),
        )

    def acknowledgement(self) -> bytes:
        """Return the acknowledgement that was written."""
        return bytes.fromhex(self.attributes["packet_ack_hex"])


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientUpdated:
    """A client learned headers."""

    client_id: str
    """The client, on the chain that tells."""
    heights: tuple[Height, ...]
    """Heights of the other chain that it knows now."""
    header: str = ""
    """What it was shown, an encoded ``Any`` as hexadecimal; not every chain tells it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientFrozen:
    """A client was shown misbehaviour and takes nothing any more."""

    client_id: str
    """The client, on the chain that tells."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelClosed:
    """An end of a channel was closed on the chain that tells."""

    port_id: str
    """Port of the end."""
    channel_id: str
    """The end."""


#: What a block tells that matters here.
RelayEvent: TypeAlias = PacketEvent | ClientUpdated | ClientFrozen | ChannelClosed


def read_relay_events(events: Iterable[Mapping[str, Any]]) -> Iterator[RelayEvent]:
    """Yield what matters for relaying from events in their JSON form, in order."""
    for told in events:
        kind = told["type"]
        if kind in PACKET_KINDS:
            yield PacketEvent(kind=kind, attributes=_attributes(told))
        elif kind == UPDATE_CLIENT:
            attributes = _attributes(told)
            heights = attributes.get("consensus_heights") or attributes.get(
                "consensus_height", ""
            )
            yield ClientUpdated(
                client_id=attributes.get("client_id", ""),
                heights=tuple(Height.parse(h) for h in heights.split(",") if h),
                header=attributes.get("header", ""),
            )
        elif kind == CLIENT_MISBEHAVIOUR:
            yield ClientFrozen(client_id=_attributes(told).get("client_id", ""))
        elif kind in CHANNEL_CLOSE_KINDS:
            attributes = _attributes(told)
            yield ChannelClosed(
                port_id=attributes.get("port_id", ""),
                channel_id=attributes.get("channel_id", ""),
            )


def _attributes(told: Mapping[str, Any]) -> dict[str, str]:
    return {item["key"]: item.get("value") or "" for item in told["attributes"]}
