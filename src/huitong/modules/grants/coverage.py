"""Whether a grant or a consent covers what a reader asks for.

A grant covers a request if it is in force now, names the reader, the purpose, and the
record or its type, allows every field asked for, lasts at least as long as the reader
means to keep the data, and is not used up. Where it asks for consent, a consent of the
record's subject must cover the same, recorded by the record's issuer, who answers for
the signed original.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from huitong.core.context import Context
from huitong.core.fields import is_covered, is_within_period
from huitong.modules.grants import events
from huitong.modules.grants.errors import (
    ConsentNotFoundError,
    ConsentNotUsableError,
    GrantNotUsableError,
)
from huitong.modules.grants.keys import scope_key
from huitong.modules.grants.state import (
    find_consent,
    get_grant,
    grants_in_scope,
    save_grant,
)
from huitong.proto.huitong.grants.v1.grants_pb2 import Consent, Grant, Reader
from huitong.proto.huitong.records.v1.records_pb2 import RecordHeader


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a reader asks for."""

    header: RecordHeader
    """The record's header."""
    reader: Reader
    """Who asks: the channel to its zone, and its member id there."""
    purpose: str
    """What the data is for."""
    fields: Sequence[str]
    """Names of the fields, never empty: all of them if the reader named none."""
    term_until: int
    """How long the reader means to keep it, seconds since the epoch; 0 for one use."""
    consent_id: int
    """The consent that the reader refers to; 0 for none."""
    now_s: int
    """The block's time, seconds since the epoch."""


def is_live(grant: Grant, now_s: int) -> bool:
    """Return whether a grant is in force or will be, and is not used up."""
    return (
        not grant.withdrawn
        and (not grant.valid_until or now_s < grant.valid_until)
        and (not grant.count_max or grant.count_used < grant.count_max)
    )


def find_covering_grant(ctx: Context, asked: Asked) -> Grant | None:
    """Return the first grant that covers what is asked for, or None.

    Grants for the record come before grants for its type, lower ids before higher.

    Cost: 2 reads and one for each grant in the two scopes, at most
    ``2 * GRANTS_PER_SCOPE_MAX``, and one for a consent.
    """
    for record_id in (asked.header.record_id, ""):
        scope = scope_key(
            holder=asked.header.issuer,
            channel_id=asked.reader.channel_id,
            reader=asked.reader.member_id,
            purpose=asked.purpose,
            record_type=asked.header.record_type,
            record_id=record_id,
        )
        for grant in grants_in_scope(ctx, scope):
            if _covers(ctx, grant, asked):
                return grant
    return None


def use_grant(ctx: Context, grant_id: int, *, used_for: str) -> None:
    """Count one use of a grant that covers it.

    Args:
        ctx: the branch to write to.
        grant_id: the grant, found or checked before.
        used_for: what it was used for, for the event, such as a channel and sequence.

    Raises:
        GrantNotFoundError: there is no such grant.
        GrantNotUsableError: it is withdrawn or used up.
    """
    grant = get_grant(ctx, grant_id)
    if grant.withdrawn or (grant.count_max and grant.count_used >= grant.count_max):
        raise GrantNotUsableError(grant_id=grant_id, reason="is withdrawn or used up")
    grant.count_used += 1
    save_grant(ctx, grant)
    ctx.emit(events.grant_used(grant, used_for=used_for))


def check_consent(ctx: Context, asked: Asked) -> None:
    """Raise unless a consent of the record's subject covers what is asked for.

    Raises:
        ConsentNotFoundError: no consent is referred to, or there is none of this id.
        ConsentNotUsableError: it does not cover it.
    """
    consent = find_consent(ctx, asked.consent_id)
    if consent is None:
        raise ConsentNotFoundError(consent_id=asked.consent_id)
    fault = _fault_of_consent(consent, asked)
    if fault:
        raise ConsentNotUsableError(consent_id=asked.consent_id, reason=fault)


def _covers(ctx: Context, grant: Grant, asked: Asked) -> bool:
    """Return whether a grant in the right scope covers what is asked for.

    The scope stands for holder, reader, purpose, and record or type.
    """
    if grant.valid_from > asked.now_s or not is_live(grant, asked.now_s):
        return False
    if not is_covered(asked.fields, grant.fields):
        return False
    if grant.valid_until and asked.term_until > grant.valid_until:
        return False
    if not grant.consent_required:
        return True
    consent = find_consent(ctx, asked.consent_id)
    return consent is not None and not _fault_of_consent(consent, asked)


def _fault_of_consent(consent: Consent, asked: Asked) -> str:
    """Return why a consent does not cover what is asked for; empty if it does."""
    header = asked.header
    if consent.withdrawn:
        return "is withdrawn"
    if not is_within_period(consent.valid_from, consent.valid_until, asked.now_s):
        return "is not in force now"
    if not header.subject or consent.subject != header.subject:
        return "is of another subject"
    if consent.recorder != header.issuer:
        return "was not recorded by the record's issuer"
    if consent.reader != asked.reader:
        return "is for another reader"
    if consent.purpose != asked.purpose:
        return "is for another purpose"
    if not is_covered(asked.fields, consent.fields):
        return "does not cover every field"
    if consent.valid_until and asked.term_until > consent.valid_until:
        return "ends before the term asked for"
    return ""
