"""Every key of the store ``ibc``, as ICS-24 and ibc-go fix them.

Counterparties prove what lies under these keys, so none of them is ours to change.
Keys of a client's own sub-store are built by the light clients
(``huitong.light.tendermint.store_keys``); here are those that the module walks over.
"""

from __future__ import annotations

from typing import Final

#: Name of the store, and the prefix that counterparties put before every path.
STORE: Final = "ibc"
STORE_PREFIX: Final = b"ibc"

NEXT_CLIENT_SEQUENCE: Final = b"nextClientSequence"
NEXT_CONNECTION_SEQUENCE: Final = b"nextConnectionSequence"
NEXT_CHANNEL_SEQUENCE: Final = b"nextChannelSequence"
CLIENT_PARAMS: Final = b"clientParams"
CONNECTION_PARAMS: Final = b"connectionParams"

#: Prefix of all clients' sub-stores.
CLIENTS: Final = b"clients/"
#: Prefix of all connection ends.
CONNECTIONS: Final = b"connections/"
#: Prefix of all channel ends.
CHANNEL_ENDS: Final = b"channelEnds/ports/"


def client_state(client_id: str) -> bytes:
    return f"clients/{client_id}/clientState".encode()


def client_connections(client_id: str) -> bytes:
    return f"clients/{client_id}/connections".encode()


def consensus_state(client_id: str, height: str) -> bytes:
    """``height`` as text, ``revision-height``."""
    return f"clients/{client_id}/consensusStates/{height}".encode()


def consensus_iteration_prefix(client_id: str) -> bytes:
    """Prefix of the keys that order a client's heights; 16 bytes of height follow."""
    return f"clients/{client_id}/iterateConsensusStates".encode()


def consensus_state_count(client_id: str) -> bytes:
    """Ours, not ICS-24's: how many consensus states the client keeps."""
    return f"clients/{client_id}/consensusStateCount".encode()


def connection(connection_id: str) -> bytes:
    return f"connections/{connection_id}".encode()


def channel(port_id: str, channel_id: str) -> bytes:
    return f"channelEnds/ports/{port_id}/channels/{channel_id}".encode()


def next_sequence_send(port_id: str, channel_id: str) -> bytes:
    return f"nextSequenceSend/ports/{port_id}/channels/{channel_id}".encode()


def next_sequence_receive(port_id: str, channel_id: str) -> bytes:
    return f"nextSequenceRecv/ports/{port_id}/channels/{channel_id}".encode()


def next_sequence_acknowledge(port_id: str, channel_id: str) -> bytes:
    return f"nextSequenceAck/ports/{port_id}/channels/{channel_id}".encode()


def commitment_prefix(port_id: str, channel_id: str) -> bytes:
    """Prefix of the commitments of one channel; the sequence in decimal follows."""
    return f"commitments/ports/{port_id}/channels/{channel_id}/sequences/".encode()


def commitment(port_id: str, channel_id: str, sequence: int) -> bytes:
    return f"commitments/ports/{port_id}/channels/{channel_id}/sequences/{sequence}".encode()


def receipt(port_id: str, channel_id: str, sequence: int) -> bytes:
    return (
        f"receipts/ports/{port_id}/channels/{channel_id}/sequences/{sequence}".encode()
    )


def acknowledgement_prefix(port_id: str, channel_id: str) -> bytes:
    """Prefix of the acknowledgements of one channel; the sequence in decimal follows."""
    return f"acks/ports/{port_id}/channels/{channel_id}/sequences/".encode()


def acknowledgement(port_id: str, channel_id: str, sequence: int) -> bytes:
    return f"acks/ports/{port_id}/channels/{channel_id}/sequences/{sequence}".encode()
