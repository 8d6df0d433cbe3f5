"""Keys of the store ``exchange``.

An exchange stands under the side that this zone holds, the channel on this zone, and the
sequence of the request packet; each value is provable alone.
"""

from __future__ import annotations

from typing import Final

from huitong.proto.huitong.exchange.v1 import exchange_pb2

#: Name of the module's tree.
STORE: Final = "exchange"
#: The IBC port of the exchange protocol.
PORT_ID: Final = "exchange"
#: The version that both ends of a channel speak.
VERSION: Final = "huitong-exchange-1"
#: Prefix of ``exchange_key``.
EXCHANGE_PREFIX: Final = b"\x01"
#: Prefix of ``waiting_key``.
WAITING_PREFIX: Final = b"\x02"
#: Prefix of ``deadline_key``.
DEADLINE_PREFIX: Final = b"\x03"
#: Prefix of ``waiting_count_key``.
WAITING_COUNT_PREFIX: Final = b"\x04"
#: Where the zone's rules stand, an encoded ``Params``.
PARAMS_KEY: Final = b"\x05"

PROVIDER: Final = exchange_pb2.EXCHANGE_SIDE_PROVIDER
REQUESTER: Final = exchange_pb2.EXCHANGE_SIDE_REQUESTER


def exchange_key(side: int, channel_id: str, sequence: int) -> bytes:
    """Return the key of an exchange; its value is an encoded ``Exchange``."""
    return exchange_prefix(side, channel_id) + sequence.to_bytes(8, "big")


def exchange_prefix(side: int, channel_id: str) -> bytes:
    """Return the prefix of ``exchange_key`` for one side of a channel."""
    return b"%b%c%b/" % (EXCHANGE_PREFIX, side, channel_id.encode())


def waiting_key(channel_id: str, sequence: int) -> bytes:
    """Return the key of a request packet that waits for an officer: a ``Packet``."""
    return b"%b%b/%b" % (
        WAITING_PREFIX,
        channel_id.encode(),
        sequence.to_bytes(8, "big"),
    )


def deadline_key(deadline_ns: int, channel_id: str, sequence: int) -> bytes:
    """Return the key that orders waiting requests by deadline; its value is one byte."""
    return b"%b%b/%b" % (
        deadline_prefix(deadline_ns),
        channel_id.encode(),
        sequence.to_bytes(8, "big"),
    )


def deadline_prefix(deadline_ns: int) -> bytes:
    """Return the prefix of ``deadline_key`` for one point in time."""
    return DEADLINE_PREFIX + deadline_ns.to_bytes(8, "big")


def parts_of_deadline_key(key: bytes) -> tuple[str, int]:
    """Return the channel and the sequence in a ``deadline_key``."""
    return key[9:-9].decode(), int.from_bytes(key[-8:], "big")


def waiting_count_key(channel_id: str) -> bytes:
    """Return the key of the number of waiting requests of a channel, 8 bytes."""
    return WAITING_COUNT_PREFIX + channel_id.encode()
