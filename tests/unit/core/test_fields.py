"""Checks of message fields, pages and genesis JSON, each at its limits."""

from __future__ import annotations

from typing import Any

import pytest

from huitong.core.errors import InvalidRequestError
from huitong.core.fields import (
    check_field_names,
    check_name,
    check_period,
    check_record_id,
    check_size,
    check_text,
    is_covered,
    is_within_period,
)
from huitong.core.genesis import (
    GenesisError,
    check_known_keys,
    integer_from_json,
    message_from_json,
    message_to_json,
    messages_from_json,
)
from huitong.core.limits import (
    FIELD_NAME_BYTES_MAX,
    FIELDS_MAX,
    PAGE_SIZE_DEFAULT,
    PAGE_SIZE_MAX,
)
from huitong.core.paging import page_of
from huitong.proto.huitong.members.v1.members_pb2 import Account, Member


@pytest.mark.parametrize("name", ["a", "7", "hz-tax-bureau", "tax.invoice", "a" * 64])
def test_name_is_accepted(name: str) -> None:
    check_name(name, "purpose")


@pytest.mark.parametrize(
    "name", ["", "A", "-a", "a-", "a/b", "a b", "税", "a" * 65, "a\n", ".", "a."]
)
def test_other_text_is_no_name(name: str) -> None:
    with pytest.raises(InvalidRequestError, match="purpose"):
        check_name(name, "purpose")


@pytest.mark.parametrize("record_id", ["a", "INV:2026-00.1_+", "9" * 128])
def test_record_id_is_accepted(record_id: str) -> None:
    check_record_id(record_id)


@pytest.mark.parametrize("record_id", ["", "-a", "a/b", "号", "9" * 129, "a\n"])
def test_other_text_is_no_record_id(record_id: str) -> None:
    with pytest.raises(InvalidRequestError, match="record_id"):
        check_record_id(record_id)


def test_text_is_bounded_in_bytes() -> None:
    check_text("", "reason", 6)
    check_text("税务", "reason", 6)
    check_text("a" * 6, "reason", 6)
    for bad in ("税务局", "a" * 7, "a\tb", "a\u2028", "\ud800"):
        with pytest.raises(InvalidRequestError, match="reason"):
            check_text(bad, "reason", 6)
    with pytest.raises(InvalidRequestError, match="empty"):
        check_text("", "reason", 6, required=True)


def test_size_is_exact_or_zero_where_allowed() -> None:
    check_size(bytes(32), "digest", 32)
    check_size(b"", "digest", 32, required=False)
    for bad in (bytes(31), bytes(33), b""):
        with pytest.raises(InvalidRequestError, match="digest"):
            check_size(bad, "digest", 32)


def test_field_names_are_bounded_sorted_and_unique() -> None:
    check_field_names([])
    check_field_names(["a", "b", "税"])
    check_field_names(["a" * FIELD_NAME_BYTES_MAX])
    check_field_names([f"{index:03}" for index in range(FIELDS_MAX)])
    for bad in (
        ["b", "a"],
        ["a", "a"],
        ["", "a"],
        ["a\n"],
        ["a" * (FIELD_NAME_BYTES_MAX + 1)],
        ["税" * 43],
        [f"{index:03}" for index in range(FIELDS_MAX + 1)],
    ):
        with pytest.raises(InvalidRequestError, match="fields"):
            check_field_names(bad)
    with pytest.raises(InvalidRequestError, match="empty"):
        check_field_names([], required=True)


def test_period_may_be_open_but_not_reversed() -> None:
    for valid_from, valid_until in ((0, 0), (5, 0), (0, 5), (4, 5)):
        check_period(valid_from, valid_until)
    for valid_from, valid_until in ((5, 5), (6, 5), (-1, 0), (0, -1)):
        with pytest.raises(InvalidRequestError, match="validity"):
            check_period(valid_from, valid_until)


@pytest.mark.parametrize(
    ("now", "inside"), [(9, False), (10, True), (19, True), (20, False)]
)
def test_period_includes_its_first_second_and_not_its_last(
    now: int, inside: bool
) -> None:
    assert is_within_period(10, 20, now) is inside
    assert is_within_period(10, 0, now) is (now >= 10)


def test_an_empty_list_of_fields_covers_all() -> None:
    assert is_covered(["a", "b"], [])
    assert is_covered(["a"], ["a", "b"])
    assert not is_covered(["a", "c"], ["a", "b"])


def test_page_tells_whether_more_follow() -> None:
    assert page_of(iter(range(3)), 2) == ([0, 1], True)
    assert page_of(iter(range(2)), 2) == ([0, 1], False)
    assert page_of(iter(range(0)), 2) == ([], False)
    assert len(page_of(iter(range(PAGE_SIZE_DEFAULT + 1)), 0)[0]) == PAGE_SIZE_DEFAULT
    page_of(iter(()), PAGE_SIZE_MAX)
    with pytest.raises(InvalidRequestError, match="limit"):
        page_of(iter(()), PAGE_SIZE_MAX + 1)


def test_genesis_message_survives_its_json_form() -> None:
    member = Member(
        member_id="tax", roles=["officer"], encryption_key=bytes(32), status=1
    )
    assert message_from_json(Member, message_to_json(member), "m") == member


@pytest.mark.parametrize(
    "wrong",
    [
        [],
        {"nmae": "tax"},
        {"memberId": "tax"},
        {"status": 1},
        {"status": "ACTIVE"},
        {"roles": "officer"},
        {"encryption_key": "?"},
        {"encryption_key": "AB=="},
        {"changed_height": 1.5},
        {"changed_height": -1},
        {"changed_height": True},
        {"name": 5},
    ],
)
def test_genesis_message_in_another_form_is_refused(wrong: Any) -> None:
    with pytest.raises(GenesisError, match="members"):
        message_from_json(Member, wrong, "members")


def test_genesis_integers_may_be_numbers_or_texts() -> None:
    assert message_from_json(Account, {"sequence": 7}, "a").sequence == 7
    assert message_from_json(Account, {"sequence": "7"}, "a").sequence == 7
    assert message_from_json(Account, {"sequence": 0}, "a").sequence == 0
    assert integer_from_json("7", "n") == integer_from_json(7, "n") == 7
    for wrong in ("", "-1", "x", -1, 2**64, str(2**64), 1.0, True, None, "9" * 21):
        with pytest.raises(GenesisError, match="n: expected"):
            integer_from_json(wrong, "n")


def test_genesis_lists_and_objects_are_told_apart() -> None:
    assert messages_from_json(Member, [], "m") == []
    with pytest.raises(GenesisError, match="list"):
        messages_from_json(Member, {}, "m")
    with pytest.raises(GenesisError, match="unknown entries b, c"):
        check_known_keys({"a": 1, "c": 1, "b": 1}, ("a",), "m")
