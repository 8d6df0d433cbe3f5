"""Documents that are what their sender says, and those that are not."""

from __future__ import annotations

import io
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from huitong.payload.content import ContentCheck
from huitong.payload.errors import ContentTypeError, ContentTypeFormError

PDF = b"%PDF-1.7\n1 0 obj\n"
PNG = b"\x89PNG\r\n\x1a\n" + bytes(40)
ELF = b"\x7fELF\x02\x01\x01" + bytes(60)
XML = b'\xef\xbb\xbf<?xml version="1.0"?><a/>'
HTML = b"<!DOCTYPE html><html></html>"
JSON = b' {"a": 1}'
CSV = "名称,数量\n丝绸,3\n".encode()
CSV_GB = "名称,数量\n丝绸,3\n".encode("gb18030")
UNKNOWN = b"\x00\x01\x02\x03" * 9


def _zip() -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("a.txt", "x")
    return made.getvalue()


ZIP = _zip()


def check(data: bytes, declared: str = "", step: int = 7) -> str:
    checking = ContentCheck(declared)
    for at in range(0, len(data), step):
        checking.update(data[at : at + step])
    return checking.finish()


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (PDF, "application/pdf"),
        (PNG, "image/png"),
        (ZIP, "application/zip"),
        (XML, "application/xml"),
        (HTML, "text/html"),
        (JSON, "application/json"),
        (b"[1]", "application/json"),
        (CSV, "text/plain"),
        (CSV_GB, "application/octet-stream"),
        (UNKNOWN, "application/octet-stream"),
    ],
)
def test_type_that_nobody_declared_is_found_out(data: bytes, found: str) -> None:
    assert check(data) == found
    assert check(data, "application/octet-stream") == found


@pytest.mark.parametrize(
    ("data", "declared"),
    [
        (PDF, "application/pdf"),
        (PDF, "Application/PDF; version=1.7"),
        (PNG, "image/png"),
        (ZIP, "application/zip"),
        (ZIP, "application/x-zip-compressed"),
        (ZIP, "application/ofd"),
        (
            ZIP,
            "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        ),
        (XML, "text/xml"),
        (XML, "application/dicom+xml"),
        (HTML, "text/html"),
        (JSON, "application/json"),
        (JSON, "application/fhir+json"),
        (b"true", "application/json"),
        (CSV, "text/csv"),
        (CSV, "text/csv; charset=utf-8"),
        (CSV_GB, 'text/csv; charset="GB18030"'),
        (UNKNOWN, "application/vnd.example"),
    ],
)
def test_document_of_the_declared_type_passes(data: bytes, declared: str) -> None:
    assert check(data, declared)


@pytest.mark.parametrize(
    ("data", "declared", "actual"),
    [
        (PNG, "application/pdf", "image/png"),
        (ELF, "application/pdf", "executable"),
        (ELF, "application/vnd.example", "executable"),
        (CSV, "application/pdf", "text/plain"),
        (UNKNOWN, "application/pdf", "octet-stream"),
        (UNKNOWN, "text/plain", "not text in utf-8"),
        (CSV_GB, "text/csv", "not text in utf-8"),
        (CSV_GB[:-2] + b"\xff", "text/csv; charset=gb18030", "not text in gb18030"),
        (CSV.strip()[:-1] + b"\xe4", "text/csv", "not text"),
        (PDF, "application/json", "application/pdf"),
        (HTML, "application/json", "text/html"),
        (b"hello", "application/json", "text/plain"),
        (JSON, "application/xml", "application/json"),
        (JSON + b"\0", "application/json", "not text"),
        (JSON, "application/zip", "application/json"),
        (XML, "image/png", "application/xml"),
    ],
)
def test_document_of_another_type_is_refused(
    data: bytes, declared: str, actual: str
) -> None:
    with pytest.raises(ContentTypeError, match=actual):
        check(data, declared)


def test_what_a_magic_number_tells_is_refused_before_the_end() -> None:
    checking = ContentCheck("application/pdf")
    with pytest.raises(ContentTypeError):
        checking.update(ELF + bytes(10_000))


@pytest.mark.parametrize(
    "declared",
    ["pdf", "/", "a/b/c", "a b/c", "text/ü", "text/plain; charset=x", "a/" + "b" * 126],
)
def test_what_is_no_media_type_is_told(declared: str) -> None:
    with pytest.raises(ContentTypeFormError):
        ContentCheck(declared)


@given(st.binary(max_size=300), st.integers(1, 300))
def test_verdict_does_not_depend_on_the_pieces(data: bytes, step: int) -> None:
    assert check(data, step=step) == check(data, step=1)
