"""Arguments of calls: from JSON by POST and WebSocket, from the query string by GET.

CometBFT's rules. In JSON 64-bit integers are texts, bytes are base64 or, where its type is
``HexBytes``, hex. In a query string integers may stand bare, texts stand in quotes, bytes are
``0x`` and hex or a text in quotes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, unique
from typing import Any, Final

import orjson

from huitong.node.rpc.errors import InvalidParamError, words_of
from huitong.node.rpc.evidence_json import evidence_from_json
from huitong.node.rpc.go_values import (
    kind_of,
    other_kind,
    read_base64,
    read_hex,
    read_int64,
)

#: What a query string may hold bare.
_DIGITS: Final = frozenset("-0123456789")


@unique
class Kind(Enum):
    """Types of arguments."""

    INTEGER = "integer"
    BOOLEAN = "boolean"
    TEXT = "text"
    BYTES = "bytes"
    """Base64 in JSON."""
    HEX_BYTES = "hex bytes"
    """Hex in JSON."""
    UNSIGNED = "unsigned integer"
    """An integer that is not negative."""
    EVIDENCE = "evidence"
    """Evidence against validators, an object in JSON."""


_INTEGERS: Final = (Kind.INTEGER, Kind.UNSIGNED)
#: What Go calls the JSON of a type, and the type it is read into.
_GO_TYPES: Final = {
    Kind.BOOLEAN: ("bool", "bool"),
    Kind.TEXT: ("string", "string"),
    Kind.BYTES: ("string", "[]uint8"),
    Kind.HEX_BYTES: ("string", "string"),
}


@dataclass(frozen=True, slots=True)
class Param:
    """One argument of a method."""

    name: str
    """As in CometBFT."""
    kind: Kind
    """Its type."""


def params_from_json(given: object, expected: Sequence[Param]) -> dict[str, Any]:
    """Read the ``params`` of a JSON-RPC request, by name or by place.

    Raises:
        InvalidParamError: an argument of another type.
    """
    if given is None:
        return {}
    if isinstance(given, list):
        if len(given) != len(expected):
            names = " ".join(item.name for item in expected)
            told = f"expected {len(expected)} parameters ([{names}]), got {len(given)}"
            raise _unreadable(f"{told} ({_go_bytes(given)})")
        given = {item.name: value for item, value in zip(expected, given, strict=True)}
    if not isinstance(given, dict):
        why = other_kind(kind_of(given), "[]json.RawMessage")
        told = words_of(why)
        raise _unreadable(
            f"unknown type for JSON params: {told}. Expected map or array"
        )
    found = {}
    for item in expected:
        value = given.get(item.name)
        if value is not None:
            found[item.name] = _from_json(value, item)
    return found


def params_from_query(
    given: Mapping[str, str], expected: Sequence[Param]
) -> dict[str, Any]:
    """Read the arguments of a GET request.

    Raises:
        InvalidParamError: an argument of another type.
    """
    found = {}
    for item in expected:
        value = given.get(item.name, "")
        if value:
            found[item.name] = _from_query(value, item)
    return found


def _from_json(value: object, item: Param) -> Any:
    try:
        return _value_from_json(value, item)
    except InvalidParamError as refused:
        raise _unreadable(words_of(refused)) from refused


def _value_from_json(value: object, item: Param) -> Any:
    if item.kind is Kind.EVIDENCE:
        return evidence_from_json(value)
    if item.kind in _INTEGERS:
        if isinstance(value, str):
            return _read_integer(value, item)
        raise _no_text_integer(orjson.dumps(value).decode())
    expected, go_type = _GO_TYPES[item.kind]
    if kind_of(value) != expected:
        raise other_kind(kind_of(value), go_type)
    if item.kind is Kind.BYTES:
        return read_base64(str(value))
    return read_hex(str(value)) if item.kind is Kind.HEX_BYTES else value


def _read_integer(text: str, item: Param) -> int:
    number = read_int64(text)
    if item.kind is Kind.UNSIGNED and number < 0:
        raise other_kind(f"number {number}", "uint")
    return number


def _from_query(value: str, item: Param) -> Any:
    try:
        return _value_from_query(value, item)
    except InvalidParamError as refused:
        raise _unreadable(words_of(refused), "http") from refused


def _value_from_query(value: str, item: Param) -> Any:
    is_quoted = value[0] == '"'
    if item.kind is Kind.HEX_BYTES:
        return read_hex(value.strip('"').removeprefix("0x"))
    if item.kind in _INTEGERS:
        if is_quoted or _DIGITS.issuperset(value):
            return _read_integer(_text_of_json(value) if is_quoted else value, item)
        raise _no_text_integer(value)
    if item.kind is Kind.EVIDENCE:
        return _evidence_from_query(value)
    if value.startswith("0x"):
        data = read_hex(value[2:])
        return data if item.kind is Kind.BYTES else data.decode("utf-8", "replace")
    if item.kind is Kind.BOOLEAN:
        if value in ("true", "false"):
            return value == "true"
        raise _not_json(value)
    text = _text_of_json(value)
    return text.encode() if item.kind is Kind.BYTES else text


def _evidence_from_query(value: str) -> Any:
    try:
        given = orjson.loads(value)
    except orjson.JSONDecodeError:
        raise _not_json(value) from None
    return evidence_from_json(given)


def _text_of_json(value: str) -> str:
    if len(value) < 2 or value[0] != '"':
        raise _not_json(value)
    try:
        return str(orjson.loads(value))
    except orjson.JSONDecodeError:
        raise _not_json(value) from None


_JSON_TEXT: Final = re.compile(r'"(?:[^"\\]|\\.)*"', re.ASCII)


def _not_json(value: str) -> InvalidParamError:
    """Return the refusal of a query string's value that is no JSON of its type."""
    if value[0] in '"{[':
        text = _JSON_TEXT.match(value)
        if text is not None and text.end() < len(value):
            follows = value[text.end()]
            return InvalidParamError(
                reason=f"invalid character '{follows}' after top-level value"
            )
        return InvalidParamError(reason="unexpected end of JSON input")
    return InvalidParamError(
        reason=f"invalid character '{value[0]}' looking for beginning of value"
    )


def _go_bytes(given: list[Any]) -> str:
    """Return raw JSON as Go prints a list of byte strings; the first few of each."""
    shown = [
        " ".join(str(byte) for byte in orjson.dumps(item)[:20]) for item in given[:3]
    ]
    return "[" + " ".join(f"[{item}]" for item in shown) + "]"


def _no_text_integer(shown: str) -> InvalidParamError:
    return InvalidParamError(
        reason=f'invalid 64-bit integer encoding "{shown[:80]}", expected string'
    )


def _unreadable(reason: str, source: str = "json") -> InvalidParamError:
    return InvalidParamError(
        reason=f"error converting {source} params to arguments: {reason}"
    )
