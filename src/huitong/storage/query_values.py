"""Numbers and times in event queries, compared without floats.

CometBFT compares attribute values, which are texts, with numbers, dates and times. Here a
number is its digits, so that no length of it costs more than its text, and none is rounded.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Final

#: What a value may begin with to be compared as a number, such as ``6.5stake``.
_LEADING_NUMBER: Final = re.compile(r"(\d+)(?:\.(\d*))?", re.ASCII)
_WHOLE_NUMBER: Final = re.compile(r"(-?)(\d+)(?:\.(\d*))?", re.ASCII)
_FRACTION: Final = re.compile(r"\.(\d+)(?=Z|[+-])", re.ASCII)
#: Years that a query may name, as in CometBFT.
_YEARS: Final = range(1900, 3000)

Number = tuple[int, str, str]
"""Count of digits before the point, these digits, and those after it: sorts as it counts."""
Time = tuple[datetime, str]
"""The second in UTC, and the digits of its fraction."""

_DATE_LAYOUT: Final = (
    ("2006", r"\d{4}"),
    ("-", "-"),
    ("01", r"\d\d"),
    ("-", "-"),
    ("02", r"\d\d"),
)
_TIME_LAYOUT: Final = (
    *_DATE_LAYOUT,
    ("T", "T"),
    ("15", r"\d\d?"),
    (":", ":"),
    ("04", r"\d\d"),
    (":", ":"),
    ("05", r"\d\d"),
    ("Z07:00", r"Z|[+-]\d\d:\d\d"),
)
_LIMITS: Final = (
    ("month", 1, 12),
    ("day", 1, 31),
    ("hour", 0, 23),
    ("minute", 0, 59),
    ("second", 0, 59),
)
#: Below every number that a query can name: those are not negative.
_NEGATIVE: Final = (-1, "", "")


class TimeTextError(Exception):
    """A text is no date or time; the message is that of Go's ``time.Parse``."""


def leading_number(text: str) -> Number | None:
    """Return the number that a text begins with, or None."""
    found = _LEADING_NUMBER.match(text)
    return None if found is None else _number(found[1], found[2])


def whole_number(text: str) -> Number | None:
    """Return the number that a text is, or None; all negative ones are the same."""
    found = _WHOLE_NUMBER.fullmatch(text)
    if found is None:
        return None
    return _NEGATIVE if found[1] else _number(found[2], found[3])


def _number(digits: str, fraction: str | None) -> Number:
    bare = digits.lstrip("0")
    return len(bare), bare, (fraction or "").rstrip("0")


def parse_date(text: str) -> Time:
    """Return the start of the day ``yyyy-mm-dd``.

    Raises:
        TimeTextError: no such day.
    """
    return _parse(text, _DATE_LAYOUT), ""


def parse_time(text: str) -> Time:
    """Return the time of an RFC 3339 text, such as ``2013-05-03T14:45:00Z``.

    Raises:
        TimeTextError: no such time.
    """
    fraction = _FRACTION.search(text)
    if fraction is None:
        return _parse(text, _TIME_LAYOUT), ""
    bare = text[: fraction.start()] + text[fraction.end() :]
    return _parse(bare, _TIME_LAYOUT), fraction[1].rstrip("0")


def check_year(when: Time, what: str) -> None:
    """Raise unless a query may name a time of this year.

    Raises:
        TimeTextError: it may not.
    """
    year = when[0].year
    if year not in _YEARS:
        raise TimeTextError(f"{what} year {year} out of range")


def _parse(text: str, layout: tuple[tuple[str, str], ...]) -> datetime:
    parts, rest = [], text
    for name, pattern in layout:
        found = re.match(pattern, rest, re.ASCII)
        if found is None:
            whole = "".join(item for item, _ in layout)
            raise TimeTextError(
                f'parsing time "{text}" as "{whole}": cannot parse "{rest}" as "{name}"'
            )
        parts.append(found[0])
        rest = rest[found.end() :]
    if rest:
        raise TimeTextError(f'parsing time "{text}": extra text: "{rest}"')
    numbers = [int(part) for part in parts[::2] if part.isdigit()]
    offset = _offset(parts[-1]) if len(parts) > len(_DATE_LAYOUT) else timedelta()
    return _moment(text, numbers) - offset


def _moment(text: str, numbers: list[int]) -> datetime:
    for (name, lowest, highest), number in zip(_LIMITS, numbers[1:], strict=False):
        if not lowest <= number <= highest:
            raise TimeTextError(f'parsing time "{text}": {name} out of range')
    year, month, day, *clock = numbers
    hour, minute, second = clock or (0, 0, 0)
    try:
        # The years at the ends of the calendar become their neighbours, so that no
        # offset leads out of it.
        year = min(max(year, 2), 9998)
        return datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    except ValueError:
        raise TimeTextError(f'parsing time "{text}": day out of range') from None


def _offset(zone: str) -> timedelta:
    if zone == "Z":
        return timedelta()
    sign = -1 if zone[0] == "-" else 1
    return sign * timedelta(hours=int(zone[1:3]), minutes=int(zone[4:6]))
