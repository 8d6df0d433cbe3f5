"""Arguments are read, and refused, as Go's libraries do; the texts are recorded ones."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from huitong.node.rpc.errors import InvalidParamError
from huitong.node.rpc.go_values import read_base64, read_hex, read_int64


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0", 0),
        ("-1", -1),
        (" 1", 1),
        ("1\n", 1),
        ("null", 0),
        ("9223372036854775807", 2**63 - 1),
        ("-9223372036854775808", -(2**63)),
    ],
)
def test_integers_are_read_as_json(text: str, expected: int) -> None:
    assert read_int64(text) == expected


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("1.5", "json: cannot unmarshal number 1.5 into Go value of type int64"),
        ("1e3", "json: cannot unmarshal number 1e3 into Go value of type int64"),
        (
            "9223372036854775808",
            "json: cannot unmarshal number 9223372036854775808 into Go value of "
            "type int64",
        ),
        ("true", "json: cannot unmarshal bool into Go value of type int64"),
        ("", "unexpected end of JSON input"),
        ("x1", "invalid character 'x' looking for beginning of value"),
        ("+1", "invalid character '+' looking for beginning of value"),
        ("1x", "invalid character 'x' after top-level value"),
        ("01", "invalid character '1' after top-level value"),
        ("-", "invalid character ' ' in numeric literal"),
        ("--1", "invalid character '-' in numeric literal"),
        ("٣", "invalid character 'Ù' looking for beginning of value"),
        ("'", "invalid character '\\'' looking for beginning of value"),
    ],
)
def test_what_is_no_integer_is_refused_in_go_s_words(text: str, reason: str) -> None:
    with pytest.raises(InvalidParamError) as refused:
        read_int64(text)
    assert str(refused.value) == reason


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("?", 0),
        ("AAA", 0),
        ("A?AA", 1),
        ("AA=A", 2),
        ("AAAA=", 4),
        ("AAA?", 3),
        ("é", 0),
        ("=", 0),
        ("AA=", 3),
        ("AA==AAAA", 4),
    ],
)
def test_bad_base64_is_refused_at_its_place(text: str, place: int) -> None:
    with pytest.raises(
        InvalidParamError, match=f"illegal base64 data at input byte {place}$"
    ):
        read_base64(text)


def test_line_ends_in_base64_are_passed_over() -> None:
    assert read_base64("AA\r\nAA\n") == bytes(3)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("xyz", "encoding/hex: invalid byte: U\\+0078 'x'"),
        ("abc", "encoding/hex: odd length hex string"),
        ("00 ", "encoding/hex: invalid byte: U\\+0020 ' '"),
    ],
)
def test_bad_hex_is_refused_in_go_s_words(text: str, reason: str) -> None:
    with pytest.raises(InvalidParamError, match=f"{reason}$"):
        read_hex(text)


@given(st.text(max_size=40) | st.text(alphabet="AB=+/?\n0x", max_size=12))
def test_any_text_is_read_or_refused(text: str) -> None:
    for read in (read_int64, read_base64, read_hex):
        with suppress(InvalidParamError):
            read(text)
