"""Ask for a record, decide on a waiting request, state a delivery, confirm a receipt.

Rules: [EXCHANGE.1] a member acts for itself only: the requester asks and confirms, the
issuer decides and delivers; [EXCHANGE.2] steps follow one another as the status says;
[EXCHANGE.3] an officer cannot grant what the zone's rules forbid, nor what a consent that
is referred to no longer covers, nor more fields than were asked for; [EXCHANGE.4] what is confirmed has the digest that was decided on. Not
here: the payload, which never comes on chain, and packets, see ``application``.
"""

from __future__ import annotations

from huitong.core.codec import encode
from huitong.core.context import Context
from huitong.core.errors import InvalidRequestError
from huitong.core.fields import (
    DIGEST_SIZE_BYTES,
    check_field_names,
    check_size,
    check_text,
)
from huitong.core.height import Height
from huitong.core.ids import check_channel_id
from huitong.core.limits import TEXT_BYTES_MAX
from huitong.core.time import NS_PER_SECOND
from huitong.modules.exchange import events
from huitong.modules.exchange.deciding import decision_of
from huitong.modules.exchange.decisions import check_grade
from huitong.modules.exchange.errors import (
    DigestMismatchError,
    ExchangeStatusError,
)
from huitong.modules.exchange.facts import gather
from huitong.modules.exchange.keys import PORT_ID, PROVIDER, REQUESTER
from huitong.modules.exchange.packets import check_receipt, check_request
from huitong.modules.exchange.policy import (
    GRANTED,
    REFUSED,
    Verdict,
    fields_of,
    grade_min_of,
)
from huitong.modules.exchange.settling import (
    check_party,
    check_waiting,
    settle_waiting,
)
from huitong.modules.exchange.sharing import check_consented, check_shareable
from huitong.modules.exchange.standing import OFFICER, check_standing_grantable
from huitong.modules.exchange.state import get_exchange, save_exchange, status_name
from huitong.modules.links.packets import send_packet
from huitong.proto.huitong.exchange.v1 import exchange_pb2 as pb


def check_request_exchange(ctx: Context, msg: pb.MsgRequestExchange) -> None:
    """Raise unless the request may be sent.

    Raises:
        InvalidRequestError: a field is malformed, there is no timeout, or the term is past.
        InvalidIdentifierError: the channel id is malformed.
        NoMemberError: the signer acts for no member.
        NotPartyError: the request is in another member's name.
    """
    check_channel_id(msg.channel_id)
    check_request(msg.request)
    if not msg.timeout_height and not msg.timeout_timestamp:
        raise InvalidRequestError(reason="neither timeout_height nor timeout_timestamp")
    term_until = msg.request.term_until
    if term_until and term_until <= ctx.block.time_ns // NS_PER_SECOND:
        raise InvalidRequestError(reason=f"term_until {term_until} is past")
    check_party(ctx, msg.signer, msg.request.requester)  # [EXCHANGE.1]


def apply_request_exchange(
    ctx: Context, msg: pb.MsgRequestExchange
) -> pb.MsgRequestExchangeResponse:
    """Send the request packet and remember what was asked.

    Raises:
        RejectedError: the channel does not take the packet, see ``links.send_packet``.

    Cost: 1 write besides the packet's.
    """
    sequence = send_packet(
        ctx,
        PORT_ID,
        msg.channel_id,
        Height(msg.timeout_height_revision, msg.timeout_height),
        msg.timeout_timestamp,
        encode(pb.ExchangePacketData(request=msg.request)),
    )
    exchange = pb.Exchange(
        channel_id=msg.channel_id,
        sequence=sequence,
        request=msg.request,
        status=pb.EXCHANGE_STATUS_REQUESTED,
        requested_height=ctx.block.height.revision_height,
        requested_time=ctx.block.time_ns,
        side=REQUESTER,
    )
    save_exchange(ctx, exchange)
    ctx.emit(events.exchange_requested(exchange))
    return pb.MsgRequestExchangeResponse(sequence=sequence)


def check_decide_exchange(ctx: Context, msg: pb.MsgDecideExchange) -> None:
    """Raise unless the officer may decide so.

    Raises:
        InvalidRequestError: a field is malformed.
        ExchangeNotFoundError: there is no such request.
        NotPartyError: it is about another member's record.
        ExchangeStatusError: it does not wait.
        DeadlinePassedError: it is too late.
        NotShareableError: the zone's rules forbid it, or consent does not cover it.
        FieldsNotAskedError: more is granted than was asked for.
    """
    check_text(msg.reason, "reason", TEXT_BYTES_MAX, required=msg.outcome != GRANTED)
    check_field_names(msg.fields)
    if msg.outcome not in (GRANTED, REFUSED):
        raise InvalidRequestError(reason=f"outcome {msg.outcome} is no decision")
    if msg.outcome == REFUSED and msg.fields:
        raise InvalidRequestError(reason="a refusal grants no fields")
    exchange = get_exchange(ctx, PROVIDER, msg.channel_id, msg.sequence)
    check_party(ctx, msg.signer, exchange.request.issuer)  # [EXCHANGE.1]
    check_waiting(ctx, exchange)  # [EXCHANGE.2]
    if msg.outcome == GRANTED:  # [EXCHANGE.3]
        if exchange.request.record_type:
            check_standing_grantable(ctx, exchange.request, msg.fields)
        else:
            facts = gather(ctx, msg.channel_id, exchange.request)
            header = check_shareable(ctx, facts, msg.fields)
            check_consented(facts, header, msg.fields)


def apply_decide_exchange(
    ctx: Context, msg: pb.MsgDecideExchange
) -> pb.MsgDecideExchangeResponse:
    """Write the decision and acknowledge the packet with it.

    Raises:
        RejectedError: the channel does not take it, see ``links.write_acknowledgement``.
    """
    exchange = get_exchange(ctx, PROVIDER, msg.channel_id, msg.sequence)
    request = exchange.request
    facts = gather(ctx, msg.channel_id, request)
    header, fields = facts.header, tuple(msg.fields or request.fields)
    if header is not None and not request.standing:
        fields = fields_of(facts, header, fields)
    verdict = Verdict(
        outcome=msg.outcome,
        reason_code=OFFICER,
        header=header,
        fields=fields,
        grade_min=grade_min_of(facts, None),
    )
    decision = decision_of(
        ctx, request, verdict, reason=msg.reason, decided_by=request.issuer
    )
    settle_waiting(ctx, exchange, decision)
    return pb.MsgDecideExchangeResponse()


def check_record_delivery(ctx: Context, msg: pb.MsgRecordDelivery) -> None:
    """Raise unless the issuer may state this delivery.

    The receipt may be here already, because it travels on another way than this message.

    Raises:
        InvalidRequestError: the digest is malformed.
        ExchangeNotFoundError: there is no such exchange.
        NotPartyError: it is about another member's record.
        ExchangeStatusError: it is not granted, or delivered before.
        DigestMismatchError: the receipt that is here names other bytes.
    """
    check_size(msg.sealed_digest, "sealed_digest", DIGEST_SIZE_BYTES)
    exchange = get_exchange(ctx, PROVIDER, msg.channel_id, msg.sequence)
    check_party(ctx, msg.signer, exchange.request.issuer)  # [EXCHANGE.1]
    if exchange.sealed_digest:
        raise _status_error(exchange, "another delivery")
    _check_status(
        exchange, "a delivery", pb.EXCHANGE_STATUS_GRANTED, pb.EXCHANGE_STATUS_RECEIVED
    )
    if exchange.HasField("receipt"):
        _check_digest(
            "sealed digest", msg.sealed_digest, exchange.receipt.sealed_digest
        )


def apply_record_delivery(
    ctx: Context, msg: pb.MsgRecordDelivery
) -> pb.MsgRecordDeliveryResponse:
    """Write which sealed bytes were handed over. Cost: 1 write."""
    exchange = get_exchange(ctx, PROVIDER, msg.channel_id, msg.sequence)
    exchange.sealed_digest = msg.sealed_digest
    if exchange.status == pb.EXCHANGE_STATUS_GRANTED:
        exchange.status = pb.EXCHANGE_STATUS_DELIVERED
    save_exchange(ctx, exchange)
    ctx.emit(events.exchange_delivered(exchange))
    return pb.MsgRecordDeliveryResponse()


def check_confirm_receipt(ctx: Context, msg: pb.MsgConfirmReceipt) -> None:
    """Raise unless the requester may confirm this receipt.

    Raises:
        InvalidRequestError: a field is malformed, or there is no timeout.
        ExchangeNotFoundError: there is no such exchange.
        NotPartyError: another member asked.
        ExchangeStatusError: it is not granted, or received before.
        DigestMismatchError: the payload is not the one that was decided on.
        GradeTooLowError: it is not trusted as far as the decision asks.
    """
    check_receipt(_receipt(msg))
    if not msg.timeout_timestamp:
        raise InvalidRequestError(reason="timeout_timestamp is 0")
    exchange = _confirmed(ctx, msg)
    check_party(ctx, msg.signer, exchange.request.requester)  # [EXCHANGE.1]
    _check_status(exchange, "a receipt", pb.EXCHANGE_STATUS_GRANTED)  # [EXCHANGE.2]
    _check_digest(  # [EXCHANGE.4]
        "payload digest", msg.payload_digest, exchange.decision.payload_digest
    )
    check_grade(exchange.decision, msg.grade)
    if exchange.push_number:
        _check_digest("sealed digest", msg.sealed_digest, exchange.sealed_digest)


def apply_confirm_receipt(
    ctx: Context, msg: pb.MsgConfirmReceipt
) -> pb.MsgConfirmReceiptResponse:
    """Send the receipt packet and remember it. Cost: 1 write besides the packet's.

    Raises:
        RejectedError: the channel does not take the packet, see ``links.send_packet``.
    """
    receipt = _receipt(msg)
    sequence = send_packet(
        ctx,
        PORT_ID,
        msg.channel_id,
        Height.ZERO,
        msg.timeout_timestamp,
        encode(pb.ExchangePacketData(receipt=receipt)),
    )
    exchange = _confirmed(ctx, msg)
    exchange.status = pb.EXCHANGE_STATUS_RECEIVED
    exchange.receipt.CopyFrom(receipt)
    exchange.receipt_sequence = sequence
    exchange.sealed_digest = msg.sealed_digest
    save_exchange(ctx, exchange)
    ctx.emit(events.exchange_received(exchange))
    return pb.MsgConfirmReceiptResponse(sequence=sequence)


def _confirmed(ctx: Context, msg: pb.MsgConfirmReceipt) -> pb.Exchange:
    return get_exchange(ctx, REQUESTER, msg.channel_id, msg.sequence, msg.push_number)


def _receipt(msg: pb.MsgConfirmReceipt) -> pb.ReceiptPacket:
    return pb.ReceiptPacket(
        request_sequence=msg.sequence,
        payload_digest=msg.payload_digest,
        sealed_digest=msg.sealed_digest,
        received_time=msg.received_time,
        grade=msg.grade,
        push_number=msg.push_number,
    )


def _check_status(exchange: pb.Exchange, wanted: str, *allowed: int) -> None:
    if exchange.status not in allowed:
        raise _status_error(exchange, wanted)


def _status_error(exchange: pb.Exchange, wanted: str) -> ExchangeStatusError:
    return ExchangeStatusError(
        channel_id=exchange.channel_id,
        sequence=exchange.sequence,
        status=status_name(exchange.status),
        wanted=wanted,
    )


def _check_digest(what: str, actual: bytes, expected: bytes) -> None:
    if actual != expected:
        raise DigestMismatchError(what=what, actual=actual, expected=expected)
