"""What the module ``grants`` tells the world."""

from __future__ import annotations

from huitong.core.events import Event, event
from huitong.proto.huitong.grants.v1.grants_pb2 import Consent, Grant


def grant_given(grant: Grant) -> Event:
    """A holder allows a reader to read."""
    return event(
        "grant_given",
        grant_id=grant.grant_id,
        holder=grant.holder,
        reader_channel_id=grant.reader.channel_id,
        reader=grant.reader.member_id,
        record_type=grant.record_type,
        record_id=grant.record_id,
        purpose=grant.purpose,
        fields=",".join(grant.fields),
        valid_from=grant.valid_from,
        valid_until=grant.valid_until,
        count_max=grant.count_max,
        consent_required=int(grant.consent_required),
        consent_id=grant.consent_id,
        legal_basis=grant.legal_basis,
        term_max=grant.term_max,
        grade_min=grant.grade_min,
    )


def grant_used(grant: Grant, *, used_for: str) -> Event:
    """A grant covered a decision."""
    return event(
        "grant_used",
        grant_id=grant.grant_id,
        holder=grant.holder,
        reader_channel_id=grant.reader.channel_id,
        reader=grant.reader.member_id,
        purpose=grant.purpose,
        count_used=grant.count_used,
        count_max=grant.count_max,
        used_for=used_for,
    )


def grant_withdrawn(grant: Grant) -> Event:
    """A holder took a permission back; from this block on it covers nothing."""
    return event(
        "grant_withdrawn",
        grant_id=grant.grant_id,
        holder=grant.holder,
        count_used=grant.count_used,
        reason=grant.withdrawn_reason,
    )


def consent_recorded(consent: Consent) -> Event:
    """A data subject's permission was recorded."""
    return event(
        "consent_recorded",
        consent_id=consent.consent_id,
        version=consent.version,
        recorder=consent.recorder,
        subject=consent.subject.hex(),
        reader_channel_id=consent.reader.channel_id,
        reader=consent.reader.member_id,
        purpose=consent.purpose,
        fields=",".join(consent.fields),
        valid_from=consent.valid_from,
        valid_until=consent.valid_until,
        evidence_digest=consent.evidence_digest.hex(),
        by_subject=int(consent.HasField("signature")),
    )


def consent_withdrawn(consent: Consent, *, grants_ended: int) -> Event:
    """A data subject took a permission back; what hangs on it covers nothing any more."""
    return event(
        "consent_withdrawn",
        consent_id=consent.consent_id,
        version=consent.version,
        recorder=consent.recorder,
        subject=consent.subject.hex(),
        reader_channel_id=consent.reader.channel_id,
        reader=consent.reader.member_id,
        reason=consent.withdrawn_reason,
        by_subject=int(consent.HasField("withdrawal")),
        grants_ended=grants_ended,
    )
