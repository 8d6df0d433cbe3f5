"""Refusals of the module ``records``, codespace ``records``.

What can never be right in a message is ``sdk`` 18.
"""

from __future__ import annotations

from huitong.core.errors import RejectedError


class RecordNotFoundError(
    RejectedError, codespace="records", code=2, text="no record {record_id} of {issuer}"
):
    """The issuer has published no record of this id."""


class RecordExistsError(
    RejectedError,
    codespace="records",
    code=3,
    text="record {record_id} of {issuer} exists already, at version {version}",
):
    """The id is taken; a change is a new version."""


class StaleVersionError(
    RejectedError,
    codespace="records",
    code=4,
    text="version {actual} is to be replaced, but the head is version {expected}",
):
    """Somebody published a version in between."""


class RecordStatusError(
    RejectedError,
    codespace="records",
    code=5,
    text="record {record_id} of {issuer} is {status}, which does not allow {wanted}",
):
    """Revocation is final, and a change must change something."""


class VersionNotFoundError(
    RejectedError,
    codespace="records",
    code=6,
    text="record {record_id} of {issuer} has no version {version}",
):
    """No such version was published."""
