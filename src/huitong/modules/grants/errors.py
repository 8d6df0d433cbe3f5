"""Refusals of the module ``grants``, codespace ``grants``.

What can never be right in a message is ``sdk`` 18.
"""

from __future__ import annotations

from huitong.core.errors import RejectedError


class GrantNotFoundError(
    RejectedError, codespace="grants", code=2, text="no grant {grant_id}"
):
    """No grant has this id."""


class ConsentNotFoundError(
    RejectedError, codespace="grants", code=3, text="no consent {consent_id}"
):
    """No consent has this id."""


class NotHolderError(
    RejectedError,
    codespace="grants",
    code=4,
    text="{what} belongs to {expected}, not to {actual}",
):
    """Only who gave a grant, or recorded a consent, can withdraw it."""


class WithdrawnError(
    RejectedError, codespace="grants", code=5, text="{what} was withdrawn before"
):
    """Withdrawal is final."""


class GrantPastError(
    RejectedError,
    codespace="grants",
    code=6,
    text="validity until {valid_until} is past at {now}",
):
    """What would never be in force is not recorded."""


class ScopeFullError(
    RejectedError,
    codespace="grants",
    code=7,
    text="{count} grants to this reader for this purpose and record are in force; "
    "withdraw one first",
):
    """A decision looks at each grant of a scope, so their number is bounded."""


class FieldNotInRecordError(
    RejectedError,
    codespace="grants",
    code=8,
    text="field {name} is not in record {record_id}",
):
    """A grant for one record names only fields that it has."""


class RecordTypeError(
    RejectedError,
    codespace="grants",
    code=9,
    text="record {record_id} is of type {expected}, not {actual}",
):
    """The type given beside a record is not the record's."""


class GrantNotUsableError(
    RejectedError, codespace="grants", code=10, text="grant {grant_id} {reason}"
):
    """The grant is withdrawn or used up."""


class ConsentNotUsableError(
    RejectedError, codespace="grants", code=11, text="consent {consent_id} {reason}"
):
    """The consent does not cover what is asked for."""


class ConsentVersionError(
    RejectedError,
    codespace="grants",
    code=12,
    text="version {actual} of consent {consent_id} is to be replaced, but the newest is "
    "version {expected}",
):
    """Another version came in between, or a consent has as many as one may have."""


class ConsentSubjectError(
    RejectedError,
    codespace="grants",
    code=13,
    text="consent {consent_id} is of another subject or issuer",
):
    """A new version is of the same subject and about the same issuer's records."""


class PseudonymError(
    RejectedError,
    codespace="grants",
    code=14,
    text="the pseudonym {subject} is not the hash of this salt and key",
    next_step="Only a pseudonym that was made from the subject's key can sign for itself; "
    "see `huitong tx consent pseudonym`.",
):
    """The key that signed is not the subject's."""


class SubjectSignatureError(
    RejectedError,
    codespace="grants",
    code=15,
    text="the key did not sign this statement, whose SHA-256 is {digest}",
):
    """Other words were signed, or by another key."""


class StatementUsedError(
    RejectedError,
    codespace="grants",
    code=16,
    text="this statement was used for consent {consent_id}",
):
    """Whoever has seen a signed consent cannot bring it again after its withdrawal."""


class StatementTimeError(
    RejectedError,
    codespace="grants",
    code=17,
    text="signed at {signed_time}, but it is {now}; a statement is brought within "
    "{age_max} s",
):
    """A consent that lay about for long, or of a clock that is ahead."""


class ConsentFullError(
    RejectedError,
    codespace="grants",
    code=18,
    text="{count} grants hang on consent {consent_id}; withdraw one first",
):
    """A withdrawal stops all grants in its block, so their number is bounded."""


class ConsentSignedError(
    RejectedError,
    codespace="grants",
    code=19,
    text="consent {consent_id} is signed by its subject",
    next_step="Let the subject sign the new version: `huitong tx consent sign`.",
):
    """What a subject has signed is replaced by what it signs, not by an officer's word."""
