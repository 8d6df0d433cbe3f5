"""Points in time and spans, as integer nanoseconds; no clock is read here.

A point is counted from 1970-01-01T00:00:00 UTC and lies within the years 1 to 9999, the
range of protobuf's ``Timestamp``. Go's zero time, which CometBFT writes for an absent
vote, is the first of these points.
"""

from __future__ import annotations

import re
from typing import Final, TypeAlias

from huitong.core.errors import RejectedError
from huitong.proto.google.protobuf.duration_pb2 import Duration
from huitong.proto.google.protobuf.timestamp_pb2 import Timestamp

#: Nanoseconds since 1970-01-01T00:00:00 UTC.
TimeNs: TypeAlias = int
#: A span of time in nanoseconds.
DurationNs: TypeAlias = int

NS_PER_SECOND: Final = 1_000_000_000
SECONDS_PER_DAY: Final = 86_400
#: 0001-01-01T00:00:00Z, the zero value of Go's ``time.Time``.
GO_ZERO_TIME_NS: Final = -62_135_596_800 * NS_PER_SECOND
#: 9999-12-31T23:59:59.999999999Z.
TIME_NS_MAX: Final = 253_402_300_800 * NS_PER_SECOND - 1
#: Largest span of protobuf's ``Duration``: 10,000 years.
DURATION_NS_MAX: Final = 315_576_000_000 * NS_PER_SECOND

#: Days of 400 years of the Gregorian calendar, after which it repeats itself.
_DAYS_PER_ERA: Final = 146_097
#: Days from 0000-03-01, where the eras begin, to 1970-01-01.
_EPOCH_DAY: Final = 719_468
_RFC3339: Final = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?(?:Z|([+-])(\d\d):(\d\d))",
    re.ASCII,
)


class InvalidTimeError(
    RejectedError, codespace="core", code=3, text="{value} is not a time: {reason}"
):
    """A text or a number that is no point in time or no span."""


def parse_rfc3339(text: str) -> TimeNs:
    """Return the point in time that ``text`` names, up to nine decimals of a second.

    Raises:
        InvalidTimeError: another form, or no such date or time of day.
    """
    match = _RFC3339.fullmatch(text)
    if match is None:
        raise InvalidTimeError(value=text, reason="expected the form of RFC 3339")
    hour, minute, second = int(match[4]), int(match[5]), int(match[6])
    if hour > 23 or minute > 59 or second > 59:
        raise InvalidTimeError(value=text, reason="no such time of day")
    year, month, month_day = int(match[1]), int(match[2]), int(match[3])
    day = _day_of_date(year, month, month_day)
    if _date_of_day(day) != (year, month, month_day):
        raise InvalidTimeError(value=text, reason="no such date")
    seconds = day * SECONDS_PER_DAY + hour * 3600 + minute * 60 + second
    seconds -= _offset_seconds(text, match)
    return _checked(seconds * NS_PER_SECOND + int((match[7] or "0").ljust(9, "0")))


def format_rfc3339(time_ns: TimeNs) -> str:
    """Return the time as Go prints it: UTC, no zeros at the end of the fraction.

    Raises:
        InvalidTimeError: outside the years 1 to 9999.
    """
    seconds, ns = divmod(_checked(time_ns), NS_PER_SECOND)
    day, second = divmod(seconds, SECONDS_PER_DAY)
    fraction = f".{ns:09d}".rstrip("0") if ns else ""
    year, month, month_day = _date_of_day(day)
    clock = f"{second // 3600:02d}:{second // 60 % 60:02d}:{second % 60:02d}"
    return f"{year:04d}-{month:02d}-{month_day:02d}T{clock}{fraction}Z"


def timestamp_from_ns(time_ns: TimeNs) -> Timestamp:
    """Return the protobuf message of a point in time.

    Raises:
        InvalidTimeError: outside the years 1 to 9999.
    """
    seconds, nanos = divmod(_checked(time_ns), NS_PER_SECOND)
    return Timestamp(seconds=seconds, nanos=nanos)


def ns_from_timestamp(message: Timestamp) -> TimeNs:
    """Return the point in time that a protobuf message holds.

    Raises:
        InvalidTimeError: nanoseconds outside one second, or outside the years 1 to 9999.
    """
    if not 0 <= message.nanos < NS_PER_SECOND:
        raise InvalidTimeError(value=message.nanos, reason="not within one second")
    return _checked(message.seconds * NS_PER_SECOND + message.nanos)


def duration_from_ns(duration_ns: DurationNs) -> Duration:
    """Return the protobuf message of a span; both parts carry the span's sign.

    Raises:
        InvalidTimeError: longer than 10,000 years.
    """
    if abs(duration_ns) > DURATION_NS_MAX:
        raise InvalidTimeError(value=duration_ns, reason="longer than 10,000 years")
    seconds, nanos = divmod(abs(duration_ns), NS_PER_SECOND)
    sign = -1 if duration_ns < 0 else 1
    return Duration(seconds=sign * seconds, nanos=sign * nanos)


def ns_from_duration(message: Duration) -> DurationNs:
    """Return the span that a protobuf message holds.

    Raises:
        InvalidTimeError: parts of different sign, or longer than 10,000 years.
    """
    seconds, nanos = message.seconds, message.nanos
    if abs(nanos) >= NS_PER_SECOND or (seconds < 0 < nanos) or (nanos < 0 < seconds):
        raise InvalidTimeError(
            value=f"{seconds} s, {nanos} ns", reason="parts disagree"
        )
    duration_ns = seconds * NS_PER_SECOND + nanos
    if abs(duration_ns) > DURATION_NS_MAX:
        raise InvalidTimeError(value=duration_ns, reason="longer than 10,000 years")
    return duration_ns


def _day_of_date(year: int, month: int, month_day: int) -> int:
    """Return the days from 1970-01-01 to a date of the Gregorian calendar.

    Years are counted from March, so that the leap day is the last day of its year; from
    there the months' lengths repeat every five months with 153 days.
    """
    shifted_year = year - (month <= 2)
    era, year_of_era = divmod(shifted_year, 400)
    day_of_year = (153 * ((month - 3) % 12) + 2) // 5 + month_day - 1
    day_of_era = year_of_era * 365 + year_of_era // 4 - year_of_era // 100 + day_of_year
    return era * _DAYS_PER_ERA + day_of_era - _EPOCH_DAY


def _date_of_day(day: int) -> tuple[int, int, int]:
    """Return year, month and day of the date ``day`` days after 1970-01-01."""
    era, day_of_era = divmod(day + _EPOCH_DAY, _DAYS_PER_ERA)
    leap_days = day_of_era // 1_460 - day_of_era // 36_524 + day_of_era // 146_096
    year_of_era = (day_of_era - leap_days) // 365
    first_day = year_of_era * 365 + year_of_era // 4 - year_of_era // 100
    day_of_year = day_of_era - first_day
    month_index = (5 * day_of_year + 2) // 153
    month_day = day_of_year - (153 * month_index + 2) // 5 + 1
    month = (month_index + 2) % 12 + 1
    return era * 400 + year_of_era + (month <= 2), month, month_day


def _offset_seconds(text: str, match: re.Match[str]) -> int:
    if match[8] is None:
        return 0
    hours, minutes = int(match[9]), int(match[10])
    if hours > 23 or minutes > 59:
        raise InvalidTimeError(value=text, reason="no such offset from UTC")
    return (hours * 3600 + minutes * 60) * (-1 if match[8] == "-" else 1)


def _checked(time_ns: TimeNs) -> TimeNs:
    if not GO_ZERO_TIME_NS <= time_ns <= TIME_NS_MAX:
        raise InvalidTimeError(value=time_ns, reason="outside the years 1 to 9999")
    return time_ns
