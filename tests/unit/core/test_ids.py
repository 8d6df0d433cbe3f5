"""Identifiers of ICS-24."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from huitong.core import ids
from huitong.core.ids import InvalidIdentifierError

BOUNDED: list[tuple[Callable[[str], str], int, int]] = [
    (ids.check_client_id, 9, 64),
    (ids.check_connection_id, 10, 64),
    (ids.check_channel_id, 8, 64),
    (ids.check_port_id, 2, 128),
    (ids.check_chain_id, 1, 50),
]


@pytest.mark.parametrize(("check", "shortest", "longest"), BOUNDED)
def test_identifier_is_bounded_in_length(
    check: Callable[[str], str], shortest: int, longest: int
) -> None:
    for length in (shortest, longest):
        assert check("a" * length) == "a" * length
    for length in (shortest - 1, longest + 1):
        with pytest.raises(InvalidIdentifierError):
            check("a" * length)


@pytest.mark.parametrize(("check", "shortest", "longest"), BOUNDED)
@pytest.mark.parametrize("character", ["/", " ", "\n", "é", "汇", "\x00", "*", "%"])
def test_other_characters_are_rejected(
    check: Callable[[str], str], shortest: int, longest: int, character: str
) -> None:
    del shortest, longest
    for text in (
        f"abcdefghij{character}",
        f"{character}abcdefghij",
        f"ab{character}cdefghij",
    ):
        with pytest.raises(InvalidIdentifierError):
            check(text)


def test_the_characters_of_ics24_are_accepted() -> None:
    text = "aZ0._+-#[]<>"
    assert ids.check_client_id(text) == text
    assert ids.check_port_id(text) == text


@pytest.mark.parametrize(
    ("chain_id", "revision"),
    [
        ("hangzhou-1", 1),
        ("a-b-42", 42),
        ("hangzhou", 0),
        ("hangzhou-0", 0),
        ("hangzhou-01", 0),
        ("hangzhou--1", 0),
        ("-1", 0),
        ("hangzhou-1a", 0),
        ("1", 0),
        ("x-18446744073709551615", 2**64 - 1),
        ("", 0),
        ("a\n-1", 0),
    ],
)
def test_revision_stands_behind_the_last_dash(chain_id: str, revision: int) -> None:
    assert ids.revision_of_chain_id(chain_id) == revision


@pytest.mark.parametrize("number", ["18446744073709551616", "9" * 30])
def test_revision_above_64_bits_is_rejected(number: str) -> None:
    with pytest.raises(InvalidIdentifierError, match="revision"):
        ids.revision_of_chain_id(f"x-{number}")


def test_generated_ids_carry_their_number() -> None:
    assert ids.client_id_of("07-tendermint", 3) == "07-tendermint-3"
    assert ids.connection_id_of(0) == "connection-0"
    assert ids.channel_id_of(12) == "channel-12"
    assert ids.client_type_of("07-tendermint-3") == "07-tendermint"


@pytest.mark.parametrize(
    "text", ["07-tendermint", "x-01", "-1", "x-18446744073709551616"]
)
def test_client_type_needs_a_number_at_the_end(text: str) -> None:
    with pytest.raises(InvalidIdentifierError):
        ids.client_type_of(text)
