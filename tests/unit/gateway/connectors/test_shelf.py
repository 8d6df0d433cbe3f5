"""Definitions in a folder, and the pseudonyms of the subjects that sources name."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from huitong.gateway.connectors.errors import (
    ConnectorNotFoundError,
    DefinitionError,
    SubjectKeyError,
    WrongKindError,
)
from huitong.gateway.connectors.shelf import Shelf
from huitong.gateway.connectors.subjects import Subjects

_SOURCE = """
connector: {name}
source: {{kind: folder, path: /srv/files, format: json}}
record: {{type: tax.invoice, id: 'INV-{{id}}'}}
fields: {{total: {{}}}}
"""
_SINK = "connector: {name}\nsink: {{kind: folder, path: /srv/inbox}}\n"


def _write(folder: Path, name: str, text: str) -> None:
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.yaml").write_text(text.format(name=name))


def test_folder_is_read_again_only_after_a_change(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path / "connectors")
    assert shelf.refresh()
    assert (shelf.sources, shelf.sinks, shelf.faults) == ([], [], ())
    _write(shelf.folder, "files", _SOURCE)
    _write(shelf.folder, "inbox", _SINK)
    assert shelf.refresh()
    assert not shelf.refresh()
    assert [each.connector for each in shelf.sources] == ["files"]
    assert [each.connector for each in shelf.sinks] == ["inbox"]
    (shelf.folder / "inbox.yaml").unlink()
    assert shelf.refresh()
    assert shelf.sinks == []


def test_wrong_file_takes_no_other_connector_away(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path)
    _write(tmp_path, "files", _SOURCE)
    _write(tmp_path, "wrong", "connector: wrong\nsink: {{kind: pigeon}}\n")
    _write(tmp_path, "zz", _SOURCE.replace("{name}", "files"))
    shelf.refresh()
    assert shelf.source("files").connector == "files"
    assert ["pigeon" in str(f) or "twice" in str(f) for f in shelf.faults] == [True] * 2
    with pytest.raises(DefinitionError):
        shelf.get("wrong")
    _write(tmp_path, "wrong", _SINK)
    (tmp_path / "zz.yaml").unlink()
    shelf.refresh()
    assert shelf.faults == ()
    with pytest.raises(ConnectorNotFoundError):
        shelf.get("absent")
    with pytest.raises(WrongKindError, match="is a sink"):
        shelf.source("wrong")
    with pytest.raises(WrongKindError, match="is a source"):
        shelf.sink("files")


def test_pseudonym_is_the_same_for_one_key_and_another_for_another(
    tmp_path: Path,
) -> None:
    first = Subjects(tmp_path / "keys" / "subjects.key")
    made = first.pseudonym("330106199001011234")
    assert len(made) == 32
    again = Subjects(tmp_path / "keys" / "subjects.key")
    assert again.pseudonym("330106199001011234") == made
    assert again.pseudonym("330106199001011235") != made
    other = Subjects(tmp_path / "other.key")
    assert other.pseudonym("330106199001011234") != made
    assert os.stat(tmp_path / "other.key").st_mode & 0o077 == 0


def test_nobody_has_no_pseudonym_and_a_pseudonym_stays(tmp_path: Path) -> None:
    subjects = Subjects(tmp_path / "key")
    assert subjects.pseudonym("") == b""
    assert subjects.pseudonym("5e" * 32) == bytes.fromhex("5e" * 32)
    assert not (tmp_path / "key").exists()


def test_damaged_key_is_refused_and_not_replaced(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_text("abc\n")
    with pytest.raises(SubjectKeyError, match="64 hexadecimal digits"):
        Subjects(path).pseudonym("somebody")
    assert path.read_text() == "abc\n"
