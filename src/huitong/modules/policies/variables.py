"""What the conditions of a policy may name.

The bounds are those of the messages that the values come from, so that the cost that is
told when a policy is set holds for every request.
"""

from __future__ import annotations

from typing import Final

from huitong.core.cel import Kind, Variable
from huitong.core.limits import (
    FIELD_NAME_BYTES_MAX,
    FIELDS_MAX,
    NAME_CHARACTERS_MAX,
    RECORD_ID_CHARACTERS_MAX,
    TEXT_BYTES_MAX,
)


def _text(meaning: str, length_max: int = NAME_CHARACTERS_MAX) -> Variable:
    return Variable(kind=Kind.STRING, meaning=meaning, length_max=length_max)


def _number(meaning: str, *, optional: bool = False) -> Variable:
    return Variable(kind=Kind.INT, meaning=meaning, optional=optional)


def _flag(meaning: str, *, optional: bool = False) -> Variable:
    return Variable(kind=Kind.BOOL, meaning=meaning, optional=optional)


def _names(meaning: str, *, optional: bool = False) -> Variable:
    return Variable(
        kind=Kind.STRINGS,
        meaning=meaning,
        count_max=FIELDS_MAX,
        length_max=FIELD_NAME_BYTES_MAX,
        optional=optional,
    )


#: Every variable; times are seconds since the epoch, UTC.
VARIABLES: Final = {
    "now": _number("Time of the block."),
    "request.purpose": _text("What the data is for."),
    "request.legal_basis": _text("As the request names it, or empty.", TEXT_BYTES_MAX),
    "request.fields": _names("Fields that would be given: those asked for, or all."),
    "request.level": _number("Highest level among these fields."),
    "request.term_until": _number("How long the reader means to keep it; 0: once."),
    "request.requester": _text("Member id of the reader, on its zone."),
    "request.channel": _text("Channel of this zone to the reader's."),
    "request.client": _text("Light client that vouches for the reader's zone."),
    "request.emergency": _flag("Whether the reader says that it is one."),
    "record.id": _text("As the issuer calls it.", RECORD_ID_CHARACTERS_MAX),
    "record.type": _text("Type of the record."),
    "record.issuer": _text("Member id of the issuer."),
    "record.version": _number("Version that would be given."),
    "record.level": _number("Level of the record, 1 to 4."),
    "record.share_class": _text("`open` or `conditional`."),
    "record.status": _text("`active`; others are refused before."),
    "record.fields": _names("All fields of the record."),
    "record.field_levels": Variable(
        kind=Kind.INTS, meaning="Level of each of them.", count_max=FIELDS_MAX
    ),
    "record.has_subject": _flag("Whether it is about a data subject."),
    "consent.present": _flag("Whether a consent that is in force covers the request."),
    "consent.fields": _names(
        "Fields that it allows; absent without one.", optional=True
    ),
    "consent.until": _number(
        "When it ends; absent without one or without an end.", optional=True
    ),
    "consent.signed": _flag(
        "Whether the subject's own key signed it; absent without one.", optional=True
    ),
    "grant.present": _flag("Whether a grant covers the request."),
    "grant.count_left": _number(
        "Uses that are left; absent without a grant or without a bound.", optional=True
    ),
    "grant.until": _number(
        "When it ends; absent without one or without an end.", optional=True
    ),
}
