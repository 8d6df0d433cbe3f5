"""Kinds of values in bodies and answers: names, digests, times, pages.

Whole numbers and booleans are taken as JSON has them, never from texts. Times are texts of
RFC 3339; inside they are nanoseconds, or seconds where the chain counts seconds.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Generic, Literal, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    Strict,
    StringConstraints,
    WithJsonSchema,
)

from huitong.core.errors import HuitongError
from huitong.core.fields import check_text
from huitong.core.limits import (
    FIELD_NAME_BYTES_MAX,
    FIELDS_MAX,
    INT64_MAX,
    NAME_CHARACTERS_MAX,
    RECORD_ID_CHARACTERS_MAX,
    TEXT_BYTES_MAX,
    TITLE_BYTES_MAX,
)
from huitong.core.time import NS_PER_SECOND, format_rfc3339, parse_rfc3339

ItemT = TypeVar("ItemT")

#: Seconds for which a call may wait for what it began.
WAIT_S_MAX: Final = 60
#: A number that JavaScript holds exactly; ids and counts stay below.
COUNT_MAX: Final = 2**53 - 1
_TIME_EXAMPLE: Final = "2026-03-18T09:30:00Z"
_NAME: Final = rf"^[a-z0-9]([a-z0-9._-]{{0,{NAME_CHARACTERS_MAX - 2}}}[a-z0-9])?$"
_RECORD_ID: Final = (
    rf"^[A-Za-z0-9][A-Za-z0-9._:+-]{{0,{RECORD_ID_CHARACTERS_MAX - 1}}}$"
)
_CHANNEL_ID: Final = r"^channel-(0|[1-9][0-9]{0,18})$"
_CHAIN_ID: Final = r"^[A-Za-z0-9][A-Za-z0-9-]{0,49}$"


class Body(BaseModel):
    """The body of a request: unknown members are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class View(BaseModel):
    """An answer, or a part of one."""

    model_config = ConfigDict(frozen=True)


class Page(View, Generic[ItemT]):
    """A part of a list."""

    items: list[ItemT] = Field(description="In the order of the list.")
    next: str | None = Field(
        default=None, description="Give it as `after` to go on; null at the end."
    )


def _read_seconds(given: Any) -> int:
    if not isinstance(given, str):
        raise ValueError("a time of RFC 3339 is a text")
    try:
        return parse_rfc3339(given) // NS_PER_SECOND
    except HuitongError as error:
        raise ValueError(str(error.fields["reason"])) from None


def _check_line(size_bytes_max: int) -> AfterValidator:
    def check(text: str) -> str:
        try:
            check_text(text, "it", size_bytes_max)
        except HuitongError as error:
            raise ValueError(str(error.fields["reason"])) from None
        return text

    return AfterValidator(check)


_TIME_SCHEMA: Final = WithJsonSchema(
    {"type": "string", "format": "date-time", "examples": [_TIME_EXAMPLE]}
)
TimeNs = Annotated[int, PlainSerializer(format_rfc3339), _TIME_SCHEMA]
"""A point in time of an answer; inside in nanoseconds since the epoch."""
Seconds = Annotated[
    int,
    PlainSerializer(lambda seconds: format_rfc3339(seconds * NS_PER_SECOND)),
    _TIME_SCHEMA,
]
"""A point in time of an answer; inside in seconds since the epoch, as the chain counts."""
GivenSeconds = Annotated[
    int,
    BeforeValidator(_read_seconds),
    Field(ge=0, le=INT64_MAX // NS_PER_SECOND),
    _TIME_SCHEMA,
]
"""A point in time of a body; inside in seconds since the epoch, as the chain counts."""
Flag = Annotated[bool, Strict()]
"""true or false."""
Count = Annotated[int, Strict(), Field(ge=0, le=COUNT_MAX)]
"""A whole number from 0 on."""
Number = Annotated[int, Strict(), Field(ge=1, le=COUNT_MAX)]
"""A whole number from 1 on: a version, a sequence, the id of a grant."""
Level = Annotated[int, Strict(), Field(ge=1, le=4)]
"""Data level, 1 (open) to 4 (most sensitive)."""
MemberId = Annotated[
    str, StringConstraints(pattern=_NAME), Field(examples=["hz-tax-bureau"])
]
"""Id of a member in its zone."""
RecordType = Annotated[
    str, StringConstraints(pattern=_NAME), Field(examples=["tax.invoice"])
]
"""Type of a record."""
Purpose = Annotated[
    str, StringConstraints(pattern=_NAME), Field(examples=["receivable-financing"])
]
"""What data are for."""
RecordId = Annotated[
    str,
    StringConstraints(pattern=_RECORD_ID),
    Field(examples=["INV-26332000000018046271"]),
]
"""Id that an issuer gave a record."""
ChannelId = Annotated[
    str, StringConstraints(pattern=_CHANNEL_ID), Field(examples=["channel-0"])
]
"""End of a channel on the member's own zone."""
ChainId = Annotated[
    str, StringConstraints(pattern=_CHAIN_ID), Field(examples=["hangzhou-1"])
]
"""Chain id of a zone."""
Hex32 = Annotated[
    str, StringConstraints(pattern=r"^[0-9a-f]{64}$"), Field(examples=["5e" * 32])
]
"""32 bytes as 64 hexadecimal digits, lower case."""
Line = Annotated[
    str, StringConstraints(max_length=TEXT_BYTES_MAX), _check_line(TEXT_BYTES_MAX)
]
"""One line of text for people."""
Title = Annotated[
    str, StringConstraints(max_length=TITLE_BYTES_MAX), _check_line(TITLE_BYTES_MAX)
]
"""A short line of text for people."""
FieldName = Annotated[
    str,
    StringConstraints(min_length=1, max_length=FIELD_NAME_BYTES_MAX),
    _check_line(FIELD_NAME_BYTES_MAX),
]
"""Name of a field of a record."""


def _check_distinct(names: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(names)) < len(names):
        raise ValueError("a name stands there twice")
    return tuple(sorted(names))


FieldNames = Annotated[
    tuple[FieldName, ...],
    Field(
        max_length=FIELDS_MAX,
        json_schema_extra={"uniqueItems": True},
        examples=[["number", "total"]],
    ),
    AfterValidator(_check_distinct),
]
"""Names of fields, each once, in any order."""
RecordStatus = Literal[
    "active", "suspended", "revoked", "superseded", "in-hand-over", "handed-over"
]
"""Status of a record; one in hand-over is locked, one that is handed over lives elsewhere."""
Grade = Literal["proven", "attested", "signed", "unverified"]
"""How well an answer is proven."""
