"""The decision on a request: granted, refused, or to be asked of an officer.

The rules, in their order; the first that applies decides:

==================  ========  ======================================================
reason code         outcome   when
==================  ========  ======================================================
``unknown-record``  refused   the issuer has no such record or version
``superseded``      refused   the version asked for is no longer the head
``suspended``       refused   the issuer suspended the record
``revoked``         refused   the issuer revoked the record
``in-hand-over``    refused   the record is offered to another zone, which decides
``handed-over``     refused   the record lives in another zone now
``issuer``          refused   the issuer is not in force: suspended, removed, frozen
``not-yet-valid``   refused   the record's validity has not begun
``expired``         refused   the record's validity has ended
``closed``          refused   the record is not shared
``too-sensitive``   refused   its level is above what may leave the zone
``unknown-field``   refused   a field asked for is not in the record
``consent``         refused   the consent referred to does not cover the request
``open-data``       granted   the record is open to everybody on a linked zone
``grant``           granted   a grant covers the request
``officer``         waits     nothing else decided, and the zone asks officers
``busy``            refused   too many requests of this channel wait already
``no-grant``        refused   nothing else decided
==================  ========  ======================================================
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from huitong.core.context import Context
from huitong.core.fields import is_covered
from huitong.core.limits import WAITING_PER_CHANNEL_MAX
from huitong.core.time import NS_PER_SECOND
from huitong.modules.exchange.state import get_params, waiting_count
from huitong.modules.grants.coverage import Asked, check_consent, find_covering_grant
from huitong.modules.grants.errors import (
    ConsentNotFoundError,
    ConsentNotUsableError,
)
from huitong.modules.members.state import is_in_force
from huitong.modules.records.state import ACTIVE, find_version, status_name
from huitong.proto.huitong.exchange.v1 import exchange_pb2
from huitong.proto.huitong.exchange.v1.exchange_pb2 import RequestPacket
from huitong.proto.huitong.grants.v1.grants_pb2 import Reader
from huitong.proto.huitong.records.v1 import records_pb2
from huitong.proto.huitong.records.v1.records_pb2 import RecordHeader

GRANTED = exchange_pb2.OUTCOME_GRANTED
REFUSED = exchange_pb2.OUTCOME_REFUSED
#: No decision yet.
WAITS = exchange_pb2.OUTCOME_UNSPECIFIED


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What the rules say about a request."""

    outcome: int
    """``GRANTED``, ``REFUSED`` or ``WAITS``."""
    reason_code: str
    """The rule that decided."""
    header: RecordHeader | None
    """The record; None if there is none."""
    fields: tuple[str, ...]
    """Fields that are granted, ascending."""
    grant_id: int
    """The grant that covers the request; 0 for none."""


def judge(ctx: Context, channel_id: str, request: RequestPacket) -> Verdict:
    """Decide on a request that came in on a channel of this zone.

    Cost: 4 reads; without a grant for the record at hand a few more.
    """
    header = find_version(ctx, request.issuer, request.record_id, request.version)
    return judge_record(ctx, channel_id, request, header)


def judge_record(
    ctx: Context,
    channel_id: str,
    request: RequestPacket,
    header: RecordHeader | None,
) -> Verdict:
    """Decide on a request for the record with this header, None if there is none."""
    fault = find_fault(ctx, header, request.fields)
    if fault or header is None:
        return _verdict(REFUSED, fault, header)
    asked = _asked(ctx, channel_id, request, header, request.fields)
    if not _is_consented(ctx, asked):
        return _verdict(REFUSED, "consent", header)
    if header.share_class == records_pb2.SHARE_CLASS_OPEN:
        return _verdict(GRANTED, "open-data", header, fields=asked.fields)
    grant = find_covering_grant(ctx, asked)
    if grant is not None:
        return _verdict(
            GRANTED, "grant", header, fields=asked.fields, grant_id=grant.grant_id
        )
    return judge_ungranted(ctx, channel_id, header)


def judge_ungranted(
    ctx: Context, channel_id: str, header: RecordHeader | None
) -> Verdict:
    """Decide on a request that no rule forbids and no grant covers."""
    if not get_params(ctx).ask_officer:
        return _verdict(REFUSED, "no-grant", header)
    if waiting_count(ctx, channel_id) >= WAITING_PER_CHANNEL_MAX:
        return _verdict(REFUSED, "busy", header)
    return _verdict(WAITS, "officer", header)


def find_fault(ctx: Context, header: RecordHeader | None, fields: Sequence[str]) -> str:
    """Return the reason code for which nobody could share this; empty if none."""
    if header is None:
        return "unknown-record"
    if header.status != ACTIVE:
        return status_name(header.status)
    if not is_in_force(ctx, header.issuer):
        return "issuer"
    now_s = ctx.block.time_ns // NS_PER_SECOND
    if now_s < header.valid_from:
        return "not-yet-valid"
    if header.valid_until and now_s >= header.valid_until:
        return "expired"
    if header.share_class == records_pb2.SHARE_CLASS_CLOSED:
        return "closed"
    if header.level > get_params(ctx).level_max:
        return "too-sensitive"
    if not is_covered(fields, header.fields):
        return "unknown-field"
    return ""


def has_consent(
    ctx: Context,
    channel_id: str,
    request: RequestPacket,
    header: RecordHeader,
    fields: Sequence[str],
) -> bool:
    """Return whether the consent that a request refers to covers these fields now.

    So it does where the request refers to none. No fields stand for all of the record.
    """
    return _is_consented(ctx, _asked(ctx, channel_id, request, header, fields))


def _asked(
    ctx: Context,
    channel_id: str,
    request: RequestPacket,
    header: RecordHeader,
    fields: Sequence[str],
) -> Asked:
    return Asked(
        header=header,
        reader=Reader(channel_id=channel_id, member_id=request.requester),
        purpose=request.purpose,
        fields=tuple(fields) or tuple(header.fields),
        term_until=request.term_until,
        consent_id=request.consent_id,
        now_s=ctx.block.time_ns // NS_PER_SECOND,
    )


def _is_consented(ctx: Context, asked: Asked) -> bool:
    if not asked.consent_id:
        return True
    try:
        check_consent(ctx, asked)
    except (ConsentNotFoundError, ConsentNotUsableError):
        return False
    return True


def _verdict(
    outcome: int,
    reason_code: str,
    header: RecordHeader | None,
    *,
    fields: Sequence[str] = (),
    grant_id: int = 0,
) -> Verdict:
    return Verdict(
        outcome=outcome,
        reason_code=reason_code,
        header=header,
        fields=tuple(fields),
        grant_id=grant_id,
    )
