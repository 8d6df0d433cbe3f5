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
