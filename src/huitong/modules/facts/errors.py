"""Refusals of the module ``facts``, codespace ``facts``.

What can never be right in a message is ``sdk`` 18. What a light client or a proof is
refused for keeps the codes of ``client``, ``ibc``, ``commitment`` and their like.
"""

from __future__ import annotations

from huitong.core.errors import RejectedError


class FactNotFoundError(
    RejectedError,
    codespace="facts",
    code=2,
    text="no fact {fact_id}",
    next_step="Import it: `huitong tx fact import`.",
):
    """Nobody has proven this value to the zone."""


class FactNotNewerError(
    RejectedError,
    codespace="facts",
    code=3,
    text="fact {fact_id} is known as of height {known}; {actual} is not newer",
):
    """A fact is never replaced by an older or equally old state of its source."""


class FactExpiredError(
    RejectedError,
    codespace="facts",
    code=4,
    text="fact {fact_id} expired at {valid_until}, it is {now}",
    next_step="Refresh it: `huitong tx fact refresh`.",
):
    """The proof is too old for the zone's rules of facts."""


class FactTooOldError(
    RejectedError,
    codespace="facts",
    code=5,
    text="fact {fact_id} is {age} s old, the rule allows {age_max}",
    next_step="Refresh it: `huitong tx fact refresh`.",
):
    """The rule at hand asks for a younger proof."""


class FactSourceNotActiveError(
    RejectedError,
    codespace="facts",
    code=6,
    text="fact {fact_id}: its light client {client_id} is {status}",
    next_step="Expired: members recover the client by vote. Frozen: find out first which "
    "of two histories of the other zone is right.",
):
    """Nothing that a frozen or expired client once vouched for may be used."""


class FactNotTrustedError(
    RejectedError,
    codespace="facts",
    code=7,
    text="fact {fact_id} was proven at {height}, and client {client_id} was recovered "
    "since: nothing up to {floor} is trusted",
    next_step="Refresh it: `huitong tx fact refresh`.",
):
    """A recovery took back all trust in what the client knew before."""


class FactAbsentError(
    RejectedError,
    codespace="facts",
    code=8,
    text="fact {fact_id}: nothing stood there at {height}",
):
    """It is proven that the source holds nothing under the key."""


class FactRevokedError(
    RejectedError,
    codespace="facts",
    code=9,
    text="fact {fact_id}: record {record_id} of {issuer} is revoked",
):
    """It is proven that the issuer revoked the record."""


class FactSuspendedError(
    RejectedError,
    codespace="facts",
    code=10,
    text="fact {fact_id}: record {record_id} of {issuer} is suspended",
):
    """It is proven that the issuer suspended the record."""


class FactNotRecordError(
    RejectedError,
    codespace="facts",
    code=11,
    text="fact {fact_id} is no record's header",
):
    """The value under the key of a record cannot be read as one."""


class FactPeriodError(
    RejectedError,
    codespace="facts",
    code=12,
    text="fact {fact_id}: the record is valid from {valid_from} until {valid_until}, it is "
    "{now}",
):
    """The record's own validity has not begun, or has ended."""


class FactPresentError(
    RejectedError,
    codespace="facts",
    code=13,
    text="fact {fact_id}: a value stood there at {height}",
):
    """A rule needs that nothing stands there."""


class FactParamsError(
    RejectedError,
    codespace="facts",
    code=14,
    text="term {actual}: expected {minimum} to {maximum} seconds",
):
    """No zone works by such rules of facts."""


class FactPastError(
    RejectedError,
    codespace="facts",
    code=15,
    text="a proof of {source_time} would have expired at {valid_until}, it is {now}",
    next_step="Take a newer proof.",
):
    """The proof is so old that the fact would never be usable."""
