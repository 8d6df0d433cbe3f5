"""Push a version under a standing permission; end a standing permission.

Rules: [EXCHANGE.5] only the issuer pushes, and only what the permission and the zone's
rules of this block allow; [EXCHANGE.6] a version is pushed at most once, unless it is
proven that it did not arrive; [EXCHANGE.7] each side ends a permission for any reason,
and anybody one whose ground is gone.
"""

from __future__ import annotations

from huitong.core.context import Context
from huitong.core.errors import InvalidRequestError
from huitong.core.fields import (
    DIGEST_SIZE_BYTES,
    check_record_id,
    check_request_id,
    check_size,
    check_text,
)
from huitong.core.ids import check_channel_id
from huitong.core.limits import TEXT_BYTES_MAX
from huitong.modules.exchange.errors import NotPartyError
from huitong.modules.exchange.keys import PROVIDER, REQUESTER
from huitong.modules.exchange.pushes import (
    check_again,
    check_not_pushed,
    get_pushable,
    judge_new,
    push_new,
    send_push,
)
from huitong.modules.exchange.standing import ACTIVE, ENDED, find_end, is_used_up
from huitong.modules.exchange.subscriptions import (
    end_subscription,
    get_subscription,
    state_error,
    tell_end,
)
from huitong.modules.members.state import get_member_id
from huitong.proto.huitong.exchange.v1 import exchange_pb2 as pb


def check_push_version(ctx: Context, msg: pb.MsgPushVersion) -> None:
    """Raise unless the issuer may push this version, or the permission is to end.

    Raises:
        InvalidRequestError: a field is malformed, or the timeout is past.
        InvalidIdentifierError: the channel id is malformed.
        SubscriptionNotFoundError: there is no such permission.
        NotPartyError: it is for another member's records.
        SubscriptionStateError: it is over.
        RecordNotFoundError, VersionNotFoundError: there is no such version.
        RecordNotSelectedError: it is for another record or type.
        PushExistsError: the version was pushed, and may have arrived.
        NotShareableError: the zone's rules forbid it.
    """
    check_channel_id(msg.channel_id)
    check_record_id(msg.record_id)
    check_size(msg.sealed_digest, "sealed_digest", DIGEST_SIZE_BYTES)
    check_request_id(msg.request_id)
    _check_timeout(ctx, msg.timeout_timestamp)
    subscription = get_subscription(ctx, PROVIDER, msg.channel_id, msg.sequence)
    member_id = get_member_id(ctx, msg.signer)
    if member_id != subscription.request.issuer:  # [EXCHANGE.5]
        raise NotPartyError(actual=member_id, expected=subscription.request.issuer)
    if subscription.state != ACTIVE:
        raise state_error(subscription)
    header = get_pushable(ctx, subscription, msg.record_id, msg.version)
    former = check_not_pushed(ctx, subscription, header)  # [EXCHANGE.6]
    if _find_end(ctx, subscription, former) is None:
        if former is None:
            judge_new(ctx, subscription, header)
        else:
            check_again(ctx, subscription, header, former)


def apply_push_version(
    ctx: Context, msg: pb.MsgPushVersion
) -> pb.MsgPushVersionResponse:
    """Send the version, or end the permission if what it rests on is gone.

    The end is a fact that both zones have to learn, so it is no error, which would leave
    nothing behind; nothing is given all the same.

    Raises:
        RejectedError: the channel does not take the packet, see ``links.send_packet``.
    """
    subscription = get_subscription(ctx, PROVIDER, msg.channel_id, msg.sequence)
    header = get_pushable(ctx, subscription, msg.record_id, msg.version)
    former = check_not_pushed(ctx, subscription, header)
    over = _find_end(ctx, subscription, former)
    if over is not None:
        state, reason_code = over
        sequence = end_subscription(
            ctx,
            subscription,
            state=state,
            reason_code=reason_code,
            reason="",
            timeout_timestamp=msg.timeout_timestamp,
        )
        return pb.MsgPushVersionResponse(sequence=sequence, reason_code=reason_code)
    if former is None:
        verdict = judge_new(ctx, subscription, header)
        former = push_new(ctx, subscription, header, verdict, msg)
    else:
        send_push(ctx, subscription, former, msg)
    return pb.MsgPushVersionResponse(
        number=former.push_number, sequence=former.push_sequence
    )


def check_end_subscription(ctx: Context, msg: pb.MsgEndSubscription) -> None:
    """Raise unless the signer may end this permission, or tell its end again.

    Raises:
        InvalidRequestError: a field is malformed, or the timeout is past.
        InvalidIdentifierError: the channel id is malformed.
        SubscriptionNotFoundError: there is no such permission.
        NotPartyError: the signer is no party to it, and what it rests on is there.
        SubscriptionStateError: it is over, and the other zone was told.
    """
    check_channel_id(msg.channel_id)
    if msg.side not in (PROVIDER, REQUESTER):
        raise InvalidRequestError(reason=f"side {msg.side} is unknown")
    check_text(msg.reason, "reason", TEXT_BYTES_MAX)
    _check_timeout(ctx, msg.timeout_timestamp)
    subscription = get_subscription(ctx, msg.side, msg.channel_id, msg.sequence)
    member_id = get_member_id(ctx, msg.signer)
    party = _party(subscription)
    active = subscription.state == ACTIVE
    if not active and (subscription.end_sequence or subscription.end_acknowledged):
        raise state_error(subscription)
    stranger = member_id != party
    if stranger and (not active or _ground_is_there(ctx, subscription)):
        raise NotPartyError(actual=member_id, expected=party)  # [EXCHANGE.7]


def apply_end_subscription(
    ctx: Context, msg: pb.MsgEndSubscription
) -> pb.MsgEndSubscriptionResponse:
    """End the permission here and tell the other zone.

    Cost: 2 writes besides the packet's.
    """
    subscription = get_subscription(ctx, msg.side, msg.channel_id, msg.sequence)
    if subscription.state != ACTIVE:
        sequence = tell_end(ctx, subscription, msg.timeout_timestamp)
        return pb.MsgEndSubscriptionResponse(sequence=sequence)
    over = None
    if msg.side == PROVIDER:  # who ends it because its ground is gone says why
        over = _find_end(ctx, subscription, None)
    by_party = ENDED, "provider" if msg.side == PROVIDER else "requester"
    state, reason_code = over or by_party
    sequence = end_subscription(
        ctx,
        subscription,
        state=state,
        reason_code=reason_code,
        reason=msg.reason,
        timeout_timestamp=msg.timeout_timestamp,
    )
    return pb.MsgEndSubscriptionResponse(sequence=sequence)


def _party(subscription: pb.Subscription) -> str:
    """Return the member that stands for this zone's side."""
    request = subscription.request
    return request.issuer if subscription.side == PROVIDER else request.requester


def _ground_is_there(ctx: Context, subscription: pb.Subscription) -> bool:
    return subscription.side == REQUESTER or find_end(ctx, subscription) is None


def _find_end(
    ctx: Context, subscription: pb.Subscription, former: pb.Exchange | None
) -> tuple[int, str] | None:
    """Return how the permission ends instead of this push, None if it does not."""
    over = find_end(ctx, subscription)
    if over is None and former is None and is_used_up(ctx, subscription):
        return ENDED, "count"
    return over


def _check_timeout(ctx: Context, timeout_timestamp: int) -> None:
    if timeout_timestamp <= ctx.block.time_ns:
        raise InvalidRequestError(
            reason=f"timeout_timestamp {timeout_timestamp} is past"
        )
