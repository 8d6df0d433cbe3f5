"""From a row to a document: every type, every refusal, and when a row changed."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from huitong.core.canonical_json import NumberText
from huitong.gateway.connectors.definition import SourceDefinition
from huitong.gateway.connectors.errors import RowError
from huitong.gateway.connectors.mapping import RowMapping
from huitong.gateway.connectors.rows import Row


def _definition(fields: dict[str, Any], **more: Any) -> SourceDefinition:
    return SourceDefinition.model_validate(
        {
            "connector": "invoices",
            "source": {
                "kind": "sql",
                "url": "sqlite:///x",
                "table": "invoice",
                "key": "number",
            },
            "record": {"type": "tax.invoice", "id": "INV-{number}"},
            "fields": fields,
            **more,
        }
    )


def _row(**values: Any) -> Row:
    return Row(key="7", values={"number": 7, **values}, origin="invoice")


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        ("text", "一", "一"),
        ("text", 7, "7"),
        ("text", NumberText("1.50"), "1.50"),
        ("text", date(2026, 1, 2), "2026-01-02"),
        ("integer", "42", 42),
        ("integer", Decimal("42.00"), 42),
        ("decimal", Decimal("113.10"), "113.10"),
        ("decimal", Decimal("1E+3"), "1000"),
        ("decimal", NumberText("113.00"), "113.00"),
        ("decimal", 0.1, "0.1"),
        ("date", date(2026, 1, 2), "2026-01-02"),
        ("date", "20260102", "2026-01-02"),
        ("time", datetime(2026, 1, 2, 3, tzinfo=UTC), "2026-01-02T03:00:00+00:00"),
        ("boolean", 1, True),
        ("boolean", "否", False),
        ("json", {"a": [1]}, {"a": [1]}),
    ],
)
def test_value_becomes_what_its_type_says(kind: str, value: Any, expected: Any) -> None:
    mapped = RowMapping(_definition({"x": {"type": kind}})).map_row(_row(x=value))
    assert json.loads(mapped.document)["x"] == expected


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("text", b"\x00"),
        ("text", ["a"]),
        ("integer", "4.5"),
        ("integer", "9" * 19),
        ("integer", True),
        ("decimal", "1e3"),
        ("decimal", float("nan")),
        ("decimal", float("inf")),
        ("date", "2026-02-30"),
        ("date", datetime(2026, 1, 2)),
        ("time", "yesterday"),
        ("boolean", "perhaps"),
        ("json", 0.5),
    ],
)
def test_value_of_another_kind_is_refused_without_being_shown(
    kind: str, value: Any
) -> None:
    with pytest.raises(RowError) as caught:
        RowMapping(_definition({"x": {"type": kind}})).map_row(_row(x=value))
    assert caught.value.fields["field"] == "x"
    assert caught.value.fields["reason"].startswith("a value of type")


@pytest.mark.parametrize("value", [None, ""])
def test_missing_value_is_refused_where_it_is_required(value: Any) -> None:
    rules = {"x": {}, "y": {"required": False}}
    with pytest.raises(RowError, match="'x' is empty"):
        RowMapping(_definition(rules)).map_row(_row(x=value, y=1))
    mapped = RowMapping(_definition(rules)).map_row(_row(x=1, y=value))
    assert "y" not in json.loads(mapped.document)


def test_document_says_where_it_came_from() -> None:
    mapped = RowMapping(_definition({"x": {}})).map_row(_row(x=1))
    assert json.loads(mapped.document)["source"] == {
        "connector": "invoices",
        "origin": "invoice",
        "row": "7",
        "snapshot": mapped.snapshot.hex(),
    }
    assert mapped.levels == {"x": 1, "source": 1}


def test_record_id_is_made_of_columns_and_checked() -> None:
    mapping = RowMapping(_definition({"x": {}}))
    assert mapping.map_row(_row(x=1)).record_id == "INV-7"
    bad = Row(key="a/b", values={"number": "../7", "x": 1}, origin="invoice")
    with pytest.raises(RowError, match="record id"):
        mapping.map_row(bad)


def test_subject_is_the_column_that_names_it() -> None:
    record = {"type": "tax.invoice", "id": "INV-{number}", "subject": "buyer"}
    mapping = RowMapping(_definition({"x": {}}, record=record))
    assert mapping.map_row(_row(x=1, buyer="91330106MA2")).subject == "91330106MA2"
    with pytest.raises(RowError, match="subject"):
        mapping.map_row(_row(x=1, buyer=""))


def test_document_that_the_schema_refuses_is_an_error_of_the_row() -> None:
    schema = {"properties": {"x": {"minimum": 10}}}
    rules = {"x": {"type": "integer"}}
    mapping = RowMapping(_definition(rules, schema=schema))
    assert mapping.map_row(_row(x=10)).record_id == "INV-7"
    with pytest.raises(RowError, match="x: "):
        mapping.map_row(_row(x=9))


def test_fingerprint_changes_with_the_row_and_with_the_definition() -> None:
    one, other = _definition({"x": {}}), _definition({"x": {"level": 2}})
    first = RowMapping(one).fingerprint(_row(x=1))
    assert first == RowMapping(one).fingerprint(_row(x=1))
    assert first != RowMapping(one).fingerprint(_row(x=2))
    assert first != RowMapping(other).fingerprint(_row(x=1))


@given(
    value=st.decimals(
        allow_nan=False,
        allow_infinity=False,
        places=4,
        min_value=-(10**20),
        max_value=10**20,
    )
)
def test_decimal_keeps_its_value(value: Decimal) -> None:
    mapping = RowMapping(_definition({"x": {"type": "decimal"}}))
    document = json.loads(mapping.map_row(_row(x=value)).document)
    assert Decimal(document["x"]) == value
