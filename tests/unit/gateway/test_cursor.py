"""Cursors: what was made is read back, and nothing else is."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from huitong.gateway.http.cursor import CURSOR_CHARACTERS_MAX, Cursors
from huitong.gateway.http.errors import CursorError

NOW_NS = 1_800_000_000 * 10**9
FILTERS = {"status": "granted", "zone": None}


class _Clock:
    def __init__(self) -> None:
        self.ns = NOW_NS

    def __call__(self) -> int:
        return self.ns


def _cursors(clock: _Clock | None = None, key: bytes = bytes(32)) -> Cursors:
    return Cursors(key, age_s=3_600, clock=clock or _Clock())


def _made(cursors: Cursors) -> str:
    return cursors.make("listExchanges", FILTERS, "key:1", [7, "hangzhou-1/9"])


@given(st.lists(st.integers() | st.text(max_size=40), max_size=4))
def test_position_comes_back(position: list[int | str]) -> None:
    cursors = _cursors()
    cursor = cursors.make("listExchanges", FILTERS, "key:1", position)
    assert list(cursors.read(cursor, "listExchanges", FILTERS, "key:1")) == position
    assert cursor.replace("-", "").replace("_", "").isalnum()


@pytest.mark.parametrize(
    ("operation", "filters", "caller"),
    [
        ("listGrants", FILTERS, "key:1"),
        ("listExchanges", {**FILTERS, "status": "refused"}, "key:1"),
        ("listExchanges", {}, "key:1"),
        ("listExchanges", FILTERS, "key:2"),
    ],
)
def test_cursor_of_another_list_filter_or_caller_is_refused(
    operation: str, filters: dict[str, str | None], caller: str
) -> None:
    cursors = _cursors()
    with pytest.raises(CursorError, match="is not of this list"):
        cursors.read(_made(cursors), operation, filters, caller)


def test_cursor_of_another_gateway_is_refused() -> None:
    with pytest.raises(CursorError, match="is not of this list"):
        _cursors().read(
            _made(_cursors(key=b"1" * 32)), "listExchanges", FILTERS, "key:1"
        )


@pytest.mark.parametrize(
    ("later_s", "is_taken"),
    [(3_600, True), (3_601, False), (-60, True), (-61, False)],
)
def test_cursor_goes_stale(later_s: int, is_taken: bool) -> None:
    clock = _Clock()
    cursors = _cursors(clock)
    cursor = _made(cursors)
    clock.ns += later_s * 10**9
    if is_taken:
        cursors.read(cursor, "listExchanges", FILTERS, "key:1")
    else:
        with pytest.raises(CursorError, match="is too old"):
            cursors.read(cursor, "listExchanges", FILTERS, "key:1")


def test_cursor_with_any_bit_flipped_is_refused() -> None:
    cursors = _cursors()
    made = _made(cursors)
    content = base64.urlsafe_b64decode(made + "=" * (-len(made) % 4))
    for place in range(len(content) * 8):
        changed = bytearray(content)
        changed[place // 8] ^= 1 << place % 8
        cursor = base64.urlsafe_b64encode(changed).rstrip(b"=").decode()
        with pytest.raises(CursorError):
            cursors.read(cursor, "listExchanges", FILTERS, "key:1")


@given(st.text(max_size=80))
def test_text_that_is_no_cursor_is_refused(text: str) -> None:
    with pytest.raises(CursorError):
        _cursors().read(text, "listExchanges", FILTERS, "key:1")


@pytest.mark.parametrize("change", ["{}=", "{} ", " {}", "{}\n", "{}A", "+{}"])
def test_cursor_written_otherwise_is_refused(change: str) -> None:
    cursors = _cursors()
    with pytest.raises(CursorError):
        cursors.read(change.format(_made(cursors)), "listExchanges", FILTERS, "key:1")


def test_cursor_that_is_too_long_is_refused() -> None:
    with pytest.raises(CursorError, match="is too long"):
        _cursors().read(
            "A" * (CURSOR_CHARACTERS_MAX + 1), "listExchanges", FILTERS, "key:1"
        )
