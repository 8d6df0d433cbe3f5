"""Hand-overs: a record moves to a member of another zone, or comes back.

On a the record is locked in the block that sends the offer. On b the offer waits for an
officer of the receiver, as a request does on a, and its acknowledgement is the decision.
At every moment exactly one zone holds the record unlocked, or it is under way and nobody
does: a unlocks it only on proof that b has not taken it and never will by this offer.
"""

from __future__ import annotations

from collections.abc import Iterator

from huitong.core.codec import decode, encode
from huitong.core.context import Context
from huitong.core.errors import RejectedError
from huitong.core.fields import check_name, check_record_id, check_text
from huitong.core.limits import (
    HAND_OVER_ACKNOWLEDGEMENT_BYTES_MAX,
    NAME_CHARACTERS_MAX,
    TEXT_BYTES_MAX,
    WAITING_PER_CHANNEL_MAX,
)
from huitong.core.ports import ReceiveOutcome
from huitong.core.store.kv import iterate_prefix, prefix_end
from huitong.modules.exchange import events
from huitong.modules.exchange.decisions import POLICY, error_text
from huitong.modules.exchange.errors import (
    DecisionError,
    HandOverNotFoundError,
    ReceiverNotReadyError,
    TooManyWaitingError,
)
from huitong.modules.exchange.keys import (
    GIVER,
    HAND_OVER_PREFIX,
    RECEIVER,
    STORE,
    hand_over_key,
    hand_over_prefix,
)
from huitong.modules.exchange.state import (
    deadline_of,
    delete_waiting,
    get_waiting,
    save_waiting,
    waiting_count,
)
from huitong.modules.links.acknowledgements import find_result, result_acknowledgement
from huitong.modules.links.packets import write_acknowledgement
from huitong.modules.members.state import is_in_force
from huitong.modules.records.moving import give_away_record, unlock_record
from huitong.proto.huitong.exchange.v1 import handover_pb2 as pb
from huitong.proto.huitong.records.v1.records_pb2 import Place
from huitong.proto.ibc.core.channel.v1 import channel_pb2

OFFERED = pb.HAND_OVER_STATUS_OFFERED
ACCEPTED = pb.HAND_OVER_OUTCOME_ACCEPTED
RETURNED = pb.HAND_OVER_OUTCOME_RETURNED
_STATUS_AFTER = {
    ACCEPTED: pb.HAND_OVER_STATUS_ACCEPTED,
    RETURNED: pb.HAND_OVER_STATUS_RETURNED,
}


# --- state --------------------------------------------------------------------------------


def find_hand_over(
    ctx: Context, side: int, channel_id: str, sequence: int
) -> pb.HandOver | None:
    """Return a hand-over, or None."""
    value = ctx.store(STORE).get(hand_over_key(side, channel_id, sequence))
    return None if value is None else pb.HandOver.FromString(value)


def get_hand_over(
    ctx: Context, side: int, channel_id: str, sequence: int
) -> pb.HandOver:
    """Return a hand-over.

    Raises:
        HandOverNotFoundError: this zone holds none.
    """
    found = find_hand_over(ctx, side, channel_id, sequence)
    if found is None:
        raise HandOverNotFoundError(channel_id=channel_id, sequence=sequence)
    return found


def save_hand_over(ctx: Context, hand_over: pb.HandOver) -> None:
    """Write a hand-over."""
    key = hand_over_key(hand_over.side, hand_over.channel_id, hand_over.sequence)
    ctx.store(STORE).set(key, encode(hand_over))


def hand_overs_after(
    ctx: Context, side: int, channel_id: str, start_after: int
) -> Iterator[pb.HandOver]:
    """Walk over one side of a channel by ascending sequence, behind ``start_after``."""
    prefix = hand_over_prefix(side, channel_id)
    start = hand_over_key(side, channel_id, start_after) + b"\x00"
    for _, value in ctx.store(STORE).iterate(start, prefix_end(prefix)):
        yield pb.HandOver.FromString(value)


def all_hand_overs(ctx: Context) -> Iterator[pb.HandOver]:
    """Walk over all hand-overs, in the order of their keys."""
    for _, value in iterate_prefix(ctx.store(STORE), HAND_OVER_PREFIX):
        yield pb.HandOver.FromString(value)


# --- on b ---------------------------------------------------------------------------------


def receive_hand_over(
    ctx: Context, packet: channel_pb2.Packet, offer: pb.HandOverPacket
) -> ReceiveOutcome:
    """Let an offer wait for an officer of the receiver.

    Raises:
        ReceiverNotReadyError: there is no such member, or it is not in force.
        TooManyWaitingError: too much of this channel waits already.

    Cost: 3 reads, 4 writes.
    """
    channel_id = packet.destination_channel
    if not is_in_force(ctx, offer.receiver):
        raise ReceiverNotReadyError(member_id=offer.receiver)
    count = waiting_count(ctx, channel_id)
    if count >= WAITING_PER_CHANNEL_MAX:
        raise TooManyWaitingError(channel_id=channel_id, count=count)
    hand_over = pb.HandOver(
        channel_id=channel_id,
        sequence=packet.sequence,
        side=RECEIVER,
        offer=offer,
        status=OFFERED,
        offered_height=ctx.block.height.revision_height,
        offered_time=ctx.block.time_ns,
        deadline=deadline_of(ctx, packet),
    )
    save_waiting(ctx, packet, hand_over.deadline)
    save_hand_over(ctx, hand_over)
    ctx.emit(events.hand_over_offered(hand_over))
    return ReceiveOutcome(acknowledgement=None, success=True)


def make_hand_over_decision(
    ctx: Context,
    *,
    outcome: int,
    reason_code: str,
    reason: str,
    decided_by: str,
    record_id: str = "",
    payload_digest: bytes = b"",
) -> pb.HandOverDecision:
    """Return a decision taken in this block."""
    return pb.HandOverDecision(
        outcome=outcome,  # type: ignore[arg-type]
        reason_code=reason_code,
        reason=reason,
        decided_by=decided_by,
        decided_height=ctx.block.height.revision_height,
        decided_time=ctx.block.time_ns,
        record_id=record_id,
        payload_digest=payload_digest,
    )


def settle_offer(
    ctx: Context, hand_over: pb.HandOver, decision: pb.HandOverDecision
) -> tuple[channel_pb2.Packet, bytes]:
    """Write a decision on b; return the packet and the acknowledgement that it gets.

    Cost: 4 writes.
    """
    packet = get_waiting(ctx, hand_over)
    delete_waiting(ctx, hand_over)
    hand_over.ClearField("deadline")
    hand_over.decision.CopyFrom(decision)
    hand_over.status = _STATUS_AFTER[decision.outcome]
    save_hand_over(ctx, hand_over)
    ctx.emit(events.hand_over_decided(hand_over))
    return packet, result_acknowledgement(encode(decision))


def return_overdue(ctx: Context, channel_id: str, sequence: int) -> None:
    """Return what no officer decided on in time; does not fail."""
    hand_over = get_hand_over(ctx, RECEIVER, channel_id, sequence)
    decision = make_hand_over_decision(
        ctx, outcome=RETURNED, reason_code="deadline", reason="", decided_by=POLICY
    )
    packet, acknowledgement = settle_offer(ctx, hand_over, decision)
    branch = ctx.branch()
    try:
        write_acknowledgement(branch, packet, acknowledgement)
    except RejectedError:
        return  # the channel is closed: nobody can be told
    ctx.merge(branch)


# --- on a ---------------------------------------------------------------------------------


def settle_hand_over(
    ctx: Context, packet: channel_pb2.Packet, acknowledgement: bytes | None
) -> None:
    """Give the record away or unlock it; None: the offer did not arrive. Never fails."""
    hand_over = find_hand_over(ctx, GIVER, packet.source_channel, packet.sequence)
    if hand_over is None or hand_over.status != OFFERED:
        return
    if acknowledgement is None:
        _fail(ctx, hand_over, pb.HAND_OVER_STATUS_TIMED_OUT, "timed out")
        return
    try:
        decision = decode_hand_over_decision(acknowledgement, hand_over.offer)
    except DecisionError as wrong:
        _fail(ctx, hand_over, pb.HAND_OVER_STATUS_FAILED, wrong.fields["reason"])
        return
    hand_over.decision.CopyFrom(decision)
    hand_over.status = _STATUS_AFTER[decision.outcome]
    save_hand_over(ctx, hand_over)
    record = hand_over.offer.record
    if decision.outcome == ACCEPTED:
        place = Place(
            channel_id=hand_over.channel_id,
            sequence=hand_over.sequence,
            issuer=hand_over.offer.receiver,
            record_id=decision.record_id,
        )
        reason = hand_over.offer.reason
        give_away_record(ctx, record.issuer, record.record_id, place, reason)
    else:
        reason = decision.reason or decision.reason_code
        unlock_record(ctx, record.issuer, record.record_id, reason)
    ctx.emit(events.hand_over_decided(hand_over))


def decode_hand_over_decision(
    acknowledgement: bytes, offer: pb.HandOverPacket
) -> pb.HandOverDecision:
    """Return the decision on ``offer`` that an acknowledgement carries.

    The other zone may be hostile: whatever is not a decision on this very offer, in
    canonical form, is none.

    Raises:
        DecisionError: an error, or bytes that are no such decision.
    """
    if len(acknowledgement) > HAND_OVER_ACKNOWLEDGEMENT_BYTES_MAX:
        raise DecisionError(reason=f"{len(acknowledgement)} bytes are too many")
    result = find_result(acknowledgement)
    if result is None:
        raise DecisionError(reason=error_text(acknowledgement))
    try:
        decision = decode(pb.HandOverDecision, result)
        check_name(decision.reason_code, "reason_code")
        check_text(decision.reason, "reason", TEXT_BYTES_MAX)
        check_text(
            decision.decided_by, "decided_by", NAME_CHARACTERS_MAX, required=True
        )
        if decision.outcome == ACCEPTED:
            check_record_id(decision.record_id)
    except RejectedError as wrong:
        raise DecisionError(reason="malformed") from wrong
    if decision.outcome not in _STATUS_AFTER:
        raise DecisionError(reason="neither accepted nor returned")
    accepted = decision.outcome == ACCEPTED
    if accepted and decision.payload_digest != offer.record.payload_digest:
        raise DecisionError(reason="it accepts another payload")
    if not accepted and (decision.record_id or decision.payload_digest):
        raise DecisionError(reason="a return that takes the record")
    return decision


def _fail(ctx: Context, hand_over: pb.HandOver, status: int, failure: str) -> None:
    hand_over.status = status  # type: ignore[assignment]
    hand_over.failure = failure
    save_hand_over(ctx, hand_over)
    record = hand_over.offer.record
    unlock_record(ctx, record.issuer, record.record_id, failure)
    ctx.emit(events.hand_over_failed(hand_over))
