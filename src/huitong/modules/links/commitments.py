"""The 32 bytes that stand in the state for a packet and for an acknowledgement.

Both chains compute them, so the formulas are ibc-go's (``CommitPacket``,
``CommitAcknowledgement``): what is hashed is always the bytes received, never a
re-encoding of them.
"""

from __future__ import annotations

from hashlib import sha256
from struct import Struct
from typing import Final

from huitong.proto.ibc.core.channel.v1 import channel_pb2

_TIMEOUT: Final = Struct(">QQQ").pack
_UINT64: Final = Struct(">Q").pack

#: What a receipt holds: its presence is what counts.
RECEIPT: Final = b"\x01"


def commit_packet(packet: channel_pb2.Packet) -> bytes:
    """Return the commitment of a packet, 32 bytes.

    sha256(BE8 timeout timestamp, BE8 revision, BE8 height, sha256(data)).
    """
    timeout = packet.timeout_height
    return commit_fields(
        packet.timeout_timestamp,
        timeout.revision_number,
        timeout.revision_height,
        packet.data,
    )


def commit_fields(
    timeout_timestamp: int, revision_number: int, revision_height: int, data: bytes
) -> bytes:
    """Return the commitment of a packet from the fields it covers, 32 bytes."""
    head = _TIMEOUT(timeout_timestamp, revision_number, revision_height)
    return sha256(head + sha256(data).digest()).digest()


def commit_acknowledgement(acknowledgement: bytes) -> bytes:
    """Return the commitment of an acknowledgement, 32 bytes."""
    return sha256(acknowledgement).digest()


def encode_sequence(sequence: int) -> bytes:
    """Return the 8 bytes under which a sequence lies in the state."""
    return _UINT64(sequence)


def decode_sequence(stored: bytes) -> int:
    """Return the sequence that 8 bytes of the state hold."""
    return int.from_bytes(stored, "big")
