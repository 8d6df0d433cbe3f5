"""Definitions of connectors: what is read, and every refusal with its key."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest

from huitong.gateway.connectors.definition import SinkDefinition, SourceDefinition
from huitong.gateway.connectors.errors import DefinitionError, SecretMissingError
from huitong.gateway.connectors.loading import (
    DEFINITION_BYTES_MAX,
    read_definition,
    read_secret,
)

SQL = """
connector: invoices
source: {kind: sql, url: "sqlite:////srv/erp.db", table: invoice, key: number, watermark: changed}
record: {type: tax.invoice, id: "INV-{number}", subject: buyer, title: 电子发票}
fields:
  发票号码: {from: number}
  价税合计: {from: total, type: decimal, level: 3}
"""
SINK = """
connector: out
sink: {kind: folder, path: /srv/in}
record_types: [tax.invoice]
"""


def _write(folder: Path, text: str, name: str = "one.yaml") -> Path:
    path = folder / name
    path.write_text(dedent(text), encoding="utf-8")
    return path


def test_definition_of_a_source_is_read(tmp_path: Path) -> None:
    definition = read_definition(_write(tmp_path, SQL))
    assert isinstance(definition, SourceDefinition)
    assert definition.record.columns_of_id() == ("number",)
    assert definition.fields["价税合计"].level == 3


def test_definition_of_a_sink_is_read(tmp_path: Path) -> None:
    definition = read_definition(_write(tmp_path, SINK))
    assert isinstance(definition, SinkDefinition)
    assert definition.record_types == ("tax.invoice",)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("watermark: changed", "watermrk: changed", "source.sql.watermrk"),
        ("key: number,", "", "source.sql.key"),
        ("kind: sql", "kind: oracle", "source"),
        ('"INV-{number}"', '"INV"', "names no column"),
        ("type: tax.invoice", "type: Tax Invoice", "record.type"),
        ("level: 3", "level: 5", "fields.价税合计.level"),
        ("level: 3", "level: '3'", "fields.价税合计.level"),
        ("type: decimal", "type: float", "fields.价税合计.type"),
        ("{from: number}", "{from: number, value: 1}", "exclude each other"),
        ("发票号码", "source", "written by the gateway"),
        ("sqlite:////srv/erp.db", "postgresql://a:secret@db/erp", "holds a password"),
        ("connector: invoices", "connector: invoices\nconnector: two", "given twice"),
        ("connector: invoices", "connector: ../invoices", "connector"),
        ("key: number,", "key: &k number, schema: *k,", "aliases are not taken"),
        ("connector: invoices", "connector: !!python/name:os.system", "line 2"),
    ],
)
def test_wrong_definition_is_refused_by_its_key(
    tmp_path: Path, old: str, new: str, told: str
) -> None:
    assert old in SQL
    with pytest.raises(DefinitionError) as caught:
        read_definition(_write(tmp_path, SQL.replace(old, new)))
    assert told in str(caught.value)
    assert "secret@" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "not a list of keys"),
        ("- a\n- b\n", "not a list of keys"),
        ("a: [", "line"),
        ("\x00", "unacceptable character"),
        ("a: " + "[" * 2_000, "definition"),
        ("#" * (DEFINITION_BYTES_MAX + 1), "more than"),
    ],
)
def test_what_is_no_yaml_of_keys_is_refused(
    tmp_path: Path, text: str, told: str
) -> None:
    with pytest.raises(DefinitionError, match=told):
        read_definition(_write(tmp_path, text))


def test_schema_that_is_no_json_schema_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DefinitionError, match="schema"):
        read_definition(_write(tmp_path, SQL + "schema: {type: nonsense}\n"))


def test_secret_comes_from_variable_or_file(tmp_path: Path) -> None:
    path = tmp_path / "url"
    path.write_text("postgresql://a:b@db/erp\n")
    assert read_secret("c", "env:ERP", {"ERP": "from-variable"}) == "from-variable"
    assert read_secret("c", f"file:{path}", {}) == "postgresql://a:b@db/erp"
    assert read_secret("c", "https://plain.example/", {}) == "https://plain.example/"


@pytest.mark.parametrize("reference", ["env:ABSENT", "file:/absent/secret"])
def test_secret_that_is_missing_is_told_by_its_reference(reference: str) -> None:
    with pytest.raises(SecretMissingError, match=reference):
        read_secret("c", reference, {})
