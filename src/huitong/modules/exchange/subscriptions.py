"""Standing permissions in the state, and how they begin and end in both zones.

Either side ends one; so does its term, in each zone by its own clock; and so does the
provider's zone when a push finds that what the permission rests on is gone. The end
travels in a packet of its own. A zone that cannot be reached is told again, or learns it
by its next push or by its own clock.
"""

from __future__ import annotations

from collections.abc import Iterator

from huitong.core.codec import encode
from huitong.core.context import Context
from huitong.core.errors import RejectedError
from huitong.core.height import Height
from huitong.core.limits import TERMS_PER_BLOCK_MAX
from huitong.core.ports import ReceiveOutcome
from huitong.core.store.kv import iterate_prefix, prefix_end
from huitong.core.time import NS_PER_SECOND
from huitong.modules.exchange import events
from huitong.modules.exchange.errors import (
    SubscriptionNotFoundError,
    SubscriptionStateError,
)
from huitong.modules.exchange.keys import (
    PORT_ID,
    PROVIDER,
    REQUESTER,
    STORE,
    SUBSCRIPTION_PREFIX,
    TERM_PREFIX,
    parts_of_term_key,
    subscription_key,
    subscription_prefix,
    term_key,
    term_prefix,
)
from huitong.modules.exchange.standing import ACTIVE, ENDED
from huitong.modules.links.acknowledgements import find_result, result_acknowledgement
from huitong.modules.links.packets import send_packet
from huitong.proto.huitong.exchange.v1 import exchange_pb2 as pb
from huitong.proto.ibc.core.channel.v1 import channel_pb2

#: Result of packets that need no other answer than that they were taken, as in ICS-20.
TAKEN = b"\x01"
#: Their acknowledgement.
TAKEN_ACKNOWLEDGEMENT = result_acknowledgement(TAKEN)
_LISTED = b"\x01"


# --- state --------------------------------------------------------------------------------


def find_subscription(
    ctx: Context, side: int, channel_id: str, sequence: int
) -> pb.Subscription | None:
    """Return a standing permission, or None."""
    value = ctx.store(STORE).get(subscription_key(side, channel_id, sequence))
    return None if value is None else pb.Subscription.FromString(value)


def get_subscription(
    ctx: Context, side: int, channel_id: str, sequence: int
) -> pb.Subscription:
    """Return a standing permission.

    Raises:
        SubscriptionNotFoundError: this zone holds none.
    """
    found = find_subscription(ctx, side, channel_id, sequence)
    if found is None:
        raise SubscriptionNotFoundError(channel_id=channel_id, sequence=sequence)
    return found


def save_subscription(ctx: Context, subscription: pb.Subscription) -> None:
    """Write a standing permission."""
    key = subscription_key(
        subscription.side, subscription.channel_id, subscription.sequence
    )
    ctx.store(STORE).set(key, encode(subscription))


def list_term(ctx: Context, subscription: pb.Subscription) -> None:
    """Enter an active permission into the order of terms."""
    ctx.store(STORE).set(_term_key(subscription), _LISTED)


def subscriptions_after(
    ctx: Context, side: int, channel_id: str, start_after: int
) -> Iterator[pb.Subscription]:
    """Walk over one side of a channel by ascending sequence, behind ``start_after``."""
    prefix = subscription_prefix(side, channel_id)
    start = subscription_key(side, channel_id, start_after) + b"\x00"
    for _, value in ctx.store(STORE).iterate(start, prefix_end(prefix)):
        yield pb.Subscription.FromString(value)


def all_subscriptions(ctx: Context) -> Iterator[pb.Subscription]:
    """Walk over all standing permissions, in the order of their keys."""
    for _, value in iterate_prefix(ctx.store(STORE), SUBSCRIPTION_PREFIX):
        yield pb.Subscription.FromString(value)


def _term_key(subscription: pb.Subscription) -> bytes:
    return term_key(
        subscription.request.term_until,
        subscription.side,
        subscription.channel_id,
        subscription.sequence,
    )


# --- begin and end ------------------------------------------------------------------------


def check_active(ctx: Context, subscription: pb.Subscription) -> None:
    """Raise unless something may still be given or taken under it.

    Raises:
        SubscriptionStateError: it is over, or its term is.
    """
    if subscription.state != ACTIVE:
        raise state_error(subscription)
    if ctx.block.time_ns // NS_PER_SECOND >= subscription.request.term_until:
        raise SubscriptionStateError(
            channel_id=subscription.channel_id,
            sequence=subscription.sequence,
            state=events.state_name(ENDED),
            reason_code="term",
        )


def state_error(subscription: pb.Subscription) -> SubscriptionStateError:
    """Return the refusal of what a permission that is over does not allow."""
    return SubscriptionStateError(
        channel_id=subscription.channel_id,
        sequence=subscription.sequence,
        state=events.state_name(subscription.state),
        reason_code=subscription.reason_code,
    )


def start_subscription(ctx: Context, exchange: pb.Exchange) -> None:
    """Write the permission that the decision on a standing request gives.

    Cost: 2 writes.
    """
    subscription = pb.Subscription(
        channel_id=exchange.channel_id,
        sequence=exchange.sequence,
        side=exchange.side,
        request=exchange.request,
        decision=exchange.decision,
        state=ACTIVE,
        started_height=ctx.block.height.revision_height,
        started_time=ctx.block.time_ns,
    )
    save_subscription(ctx, subscription)
    list_term(ctx, subscription)
    ctx.emit(events.subscription_started(subscription))


def end_subscription(
    ctx: Context,
    subscription: pb.Subscription,
    *,
    state: int,
    reason_code: str,
    reason: str,
    timeout_timestamp: int,
) -> int:
    """End an active permission from this side and tell the other zone.

    Returns:
        The packet's sequence; 0 if the channel takes none now: it is over all the same.
    """
    _write_end(ctx, subscription, state, reason_code, reason, subscription.side)
    return tell_end(ctx, subscription, timeout_timestamp)


def tell_end(
    ctx: Context, subscription: pb.Subscription, timeout_timestamp: int
) -> int:
    """Send the packet that tells the other zone of an end; return its sequence or 0."""
    end = pb.SubscriptionEndPacket(
        request_sequence=subscription.sequence,
        side=subscription.side,
        state=subscription.state,
        reason_code=subscription.reason_code,
        reason=subscription.reason,
    )
    branch = ctx.branch()
    try:
        sequence = send_packet(
            branch,
            PORT_ID,
            subscription.channel_id,
            Height.ZERO,
            timeout_timestamp,
            encode(pb.ExchangePacketData(end=end)),
        )
    except RejectedError:
        sequence = 0  # the channel or its client is gone: nobody can be told
    else:
        ctx.merge(branch)
    subscription.end_sequence = sequence
    save_subscription(ctx, subscription)
    ctx.emit(events.subscription_ended(subscription))
    return sequence


def end_overdue(ctx: Context) -> None:
    """End permissions whose term is over, some in each block; both zones do so.

    Cost: one step of a walk if none is due; 2 writes for each that is.
    """
    end = term_prefix(ctx.block.time_ns // NS_PER_SECOND + 1)
    due = []
    for key, _ in ctx.store(STORE).iterate(TERM_PREFIX, end):
        due.append(parts_of_term_key(key))
        if len(due) >= TERMS_PER_BLOCK_MAX:
            break
    for side, channel_id, sequence in due:
        subscription = get_subscription(ctx, side, channel_id, sequence)
        _write_end(ctx, subscription, ENDED, "term", "", side)
        subscription.end_acknowledged = True  # the other zone has a clock too
        save_subscription(ctx, subscription)
        ctx.emit(events.subscription_ended(subscription))


def _write_end(
    ctx: Context,
    subscription: pb.Subscription,
    state: int,
    reason_code: str,
    reason: str,
    ended_by: int,
) -> None:
    ctx.store(STORE).delete(_term_key(subscription))
    subscription.state = state  # type: ignore[assignment]
    subscription.reason_code = reason_code
    subscription.reason = reason
    subscription.ended_by = ended_by  # type: ignore[assignment]
    subscription.ended_height = ctx.block.height.revision_height
    subscription.ended_time = ctx.block.time_ns


# --- packets ------------------------------------------------------------------------------


def receive_end(
    ctx: Context, packet: channel_pb2.Packet, end: pb.SubscriptionEndPacket
) -> ReceiveOutcome:
    """Take the other side's word that a permission is over; twice is as good as once.

    Raises:
        SubscriptionNotFoundError: this zone holds none.
    """
    side = REQUESTER if end.side == PROVIDER else PROVIDER
    subscription = get_subscription(
        ctx, side, packet.destination_channel, end.request_sequence
    )
    subscription.end_acknowledged = True
    if subscription.state == ACTIVE:
        _write_end(ctx, subscription, end.state, end.reason_code, end.reason, end.side)
        ctx.emit(events.subscription_ended(subscription))
    save_subscription(ctx, subscription)
    return ReceiveOutcome(acknowledgement=TAKEN_ACKNOWLEDGEMENT, success=True)


def settle_end(
    ctx: Context,
    packet: channel_pb2.Packet,
    end: pb.SubscriptionEndPacket,
    acknowledgement: bytes | None,
) -> None:
    """Note whether the other zone took the end; None: it did not arrive. Never fails."""
    subscription = find_subscription(
        ctx, end.side, packet.source_channel, end.request_sequence
    )
    if subscription is None or subscription.end_sequence != packet.sequence:
        return
    if acknowledgement is not None and find_result(acknowledgement) == TAKEN:
        subscription.end_acknowledged = True
    else:
        subscription.end_sequence = 0
    save_subscription(ctx, subscription)
    ctx.emit(events.subscription_end_settled(subscription))
