"""Documents become fields, fields become documents again, and limits hold."""

from __future__ import annotations

from pathlib import Path

import pytest

from huitong.core.commitment import DOCUMENT_FIELD
from huitong.core.limits import (
    BUNDLE_PAYLOAD_SIZE_BYTES_MAX,
    PAYLOAD_FIELDS_SIZE_BYTES_MAX,
)
from huitong.payload.document import (
    join_fields,
    read_document,
    split_document,
)
from huitong.payload.errors import (
    PayloadEmptyError,
    PayloadFormError,
    PayloadTooLargeError,
    PayloadUnreadableError,
)


def test_json_object_gives_one_field_for_each_member_with_decimals_as_written() -> None:
    fields = split_document('{"total": 113.00, "seller": {"name": "丝绸"}}'.encode())
    assert fields == {"seller": '{"name":"丝绸"}'.encode(), "total": b"113.00"}


@pytest.mark.parametrize(
    "data",
    [
        b"%PDF-1.7 ...",
        b"<invoice/>",
        b"[1,2]",
        b"{}",
        b'{"a":1,"a":2}',
        b'{"a":NaN}',
        b'{"":1}',
        b"[" * 100_000,
        b'{"a":' * 70 + b"1" + b"}" * 70,
        "{" + ",".join(f'"f{index}":1' for index in range(300)) + "}",
        b"\xff\xfe",
    ],
    ids=repr,
)
def test_anything_else_is_one_field_with_the_bytes_of_the_file(
    data: bytes | str,
) -> None:
    raw = data if isinstance(data, bytes) else data.encode()
    assert split_document(raw) == {DOCUMENT_FIELD: raw}
    assert join_fields({DOCUMENT_FIELD: raw})[1] == raw


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (b"%PDF-1.7", "document.pdf"),
        (b"PK\x03\x04rest", "document.zip"),
        (b"\xef\xbb\xbf <a/>", "document.xml"),
        (b"\xff\x00", "document.bin"),
        ("发票".encode(), "document.txt"),
    ],
)
def test_reading_copy_has_an_ending_that_viewers_know(data: bytes, name: str) -> None:
    assert join_fields({DOCUMENT_FIELD: data})[0] == name


def test_joined_fields_of_json_that_are_not_json_are_refused() -> None:
    with pytest.raises(PayloadFormError):
        join_fields({"a": b"{", "b": b"1"})
    with pytest.raises(PayloadFormError):
        join_fields({"a": b" 1", "b": b"1"})


def test_large_json_is_one_field() -> None:
    room = PAYLOAD_FIELDS_SIZE_BYTES_MAX - len(b'{"a":""}')
    fits = b'{"a":"' + b"x" * room + b'"}'
    assert set(split_document(fits)) == {"a"}
    assert set(split_document(fits + b" ")) == {DOCUMENT_FIELD}


def test_documents_that_cannot_be_published_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(PayloadUnreadableError, match="No such file"):
        read_document(tmp_path / "absent")
    with pytest.raises(PayloadUnreadableError):
        read_document(tmp_path)
    empty = tmp_path / "empty"
    empty.touch()
    with pytest.raises(PayloadEmptyError):
        read_document(empty)
    large = tmp_path / "large"
    with large.open("wb") as file:
        file.truncate(BUNDLE_PAYLOAD_SIZE_BYTES_MAX)
    assert len(read_document(large)) == BUNDLE_PAYLOAD_SIZE_BYTES_MAX
    with large.open("ab") as file:
        file.write(b"x")
    with pytest.raises(
        PayloadTooLargeError, match=str(BUNDLE_PAYLOAD_SIZE_BYTES_MAX + 1)
    ):
        read_document(large)
