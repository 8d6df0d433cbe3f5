"""Offer a record to a member of another zone; take one over or return it.

Rules: [EXCHANGE.8] only the issuer gives a record away, only while it is active, and only
if its level may leave the zone; [EXCHANGE.9] only an officer of the receiver decides, once
and in time; [EXCHANGE.10] who accepts has recomputed the payload's digest. Whether the
other zone and its member exist is found out there.
"""

from __future__ import annotations

from huitong.core.codec import encode
from huitong.core.context import Context
from huitong.core.errors import InvalidRequestError
from huitong.core.fields import (
    DIGEST_SIZE_BYTES,
    X25519_KEY_SIZE_BYTES,
    check_name,
    check_record_id,
    check_request_id,
    check_size,
    check_text,
)
from huitong.core.height import Height
from huitong.core.ids import check_channel_id
from huitong.core.limits import TEXT_BYTES_MAX
from huitong.modules.exchange import events
from huitong.modules.exchange.errors import (
    DeadlinePassedError,
    DigestMismatchError,
    HandOverStatusError,
    NotPartyError,
    NotShareableError,
)
from huitong.modules.exchange.facts import gather, level_max_of
from huitong.modules.exchange.hand_overs import (
    ACCEPTED,
    OFFERED,
    RETURNED,
    get_hand_over,
    make_hand_over_decision,
    save_hand_over,
    settle_offer,
)
from huitong.modules.exchange.keys import GIVER, PORT_ID, RECEIVER
from huitong.modules.exchange.passed_on import make_offer
from huitong.modules.links import state as links_state
from huitong.modules.links.keys import STORE as LINKS_STORE
from huitong.modules.links.packets import send_packet, write_acknowledgement
from huitong.modules.members.state import get_member_id
from huitong.modules.records.errors import RecordExistsError, RecordStatusError
from huitong.modules.records.moving import lock_record, take_over_record
from huitong.modules.records.state import ACTIVE, find_record, get_record, status_name
from huitong.proto.huitong.exchange.v1 import exchange_pb2
from huitong.proto.huitong.exchange.v1 import handover_pb2 as pb
from huitong.proto.huitong.records.v1.records_pb2 import Origin, RecordHeader


def check_offer_hand_over(ctx: Context, msg: pb.MsgOfferHandOver) -> None:
    """Raise unless the issuer may offer this record.

    Raises:
        InvalidRequestError: a field is malformed, or there is no timeout.
        InvalidIdentifierError: the channel id is malformed.
        NoMemberError: the signer acts for no member.
        RecordNotFoundError: the member has published no such record.
        RecordStatusError: it is not active.
        NotShareableError: its level is above what may leave the zone.
    """
    check_channel_id(msg.channel_id)
    check_record_id(msg.record_id)
    check_name(msg.receiver, "receiver")
    check_size(msg.reader_key, "reader_key", X25519_KEY_SIZE_BYTES)
    check_size(msg.sealed_digest, "sealed_digest", DIGEST_SIZE_BYTES)
    check_text(msg.reason, "reason", TEXT_BYTES_MAX, required=True)
    check_request_id(msg.request_id)
    if not msg.timeout_timestamp:
        raise InvalidRequestError(reason="timeout_timestamp is 0")
    head = get_record(ctx, get_member_id(ctx, msg.signer), msg.record_id)
    if head.status != ACTIVE:  # [EXCHANGE.8]
        raise RecordStatusError(
            issuer=head.issuer,
            record_id=head.record_id,
            status=status_name(head.status),
            wanted="a hand-over",
        )
    asked = exchange_pb2.RequestPacket(issuer=head.issuer, record_id=head.record_id)
    if head.level > level_max_of(gather(ctx, msg.channel_id, asked)):
        raise NotShareableError(
            issuer=head.issuer, record_id=head.record_id, reason_code="too-sensitive"
        )


def apply_offer_hand_over(
    ctx: Context, msg: pb.MsgOfferHandOver
) -> pb.MsgOfferHandOverResponse:
    """Send the offer with the record's history and lock the record.

    Raises:
        RejectedError: the channel does not take the packet, see ``links.send_packet``.

    Cost: 3 writes besides the packet's, and one step for each earlier version.
    """
    head = get_record(ctx, get_member_id(ctx, msg.signer), msg.record_id)
    offer = make_offer(ctx, msg, head)
    sequence = send_packet(
        ctx,
        PORT_ID,
        msg.channel_id,
        Height.ZERO,
        msg.timeout_timestamp,
        encode(exchange_pb2.ExchangePacketData(hand_over=offer)),
    )
    hand_over = pb.HandOver(
        channel_id=msg.channel_id,
        sequence=sequence,
        side=GIVER,
        offer=offer,
        status=OFFERED,
        offered_height=ctx.block.height.revision_height,
        offered_time=ctx.block.time_ns,
    )
    save_hand_over(ctx, hand_over)
    lock_record(ctx, head.issuer, head.record_id, msg.reason)
    ctx.emit(events.hand_over_offered(hand_over))
    return pb.MsgOfferHandOverResponse(sequence=sequence)


def check_decide_hand_over(ctx: Context, msg: pb.MsgDecideHandOver) -> None:
    """Raise unless the officer may decide so.

    Raises:
        InvalidRequestError: a field is malformed.
        HandOverNotFoundError: there is no such offer.
        NotPartyError: it is to another member.
        HandOverStatusError: it does not wait.
        DeadlinePassedError: it is too late.
        DigestMismatchError: what arrived is not what is handed over.
        RecordExistsError: the receiver has a record of this id.
    """
    _check_decision_form(msg)
    hand_over = get_hand_over(ctx, RECEIVER, msg.channel_id, msg.sequence)
    offer = hand_over.offer
    member_id = get_member_id(ctx, msg.signer)
    if member_id != offer.receiver:  # [EXCHANGE.9]
        raise NotPartyError(actual=member_id, expected=offer.receiver)
    if hand_over.status != OFFERED:
        raise HandOverStatusError(
            channel_id=msg.channel_id,
            sequence=msg.sequence,
            status=events.hand_over_status_name(hand_over.status),
            wanted="a decision",
        )
    if ctx.block.time_ns >= hand_over.deadline:
        raise DeadlinePassedError(
            channel_id=msg.channel_id,
            sequence=msg.sequence,
            deadline=hand_over.deadline,
        )
    if msg.outcome == ACCEPTED:
        _check_acceptable(ctx, msg, offer)


def apply_decide_hand_over(
    ctx: Context, msg: pb.MsgDecideHandOver
) -> pb.MsgDecideHandOverResponse:
    """Take the record over or return it, and acknowledge the packet with that.

    Raises:
        RejectedError: the channel does not take it, see ``links.write_acknowledgement``.

    Cost: 5 writes besides the acknowledgement's.
    """
    hand_over = get_hand_over(ctx, RECEIVER, msg.channel_id, msg.sequence)
    offer = hand_over.offer
    accepted = msg.outcome == ACCEPTED
    record_id = (msg.record_id or offer.record.record_id) if accepted else ""
    decision = make_hand_over_decision(
        ctx,
        outcome=msg.outcome,
        reason_code="officer",
        reason=msg.reason,
        decided_by=offer.receiver,
        record_id=record_id,
        payload_digest=msg.payload_digest,
    )
    packet, acknowledgement = settle_offer(ctx, hand_over, decision)
    if accepted:
        header = RecordHeader()
        header.CopyFrom(offer.record)
        header.origin.CopyFrom(_origin(ctx, hand_over))
        take_over_record(ctx, header, issuer=offer.receiver, record_id=record_id)
    write_acknowledgement(ctx, packet, acknowledgement)
    return pb.MsgDecideHandOverResponse()


def _check_decision_form(msg: pb.MsgDecideHandOver) -> None:
    check_channel_id(msg.channel_id)
    if msg.outcome not in (ACCEPTED, RETURNED):
        raise InvalidRequestError(reason=f"outcome {msg.outcome} is no decision")
    returned = msg.outcome == RETURNED
    check_text(msg.reason, "reason", TEXT_BYTES_MAX, required=returned)
    if returned:
        if msg.record_id or msg.payload_digest:
            raise InvalidRequestError(reason="a return names no record and no payload")
        return
    check_size(msg.payload_digest, "payload_digest", DIGEST_SIZE_BYTES)
    if msg.record_id:
        check_record_id(msg.record_id)


def _check_acceptable(
    ctx: Context, msg: pb.MsgDecideHandOver, offer: pb.HandOverPacket
) -> None:
    expected = offer.record.payload_digest
    if msg.payload_digest != expected:  # [EXCHANGE.10]
        raise DigestMismatchError(
            what="payload digest", actual=msg.payload_digest, expected=expected
        )
    record_id = msg.record_id or offer.record.record_id
    known = find_record(ctx, offer.receiver, record_id)
    if known is not None:
        raise RecordExistsError(
            issuer=offer.receiver, record_id=record_id, version=known.version
        )


def _origin(ctx: Context, hand_over: pb.HandOver) -> Origin:
    """Return where a record comes from, as this zone sees it."""
    store = ctx.store(LINKS_STORE)
    channel = links_state.get_channel(store, PORT_ID, hand_over.channel_id)
    connection = links_state.get_connection(store, channel.connection_hops[0])
    offer = hand_over.offer
    return Origin(
        channel_id=hand_over.channel_id,
        client_id=connection.client_id,
        sequence=hand_over.sequence,
        issuer=offer.record.issuer,
        record_id=offer.record.record_id,
        version=offer.record.version,
        payload_digest=offer.record.payload_digest,
        history_root=offer.history_root,
        history_count=offer.history_count,
        receipts_digest=offer.receipts_digest,
        receipts_count=offer.receipts_count,
    )
