"""Heights and points in time."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from huitong.core.height import Height, InvalidHeightError
from huitong.core.time import (
    DURATION_NS_MAX,
    GO_ZERO_TIME_NS,
    TIME_NS_MAX,
    InvalidTimeError,
    duration_from_ns,
    format_rfc3339,
    ns_from_duration,
    ns_from_timestamp,
    parse_rfc3339,
    timestamp_from_ns,
)
from huitong.proto.google.protobuf.duration_pb2 import Duration
from huitong.proto.google.protobuf.timestamp_pb2 import Timestamp

UINT64 = st.integers(min_value=0, max_value=2**64 - 1)
TIMES = st.integers(min_value=GO_ZERO_TIME_NS, max_value=TIME_NS_MAX)


@given(UINT64, UINT64)
def test_height_survives_text_and_protobuf(number: int, height: int) -> None:
    value = Height(number, height)
    assert Height.parse(str(value)) == value
    assert Height.from_proto(value.to_proto()) == value


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1",
        "1-",
        "-1",
        "1-2-3",
        "01-2",
        "1-02",
        "1 -2",
        "+1-2",
        "1-2\n",
        "１-2",
        "18446744073709551616-0",
        "0-18446744073709551616",
        "0-99999999999999999999",
    ],
)
def test_other_forms_of_height_are_rejected(text: str) -> None:
    with pytest.raises(InvalidHeightError):
        Height.parse(text)


def test_heights_are_ordered_by_revision_first() -> None:
    assert Height(1, 9) < Height(2, 1) < Height(2, 2)


def test_height_zero_means_no_timeout() -> None:
    assert Height.ZERO.is_zero()
    assert not Height(0, 1).is_zero()
    assert not Height(1, 0).is_zero()


def test_height_moves_within_its_bounds() -> None:
    assert Height(1, 5).plus(-5) == Height(1, 0)
    assert Height(1, 5).plus(1) == Height(1, 6)
    with pytest.raises(InvalidHeightError):
        Height(1, 5).plus(-6)
    with pytest.raises(InvalidHeightError):
        Height(1, 2**64 - 1).plus(1)


@pytest.mark.parametrize(
    ("text", "time_ns"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("1970-01-01T00:00:00.000000001Z", 1),
        ("1969-12-31T23:59:59.999999999Z", -1),
        ("2024-02-29T12:30:45.5Z", 1_709_209_845_500_000_000),
        ("0001-01-01T00:00:00Z", GO_ZERO_TIME_NS),
        ("9999-12-31T23:59:59.999999999Z", TIME_NS_MAX),
    ],
)
def test_time_is_printed_as_go_prints_it(text: str, time_ns: int) -> None:
    assert parse_rfc3339(text) == time_ns
    assert format_rfc3339(time_ns) == text


@given(TIMES)
def test_time_survives_text_and_protobuf(time_ns: int) -> None:
    assert parse_rfc3339(format_rfc3339(time_ns)) == time_ns
    assert ns_from_timestamp(timestamp_from_ns(time_ns)) == time_ns


@given(st.datetimes(timezones=st.just(UTC)))
def test_dates_are_those_of_the_standard_library(moment: datetime) -> None:
    text = moment.isoformat().replace("+00:00", "Z")
    since = moment - datetime(1970, 1, 1, tzinfo=UTC)
    assert parse_rfc3339(text) == since // timedelta(microseconds=1) * 1000


@given(st.integers(1, 9999), st.integers(0, 15), st.integers(0, 35))
def test_only_dates_of_the_calendar_are_dates(year: int, month: int, day: int) -> None:
    text = f"{year:04d}-{month:02d}-{day:02d}T00:00:00Z"
    try:
        date(year, month, day)
    except ValueError:
        with pytest.raises(InvalidTimeError):
            parse_rfc3339(text)
    else:
        assert format_rfc3339(parse_rfc3339(text)) == text


@pytest.mark.parametrize(
    "text", ["2024-01-01T08:00:00+08:00", "2023-12-31T19:00:00-05:00"]
)
def test_time_with_an_offset_is_the_same_point(text: str) -> None:
    assert parse_rfc3339(text) == parse_rfc3339("2024-01-01T00:00:00Z")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2024-01-01",
        "2024-01-01T00:00:00",
        "2024-01-01 00:00:00Z",
        "2024-02-30T00:00:00Z",
        "2023-02-29T00:00:00Z",
        "2024-13-01T00:00:00Z",
        "2024-01-01T24:00:00Z",
        "2024-01-01T00:60:00Z",
        "2024-01-01T00:00:60Z",
        "2024-01-01T00:00:00.Z",
        "2024-01-01T00:00:00.0000000001Z",
        "0000-01-01T00:00:00Z",
        "2024-01-01T00:00:00+24:00",
        "2024-01-01T00:00:00+00:60",
        "0001-01-01T00:00:00+01:00",
    ],
)
def test_other_texts_are_no_time(text: str) -> None:
    with pytest.raises(InvalidTimeError):
        parse_rfc3339(text)


@pytest.mark.parametrize("time_ns", [GO_ZERO_TIME_NS - 1, TIME_NS_MAX + 1])
def test_time_outside_the_years_1_to_9999_is_rejected(time_ns: int) -> None:
    with pytest.raises(InvalidTimeError):
        format_rfc3339(time_ns)
    with pytest.raises(InvalidTimeError):
        timestamp_from_ns(time_ns)


@pytest.mark.parametrize(
    "message",
    [
        Timestamp(nanos=-1),
        Timestamp(nanos=1_000_000_000),
        Timestamp(seconds=-62_135_596_801),
        Timestamp(seconds=253_402_300_800),
    ],
)
def test_timestamp_outside_its_range_is_rejected(message: Timestamp) -> None:
    with pytest.raises(InvalidTimeError):
        ns_from_timestamp(message)


@given(st.integers(min_value=-DURATION_NS_MAX, max_value=DURATION_NS_MAX))
def test_duration_survives_protobuf(duration_ns: int) -> None:
    message = duration_from_ns(duration_ns)
    assert message.seconds * message.nanos >= 0
    assert ns_from_duration(message) == duration_ns


@pytest.mark.parametrize("duration_ns", [DURATION_NS_MAX + 1, -DURATION_NS_MAX - 1])
def test_longer_durations_are_rejected(duration_ns: int) -> None:
    with pytest.raises(InvalidTimeError):
        duration_from_ns(duration_ns)


@pytest.mark.parametrize(
    "message",
    [
        Duration(seconds=1, nanos=-1),
        Duration(seconds=-1, nanos=1),
        Duration(nanos=1_000_000_000),
        Duration(nanos=-1_000_000_000),
        Duration(seconds=315_576_000_001),
    ],
)
def test_durations_of_another_form_are_rejected(message: Duration) -> None:
    with pytest.raises(InvalidTimeError):
        ns_from_duration(message)
