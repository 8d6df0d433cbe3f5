"""Packet data of the exchange protocol: what each kind of packet must look like."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any, Final

from huitong.core.codec import DecodeError, decode
from huitong.core.errors import InvalidRequestError
from huitong.core.fields import (
    DIGEST_SIZE_BYTES,
    X25519_KEY_SIZE_BYTES,
    check_field_names,
    check_name,
    check_record_id,
    check_request_id,
    check_size,
    check_text,
)
from huitong.core.grades import GRADES
from huitong.core.ids import InvalidIdentifierError
from huitong.core.limits import HAND_OVER_HISTORY_MAX, TEXT_BYTES_MAX
from huitong.modules.exchange.decisions import check_form
from huitong.modules.exchange.errors import MalformedPacketError
from huitong.modules.exchange.keys import PROVIDER, REQUESTER
from huitong.modules.exchange.policy import GRANTED
from huitong.modules.records.moving import check_moving_header
from huitong.proto.huitong.exchange.v1 import exchange_pb2
from huitong.proto.huitong.exchange.v1.exchange_pb2 import (
    ExchangePacketData,
    PushPacket,
    ReceiptPacket,
    RequestPacket,
    SubscriptionEndPacket,
)
from huitong.proto.huitong.exchange.v1.handover_pb2 import HandOverPacket


def decode_packet(data: bytes) -> ExchangePacketData:
    """Return well-formed packet data: exactly one kind of packet.

    Raises:
        MalformedPacketError: not canonical, of no kind, or a malformed field.
    """
    try:
        packet = decode(ExchangePacketData, data)
        kind = packet.WhichOneof("packet")
        if kind is None:
            raise InvalidRequestError(reason="no kind of packet")
        _CHECKS[kind](getattr(packet, kind))
    except (DecodeError, InvalidRequestError, InvalidIdentifierError) as wrong:
        raise MalformedPacketError(reason=str(wrong)) from wrong
    return packet


def check_request(request: RequestPacket) -> None:
    """Check the fields of a request that do not depend on the state.

    Raises:
        InvalidRequestError: one is malformed.
    """
    check_name(request.requester, "requester")
    check_size(request.reader_key, "reader_key", X25519_KEY_SIZE_BYTES)
    check_name(request.issuer, "issuer")
    if request.standing:
        _check_selector(request)
    else:
        check_record_id(request.record_id)
        if request.record_type or request.count_max:
            raise InvalidRequestError(
                reason="record_type and count_max are for standing requests"
            )
    check_name(request.purpose, "purpose")
    check_text(request.legal_basis, "legal_basis", TEXT_BYTES_MAX)
    check_field_names(request.fields, required=bool(request.record_type))
    check_request_id(request.request_id)
    _check_emergency(request)
    if request.term_until < 0:
        raise InvalidRequestError(reason=f"term_until {request.term_until} is negative")


def _check_selector(request: RequestPacket) -> None:
    """Check what a standing request is for: one record, or named fields of a type.

    Records of one type may have different fields and subjects, so a request for a type
    names its fields, and refers to nobody's consent.
    """
    if bool(request.record_id) == bool(request.record_type):
        raise InvalidRequestError(reason="either record_id or record_type is needed")
    if request.record_id:
        check_record_id(request.record_id)
    else:
        check_name(request.record_type, "record_type")
        if request.consent_id:
            raise InvalidRequestError(reason="consent_id is for one record only")
    if request.version:
        raise InvalidRequestError(reason="a standing request is for no one version")
    if not request.term_until:
        raise InvalidRequestError(reason="a standing request needs term_until")


def _check_emergency(request: RequestPacket) -> None:
    check_text(
        request.emergency_reason,
        "emergency_reason",
        TEXT_BYTES_MAX,
        required=request.emergency,
    )
    if request.emergency_reason and not request.emergency:
        raise InvalidRequestError(reason="emergency_reason without an emergency")
    if request.emergency and request.standing:
        raise InvalidRequestError(
            reason="an emergency is for one version, not standing"
        )


def check_receipt(receipt: ReceiptPacket) -> None:
    """Check the fields of a receipt that do not depend on the state.

    Raises:
        InvalidRequestError: one is malformed.
    """
    if not receipt.request_sequence:
        raise InvalidRequestError(reason="request_sequence is 0")
    check_size(receipt.payload_digest, "payload_digest", DIGEST_SIZE_BYTES)
    check_size(receipt.sealed_digest, "sealed_digest", DIGEST_SIZE_BYTES)
    if receipt.received_time <= 0:
        raise InvalidRequestError(
            reason=f"received_time {receipt.received_time} is not after the epoch"
        )
    if receipt.grade not in GRADES:
        raise InvalidRequestError(
            reason=f"grade {receipt.grade[:80]!r} is none of {', '.join(GRADES)}"
        )


def check_push(push: PushPacket) -> None:
    """Check the fields of a push that do not depend on the state.

    Raises:
        InvalidRequestError: one is malformed, or its decision grants nothing.
    """
    if not push.request_sequence or not push.number:
        raise InvalidRequestError(reason="request_sequence or number is 0")
    check_size(push.sealed_digest, "sealed_digest", DIGEST_SIZE_BYTES)
    check_request_id(push.request_id)
    decision = push.decision
    check_form(decision)
    check_name(decision.issuer, "issuer")
    check_record_id(decision.record_id)
    check_size(decision.payload_digest, "payload_digest", DIGEST_SIZE_BYTES)
    check_field_names(decision.fields, required=True)
    if decision.outcome != GRANTED or not decision.version:
        raise InvalidRequestError(reason="the decision grants no version")
    if decision.break_glass_id:
        raise InvalidRequestError(
            reason="an emergency is for one version, not standing"
        )


def check_end(end: SubscriptionEndPacket) -> None:
    """Check the fields of the end of a subscription that do not depend on the state.

    Raises:
        InvalidRequestError: one is malformed.
    """
    if not end.request_sequence:
        raise InvalidRequestError(reason="request_sequence is 0")
    if end.side not in (PROVIDER, REQUESTER):
        raise InvalidRequestError(reason=f"side {end.side} is unknown")
    if end.state not in (
        exchange_pb2.SUBSCRIPTION_STATE_ENDED,
        exchange_pb2.SUBSCRIPTION_STATE_WITHDRAWN,
    ):
        raise InvalidRequestError(reason=f"state {end.state} is no end")
    check_name(end.reason_code, "reason_code")
    check_text(end.reason, "reason", TEXT_BYTES_MAX)


def check_hand_over(offer: HandOverPacket) -> None:
    """Check the fields of a hand-over that do not depend on the state.

    Raises:
        InvalidRequestError, InvalidIdentifierError: one is malformed.
    """
    check_name(offer.receiver, "receiver")
    check_size(offer.reader_key, "reader_key", X25519_KEY_SIZE_BYTES)
    check_size(offer.sealed_digest, "sealed_digest", DIGEST_SIZE_BYTES)
    check_text(offer.reason, "reason", TEXT_BYTES_MAX, required=True)
    check_request_id(offer.request_id)
    check_moving_header(offer.record)
    check_size(offer.history_root, "history_root", DIGEST_SIZE_BYTES)
    check_size(
        offer.receipts_digest,
        "receipts_digest",
        DIGEST_SIZE_BYTES,
        required=bool(offer.receipts_count),
    )
    _check_history(offer)


def _check_history(offer: HandOverPacket) -> None:
    entries = offer.history
    listed = min(offer.history_count, HAND_OVER_HISTORY_MAX)
    if len(entries) != listed:
        raise InvalidRequestError(
            reason=f"history lists {len(entries)} versions, expected {listed}"
        )
    for entry in entries:
        check_size(entry.payload_digest, "payload_digest", DIGEST_SIZE_BYTES)
    numbers = [0, *(entry.version for entry in entries), offer.record.version]
    if any(before >= after for before, after in pairwise(numbers)):
        raise InvalidRequestError(reason="history does not ascend to the record")


_CHECKS: Final[dict[str, Callable[[Any], None]]] = {
    "request": check_request,
    "receipt": check_receipt,
    "push": check_push,
    "end": check_end,
    "hand_over": check_hand_over,
}
