"""Packet data of the exchange protocol: what a request and a receipt must look like."""

from __future__ import annotations

from huitong.core.codec import DecodeError, decode
from huitong.core.errors import InvalidRequestError
from huitong.core.fields import (
    DIGEST_SIZE_BYTES,
    X25519_KEY_SIZE_BYTES,
    check_field_names,
    check_name,
    check_record_id,
    check_size,
    check_text,
)
from huitong.core.grades import GRADES
from huitong.core.limits import TEXT_BYTES_MAX
from huitong.modules.exchange.errors import MalformedPacketError
from huitong.proto.huitong.exchange.v1.exchange_pb2 import (
    ExchangePacketData,
    ReceiptPacket,
    RequestPacket,
)


def decode_packet(data: bytes) -> ExchangePacketData:
    """Return well-formed packet data: exactly one of request and receipt.

    Raises:
        MalformedPacketError: not canonical, neither of the two, or a malformed field.
    """
    try:
        packet = decode(ExchangePacketData, data)
        kind = packet.WhichOneof("packet")
        if kind == "request":
            check_request(packet.request)
        elif kind == "receipt":
            check_receipt(packet.receipt)
        else:
            raise MalformedPacketError(reason="neither request nor receipt")
    except (DecodeError, InvalidRequestError) as wrong:
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
    check_record_id(request.record_id)
    check_name(request.purpose, "purpose")
    check_text(request.legal_basis, "legal_basis", TEXT_BYTES_MAX)
    check_field_names(request.fields)
    check_text(
        request.emergency_reason,
        "emergency_reason",
        TEXT_BYTES_MAX,
        required=request.emergency,
    )
    if request.emergency_reason and not request.emergency:
        raise InvalidRequestError(reason="emergency_reason without an emergency")
    if request.term_until < 0:
        raise InvalidRequestError(reason=f"term_until {request.term_until} is negative")


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
