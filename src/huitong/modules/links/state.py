"""Typed reads and writes of the store ``ibc``; the only caller of ``keys``.

What lies in the state was encoded here from checked messages, so it is read back without
checking its form again. ``get_`` raises where something is absent, ``find_`` returns
None.
"""

from __future__ import annotations

from huitong.core.codec import encode
from huitong.core.invariants import invariant
from huitong.core.limits import CONNECTIONS_PER_CLIENT_MAX
from huitong.core.store.kv import ReadStore, WriteStore
from huitong.modules.links import keys
from huitong.modules.links.commitments import (
    RECEIPT,
    decode_sequence,
    encode_sequence,
)
from huitong.modules.links.errors import (
    ChannelNotFoundError,
    ConnectionNotFoundError,
    InvalidConnectionStateError,
    SequenceAcknowledgementNotFoundError,
    SequenceReceiveNotFoundError,
    SequenceSendNotFoundError,
    TooManyConnectionsError,
)
from huitong.proto.ibc.core.channel.v1 import channel_pb2
from huitong.proto.ibc.core.client.v1 import client_pb2
from huitong.proto.ibc.core.connection.v1 import connection_pb2

# --- parameters and counters ------------------------------------------------------------


def get_client_params(store: ReadStore) -> client_pb2.Params:
    """Return which types of client may be created."""
    return client_pb2.Params.FromString(store.get(keys.CLIENT_PARAMS) or b"")


def save_client_params(store: WriteStore, params: client_pb2.Params) -> None:
    """Write the parameters; an empty list allows nothing and is written all the same."""
    store.set(keys.CLIENT_PARAMS, encode(params))


def get_connection_params(store: ReadStore) -> connection_pb2.Params:
    """Return how long a block takes at most, for delay periods."""
    return connection_pb2.Params.FromString(store.get(keys.CONNECTION_PARAMS) or b"")


def save_connection_params(store: WriteStore, params: connection_pb2.Params) -> None:
    """Write the parameters."""
    store.set(keys.CONNECTION_PARAMS, encode(params))


def get_counter(store: ReadStore, key: bytes) -> int:
    """Return a counter of created ids; genesis writes all three."""
    stored = store.get(key)
    invariant(stored is not None, "genesis has written the counters of links", key=key)
    return decode_sequence(stored or b"")


def take_number(store: WriteStore, key: bytes) -> int:
    """Return a counter's value and count one further."""
    number = get_counter(store, key)
    store.set(key, encode_sequence(number + 1))
    return number


# --- connections ------------------------------------------------------------------------


def get_connection(
    store: ReadStore, connection_id: str
) -> connection_pb2.ConnectionEnd:
    """Return a connection end.

    Raises:
        ConnectionNotFoundError: there is none with this id.
    """
    stored = store.get(keys.connection(connection_id))
    if stored is None:
        raise ConnectionNotFoundError(connection_id=connection_id)
    return connection_pb2.ConnectionEnd.FromString(stored)


def get_open_connection(
    store: ReadStore, connection_id: str
) -> connection_pb2.ConnectionEnd:
    """Return a connection end that is open.

    Raises:
        ConnectionNotFoundError: there is none with this id.
        InvalidConnectionStateError: its handshake is not finished.
    """
    connection = get_connection(store, connection_id)
    check_connection_state(connection, connection_pb2.STATE_OPEN)
    return connection


def check_connection_state(
    connection: connection_pb2.ConnectionEnd, expected: connection_pb2.State
) -> None:
    """Check the state of a connection end.

    Raises:
        InvalidConnectionStateError: it is another.
    """
    if connection.state != expected:
        wanted = connection_pb2.State.Name(expected)
        actual = connection_pb2.State.Name(connection.state)
        raise InvalidConnectionStateError(
            reason=f"connection state is not {wanted} (got {actual})"
        )


def save_connection(
    store: WriteStore, connection_id: str, connection: connection_pb2.ConnectionEnd
) -> None:
    """Write a connection end; its bytes are what the counterparty proves."""
    store.set(keys.connection(connection_id), encode(connection))


def find_client_connections(
    store: ReadStore, client_id: str
) -> connection_pb2.ClientPaths | None:
    """Return the ids of the connections above a client, None before the first."""
    stored = store.get(keys.client_connections(client_id))
    return None if stored is None else connection_pb2.ClientPaths.FromString(stored)


def check_room_for_connection(store: ReadStore, client_id: str) -> None:
    """Check that one more connection may stand above a client.

    Raises:
        TooManyConnectionsError: it may not.
    """
    known = find_client_connections(store, client_id)
    if known is not None and len(known.paths) >= CONNECTIONS_PER_CLIENT_MAX:
        raise TooManyConnectionsError(client_id=client_id, count=len(known.paths))


def add_client_connection(
    store: WriteStore, client_id: str, connection_id: str
) -> None:
    """Note that a connection stands above a client."""
    paths = find_client_connections(store, client_id) or connection_pb2.ClientPaths()
    paths.paths.append(connection_id)
    store.set(keys.client_connections(client_id), encode(paths))


# --- channels ---------------------------------------------------------------------------


def find_channel(
    store: ReadStore, port_id: str, channel_id: str
) -> channel_pb2.Channel | None:
    """Return a channel end, or None."""
    stored = store.get(keys.channel(port_id, channel_id))
    return None if stored is None else channel_pb2.Channel.FromString(stored)


def get_channel(store: ReadStore, port_id: str, channel_id: str) -> channel_pb2.Channel:
    """Return a channel end.

    Raises:
        ChannelNotFoundError: there is none with this id on this port.
    """
    channel = find_channel(store, port_id, channel_id)
    if channel is None:
        raise ChannelNotFoundError(port_id=port_id, channel_id=channel_id)
    return channel


def save_channel(
    store: WriteStore, port_id: str, channel_id: str, channel: channel_pb2.Channel
) -> None:
    """Write a channel end; its bytes are what the counterparty proves."""
    store.set(keys.channel(port_id, channel_id), encode(channel))


def start_sequences(store: WriteStore, port_id: str, channel_id: str) -> None:
    """Set the three sequences of a new channel to 1."""
    save_next_sequence_send(store, port_id, channel_id, 1)
    save_next_sequence_receive(store, port_id, channel_id, 1)
    save_next_sequence_acknowledge(store, port_id, channel_id, 1)


def get_next_sequence_send(store: ReadStore, port_id: str, channel_id: str) -> int:
    """Return the sequence of the next packet to send.

    Raises:
        SequenceSendNotFoundError: the channel has none.
    """
    stored = store.get(keys.next_sequence_send(port_id, channel_id))
    if stored is None:
        raise SequenceSendNotFoundError(port_id=port_id, channel_id=channel_id)
    return decode_sequence(stored)


def save_next_sequence_send(
    store: WriteStore, port_id: str, channel_id: str, sequence: int
) -> None:
    """Write the sequence of the next packet to send."""
    key = keys.next_sequence_send(port_id, channel_id)
    store.set(key, encode_sequence(sequence))


def get_next_sequence_receive(store: ReadStore, port_id: str, channel_id: str) -> int:
    """Return the sequence of the next packet to receive on an ordered channel.

    Raises:
        SequenceReceiveNotFoundError: the channel has none.
    """
    stored = store.get(keys.next_sequence_receive(port_id, channel_id))
    if stored is None:
        raise SequenceReceiveNotFoundError(port_id=port_id, channel_id=channel_id)
    return decode_sequence(stored)


def save_next_sequence_receive(
    store: WriteStore, port_id: str, channel_id: str, sequence: int
) -> None:
    """Write the sequence of the next packet to receive."""
    key = keys.next_sequence_receive(port_id, channel_id)
    store.set(key, encode_sequence(sequence))


def get_next_sequence_acknowledge(
    store: ReadStore, port_id: str, channel_id: str
) -> int:
    """Return the sequence of the next packet to be acknowledged on an ordered channel.

    Raises:
        SequenceAcknowledgementNotFoundError: the channel has none.
    """
    stored = store.get(keys.next_sequence_acknowledge(port_id, channel_id))
    if stored is None:
        raise SequenceAcknowledgementNotFoundError(
            port_id=port_id, channel_id=channel_id
        )
    return decode_sequence(stored)


def save_next_sequence_acknowledge(
    store: WriteStore, port_id: str, channel_id: str, sequence: int
) -> None:
    """Write the sequence of the next packet to be acknowledged."""
    key = keys.next_sequence_acknowledge(port_id, channel_id)
    store.set(key, encode_sequence(sequence))


# --- packets ----------------------------------------------------------------------------


def find_commitment(
    store: ReadStore, port_id: str, channel_id: str, sequence: int
) -> bytes | None:
    """Return the commitment of a packet that was sent and is not settled, or None."""
    return store.get(keys.commitment(port_id, channel_id, sequence))


def save_commitment(
    store: WriteStore, port_id: str, channel_id: str, sequence: int, commitment: bytes
) -> None:
    """Write the commitment of a packet that is being sent."""
    store.set(keys.commitment(port_id, channel_id, sequence), commitment)


def delete_commitment(
    store: WriteStore, port_id: str, channel_id: str, sequence: int
) -> None:
    """Remove a commitment: its packet is settled, once and for all."""
    store.delete(keys.commitment(port_id, channel_id, sequence))


def has_receipt(store: ReadStore, port_id: str, channel_id: str, sequence: int) -> bool:
    """Return whether a packet was received on an unordered channel."""
    return store.has(keys.receipt(port_id, channel_id, sequence))


def save_receipt(
    store: WriteStore, port_id: str, channel_id: str, sequence: int
) -> None:
    """Note that a packet was received; a receipt is never removed."""
    store.set(keys.receipt(port_id, channel_id, sequence), RECEIPT)


def has_acknowledgement(
    store: ReadStore, port_id: str, channel_id: str, sequence: int
) -> bool:
    """Return whether a packet that was received has its acknowledgement."""
    return store.has(keys.acknowledgement(port_id, channel_id, sequence))


def find_acknowledgement(
    store: ReadStore, port_id: str, channel_id: str, sequence: int
) -> bytes | None:
    """Return the commitment of an acknowledgement, or None."""
    return store.get(keys.acknowledgement(port_id, channel_id, sequence))


def save_acknowledgement(
    store: WriteStore, port_id: str, channel_id: str, sequence: int, commitment: bytes
) -> None:
    """Write the commitment of an acknowledgement."""
    store.set(keys.acknowledgement(port_id, channel_id, sequence), commitment)
