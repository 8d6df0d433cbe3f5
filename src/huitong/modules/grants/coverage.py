"""Whether a grant or a consent covers what a reader asks for.

A grant covers a request if it is in force now, names the reader, the purpose, and the
record or its type, allows every field asked for, lasts at least as long as the reader
means to keep the data, and is not used up. Where it asks for consent, or hangs on one, a
consent of the record's subject must cover the same, about the records of their issuer.

What decides is a function of plain values; the others read these from the state.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
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
    legal_basis: str = ""
    """On which the reader relies, in its own words."""
    fields: Sequence[str]
    """Names of the fields, never empty: all of them if the reader named none."""
    term_until: int
    """How long the reader means to keep it, seconds since the epoch; 0 for one use."""
    consent_id: int
    """The consent that the reader refers to; 0 for none."""
    now_s: int
    """The block's time, seconds since the epoch."""


# --- what decides ---------------------------------------------------------------------


def is_live(grant: Grant, now_s: int) -> bool:
    """Return whether a grant is in force or will be, and is not used up."""
    return not _end_of_grant(grant, now_s)


def fault_of_grant(grant: Grant, asked: Asked, consents: Mapping[int, Consent]) -> str:
    """Return the reason code for which a grant does not cover a request; empty if none.

    Args:
        grant: in the right scope, which stands for holder, reader, purpose, and record
            or type.
        asked: the request.
        consents: those that it or the grant refers to, by id.
    """
    if grant.valid_from > asked.now_s:
        return "grant-not-yet"
    end = _end_of_grant(grant, asked.now_s)
    if end:
        return end
    if not is_covered(asked.fields, grant.fields):
        return "grant-fields"
    if grant.valid_until and asked.term_until > grant.valid_until:
        return "grant-term"
    if grant.term_max and asked.term_until - asked.now_s > grant.term_max:
        return "grant-keeping"
    if grant.legal_basis and asked.legal_basis != grant.legal_basis:
        return "grant-legal-basis"
    if not (grant.consent_required or grant.consent_id):
        return ""
    consent = consents.get(grant.consent_id or asked.consent_id)
    if consent is None or fault_of_consent(consent, asked):
        return "grant-consent"
    return ""


def choose_grant(
    grants: Iterable[Grant], asked: Asked, consents: Mapping[int, Consent]
) -> tuple[Grant | None, str]:
    """Return the first grant that covers a request; else why the first of them does not.

    The code is empty if one covers, and if there is none at all.
    """
    first_fault = ""
    for grant in grants:
        fault = fault_of_grant(grant, asked, consents)
        if not fault:
            return grant, ""
        first_fault = first_fault or fault
    return None, first_fault


def fault_of_consent(consent: Consent, asked: Asked) -> str:
    """Return why a consent does not cover what is asked for; empty if it does."""
    header = asked.header
    if consent.withdrawn:
        return "is withdrawn"
    if not is_within_period(consent.valid_from, consent.valid_until, asked.now_s):
        return "is not in force now"
    if not header.subject or consent.subject != header.subject:
        return "is of another subject"
    if consent.recorder != header.issuer:
        return "is not about records of this issuer"
    if consent.reader != asked.reader:
        return "is for another reader"
    if consent.purpose != asked.purpose:
        return "is for another purpose"
    if not is_covered(asked.fields, consent.fields):
        return "does not cover every field"
    if consent.valid_until and asked.term_until > consent.valid_until:
        return "ends before the term asked for"
    return ""


def _end_of_grant(grant: Grant, now_s: int) -> str:
    if grant.withdrawn:
        return "grant-withdrawn"
    if grant.valid_until and now_s >= grant.valid_until:
        return "grant-expired"
    if grant.count_max and grant.count_used >= grant.count_max:
        return "grant-used-up"
    return ""


# --- from the state -------------------------------------------------------------------


def grants_for(ctx: Context, asked: Asked) -> list[Grant]:
    """Return the grants that could cover a request, in the order in which they are tried.

    Grants for the record come before grants for its type, lower ids before higher.

    Cost: 2 reads and one for each grant in the two scopes, at most
    ``2 * GRANTS_PER_SCOPE_MAX``.
    """
    found: list[Grant] = []
    for record_id in dict.fromkeys((asked.header.record_id, "")):
        scope = scope_key(
            holder=asked.header.issuer,
            channel_id=asked.reader.channel_id,
            reader=asked.reader.member_id,
            purpose=asked.purpose,
            record_type=asked.header.record_type,
            record_id=record_id,
        )
        found += grants_in_scope(ctx, scope)
    return found


def consents_for(
    ctx: Context, asked: Asked, grants: Sequence[Grant]
) -> dict[int, Consent]:
    """Return the consents that a request and its grants refer to, by id.

    Cost: 1 read for each.
    """
    numbers = sorted({asked.consent_id, *(grant.consent_id for grant in grants)})
    found = ((number, find_consent(ctx, number)) for number in numbers if number)
    return {number: consent for number, consent in found if consent is not None}


def find_covering_grant(ctx: Context, asked: Asked) -> Grant | None:
    """Return the first grant that covers what is asked for, or None.

    Cost: that of ``grants_for`` and ``consents_for``.
    """
    grants = grants_for(ctx, asked)
    return choose_grant(grants, asked, consents_for(ctx, asked, grants))[0]


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
    fault = fault_of_consent(consent, asked)
    if fault:
        raise ConsentNotUsableError(consent_id=asked.consent_id, reason=fault)
