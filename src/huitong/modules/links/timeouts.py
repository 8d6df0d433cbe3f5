"""When a packet can no longer be received (ICS-4).

A packet names a height of the receiving chain, a time, or both; it is too late as soon
as either is reached. Zero stands for "no such limit".
"""

from __future__ import annotations

from huitong.core.height import Height
from huitong.core.time import TimeNs
from huitong.modules.links.errors import TimeoutElapsedError, TimeoutNotReachedError
from huitong.proto.ibc.core.channel.v1 import channel_pb2


def has_height_elapsed(packet: channel_pb2.Packet, height: Height) -> bool:
    """Return whether the packet is too late at ``height``."""
    timeout = packet.timeout_height
    number, limit = timeout.revision_number, timeout.revision_height
    if not (number or limit):
        return False
    if height.revision_number != number:
        return height.revision_number > number
    return height.revision_height >= limit


def has_time_elapsed(packet: channel_pb2.Packet, time_ns: TimeNs) -> bool:
    """Return whether the packet is too late at ``time_ns``."""
    return 0 < packet.timeout_timestamp <= time_ns


def check_not_elapsed(
    packet: channel_pb2.Packet, height: Height, time_ns: TimeNs
) -> None:
    """Check that a chain at this height and time could still receive the packet.

    Raises:
        TimeoutElapsedError: it could not.
    """
    if has_height_elapsed(packet, height):
        timeout = Height.from_proto(packet.timeout_height)
        raise TimeoutElapsedError(kind="height", actual=height, timeout=timeout)
    if has_time_elapsed(packet, time_ns):
        raise TimeoutElapsedError(
            kind="timestamp", actual=time_ns, timeout=packet.timeout_timestamp
        )


def check_elapsed(packet: channel_pb2.Packet, height: Height, time_ns: TimeNs) -> None:
    """Check that a chain at this height and time could not receive the packet.

    Raises:
        TimeoutNotReachedError: it could.
    """
    if has_height_elapsed(packet, height) or has_time_elapsed(packet, time_ns):
        return
    timeout = Height.from_proto(packet.timeout_height)
    if not timeout.is_zero():
        raise TimeoutNotReachedError(kind="height", actual=height, timeout=timeout)
    raise TimeoutNotReachedError(
        kind="timestamp", actual=time_ns, timeout=packet.timeout_timestamp
    )
