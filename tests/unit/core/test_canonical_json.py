"""One value, one sequence of bytes; and strict reading."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from huitong.core.canonical_json import (
    JsonError,
    JsonFormError,
    NumberText,
    decode_canonical_json,
    decode_json,
    encode_json,
)
from huitong.core.limits import JSON_DEPTH_MAX

_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | _TEXT,
    lambda part: st.lists(part, max_size=4) | st.dictionaries(_TEXT, part, max_size=4),
    max_leaves=12,
)


@given(_VALUES, st.sampled_from([0, 2]))
def test_canonical_form_reads_back_and_is_json_for_others(
    value: Any, indent: int
) -> None:
    data = encode_json(value, indent=indent)
    assert decode_canonical_json(data, indent=indent) == value
    assert json.loads(data) == value


@given(_VALUES)
def test_layout_is_that_of_the_standard_library(value: Any) -> None:
    compact = json.dumps(
        value, sort_keys=True, ensure_ascii=False, separators=(",", ":")
    )
    indented = json.dumps(value, sort_keys=True, ensure_ascii=False, indent=2) + "\n"
    assert encode_json(value) == compact.encode()
    assert encode_json(value, indent=2) == indented.encode()


def test_decimals_keep_their_digits() -> None:
    data = b'{"a":113.00,"b":1E400}'
    assert decode_json(data) == {"a": NumberText("113.00"), "b": NumberText("1E400")}
    assert encode_json(decode_json(data)) == data


@pytest.mark.parametrize(
    "data",
    [b' {"a":1}', b'{"a": 1}', b'{"b":1,"a":1}', b'"\\u0041"', b"-0", b"1\n"],
)
def test_other_forms_of_a_value_are_refused_where_form_matters(data: bytes) -> None:
    decode_json(data)
    with pytest.raises(JsonFormError):
        decode_canonical_json(data)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"{}{}",
        b"\xff",
        b"\xef\xbb\xbf{}",
        b'{"a":1,"a":1}',
        b"NaN",
        b"-Infinity",
        b'"\\ud800"',
        b'{"\\udc00":1}',
        b"1" * 5_000,
        b"[" * 100_000,
        b"[" * (JSON_DEPTH_MAX + 1) + b"]" * (JSON_DEPTH_MAX + 1),
    ],
    ids=lambda data: repr(data[:12]),
)
def test_unacceptable_json_is_refused(data: bytes) -> None:
    with pytest.raises(JsonError):
        decode_json(data)


def test_depth_up_to_the_limit_is_taken() -> None:
    decode_json(b"[" * JSON_DEPTH_MAX + b"]" * JSON_DEPTH_MAX)


@given(st.binary(max_size=60))
def test_reading_never_fails_in_another_way(data: bytes) -> None:
    try:
        decode_canonical_json(data)
    except (JsonError, JsonFormError):
        pass
    else:
        assert encode_json(decode_json(data)) == data


def test_values_without_a_json_form_are_a_bug_of_the_caller() -> None:
    with pytest.raises(TypeError):
        encode_json({"a": 1.5})
