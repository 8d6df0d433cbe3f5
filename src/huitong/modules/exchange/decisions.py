"""Decisions on requests, and what the requester's zone believes of them."""

from __future__ import annotations

from collections.abc import Sequence

from huitong.core.codec import decode, encode
from huitong.core.context import Context
from huitong.core.errors import RejectedError
from huitong.core.fields import (
    DIGEST_SIZE_BYTES,
    check_field_names,
    check_name,
    check_size,
    check_text,
    is_covered,
)
from huitong.core.grades import check_grade_min, is_enough
from huitong.core.limits import (
    EXCHANGE_ACKNOWLEDGEMENT_BYTES_MAX,
    NAME_CHARACTERS_MAX,
    TEXT_BYTES_MAX,
)
from huitong.modules.exchange.errors import DecisionError, GradeTooLowError
from huitong.modules.exchange.policy import GRANTED, REFUSED
from huitong.modules.links.acknowledgements import (
    find_error,
    find_result,
    result_acknowledgement,
)
from huitong.proto.huitong.exchange.v1.exchange_pb2 import Decision, RequestPacket
from huitong.proto.huitong.records.v1.records_pb2 import RecordHeader

#: Who decides when nobody is asked.
POLICY = "policy"
#: What the failure of an exchange begins with, before the other zone's own words.
FAILURE_PREFIX = "the other zone answers: "


def make_decision(
    ctx: Context,
    request: RequestPacket,
    *,
    outcome: int,
    reason_code: str,
    reason: str,
    decided_by: str,
    header: RecordHeader | None,
    fields: Sequence[str],
    grant_id: int,
    grade_min: str = "",
    break_glass_id: int = 0,
) -> Decision:
    """Return a decision taken in this block; a refusal tells no digest and no fields."""
    decision = Decision(
        outcome=outcome,  # type: ignore[arg-type]
        reason_code=reason_code,
        reason=reason,
        grant_id=grant_id,
        decided_by=decided_by,
        decided_height=ctx.block.height.revision_height,
        decided_time=ctx.block.time_ns,
        issuer=request.issuer,
        record_id=request.record_id,
        version=request.version,
    )
    if outcome == GRANTED and header is not None:
        decision.version = header.version
        decision.payload_digest = header.payload_digest
        decision.fields.extend(sorted(fields))
        decision.grade_min = grade_min
        decision.break_glass_id = break_glass_id
    return decision


def check_grade(decision: Decision, grade: str) -> None:
    """Check that a reader trusts what arrived as far as the decision asks.

    Raises:
        GradeTooLowError: it does not.
    """
    if not is_enough(grade, decision.grade_min):
        raise GradeTooLowError(grade=grade, grade_min=decision.grade_min)


def encode_decision(decision: Decision) -> bytes:
    """Return the acknowledgement that carries a decision."""
    return result_acknowledgement(encode(decision))


def decode_decision(acknowledgement: bytes, request: RequestPacket) -> Decision:
    """Return the decision on ``request`` that an acknowledgement carries.

    The other zone may be hostile: whatever is not a decision on this very request, in
    canonical form, is none. The reason becomes part of the state, so it quotes nothing
    but the text of a standard error: how ``repr`` writes a stranger's value changes
    with the version of Python.

    Raises:
        DecisionError: an error, or bytes that are no such decision.
    """
    if len(acknowledgement) > EXCHANGE_ACKNOWLEDGEMENT_BYTES_MAX:
        raise DecisionError(reason=f"{len(acknowledgement)} bytes are too many")
    result = find_result(acknowledgement)
    if result is None:
        raise DecisionError(reason=error_text(acknowledgement))
    try:
        decision = decode(Decision, result)
        check_form(decision)
    except RejectedError as wrong:
        raise DecisionError(reason="malformed") from wrong
    if decision.outcome not in (GRANTED, REFUSED):
        raise DecisionError(reason="neither granted nor refused")
    if (decision.issuer, decision.record_id) != (request.issuer, request.record_id):
        raise DecisionError(reason="it is about another record")
    if request.version and decision.version != request.version:
        raise DecisionError(reason="it is about another version")
    if decision.outcome == GRANTED:
        check = _check_standing if request.standing else _check_granted
        check(decision, request)
    elif (
        decision.payload_digest
        or decision.fields
        or decision.grade_min
        or decision.break_glass_id
    ):
        raise DecisionError(reason="a refusal that grants fields")
    return decision


def check_form(decision: Decision) -> None:
    """Check the texts and names of a decision.

    Raises:
        InvalidRequestError: one is malformed.
    """
    check_name(decision.reason_code, "reason_code")
    check_text(decision.reason, "reason", TEXT_BYTES_MAX)
    check_text(decision.decided_by, "decided_by", NAME_CHARACTERS_MAX, required=True)
    check_field_names(decision.fields)
    check_grade_min(decision.grade_min)


def _check_granted(decision: Decision, request: RequestPacket) -> None:
    try:
        check_size(decision.payload_digest, "payload_digest", DIGEST_SIZE_BYTES)
    except RejectedError as wrong:
        raise DecisionError(reason="no digest of the payload") from wrong
    if not decision.version or not decision.fields:
        raise DecisionError(reason="no version or no fields")
    if not is_covered(decision.fields, request.fields):
        raise DecisionError(reason="it grants a field not asked for")


def _check_standing(decision: Decision, request: RequestPacket) -> None:
    """Check a standing permission: no one version; no fields stand for all of them."""
    if decision.payload_digest or decision.version or decision.break_glass_id:
        raise DecisionError(reason="a standing permission for one version")
    fields = tuple(decision.fields)
    if request.fields and not (fields and is_covered(fields, request.fields)):
        raise DecisionError(reason="it grants a field not asked for")


def error_text(acknowledgement: bytes) -> str:
    """Return what an acknowledgement without a result says, as text for the state."""
    error = find_error(acknowledgement)
    if error is None:
        return "neither a result nor an error"
    try:
        check_text(error, "error", TEXT_BYTES_MAX)
    except RejectedError:
        return "an error that is no text of one line"
    return FAILURE_PREFIX + error
