"""Consents of data subjects: captured or signed, replaced, withdrawn.

Rules: [CONSENTS.1] what a subject has signed is replaced only by what it signs;
[CONSENTS.2] a signed statement is used once, on one zone, soon after it was signed;
[CONSENTS.3] withdrawal is final, acts at once, and ends the grants that hang on the
consent; [CONSENTS.4] the recorder or the subject withdraws, nobody else. Who brings what a
subject has signed does not matter: any account may.
"""

from __future__ import annotations

from typing import Final

from huitong.core.context import Context
from huitong.core.errors import InvalidRequestError
from huitong.core.fields import DIGEST_SIZE_BYTES, check_name, check_size, check_text
from huitong.core.hashing import sha256
from huitong.core.limits import CONSENT_VERSIONS_MAX, TEXT_BYTES_MAX
from huitong.modules.grants import events
from huitong.modules.grants.errors import (
    ConsentSignedError,
    ConsentSubjectError,
    ConsentVersionError,
    WithdrawnError,
)
from huitong.modules.grants.handlers import (
    check_holder,
    check_terms,
    check_validity,
    live_grants_on_consent,
    stop_grant,
)
from huitong.modules.grants.state import (
    get_consent,
    list_under_subject,
    next_consent_id,
    save_consent,
    save_grants_on_consent,
    save_next_consent_id,
    save_old_consent,
    save_statement,
)
from huitong.modules.grants.statements import (
    check_signature_form,
    check_signed,
    check_statement_time,
    check_unused,
    consent_statement,
    withdrawal_statement,
)
from huitong.modules.members.state import get_active_member, get_member_id
from huitong.proto.huitong.grants.v1 import grants_pb2 as pb

#: Why a grant ended whose consent was withdrawn.
_CONSENT_WITHDRAWN: Final = "consent-withdrawn"


def check_record_consent(ctx: Context, msg: pb.MsgRecordConsent) -> None:
    """Raise unless the signer's member may record what a subject signed on paper.

    Raises:
        InvalidRequestError: a field is malformed.
        InvalidIdentifierError: the reader's channel id is malformed.
        NoMemberError: the signer acts for no member.
        GrantPastError: it would never be in force.
        ConsentNotFoundError, WithdrawnError, ConsentSubjectError, ConsentVersionError,
        ConsentSignedError: it does not replace what it says that it does.
    """
    check_size(msg.subject, "subject", DIGEST_SIZE_BYTES)
    check_size(msg.evidence_digest, "evidence_digest", DIGEST_SIZE_BYTES)
    check_terms(msg.reader, msg.purpose, msg.fields)
    check_validity(ctx, msg.valid_from, msg.valid_until)
    recorder = get_member_id(ctx, msg.signer)
    known = _check_replaced(ctx, msg, recorder)
    if known is not None and known.HasField("signature"):  # [CONSENTS.1]
        raise ConsentSignedError(consent_id=msg.consent_id)


def apply_record_consent(
    ctx: Context, msg: pb.MsgRecordConsent
) -> pb.MsgRecordConsentResponse:
    """Write the consent. Cost: 3 writes."""
    consent = _consent(ctx, msg, recorder=get_member_id(ctx, msg.signer))
    consent.evidence_digest = msg.evidence_digest
    _write(ctx, consent)
    return pb.MsgRecordConsentResponse(
        consent_id=consent.consent_id, version=consent.version
    )


def check_submit_consent(ctx: Context, msg: pb.MsgSubmitConsent) -> None:
    """Raise unless the subject has signed this lately and for the first time.

    Raises:
        InvalidRequestError: a field is malformed.
        InvalidIdentifierError: the reader's channel id is malformed.
        MemberNotFoundError, MemberNotActiveError: there is no such issuer.
        GrantPastError: it would never be in force.
        ConsentNotFoundError, WithdrawnError, ConsentSubjectError, ConsentVersionError: it
            does not replace what it says that it does.
        StatementTimeError, StatementUsedError: it is old, ahead, or was used.
        PseudonymError, SubjectSignatureError: the subject has not signed it.
    """
    check_size(msg.subject, "subject", DIGEST_SIZE_BYTES)
    check_name(msg.recorder, "recorder")
    check_signature_form(msg.signature)
    check_terms(msg.reader, msg.purpose, msg.fields)
    check_validity(ctx, msg.valid_from, msg.valid_until)
    get_active_member(ctx, msg.recorder)
    _check_replaced(ctx, msg, msg.recorder)
    check_statement_time(ctx, msg.signed_time)  # [CONSENTS.2]
    statement = consent_statement(ctx.block.chain_id, msg)
    check_unused(ctx, statement)
    check_signed(ctx, msg.subject, statement, msg.signature)


def apply_submit_consent(
    ctx: Context, msg: pb.MsgSubmitConsent
) -> pb.MsgSubmitConsentResponse:
    """Write the consent and that its statement is used. Cost: 4 writes."""
    consent = _consent(ctx, msg, recorder=msg.recorder)
    consent.evidence_digest = sha256(consent_statement(ctx.block.chain_id, msg))
    consent.signed_time = msg.signed_time
    consent.signature.CopyFrom(msg.signature)
    _write(ctx, consent)
    save_statement(ctx, consent.evidence_digest, consent.consent_id)
    return pb.MsgSubmitConsentResponse(
        consent_id=consent.consent_id, version=consent.version
    )


def check_withdraw_consent(ctx: Context, msg: pb.MsgWithdrawConsent) -> None:
    """Raise unless the signer may withdraw the consent.

    Raises:
        InvalidRequestError: the reason is malformed.
        ConsentNotFoundError: there is no such consent.
        NotHolderError: it is about another member's records.
        WithdrawnError: it was withdrawn before.
    """
    check_text(msg.reason, "reason", TEXT_BYTES_MAX)
    consent = get_consent(ctx, msg.consent_id)
    what = f"consent {msg.consent_id}"
    check_holder(ctx, msg.signer, consent.recorder, what)  # [CONSENTS.4]
    if consent.withdrawn:
        raise WithdrawnError(what=what)


def apply_withdraw_consent(
    ctx: Context, msg: pb.MsgWithdrawConsent
) -> pb.MsgWithdrawConsentResponse:
    """Write that the consent covers nothing any more, nor what hangs on it.

    Cost: 1 write, and 2 for each grant.
    """
    _withdraw(ctx, get_consent(ctx, msg.consent_id), msg.reason)
    return pb.MsgWithdrawConsentResponse()


def check_submit_withdrawal(ctx: Context, msg: pb.MsgSubmitWithdrawal) -> None:
    """Raise unless the subject has signed that it withdraws.

    However a consent came about, the key in its pseudonym withdraws it. A withdrawal does
    not grow old: a subject that said no is not asked when.

    Raises:
        InvalidRequestError: a field is malformed.
        ConsentNotFoundError: there is no such consent.
        WithdrawnError: it was withdrawn before.
        PseudonymError, SubjectSignatureError: the subject has not signed it.
    """
    check_text(msg.reason, "reason", TEXT_BYTES_MAX)
    check_signature_form(msg.signature)
    if msg.signed_time < 0:
        raise InvalidRequestError(reason=f"signed_time {msg.signed_time} is negative")
    consent = get_consent(ctx, msg.consent_id)
    if consent.withdrawn:
        raise WithdrawnError(what=f"consent {msg.consent_id}")
    statement = withdrawal_statement(
        ctx.block.chain_id, msg.consent_id, msg.reason, msg.signed_time
    )
    check_signed(ctx, consent.subject, statement, msg.signature)


def apply_submit_withdrawal(
    ctx: Context, msg: pb.MsgSubmitWithdrawal
) -> pb.MsgSubmitWithdrawalResponse:
    """Write that the consent covers nothing any more, nor what hangs on it.

    Cost: 1 write, and 2 for each grant.
    """
    consent = get_consent(ctx, msg.consent_id)
    consent.withdrawal.CopyFrom(msg.signature)
    consent.withdrawal_signed_time = msg.signed_time
    _withdraw(ctx, consent, msg.reason)
    return pb.MsgSubmitWithdrawalResponse()


def _check_replaced(
    ctx: Context, msg: pb.MsgRecordConsent | pb.MsgSubmitConsent, recorder: str
) -> pb.Consent | None:
    """Check what a new version replaces, and return it; None for a new consent."""
    if not msg.consent_id:
        if msg.previous_version:
            raise InvalidRequestError(reason="previous_version without consent_id")
        return None
    known = get_consent(ctx, msg.consent_id)
    if known.withdrawn:
        raise WithdrawnError(what=f"consent {msg.consent_id}")
    if (known.subject, known.recorder) != (msg.subject, recorder):
        raise ConsentSubjectError(consent_id=msg.consent_id)
    if (
        msg.previous_version != known.version
        or msg.previous_version >= CONSENT_VERSIONS_MAX
    ):
        raise ConsentVersionError(
            consent_id=msg.consent_id,
            expected=known.version,
            actual=msg.previous_version,
        )
    return known


def _consent(
    ctx: Context, msg: pb.MsgRecordConsent | pb.MsgSubmitConsent, *, recorder: str
) -> pb.Consent:
    return pb.Consent(
        consent_id=msg.consent_id or next_consent_id(ctx),
        version=msg.previous_version + 1,
        recorder=recorder,
        subject=msg.subject,
        reader=msg.reader,
        purpose=msg.purpose,
        fields=msg.fields,
        valid_from=msg.valid_from,
        valid_until=msg.valid_until,
        recorded_height=ctx.block.height.revision_height,
        recorded_time=ctx.block.time_ns,
    )


def _write(ctx: Context, consent: pb.Consent) -> None:
    if consent.version == 1:
        save_next_consent_id(ctx, consent.consent_id + 1)
        list_under_subject(ctx, consent)
    else:
        save_old_consent(ctx, get_consent(ctx, consent.consent_id))
    save_consent(ctx, consent)
    ctx.emit(events.consent_recorded(consent))


def _withdraw(ctx: Context, consent: pb.Consent, reason: str) -> None:
    consent.withdrawn = True  # [CONSENTS.3]
    consent.withdrawn_reason = reason
    consent.withdrawn_height = ctx.block.height.revision_height
    consent.withdrawn_time = ctx.block.time_ns
    save_consent(ctx, consent)
    hanging = live_grants_on_consent(ctx, consent.consent_id)
    for grant in hanging:
        stop_grant(ctx, grant, _CONSENT_WITHDRAWN)
    if hanging:
        save_grants_on_consent(ctx, consent.consent_id, ())
    ctx.emit(events.consent_withdrawn(consent, grants_ended=len(hanging)))
