"""One archive for one set of entries; every other file is refused."""

from __future__ import annotations

import io
import random
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from huitong.core.limits import BUNDLE_ENTRIES_MAX, BUNDLE_NAME_BYTES_MAX
from huitong.evidence.container import (
    decode_container,
    encode_container,
    is_entry_name,
)
from huitong.evidence.errors import ContainerError

ENTRIES = {"report.md": b"# report\n", "a/b.json": b"{}\n", "empty": b""}
ARCHIVE = encode_container(ENTRIES)


def test_archive_reads_back_in_the_order_of_names() -> None:
    assert decode_container(ARCHIVE) == ENTRIES
    assert list(decode_container(ARCHIVE)) == sorted(ENTRIES)


def test_archive_opens_with_ordinary_tools() -> None:
    with zipfile.ZipFile(io.BytesIO(ARCHIVE)) as opened:
        assert opened.testzip() is None
        assert {name: opened.read(name) for name in opened.namelist()} == ENTRIES
        assert opened.getinfo("report.md").date_time == (1980, 1, 1, 0, 0, 0)


@given(
    st.dictionaries(
        st.from_regex(r"[a-z0-9][a-z0-9._-]{0,8}(/[a-z0-9]{1,4})?", fullmatch=True),
        st.binary(max_size=40),
        min_size=1,
        max_size=6,
    )
)
def test_any_entries_come_back(entries: dict[str, bytes]) -> None:
    assert decode_container(encode_container(entries)) == entries


def test_any_changed_byte_gives_other_entries_or_is_refused() -> None:
    for index in range(len(ARCHIVE)):
        changed = bytearray(ARCHIVE)
        changed[index] ^= 1 << random.Random(index).randrange(8)
        with pytest.raises(ContainerError):
            decode_container(bytes(changed))


@pytest.mark.parametrize("cut", range(len(ARCHIVE)))
def test_archive_that_was_cut_is_refused(cut: int) -> None:
    with pytest.raises(ContainerError):
        decode_container(ARCHIVE[:cut])


def _by_zipfile(**options: int) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", **options) as made:
        for name in sorted(ENTRIES):
            made.writestr(name, ENTRIES[name])
    return target.getvalue()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"PK",
        b"PK\x03\x04",
        b"\0" + ARCHIVE,
        ARCHIVE + b"\0",
        ARCHIVE[:-2] + b"\x01\x00x",
        ARCHIVE * 2,
        _by_zipfile(),
        _by_zipfile(compression=zipfile.ZIP_DEFLATED),
        encode_container({"a": b""})[:31] + encode_container({"b": b""}),
    ],
    ids=lambda data: f"{len(data)} bytes",
)
def test_other_archives_are_refused(data: bytes) -> None:
    with pytest.raises(ContainerError):
        decode_container(data)


@given(st.binary(max_size=200))
def test_garbage_behind_a_good_head_is_refused(tail: bytes) -> None:
    with pytest.raises(ContainerError):
        decode_container(b"PK\x03\x04" + tail)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "/a",
        "a/",
        "a//b",
        "../a",
        "a/../b",
        "A",
        "a b",
        "é",
        ".a",
        "a\\b",
        "a\0",
        "a/b/c/d/e/f/g",
        "a" * (BUNDLE_NAME_BYTES_MAX + 1),
    ],
)
def test_names_that_could_mislead_are_refused(name: str) -> None:
    assert not is_entry_name(name)
    with pytest.raises(ContainerError):
        encode_container({name: b""})


def test_number_of_entries_is_bounded() -> None:
    most = {f"{number:05d}": b"" for number in range(BUNDLE_ENTRIES_MAX)}
    assert len(decode_container(encode_container(most))) == BUNDLE_ENTRIES_MAX
    with pytest.raises(ContainerError):
        encode_container(most | {"more": b""})
    with pytest.raises(ContainerError):
        encode_container({})
