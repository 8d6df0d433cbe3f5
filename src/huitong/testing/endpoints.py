"""One side of a link: the messages of each step, and their delivery.

Every step is made of two parts, a message and its delivery, so that a test can change
the message in between: ``end.recv_message(packet)`` and ``end.zone.deliver(message)``.
Proofs are made of the other zone's newest committed block; ``catch_up`` ends its block
and shows the header to the client here, which is what a relayer does before each step.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final, final

from huitong.core.height import Height
from huitong.core.time import NS_PER_SECOND
from huitong.light.tendermint.client_message import client_message_to_any
from huitong.light.tendermint.client_state import client_state_to_any
from huitong.light.tendermint.consensus_state import consensus_state_to_any
from huitong.light.tendermint.terms import MAX_CLOCK_DRIFT_NS
from huitong.modules.links import keys, packets, versions
from huitong.modules.links.acknowledgements import result_acknowledgement
from huitong.proto.ibc.core.channel.v1 import channel_pb2
from huitong.proto.ibc.core.channel.v1 import tx_pb2 as channel_tx_pb2
from huitong.proto.ibc.core.client.v1 import tx_pb2 as client_tx_pb2
from huitong.proto.ibc.core.commitment.v1 import commitment_pb2
from huitong.proto.ibc.core.connection.v1 import connection_pb2
from huitong.proto.ibc.core.connection.v1 import tx_pb2 as connection_tx_pb2
from huitong.testing import mock_application
from huitong.testing.actors import address_of
from huitong.testing.zones import Proven, SimZone

ORDERED: Final = channel_pb2.ORDER_ORDERED
UNORDERED: Final = channel_pb2.ORDER_UNORDERED
RELAYER: Final = address_of("relayer")
#: How long a packet may take unless a test says otherwise.
TIMEOUT_NS: Final = 3_600 * NS_PER_SECOND


@final
@dataclass(slots=True, kw_only=True)
class Endpoint:
    """One side of a path; the ids are those on its own zone."""

    zone: SimZone
    application: mock_application.MockApplication
    client_id: str = ""
    connection_id: str = ""
    channel_id: str = ""
    port_id: str = mock_application.PORT
    ordering: channel_pb2.Order = UNORDERED
    version: str = mock_application.VERSION
    delay_period_ns: int = 0
    trusted_height: int = 0
    """Newest height of the other zone that the client here knows."""
    _other: list[Endpoint] = field(default_factory=list)

    @property
    def other(self) -> Endpoint:
        """The endpoint on the other zone."""
        return self._other[0]

    def face(self, other: Endpoint) -> None:
        """Make ``other`` the other side."""
        self._other = [other]

    # --- clients ------------------------------------------------------------------------

    def create_message(self) -> client_tx_pb2.MsgCreateClient:
        """Return the message that begins to follow the other zone at its newest height."""
        chain = self.other.zone.chain
        return client_tx_pb2.MsgCreateClient(
            client_state=client_state_to_any(chain.client_state(chain.height)),
            consensus_state=consensus_state_to_any(chain.consensus_state(chain.height)),
            signer=RELAYER,
        )

    def create_client(self) -> str:
        """Follow the other zone; return the client's id."""
        self.trusted_height = self.other.zone.chain.height
        self.zone.deliver(self.create_message())
        self.client_id = self.zone.told("create_client")[0]["client_id"]
        return self.client_id

    def update_message(
        self, height: int | None = None, *, trusted_height: int | None = None
    ) -> client_tx_pb2.MsgUpdateClient:
        """Return the message that shows the client a header, the newest by default."""
        chain = self.other.zone.chain
        header = chain.client_header(
            chain.height if height is None else height,
            trusted_height=self.trusted_height
            if trusted_height is None
            else trusted_height,
        )
        return client_tx_pb2.MsgUpdateClient(
            client_id=self.client_id,
            client_message=client_message_to_any(header),
            signer=RELAYER,
        )

    def update_client(self) -> None:
        """Show the client the newest header of the other zone.

        If that header is far ahead of this zone's time, this zone makes a block first.
        """
        height = self.other.zone.chain.height
        if height > self.trusted_height:
            if self.other.zone.time_ns >= self.zone.time_ns + MAX_CLOCK_DRIFT_NS:
                self.zone.next_block()
            self.zone.deliver(self.update_message())
            self.trusted_height = height

    def catch_up(self) -> None:
        """Let the other zone end its block, and show its header to the client here."""
        self.other.zone.next_block()
        self.update_client()

    def proven(self, key: bytes) -> Proven:
        """Return what the other zone's committed state holds, for messages to here."""
        return self.other.zone.prove(keys.STORE, key)

    # --- connections --------------------------------------------------------------------

    def connection_init_message(self) -> connection_tx_pb2.MsgConnectionOpenInit:
        """Return the first message of a connection, for this side."""
        return connection_tx_pb2.MsgConnectionOpenInit(
            client_id=self.client_id,
            counterparty=self._connection_counterparty(""),
            delay_period=self.delay_period_ns,
            signer=RELAYER,
        )

    def connection_try_message(self) -> connection_tx_pb2.MsgConnectionOpenTry:
        """Return the second message of a connection, for this side."""
        proven = self.proven(keys.connection(self.other.connection_id))
        return connection_tx_pb2.MsgConnectionOpenTry(
            client_id=self.client_id,
            counterparty=self._connection_counterparty(self.other.connection_id),
            delay_period=self.delay_period_ns,
            counterparty_versions=versions.compatible_versions(),
            proof_init=proven.proof,
            proof_height=proven.height.to_proto(),
            signer=RELAYER,
        )

    def connection_ack_message(self) -> connection_tx_pb2.MsgConnectionOpenAck:
        """Return the third message of a connection, for the side that began."""
        proven = self.proven(keys.connection(self.other.connection_id))
        return connection_tx_pb2.MsgConnectionOpenAck(
            connection_id=self.connection_id,
            counterparty_connection_id=self.other.connection_id,
            version=versions.compatible_versions()[0],
            proof_try=proven.proof,
            proof_height=proven.height.to_proto(),
            signer=RELAYER,
        )

    def connection_confirm_message(self) -> connection_tx_pb2.MsgConnectionOpenConfirm:
        """Return the last message of a connection, for the side that answered."""
        proven = self.proven(keys.connection(self.other.connection_id))
        return connection_tx_pb2.MsgConnectionOpenConfirm(
            connection_id=self.connection_id,
            proof_ack=proven.proof,
            proof_height=proven.height.to_proto(),
            signer=RELAYER,
        )

    def _connection_counterparty(
        self, connection_id: str
    ) -> connection_pb2.Counterparty:
        return connection_pb2.Counterparty(
            client_id=self.other.client_id,
            connection_id=connection_id,
            prefix=commitment_pb2.MerklePrefix(key_prefix=keys.STORE_PREFIX),
        )

    # --- channels -----------------------------------------------------------------------

    def channel_init_message(self) -> channel_tx_pb2.MsgChannelOpenInit:
        """Return the first message of a channel, for this side."""
        return channel_tx_pb2.MsgChannelOpenInit(
            port_id=self.port_id,
            channel=self._proposed(channel_pb2.STATE_INIT, ""),
            signer=RELAYER,
        )

    def channel_try_message(self) -> channel_tx_pb2.MsgChannelOpenTry:
        """Return the second message of a channel, for this side."""
        proven = self._proven_channel()
        return channel_tx_pb2.MsgChannelOpenTry(
            port_id=self.port_id,
            channel=self._proposed(channel_pb2.STATE_TRYOPEN, self.other.channel_id),
            counterparty_version=self.other.version,
            proof_init=proven.proof,
            proof_height=proven.height.to_proto(),
            signer=RELAYER,
        )

    def channel_ack_message(self) -> channel_tx_pb2.MsgChannelOpenAck:
        """Return the third message of a channel, for the side that began."""
        proven = self._proven_channel()
        return channel_tx_pb2.MsgChannelOpenAck(
            port_id=self.port_id,
            channel_id=self.channel_id,
            counterparty_channel_id=self.other.channel_id,
            counterparty_version=self.other.version,
            proof_try=proven.proof,
            proof_height=proven.height.to_proto(),
            signer=RELAYER,
        )

    def channel_confirm_message(self) -> channel_tx_pb2.MsgChannelOpenConfirm:
        """Return the last message of a channel, for the side that answered."""
        proven = self._proven_channel()
        return channel_tx_pb2.MsgChannelOpenConfirm(
            port_id=self.port_id,
            channel_id=self.channel_id,
            proof_ack=proven.proof,
            proof_height=proven.height.to_proto(),
            signer=RELAYER,
        )

    def close_init_message(self) -> channel_tx_pb2.MsgChannelCloseInit:
        """Return the message that closes this end."""
        return channel_tx_pb2.MsgChannelCloseInit(
            port_id=self.port_id, channel_id=self.channel_id, signer=RELAYER
        )

    def close_confirm_message(self) -> channel_tx_pb2.MsgChannelCloseConfirm:
        """Return the message that closes this end because the other is closed."""
        proven = self._proven_channel()
        return channel_tx_pb2.MsgChannelCloseConfirm(
            port_id=self.port_id,
            channel_id=self.channel_id,
            proof_init=proven.proof,
            proof_height=proven.height.to_proto(),
            signer=RELAYER,
        )

    def _proven_channel(self) -> Proven:
        return self.proven(keys.channel(self.other.port_id, self.other.channel_id))

    def _proposed(
        self, state: channel_pb2.State, channel_id_on_other: str
    ) -> channel_pb2.Channel:
        return channel_pb2.Channel(
            state=state,
            ordering=self.ordering,
            counterparty=channel_pb2.Counterparty(
                port_id=self.other.port_id, channel_id=channel_id_on_other
            ),
            connection_hops=[self.connection_id],
            version=self.version,
        )

    # --- packets ------------------------------------------------------------------------

    def send(
        self,
        data: bytes = b"ok",
        *,
        timeout_height: Height = Height.ZERO,
        timeout_timestamp: int | None = None,
    ) -> channel_pb2.Packet:
        """Send a packet as the application would; it times out in an hour by default."""
        if timeout_timestamp is None:
            timeout_timestamp = self.zone.clock.time_ns + TIMEOUT_NS
        ctx = self.zone.context()
        sequence = packets.send_packet(
            ctx, self.port_id, self.channel_id, timeout_height, timeout_timestamp, data
        )
        self.zone.take(ctx)
        return channel_pb2.Packet(
            sequence=sequence,
            source_port=self.port_id,
            source_channel=self.channel_id,
            destination_port=self.other.port_id,
            destination_channel=self.other.channel_id,
            data=data,
            timeout_height=timeout_height.to_proto(),
            timeout_timestamp=timeout_timestamp,
        )

    def recv_message(self, packet: channel_pb2.Packet) -> channel_tx_pb2.MsgRecvPacket:
        """Return the message that brings a packet of the other zone here."""
        proven = self.proven(
            keys.commitment(packet.source_port, packet.source_channel, packet.sequence)
        )
        return channel_tx_pb2.MsgRecvPacket(
            packet=packet,
            proof_commitment=proven.proof,
            proof_height=proven.height.to_proto(),
            signer=RELAYER,
        )

    def acknowledgement_message(
        self, packet: channel_pb2.Packet, acknowledgement: bytes | None = None
    ) -> channel_tx_pb2.MsgAcknowledgement:
        """Return the message that settles a packet of this zone by its acknowledgement."""
        proven = self.proven(
            keys.acknowledgement(
                packet.destination_port, packet.destination_channel, packet.sequence
            )
        )
        if acknowledgement is None:
            acknowledgement = result_acknowledgement(packet.data)
        return channel_tx_pb2.MsgAcknowledgement(
            packet=packet,
            acknowledgement=acknowledgement,
            proof_acked=proven.proof,
            proof_height=proven.height.to_proto(),
            signer=RELAYER,
        )

    def timeout_message(
        self, packet: channel_pb2.Packet, *, next_sequence: int | None = None
    ) -> channel_tx_pb2.MsgTimeout:
        """Return the message that settles a packet of this zone as timed out."""
        proven = self._proven_not_received(packet)
        return channel_tx_pb2.MsgTimeout(
            packet=packet,
            proof_unreceived=proven.proof,
            proof_height=proven.height.to_proto(),
            next_sequence_recv=packet.sequence
            if next_sequence is None
            else next_sequence,
            signer=RELAYER,
        )

    def timeout_on_close_message(
        self, packet: channel_pb2.Packet, *, next_sequence: int | None = None
    ) -> channel_tx_pb2.MsgTimeoutOnClose:
        """Return the message that settles a packet because the other end is closed."""
        proven = self._proven_not_received(packet)
        return channel_tx_pb2.MsgTimeoutOnClose(
            packet=packet,
            proof_unreceived=proven.proof,
            proof_close=self._proven_channel().proof,
            proof_height=proven.height.to_proto(),
            next_sequence_recv=packet.sequence
            if next_sequence is None
            else next_sequence,
            signer=RELAYER,
        )

    def _proven_not_received(self, packet: channel_pb2.Packet) -> Proven:
        port_id, channel_id = packet.destination_port, packet.destination_channel
        if self.ordering == ORDERED:
            return self.proven(keys.next_sequence_receive(port_id, channel_id))
        return self.proven(keys.receipt(port_id, channel_id, packet.sequence))

    def receive(self, packet: channel_pb2.Packet) -> Any:
        """Bring a packet of the other zone here; return the response."""
        self.catch_up()
        return self.zone.deliver(self.recv_message(packet))

    def acknowledge(
        self, packet: channel_pb2.Packet, acknowledgement: bytes | None = None
    ) -> Any:
        """Settle a packet of this zone by its acknowledgement; return the response."""
        self.catch_up()
        message = self.acknowledgement_message(packet, acknowledgement)
        return self.zone.deliver(message)

    def time_out(self, packet: channel_pb2.Packet) -> Any:
        """Settle a packet of this zone as timed out; return the response."""
        self.catch_up()
        return self.zone.deliver(self.timeout_message(packet))
