"""Versions that the provider pushes under a standing permission.

A push has a number within its subscription. On a it is written before it leaves; on b it
becomes an exchange that is granted and waits for its receipt. A version is pushed once:
again, under the same number, only after a timeout or a refusal has proven that b does not
have it. So b finds out what it missed by comparing its own numbers with a's counter.
"""

from __future__ import annotations

from huitong.core.codec import encode
from huitong.core.context import Context
from huitong.core.height import Height
from huitong.core.ports import ReceiveOutcome
from huitong.modules.exchange import events
from huitong.modules.exchange.decisions import POLICY, error_text, make_decision
from huitong.modules.exchange.errors import (
    PushExistsError,
    PushNotCoveredError,
    ReceiverNotReadyError,
    RecordNotSelectedError,
)
from huitong.modules.exchange.keys import (
    PORT_ID,
    PROVIDER,
    REQUESTER,
    STORE,
    pushed_version_key,
)
from huitong.modules.exchange.policy import GRANTED, Verdict
from huitong.modules.exchange.standing import (
    STANDING,
    check_still_shareable,
    find_push_fault,
    judge_push,
    push_request,
)
from huitong.modules.exchange.state import find_exchange, get_exchange, save_exchange
from huitong.modules.exchange.subscriptions import (
    TAKEN,
    TAKEN_ACKNOWLEDGEMENT,
    check_active,
    get_subscription,
    save_subscription,
)
from huitong.modules.grants.coverage import use_grant
from huitong.modules.links.acknowledgements import find_result
from huitong.modules.links.packets import send_packet
from huitong.modules.members.state import is_in_force
from huitong.modules.records.state import SUPERSEDED, get_record, get_version
from huitong.proto.huitong.exchange.v1 import exchange_pb2 as pb
from huitong.proto.huitong.records.v1.records_pb2 import RecordHeader
from huitong.proto.ibc.core.channel.v1 import channel_pb2

#: What a push may be in that certainly did not arrive.
_NOT_ARRIVED = (pb.EXCHANGE_STATUS_TIMED_OUT, pb.EXCHANGE_STATUS_FAILED)


# --- state --------------------------------------------------------------------------------


def find_push_number(
    ctx: Context, subscription: pb.Subscription, record_id: str, version: int
) -> int:
    """Return the number under which a version was pushed; 0 if it was not."""
    key = _version_key(subscription, record_id, version)
    value = ctx.store(STORE).get(key)
    return 0 if value is None else int.from_bytes(value, "big")


def list_version(
    ctx: Context, subscription: pb.Subscription, push: pb.Exchange
) -> None:
    """Write under which number a version was pushed."""
    decision = push.decision
    key = _version_key(subscription, decision.record_id, decision.version)
    ctx.store(STORE).set(key, push.push_number.to_bytes(8, "big"))


def _version_key(subscription: pb.Subscription, record_id: str, version: int) -> bytes:
    return pushed_version_key(
        subscription.side,
        subscription.channel_id,
        subscription.sequence,
        record_id,
        version,
    )


# --- on a ---------------------------------------------------------------------------------


def get_pushable(
    ctx: Context, subscription: pb.Subscription, record_id: str, version: int
) -> RecordHeader:
    """Return a version of a record that the permission is for, with the head's status.

    A version that is no longer the head may be pushed as long as the record may be.

    Raises:
        RecordNotFoundError, VersionNotFoundError: there is no such version.
        RecordNotSelectedError: the permission is for another record or type.
    """
    request = subscription.request
    header = get_version(ctx, request.issuer, record_id, version)
    if request.record_id:
        selected = record_id == request.record_id
    else:
        selected = header.record_type == request.record_type
    if not selected:
        raise RecordNotSelectedError(
            record_id=record_id, sequence=subscription.sequence
        )
    if header.status == SUPERSEDED:
        header.status = get_record(ctx, request.issuer, record_id).status
    return header


def check_not_pushed(
    ctx: Context, subscription: pb.Subscription, header: RecordHeader
) -> pb.Exchange | None:
    """Return the push of this version that did not arrive, None if there was no push.

    Raises:
        PushExistsError: it arrived, or may still arrive.
    """
    number = find_push_number(ctx, subscription, header.record_id, header.version)
    if not number:
        return None
    push = get_exchange(
        ctx, PROVIDER, subscription.channel_id, subscription.sequence, number
    )
    if push.status not in _NOT_ARRIVED:
        raise _exists_error(push.decision, number)
    return push


def judge_new(
    ctx: Context, subscription: pb.Subscription, header: RecordHeader
) -> Verdict:
    """Return what may be pushed of a version that was not pushed yet.

    Raises:
        NotShareableError: the rules forbid it.
    """
    request = push_request(subscription, header.record_id, header.version, "")
    return judge_push(ctx, subscription, request, header)


def check_again(
    ctx: Context,
    subscription: pb.Subscription,
    header: RecordHeader,
    former: pb.Exchange,
) -> None:
    """Raise unless a version that did not arrive may be pushed again.

    Raises:
        NotShareableError: the rules forbid it.
    """
    request = push_request(subscription, header.record_id, header.version, "")
    del request.fields[:]
    request.fields.extend(former.decision.fields)
    check_still_shareable(ctx, subscription, request, header)


def push_new(
    ctx: Context,
    subscription: pb.Subscription,
    header: RecordHeader,
    verdict: Verdict,
    msg: pb.MsgPushVersion,
) -> pb.Exchange:
    """Push a version for the first time; one use of the grant is counted.

    Cost: 4 writes besides the packet's.
    """
    number = subscription.push_last + 1
    subscription.push_last = number
    subscription.push_count += 1
    save_subscription(ctx, subscription)
    push = pb.Exchange(
        channel_id=subscription.channel_id,
        sequence=subscription.sequence,
        push_number=number,
        decision=_decide(ctx, subscription, header, verdict),
        requested_height=ctx.block.height.revision_height,
        requested_time=ctx.block.time_ns,
        side=PROVIDER,
    )
    if verdict.grant_id:
        used_for = f"{push.channel_id}/{push.sequence}/{number}"
        use_grant(ctx, verdict.grant_id, used_for=used_for)
    list_version(ctx, subscription, push)
    send_push(ctx, subscription, push, msg)
    return push


def _decide(
    ctx: Context,
    subscription: pb.Subscription,
    header: RecordHeader,
    verdict: Verdict,
) -> pb.Decision:
    return make_decision(
        ctx,
        push_request(subscription, header.record_id, header.version, ""),
        outcome=GRANTED,
        reason_code=STANDING,
        reason="",
        decided_by=POLICY,
        header=header,
        fields=verdict.fields,
        grant_id=verdict.grant_id,
        grade_min=verdict.grade_min,
    )


def send_push(
    ctx: Context,
    subscription: pb.Subscription,
    push: pb.Exchange,
    msg: pb.MsgPushVersion,
) -> None:
    """Send the packet of a push, which may have been sent before, and write it down.

    Raises:
        RejectedError: the channel does not take the packet, see ``links.send_packet``.
    """
    packet = pb.PushPacket(
        request_sequence=push.sequence,
        number=push.push_number,
        decision=push.decision,
        sealed_digest=msg.sealed_digest,
        request_id=msg.request_id,
    )
    push.push_sequence = send_packet(
        ctx,
        PORT_ID,
        push.channel_id,
        Height.ZERO,
        msg.timeout_timestamp,
        encode(pb.ExchangePacketData(push=packet)),
    )
    decision = push.decision
    push.request.CopyFrom(
        push_request(subscription, decision.record_id, decision.version, msg.request_id)
    )
    push.status = pb.EXCHANGE_STATUS_DELIVERED
    push.sealed_digest = msg.sealed_digest
    push.failure = ""
    save_exchange(ctx, push)
    ctx.emit(events.exchange_pushed(push))


def settle_push(
    ctx: Context,
    packet: channel_pb2.Packet,
    sent: pb.PushPacket,
    acknowledgement: bytes | None,
) -> None:
    """Note whether b took a push; None: it did not arrive in time. Never fails.

    The receipt may be here already, because it travels on another way.
    """
    push = find_exchange(
        ctx, PROVIDER, packet.source_channel, sent.request_sequence, sent.number
    )
    if push is None or push.push_sequence != packet.sequence:
        return
    if acknowledgement is not None and find_result(acknowledgement) == TAKEN:
        push.push_acknowledged = True
    elif push.HasField("receipt"):
        return  # b contradicts itself; its receipt is proven
    elif acknowledgement is None:
        push.status = pb.EXCHANGE_STATUS_TIMED_OUT
    else:
        push.status = pb.EXCHANGE_STATUS_FAILED
        push.failure = error_text(acknowledgement)
    save_exchange(ctx, push)
    ctx.emit(events.push_settled(push))


# --- on b ---------------------------------------------------------------------------------


def receive_push(
    ctx: Context, packet: channel_pb2.Packet, sent: pb.PushPacket
) -> ReceiveOutcome:
    """Take a version: an exchange that is granted, under the standing request.

    Raises:
        SubscriptionNotFoundError: nothing was asked for, or a's decision is not here yet.
        SubscriptionStateError: the permission is over.
        ReceiverNotReadyError: the requester is not in force.
        PushNotCoveredError: it is not what was granted.
        PushExistsError: the number or the version is here already.

    Cost: 4 reads, 3 writes.
    """
    channel_id = packet.destination_channel
    subscription = get_subscription(ctx, REQUESTER, channel_id, sent.request_sequence)
    check_active(ctx, subscription)
    _check_taken(ctx, subscription, sent)
    decision = sent.decision
    push = pb.Exchange(
        channel_id=channel_id,
        sequence=sent.request_sequence,
        push_number=sent.number,
        push_sequence=packet.sequence,
        request=push_request(
            subscription, decision.record_id, decision.version, sent.request_id
        ),
        status=pb.EXCHANGE_STATUS_GRANTED,
        decision=decision,
        sealed_digest=sent.sealed_digest,
        requested_height=ctx.block.height.revision_height,
        requested_time=ctx.block.time_ns,
        side=REQUESTER,
    )
    subscription.push_count += 1
    subscription.push_last = max(subscription.push_last, sent.number)
    save_subscription(ctx, subscription)
    list_version(ctx, subscription, push)
    save_exchange(ctx, push)
    ctx.emit(events.exchange_pushed(push))
    return ReceiveOutcome(acknowledgement=TAKEN_ACKNOWLEDGEMENT, success=True)


def _check_taken(
    ctx: Context, subscription: pb.Subscription, sent: pb.PushPacket
) -> None:
    request, decision = subscription.request, sent.decision
    if not is_in_force(ctx, request.requester):
        raise ReceiverNotReadyError(member_id=request.requester)
    fault = find_push_fault(subscription, decision)
    if request.count_max and sent.number > request.count_max:
        fault = "more versions than were asked for"
    if fault:
        raise PushNotCoveredError(sequence=subscription.sequence, reason=fault)
    number = find_push_number(ctx, subscription, decision.record_id, decision.version)
    if number:
        raise _exists_error(decision, number)
    key = (REQUESTER, subscription.channel_id, subscription.sequence, sent.number)
    if find_exchange(ctx, *key) is not None:
        raise _exists_error(decision, sent.number)


def _exists_error(decision: pb.Decision, number: int) -> PushExistsError:
    return PushExistsError(
        record_id=decision.record_id, version=decision.version, number=number
    )
