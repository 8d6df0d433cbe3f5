"""Kinds of steps that exchanges consist of, and the keys under which each is done once."""

from __future__ import annotations

from typing import Final

PUBLISH: Final = "records.publish"
"""A record, or a new version of one, goes to the own zone."""
REQUEST: Final = "exchange.request"
"""A request goes to the own zone."""
DECIDE: Final = "exchange.decide"
"""An officer's decision goes to the own zone."""
SEAL: Final = "exchange.seal"
"""The granted fields are sealed to the reader."""
STATE: Final = "exchange.state"
"""The digest of the sealed bytes goes to the own zone."""
HAND_OVER: Final = "exchange.hand-over"
"""Sealed bytes go to the peer, with others that are not large."""
HAND_OVER_LARGE: Final = "exchange.hand-over-large"
"""Sealed bytes go to the peer alone, as a stream."""
CHECK: Final = "exchange.check"
"""What arrived is checked by proof, and opened."""
CONFIRM: Final = "exchange.confirm"
"""The receipt goes to the own zone, and by packet to the other."""

SUBSCRIBE: Final = "subscription.request"
"""A request for a standing permission goes to the own zone."""
DECIDE_STANDING: Final = "subscription.decide"
"""An officer's decision on such a request goes to the own zone."""
JUDGE: Final = "subscription.judge"
"""A new version is judged by the zone's rules before it is sealed."""
PUSH: Final = "subscription.push"
"""A sealed version goes to the own zone, and by packet to the other."""
END: Final = "subscription.end"
"""The end of a standing permission goes to the own zone, and by packet to the other."""

#: Lane of the steps that only compute.
SEAL_LANE: Final = "seal"
#: Bytes above which what arrived is checked apart from the rest, which does not wait for it.
LARGE_SIZE_BYTES: Final = 1_048_576


def step_key(kind: str, exchange_id: str, which: int | str = 0) -> str:
    """Return the key of a step of an exchange; ``which`` tells repetitions apart."""
    return f"{kind}/{exchange_id}/{which}"


def check_lane(channel_id: str, sealed_size: int) -> str:
    """Return the lane in which what arrived through a channel is checked."""
    return f"{channel_id}/large" if sealed_size > LARGE_SIZE_BYTES else channel_id
