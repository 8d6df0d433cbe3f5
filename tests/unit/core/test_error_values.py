"""Values of strangers in messages: short, on one line, and without terminal escapes."""

from __future__ import annotations

import pytest

from huitong.core.errors import VALUE_TEXT_MAX, InvalidRequestError


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("a\nError: forged", r"a\nError: forged"),
        ("\x1b[2J", r"\x1b[2J"),
        ("\udcff", r"\udcff"),
        ("\u202eevil", r"\u202eevil"),
        ("汇通 Huitong", "汇通 Huitong"),
        (b"\x00\xff", "00ff"),
    ],
)
def test_a_value_cannot_break_out_of_its_line(value: object, shown: str) -> None:
    assert shown in str(InvalidRequestError(reason=value))
    assert "\n" not in str(InvalidRequestError(reason=value))


def test_a_long_value_is_cut() -> None:
    text = str(InvalidRequestError(reason="\n" * 10_000_000))
    assert len(text) < VALUE_TEXT_MAX + 40
    assert text.count("…") == 1
