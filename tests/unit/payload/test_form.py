"""The form of a payload as a stream: read in pieces, checked as a whole."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from huitong.core.canonical_json import encode_json
from huitong.core.commitment import (
    DOCUMENT_FIELD,
    Disclosure,
    DisclosureMismatchError,
    GivenField,
    commit_fields,
    withhold_others,
)
from huitong.payload.errors import PayloadFieldsError, PayloadFormError
from huitong.payload.form import (
    HEAD_SIZE_BYTES_MAX,
    CheckedPayload,
    PayloadHead,
    PayloadReader,
    as_disclosure,
    check_names,
    check_root,
    encode_head,
)

SALT = bytes(range(32))
DOCUMENT = encode_head(PayloadHead(document_salt=SALT)) + b"%PDF-1.7 invoice"
FIELDS = Disclosure(
    given=tuple(
        GivenField(name=name, value=b'"%s"' % name.encode(), salt=SALT)
        for name in ("buyer", "seller", "total")
    ),
    withheld=(),
)
IN_HEAD = encode_head(PayloadHead(disclosure=FIELDS))


def read(data: bytes, *cuts: int) -> tuple[bytes, CheckedPayload]:
    reader = PayloadReader()
    places = [0, *sorted(cuts), len(data)]
    body = [reader.update(data[a:b]) for a, b in pairwise(places)]
    return b"".join(body), reader.finish()


@given(st.lists(st.integers(0, len(DOCUMENT)), max_size=5))
def test_document_comes_back_however_it_is_cut(cuts: list[int]) -> None:
    body, checked = read(DOCUMENT, *cuts)
    assert body == b"%PDF-1.7 invoice"
    assert checked.size == len(body)
    assert checked.head.document_salt == SALT


def test_document_has_the_digest_that_it_has_as_a_field() -> None:
    body, checked = read(DOCUMENT)
    whole = commit_fields({DOCUMENT_FIELD: body}, {DOCUMENT_FIELD: SALT})
    assert checked.root == whole.root
    assert as_disclosure(checked.head, body).values() == {DOCUMENT_FIELD: body}
    check_root(checked, whole.root)
    with pytest.raises(DisclosureMismatchError):
        check_root(checked, bytes(32))


@given(st.sets(st.sampled_from(["buyer", "seller", "total"])))
def test_withheld_fields_leave_the_digest_as_it_is(names: set[str]) -> None:
    _, whole = read(IN_HEAD)
    _, part = read(encode_head(PayloadHead(disclosure=withhold_others(FIELDS, names))))
    assert part.root == whole.root
    assert part.head.names() == whole.head.names()
    assert set(part.head.given()) == names


@pytest.mark.parametrize(
    ("fields", "granted", "reason"),
    [
        (("buyer", "seller"), (), "not those of the record"),
        (("buyer", "seller", "total"), ("buyer",), "seller, total"),
        (("buyer", "seller", "total"), ("buyer", "seller", "x"), "total, x"),
    ],
)
def test_other_fields_than_recorded_or_granted_are_refused(
    fields: tuple[str, ...], granted: tuple[str, ...], reason: str
) -> None:
    with pytest.raises(PayloadFieldsError, match=reason):
        check_names(PayloadHead(disclosure=FIELDS), fields, granted)


def _head(value: Any) -> bytes:
    encoded = encode_json(value)
    return len(encoded).to_bytes(4, "big") + encoded


SALT_TEXT = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\0\0\0",
        (HEAD_SIZE_BYTES_MAX + 1).to_bytes(4, "big"),
        b"\0\0\0\2[]",
        b"\0\0\0\2{}",
        b"\0\0\0\3{} ",
        DOCUMENT[:20],
        DOCUMENT[: -len(b"%PDF-1.7 invoice")],
        IN_HEAD + b"x",
        IN_HEAD[:-1],
        _head({"document": {"salt": SALT_TEXT}, "x": 1}) + b"x",
        _head({"document": {"salt": SALT_TEXT, "x": 1}}) + b"x",
        _head({"document": {"salt": "AAAA"}}) + b"x",
        _head({"document": {"salt": "?"}}) + b"x",
        _head({"document": {"salt": SALT_TEXT[:-2] + "9="}}) + b"x",
        _head({"document": {"salt": 1}}) + b"x",
        _head({"document": {}}) + b"x",
        _head({"document": 1}) + b"x",
        _head({"given": [], "withheld": []}),
        _head({"given": 1, "withheld": []}),
    ],
)
def test_bytes_that_are_no_payload_are_refused(data: bytes) -> None:
    with pytest.raises(PayloadFormError):
        read(data)


@given(st.binary(max_size=200))
def test_garbage_is_refused_or_read_but_never_breaks(data: bytes) -> None:
    with pytest.raises(PayloadFormError):
        read(len(data).to_bytes(4, "big") + data)


@given(st.integers(0, len(IN_HEAD) - 1), st.integers(1, 255))
def test_changed_head_is_refused_or_has_another_digest(index: int, flip: int) -> None:
    changed = bytearray(IN_HEAD)
    changed[index] ^= flip
    try:
        _, checked = read(bytes(changed))
    except PayloadFormError:
        return
    assert checked.root != read(IN_HEAD)[1].root
