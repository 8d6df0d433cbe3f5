"""Keys of the store ``exchange``.

An exchange stands under the side that this zone holds, the channel on this zone, and the
sequence of the request packet; each value is provable alone. A version that was pushed
under a standing request is an exchange too, under the request and the push's number.
"""

from __future__ import annotations

from typing import Final

from huitong.proto.huitong.exchange.v1 import exchange_pb2, handover_pb2

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
#: Prefix of ``exchange_key`` for pushes.
PUSH_PREFIX: Final = b"\x06"
#: Prefix of ``subscription_key``.
SUBSCRIPTION_PREFIX: Final = b"\x07"
#: Prefix of ``pushed_version_key``.
PUSHED_VERSION_PREFIX: Final = b"\x08"
#: Prefix of ``term_key``.
TERM_PREFIX: Final = b"\x09"
#: Prefix of ``hand_over_key``.
HAND_OVER_PREFIX: Final = b"\x0a"
#: Prefix of ``receipts_key``.
RECEIPTS_PREFIX: Final = b"\x0b"

PROVIDER: Final = exchange_pb2.EXCHANGE_SIDE_PROVIDER
REQUESTER: Final = exchange_pb2.EXCHANGE_SIDE_REQUESTER
GIVER: Final = handover_pb2.HAND_OVER_SIDE_GIVER
RECEIVER: Final = handover_pb2.HAND_OVER_SIDE_RECEIVER


def exchange_key(
    side: int, channel_id: str, sequence: int, push_number: int = 0
) -> bytes:
    """Return the key of an exchange; its value is an encoded ``Exchange``.

    With a number it is the key of a push under the standing request ``sequence``.
    """
    if push_number:
        pushes = push_prefix(side, channel_id, sequence)
        return pushes + push_number.to_bytes(8, "big")
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


def push_prefix(side: int, channel_id: str, sequence: int) -> bytes:
    """Return the prefix of ``exchange_key`` for the pushes of one subscription."""
    return _sided(PUSH_PREFIX, side, channel_id) + sequence.to_bytes(8, "big")


def subscription_key(side: int, channel_id: str, sequence: int) -> bytes:
    """Return the key of a standing permission: an encoded ``Subscription``."""
    return subscription_prefix(side, channel_id) + sequence.to_bytes(8, "big")


def subscription_prefix(side: int, channel_id: str) -> bytes:
    """Return the prefix of ``subscription_key`` for one side of a channel."""
    return _sided(SUBSCRIPTION_PREFIX, side, channel_id)


def pushed_version_key(
    side: int, channel_id: str, sequence: int, record_id: str, version: int
) -> bytes:
    """Return the key under which a pushed version has its number, 8 bytes."""
    return b"%b%b%b/%b" % (
        _sided(PUSHED_VERSION_PREFIX, side, channel_id),
        sequence.to_bytes(8, "big"),
        record_id.encode(),
        version.to_bytes(8, "big"),
    )


def term_key(term_until: int, side: int, channel_id: str, sequence: int) -> bytes:
    """Return the key that orders active subscriptions by term; its value is one byte."""
    return b"%b%c%b/%b" % (
        term_prefix(term_until),
        side,
        channel_id.encode(),
        sequence.to_bytes(8, "big"),
    )


def term_prefix(term_until: int) -> bytes:
    """Return the prefix of ``term_key`` for one second since the epoch."""
    return TERM_PREFIX + term_until.to_bytes(8, "big")


def parts_of_term_key(key: bytes) -> tuple[int, str, int]:
    """Return the side, the channel and the sequence in a ``term_key``."""
    return key[9], key[10:-9].decode(), int.from_bytes(key[-8:], "big")


def hand_over_key(side: int, channel_id: str, sequence: int) -> bytes:
    """Return the key of a hand-over; its value is an encoded ``HandOver``."""
    return hand_over_prefix(side, channel_id) + sequence.to_bytes(8, "big")


def hand_over_prefix(side: int, channel_id: str) -> bytes:
    """Return the prefix of ``hand_over_key`` for one side of a channel."""
    return _sided(HAND_OVER_PREFIX, side, channel_id)


def receipts_key(issuer: str, record_id: str) -> bytes:
    """Return the key of the receipts of a record: an encoded ``RecordReceipts``."""
    return b"%b%b/%b" % (RECEIPTS_PREFIX, issuer.encode(), record_id.encode())


def _sided(prefix: bytes, side: int, channel_id: str) -> bytes:
    return b"%b%c%b/" % (prefix, side, channel_id.encode())
