"""A folder of files as a source: every format, and files that must not be read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from huitong.gateway.connectors import folder_source
from huitong.gateway.connectors.definition import FolderSource
from huitong.gateway.connectors.errors import SourceDownError, SourceShapeError
from huitong.gateway.connectors.folder_source import FolderRows
from huitong.gateway.connectors.rows import Page, Row

BOMB = """<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;">]>
<rows><row id="1">&b;</row></rows>"""


def _rows(folder: Path, *, whole: bool = False, **changes: Any) -> FolderRows:
    source = {"kind": "folder", "path": str(folder), **changes}
    return FolderRows("files", FolderSource.model_validate(source), whole=whole)


async def _read_all(source: FolderRows) -> tuple[list[Row], list[tuple[str, str]]]:
    rows: list[Row] = []
    faults: list[tuple[str, str]] = []
    page: Page | None = None
    while page is None or not page.is_last:
        page = await source.read_page(None if page is None else page.position)
        rows += page.rows
        faults += page.faults
    return rows, faults


async def test_json_file_is_a_row_or_holds_many(tmp_path: Path) -> None:
    (tmp_path / "one.json").write_text(json.dumps({"id": "a", "total": 1.50}))
    rows, _ = await _read_all(_rows(tmp_path, format="json"))
    assert [(row.key, row.values["id"]) for row in rows] == [("one.json", "a")]
    (tmp_path / "one.json").write_text(json.dumps({"list": [{"id": "b"}, {"id": "c"}]}))
    many = _rows(tmp_path, format="json", each="row", rows="/list", key="id")
    rows, _ = await _read_all(many)
    assert [row.key for row in rows] == ["b", "c"]
    found = await many.read_row("c")
    assert found is not None
    assert found.origin == "one.json"


async def test_csv_file_in_the_encoding_of_old_systems_is_read(tmp_path: Path) -> None:
    (tmp_path / "one.csv").write_bytes("编号,名称\n1,杭州\n2,重庆\n".encode("gb18030"))
    source = _rows(tmp_path, format="csv", each="row", key="编号", encoding="gb18030")
    rows, _ = await _read_all(source)
    assert [(row.key, row.values["名称"]) for row in rows] == [
        ("1", "杭州"),
        ("2", "重庆"),
    ]


async def test_xml_elements_become_members(tmp_path: Path) -> None:
    (tmp_path / "one.xml").write_text(
        '<r xmlns="urn:x"><row id="1"><a>x</a><b>1</b><b>2</b><c><d>y</d></c></row></r>'
    )
    source = _rows(tmp_path, format="xml", each="row", rows="{urn:x}row", key="@id")
    rows, _ = await _read_all(source)
    assert dict(rows[0].values) == {
        "@id": "1",
        "a": "x",
        "b": ["1", "2"],
        "c": {"d": "y"},
    }


async def test_pdf_file_is_taken_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "one.pdf").write_bytes(b"%PDF-1.7 x")
    source = _rows(tmp_path, format="pdf", pattern="**/*.pdf", whole=True)
    rows, _ = await _read_all(source)
    assert (rows[0].key, rows[0].values["stem"]) == ("sub/one.pdf", "one")
    assert rows[0].content == b"%PDF-1.7 x"


@pytest.mark.parametrize(
    ("form", "data", "told"),
    [
        ("json", b"{", "JSON"),
        ("json", b"[1]", "objects"),
        ("json", b"", "empty"),
        ("json", b'{"a":1,"a":2}', "JSON"),
        ("csv", b"a,b\n1\n", "number of columns"),
        ("csv", b"a,a\n1,2\n", "two have one"),
        ("csv", b"a,b\n1,2\n3,4\n", "`each` is `file`"),
        ("csv", b"\xff\xfe\n", "utf-8"),
        ("xml", b"<a>", "XML"),
        ("xml", BOMB.encode(), "XML"),
        ("xml", b'<!DOCTYPE x SYSTEM "file:///etc/passwd"><x/>', "XML"),
        ("json", b" " * 200, "more than 150 bytes"),
    ],
)
async def test_file_that_cannot_be_read_fails_alone(
    tmp_path: Path, form: str, data: bytes, told: str
) -> None:
    good = {"json": b'{"id": 1}', "csv": b"id\n1\n", "xml": b"<r><id>1</id></r>"}[form]
    (tmp_path / "bad").write_bytes(data)
    (tmp_path / "good").write_bytes(good)
    rows, faults = await _read_all(_rows(tmp_path, format=form, file_bytes_max=150))
    assert [row.key for row in rows] == ["good"]
    assert [key for key, _ in faults] == ["bad"]
    assert told in faults[0][1]


async def test_link_out_of_the_folder_is_not_followed(tmp_path: Path) -> None:
    inside, outside = tmp_path / "inside", tmp_path / "outside"
    inside.mkdir()
    outside.mkdir()
    (outside / "secret.json").write_text('{"id": 1}')
    (inside / "file.json").symlink_to(outside / "secret.json")
    (inside / "folder").symlink_to(outside)
    source = _rows(inside, format="json", pattern="**/*.json")
    rows, faults = await _read_all(source)
    assert rows == []
    assert [key for key, _ in faults] == ["file.json"]
    with pytest.raises(SourceShapeError):
        await _rows(inside, format="json", pattern="../outside/*.json").check()
    rows, faults = await _read_all(
        _rows(inside, format="json", pattern="folder/*.json")
    )
    assert (rows, len(faults)) == ([], 1)


async def test_folder_that_is_not_there_is_down(tmp_path: Path) -> None:
    with pytest.raises(SourceDownError):
        await _rows(tmp_path / "absent", format="json").check()


async def test_many_files_come_in_pages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folder_source, "PAGE_FILES", 2)
    for index in range(5):
        (tmp_path / f"{index}.json").write_text(f'{{"id": {index}}}')
    rows, _ = await _read_all(_rows(tmp_path, format="json"))
    assert [row.values["id"] for row in rows] == list(range(5))
