"""From a row to a document, field by field, and to what the record says of it.

The document has one member more than the definition names: ``source``, which tells
connector, place, row and snapshot. The snapshot is the SHA-256 of the other members, so
that a row that did not change makes no new version.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Final, final

from jsonschema_rs import validator_for

from huitong.core.canonical_json import NumberText, encode_json
from huitong.core.errors import InvalidRequestError
from huitong.core.fields import check_record_id
from huitong.core.hashing import sha256
from huitong.gateway.connectors.definition import (
    SOURCE_FIELD,
    FieldRule,
    SourceDefinition,
)
from huitong.gateway.connectors.errors import RowError
from huitong.gateway.connectors.rows import Row, Value

_INTEGER: Final = re.compile(r"[+-]?[0-9]{1,18}\Z", re.ASCII)
_DECIMAL: Final = re.compile(r"[+-]?[0-9]{1,30}(\.[0-9]{1,18})?\Z", re.ASCII)
_COMPACT_DATE: Final = re.compile(r"([0-9]{4})([0-9]{2})([0-9]{2})\Z", re.ASCII)
_TRUE: Final = frozenset({"true", "1", "t", "yes", "是"})
_FALSE: Final = frozenset({"false", "0", "f", "no", "否"})
#: Characters of one text value.
TEXT_CHARACTERS_MAX: Final = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class MappedRow:
    """A document, ready to be published."""

    key: str
    """The row's key in its source."""
    record_id: str
    """Id of the record."""
    document: bytes
    """Canonical JSON, or the file's bytes."""
    snapshot: bytes
    """SHA-256 of what the row says, 32 bytes."""
    subject: str
    """Who the data is about, as the source names them; empty for nobody."""
    levels: Mapping[str, int]
    """Data level of each field."""
    provenance: str
    """Connector, place, row and snapshot in one line."""


@final
class RowMapping:
    """The mapping of one definition."""

    def __init__(self, definition: SourceDefinition) -> None:
        """Prepare a definition that was read strictly."""
        self._definition = definition
        self._digest = sha256(
            # How often it is run does not change what is made of a row.
            definition.model_dump_json(by_alias=True, exclude={"interval_s"}).encode()
        )
        schema = definition.json_schema
        self._validator = None if schema is None else validator_for(schema)

    def columns(self) -> list[str]:
        """Return the columns that the mapping reads."""
        rules = self._definition.fields.items()
        named = [rule.column or name for name, rule in rules if rule.value is None]
        record = self._definition.record
        subject = [] if record.subject is None else [record.subject]
        return list(dict.fromkeys([*named, *record.columns_of_id(), *subject]))

    def fingerprint(self, row: Row) -> bytes:
        """Return 32 bytes that change when the row does, or what is made of it.

        It is compared with what this gateway wrote down, and with nothing else.
        """
        said = row.content or repr(sorted(row.values.items())).encode()
        return sha256(self._digest + sha256(said))

    def map_row(self, row: Row) -> MappedRow:
        """Return the document of a row.

        Raises:
            RowError: a value is missing or of another kind, or the schema refuses.
        """
        if self._definition.fields:
            values = self._values(row)
            self._check_schema(row, values)
            snapshot = sha256(encode_json(values))
            values[SOURCE_FIELD] = self._source_of(row, snapshot)
            document = encode_json(values)
            levels = {
                name: rule.level for name, rule in self._definition.fields.items()
            }
            levels = {name: levels.get(name, 1) for name in values}
        else:
            snapshot, document, levels = sha256(row.content), row.content, {}
        return MappedRow(
            key=row.key,
            record_id=self._record_id(row),
            document=document,
            snapshot=snapshot,
            subject=self._subject(row),
            levels=levels,
            provenance=self._provenance(row, snapshot),
        )

    def _values(self, row: Row) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for name, rule in self._definition.fields.items():
            value = self._value(row, name, rule)
            if value is not None:
                values[name] = value
        return values

    def _value(self, row: Row, name: str, rule: FieldRule) -> Any:
        if rule.value is not None:
            return rule.value
        column = rule.column or name
        found = row.values.get(column)
        if found is None or found == "":
            if rule.required:
                raise RowError(key=row.key, field=name, reason=f"{column!r} is empty")
            return None
        try:
            return _CONVERTERS[rule.type](found)
        except (ValueError, TypeError, InvalidOperation) as error:
            reason = f"{_shown(found)} is no {rule.type}"
            raise RowError(key=row.key, field=name, reason=reason) from error

    def _check_schema(self, row: Row, values: dict[str, Any]) -> None:
        if self._validator is None:
            return
        for fault in self._validator.iter_errors(_plain(values)):
            where = "/".join(str(part) for part in fault.instance_path) or "document"
            reason = str(fault.message)[:200]
            raise RowError(key=row.key, field=where, reason=reason)

    def _record_id(self, row: Row) -> str:
        record = self._definition.record
        texts = {}
        for column in record.columns_of_id():
            texts[column] = self._text_of(row, column, "record id")
        made = record.make_id(texts)
        try:
            check_record_id(made)
        except InvalidRequestError as error:
            raise RowError(key=row.key, field="record id", reason=str(error)) from error
        return made

    def _subject(self, row: Row) -> str:
        column = self._definition.record.subject
        return "" if column is None else self._text_of(row, column, "subject")

    def _text_of(self, row: Row, column: str, what: str) -> str:
        found = row.values.get(column)
        try:
            text = _text(found)
        except (ValueError, TypeError) as error:
            raise RowError(
                key=row.key, field=what, reason=f"{column!r} is {_shown(found)}"
            ) from error
        if not text:
            raise RowError(key=row.key, field=what, reason=f"{column!r} is empty")
        return text

    def _source_of(self, row: Row, snapshot: bytes) -> dict[str, Any]:
        return {
            "connector": self._definition.connector,
            "origin": row.origin,
            "row": row.key,
            "snapshot": snapshot.hex(),
        }

    def _provenance(self, row: Row, snapshot: bytes) -> str:
        name = self._definition.connector
        return f"{name}: {row.origin}, row {row.key}, sha256 {snapshot.hex()}"


def _text(value: Value) -> str:
    if isinstance(value, bool | bytes | list | dict) or value is None:
        raise TypeError(type(value).__name__)
    if isinstance(value, datetime | date):
        return value.isoformat()
    text = value.digits if isinstance(value, NumberText) else str(value)
    if len(text) > TEXT_CHARACTERS_MAX:
        raise ValueError(len(text))
    return text


def _integer(value: Value) -> int:
    if isinstance(value, Decimal) and value == value.to_integral_value():
        value = int(value)
    text = _text(value)
    if not _INTEGER.match(text):
        raise ValueError(text)
    return int(text)


def _decimal(value: Value) -> str:
    """Return a decimal as text: money must not become binary on its way."""
    if isinstance(value, float):
        value = Decimal(repr(value))
    text = format(value, "f") if isinstance(value, Decimal) else _text(value)
    if not _DECIMAL.match(text):
        raise ValueError(text)
    return text.removeprefix("+")


def _date(value: Value) -> str:
    if isinstance(value, datetime):
        raise TypeError("a time of day")
    if isinstance(value, date):
        return value.isoformat()
    text = _COMPACT_DATE.sub(r"\1-\2-\3", _text(value).strip())
    return date.fromisoformat(text).isoformat()


def _time(value: Value) -> str:
    """Return a time as ISO 8601; one without an offset stays without."""
    if isinstance(value, datetime):
        return value.isoformat()
    return datetime.fromisoformat(_text(value).strip()).isoformat()


def _boolean(value: Value) -> bool:
    if isinstance(value, bool):
        return value
    text = _text(value).strip().lower()
    if text not in _TRUE | _FALSE:
        raise ValueError(text)
    return text in _TRUE


def _json(value: Value) -> Any:
    if not isinstance(value, str | int | bool | list | dict | NumberText):
        raise TypeError(type(value).__name__)
    return value


_CONVERTERS: Final = {
    "text": _text,
    "integer": _integer,
    "decimal": _decimal,
    "date": _date,
    "time": _time,
    "boolean": _boolean,
    "json": _json,
}


def _plain(value: Any) -> Any:
    """Return a value as a schema sees it, with numbers as numbers."""
    if isinstance(value, NumberText):
        return float(value.digits)
    if isinstance(value, dict):
        return {name: _plain(part) for name, part in value.items()}
    if isinstance(value, list):
        return [_plain(part) for part in value]
    return value


def _shown(value: Value) -> str:
    """Return the kind of a value, never the value: error queues are not vaults."""
    return "nothing" if value is None else f"a value of type {type(value).__name__}"
