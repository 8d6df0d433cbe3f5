"""Give and withdraw grants.

Rules: [GRANTS.1] a grant is the holder's, and the holder is the signer's member;
[GRANTS.2] withdrawal acts at once and is final; [GRANTS.3] the reader is a member behind
a channel, never a name in a packet alone; [GRANTS.4] live grants of a scope are bounded;
[GRANTS.5] a grant that hangs on a consent ends with it. Consents: see ``consents``.
"""

from __future__ import annotations

from collections.abc import Sequence

from huitong.core.context import Context
from huitong.core.errors import InvalidRequestError
from huitong.core.fields import (
    check_field_names,
    check_name,
    check_period,
    check_record_id,
    check_text,
)
from huitong.core.grades import check_grade_min
from huitong.core.ids import check_channel_id
from huitong.core.limits import (
    GRANTS_PER_CONSENT_MAX,
    GRANTS_PER_SCOPE_MAX,
    KEEPING_S_MAX,
    TEXT_BYTES_MAX,
)
from huitong.core.time import NS_PER_SECOND
from huitong.modules.grants import events
from huitong.modules.grants.coverage import is_live
from huitong.modules.grants.errors import (
    ConsentFullError,
    ConsentNotUsableError,
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
    grants_on_consent,
    list_under_holder,
    next_grant_id,
    save_grant,
    save_grants_on_consent,
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
        ConsentNotFoundError: there is no such consent.
        ConsentNotUsableError: it does not allow what the grant allows.
        ScopeFullError: too many live grants in this scope.
        ConsentFullError: too many live grants hang on this consent.
    """
    check_terms(msg.reader, msg.purpose, msg.fields)
    check_validity(ctx, msg.valid_from, msg.valid_until)
    check_conditions(msg)
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
    if msg.consent_id:
        _check_consent(ctx, grant)  # [GRANTS.5]


def apply_grant(ctx: Context, msg: pb.MsgGrant) -> pb.MsgGrantResponse:
    """Write the grant and its place in the scope. Cost: 4 or 5 writes."""
    grant = _made(ctx, msg)
    grant.grant_id = next_grant_id(ctx)
    save_next_grant_id(ctx, grant.grant_id + 1)
    save_grant(ctx, grant)
    list_under_holder(ctx, grant)
    save_scope(ctx, scope_of(grant), [*_live_grants(ctx, grant), grant])
    if grant.consent_id:
        hanging = [*live_grants_on_consent(ctx, grant.consent_id), grant]
        save_grants_on_consent(ctx, grant.consent_id, hanging)
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
    check_holder(ctx, msg.signer, grant.holder, f"grant {msg.grant_id}")  # [GRANTS.1]
    if grant.withdrawn:
        raise WithdrawnError(what=f"grant {msg.grant_id}")


def apply_withdraw_grant(
    ctx: Context, msg: pb.MsgWithdrawGrant
) -> pb.MsgWithdrawGrantResponse:
    """Write that the grant covers nothing any more. Cost: 2 or 3 writes."""
    grant = get_grant(ctx, msg.grant_id)
    stop_grant(ctx, grant, msg.reason)
    if grant.consent_id:
        hanging = live_grants_on_consent(ctx, grant.consent_id)
        save_grants_on_consent(ctx, grant.consent_id, hanging)
    return pb.MsgWithdrawGrantResponse()


def stop_grant(ctx: Context, grant: pb.Grant, reason: str) -> None:
    """Write that a grant covers nothing from now on. Cost: 2 writes."""
    grant.withdrawn = True  # [GRANTS.2]
    grant.withdrawn_reason = reason
    save_grant(ctx, grant)
    save_scope(ctx, scope_of(grant), _live_grants(ctx, grant))
    ctx.emit(events.grant_withdrawn(grant))


def live_grants_on_consent(ctx: Context, consent_id: int) -> list[pb.Grant]:
    """Return the live grants that hang on a consent, by ascending id."""
    now_s = ctx.block.time_ns // NS_PER_SECOND
    hanging = grants_on_consent(ctx, consent_id)
    return [grant for grant in hanging if is_live(grant, now_s)]


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
        legal_basis=msg.legal_basis,
        term_max=msg.term_max,
        grade_min=msg.grade_min,
        consent_id=msg.consent_id,
    )


def _live_grants(ctx: Context, grant: pb.Grant) -> list[pb.Grant]:
    now_s = ctx.block.time_ns // NS_PER_SECOND
    known = grants_in_scope(ctx, scope_of(grant))
    return [other for other in known if is_live(other, now_s)]


def check_conditions(grant: pb.Grant | pb.MsgGrant) -> None:
    """Check the form of what a grant asks of a request.

    Raises:
        InvalidRequestError: legal basis, term or grade is malformed.
    """
    check_text(grant.legal_basis, "legal_basis", TEXT_BYTES_MAX)
    check_grade_min(grant.grade_min)
    if grant.term_max > KEEPING_S_MAX:
        raise InvalidRequestError(
            reason=f"term_max {grant.term_max}, at most {KEEPING_S_MAX}"
        )


def check_terms(reader: pb.Reader, purpose: str, fields: Sequence[str]) -> None:
    """Check the form of what grants and consents have in common.

    Raises:
        InvalidRequestError: a name is malformed.
        InvalidIdentifierError: the reader's channel id is malformed.
    """
    check_name(reader.member_id, "reader.member_id")  # [GRANTS.3]
    if reader.channel_id:
        check_channel_id(reader.channel_id)
    check_name(purpose, "purpose")
    check_field_names(fields)


def check_validity(ctx: Context, valid_from: int, valid_until: int) -> None:
    """Check that a period is one and is not over.

    Raises:
        InvalidRequestError: it is none.
        GrantPastError: it is over.
    """
    check_period(valid_from, valid_until)
    now_s = ctx.block.time_ns // NS_PER_SECOND
    if valid_until and valid_until <= now_s:
        raise GrantPastError(valid_until=valid_until, now=now_s)


def check_holder(ctx: Context, signer: str, holder: str, what: str) -> None:
    """Check that an account acts for a member.

    Raises:
        NoMemberError: it acts for none.
        NotHolderError: it acts for another one.
    """
    member_id = get_member_id(ctx, signer)
    if member_id != holder:
        raise NotHolderError(what=what, expected=holder, actual=member_id)


def _check_consent(ctx: Context, grant: pb.Grant) -> None:
    consent = get_consent(ctx, grant.consent_id)
    reason = ""
    if consent.withdrawn:
        reason = "is withdrawn"
    elif consent.recorder != grant.holder:
        reason = "is not about records of this issuer"
    elif (consent.reader, consent.purpose) != (grant.reader, grant.purpose):
        reason = "is for another reader or purpose"
    if reason:
        raise ConsentNotUsableError(consent_id=grant.consent_id, reason=reason)
    count = len(live_grants_on_consent(ctx, grant.consent_id))
    if count >= GRANTS_PER_CONSENT_MAX:
        raise ConsentFullError(count=count, consent_id=grant.consent_id)


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
