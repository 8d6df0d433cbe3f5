"""Give and withdraw grants, record and withdraw consents.

Rules: [GRANTS.1] a grant is the holder's, and the holder is the signer's member;
[GRANTS.2] withdrawal acts at once and is final; [GRANTS.3] the reader is a member behind
a channel, never a name in a packet alone; [GRANTS.4] live grants of a scope are bounded.
"""

from __future__ import annotations

from collections.abc import Sequence

from huitong.core.context import Context
from huitong.core.errors import InvalidRequestError
from huitong.core.fields import (
    DIGEST_SIZE_BYTES,
    check_field_names,
    check_name,
    check_period,
    check_record_id,
    check_size,
    check_text,
)
from huitong.core.ids import check_channel_id
from huitong.core.limits import GRANTS_PER_SCOPE_MAX, TEXT_BYTES_MAX
from huitong.core.time import NS_PER_SECOND
from huitong.modules.grants import events
from huitong.modules.grants.coverage import is_live
from huitong.modules.grants.errors import (
    FieldNotInRecordError,
    GrantPastError,
    NotHolderError,
    RecordTypeError,
    ScopeFullError,
    WithdrawnError,
)
from huitong.modules.grants.state import (
    get_consent,
    get_grant,
    grants_in_scope,
    list_under_holder,
    next_consent_id,
    next_grant_id,
    save_consent,
    save_grant,
    save_next_consent_id,
    save_next_grant_id,
    save_scope,
    scope_of,
)
from huitong.modules.members.state import get_member_id
from huitong.modules.records.state import get_record
from huitong.proto.huitong.grants.v1 import grants_pb2 as pb


def check_grant(ctx: Context, msg: pb.MsgGrant) -> None:
    """Raise unless the grant may be given.

    Raises:
        InvalidRequestError: a field is malformed.
        InvalidIdentifierError: the reader's channel id is malformed.
        NoMemberError: the signer acts for no member.
        GrantPastError: it would never be in force.
        RecordNotFoundError: the member has no such record.
        RecordTypeError: the record is of another type.
        FieldNotInRecordError: the record has no such field.
        ScopeFullError: too many live grants in this scope.
    """
    _check_terms(ctx, msg.reader, msg.purpose, msg.fields)
    _check_validity(ctx, msg.valid_from, msg.valid_until)
    grant = _made(ctx, msg)
    if msg.record_type:
        check_name(msg.record_type, "record_type")
    if msg.record_id:
        check_record_id(msg.record_id)
        _check_record(ctx, grant)
    elif not msg.record_type:
        raise InvalidRequestError(reason="neither record_id nor record_type is given")
    live = _live_grants(ctx, grant)
    if len(live) >= GRANTS_PER_SCOPE_MAX:  # [GRANTS.4]
        raise ScopeFullError(count=len(live))


def apply_grant(ctx: Context, msg: pb.MsgGrant) -> pb.MsgGrantResponse:
    """Write the grant and its place in the scope. Cost: 4 writes."""
    grant = _made(ctx, msg)
    grant.grant_id = next_grant_id(ctx)
    save_next_grant_id(ctx, grant.grant_id + 1)
    save_grant(ctx, grant)
    list_under_holder(ctx, grant)
    save_scope(ctx, scope_of(grant), [*_live_grants(ctx, grant), grant])
    ctx.emit(events.grant_given(grant))
    return pb.MsgGrantResponse(grant_id=grant.grant_id)


def check_withdraw_grant(ctx: Context, msg: pb.MsgWithdrawGrant) -> None:
    """Raise unless the signer may withdraw the grant.

    Raises:
        InvalidRequestError: the reason is malformed.
        GrantNotFoundError: there is no such grant.
        NotHolderError: it is another member's.
        WithdrawnError: it was withdrawn before.
    """
    check_text(msg.reason, "reason", TEXT_BYTES_MAX)
    grant = get_grant(ctx, msg.grant_id)
    _check_holder(ctx, msg.signer, grant.holder, f"grant {msg.grant_id}")  # [GRANTS.1]
    if grant.withdrawn:
        raise WithdrawnError(what=f"grant {msg.grant_id}")


def apply_withdraw_grant(
    ctx: Context, msg: pb.MsgWithdrawGrant
) -> pb.MsgWithdrawGrantResponse:
    """Write that the grant covers nothing any more. Cost: 2 writes."""
    grant = get_grant(ctx, msg.grant_id)
    grant.withdrawn = True  # [GRANTS.2]
    grant.withdrawn_reason = msg.reason
    save_grant(ctx, grant)
    save_scope(ctx, scope_of(grant), _live_grants(ctx, grant))
    ctx.emit(events.grant_withdrawn(grant))
    return pb.MsgWithdrawGrantResponse()


def check_record_consent(ctx: Context, msg: pb.MsgRecordConsent) -> None:
    """Raise unless the consent may be recorded.

    Raises:
        InvalidRequestError: a field is malformed.
        InvalidIdentifierError: the reader's channel id is malformed.
        NoMemberError: the signer acts for no member.
        GrantPastError: it would never be in force.
    """
    check_size(msg.subject, "subject", DIGEST_SIZE_BYTES)
    check_size(msg.evidence_digest, "evidence_digest", DIGEST_SIZE_BYTES)
    _check_terms(ctx, msg.reader, msg.purpose, msg.fields)
    _check_validity(ctx, msg.valid_from, msg.valid_until)
    get_member_id(ctx, msg.signer)


def apply_record_consent(
    ctx: Context, msg: pb.MsgRecordConsent
) -> pb.MsgRecordConsentResponse:
    """Write the consent. Cost: 2 writes."""
    consent = pb.Consent(
        consent_id=next_consent_id(ctx),
        recorder=get_member_id(ctx, msg.signer),
        subject=msg.subject,
        reader=msg.reader,
        purpose=msg.purpose,
        fields=msg.fields,
        valid_from=msg.valid_from,
        valid_until=msg.valid_until,
        evidence_digest=msg.evidence_digest,
    )
    save_next_consent_id(ctx, consent.consent_id + 1)
    save_consent(ctx, consent)
    ctx.emit(events.consent_recorded(consent))
    return pb.MsgRecordConsentResponse(consent_id=consent.consent_id)


def check_withdraw_consent(ctx: Context, msg: pb.MsgWithdrawConsent) -> None:
    """Raise unless the signer may withdraw the consent.

    Raises:
        InvalidRequestError: the reason is malformed.
        ConsentNotFoundError: there is no such consent.
        NotHolderError: another member recorded it.
        WithdrawnError: it was withdrawn before.
    """
    check_text(msg.reason, "reason", TEXT_BYTES_MAX)
    consent = get_consent(ctx, msg.consent_id)
    _check_holder(ctx, msg.signer, consent.recorder, f"consent {msg.consent_id}")
    if consent.withdrawn:
        raise WithdrawnError(what=f"consent {msg.consent_id}")


def apply_withdraw_consent(
    ctx: Context, msg: pb.MsgWithdrawConsent
) -> pb.MsgWithdrawConsentResponse:
    """Write that the consent covers nothing any more. Cost: 1 write."""
    consent = get_consent(ctx, msg.consent_id)
    consent.withdrawn = True  # [GRANTS.2]
    consent.withdrawn_reason = msg.reason
    save_consent(ctx, consent)
    ctx.emit(events.consent_withdrawn(consent))
    return pb.MsgWithdrawConsentResponse()


def _made(ctx: Context, msg: pb.MsgGrant) -> pb.Grant:
    return pb.Grant(
        holder=get_member_id(ctx, msg.signer),  # [GRANTS.1]
        reader=msg.reader,
        record_type=msg.record_type,
        record_id=msg.record_id,
        purpose=msg.purpose,
        fields=msg.fields,
        valid_from=msg.valid_from,
        valid_until=msg.valid_until,
        count_max=msg.count_max,
        consent_required=msg.consent_required,
    )


def _live_grants(ctx: Context, grant: pb.Grant) -> list[pb.Grant]:
    now_s = ctx.block.time_ns // NS_PER_SECOND
    known = grants_in_scope(ctx, scope_of(grant))
    return [other for other in known if is_live(other, now_s)]


def _check_terms(
    ctx: Context, reader: pb.Reader, purpose: str, fields: Sequence[str]
) -> None:
    check_name(reader.member_id, "reader.member_id")  # [GRANTS.3]
    if reader.channel_id:
        check_channel_id(reader.channel_id)
    check_name(purpose, "purpose")
    check_field_names(fields)


def _check_validity(ctx: Context, valid_from: int, valid_until: int) -> None:
    check_period(valid_from, valid_until)
    now_s = ctx.block.time_ns // NS_PER_SECOND
    if valid_until and valid_until <= now_s:
        raise GrantPastError(valid_until=valid_until, now=now_s)


def _check_record(ctx: Context, grant: pb.Grant) -> None:
    header = get_record(ctx, grant.holder, grant.record_id)
    if grant.record_type and grant.record_type != header.record_type:
        raise RecordTypeError(
            record_id=grant.record_id,
            expected=header.record_type,
            actual=grant.record_type,
        )
    for name in grant.fields:
        if name not in header.fields:
            raise FieldNotInRecordError(name=name, record_id=grant.record_id)


def _check_holder(ctx: Context, signer: str, holder: str, what: str) -> None:
    member_id = get_member_id(ctx, signer)
    if member_id != holder:
        raise NotHolderError(what=what, expected=holder, actual=member_id)
