"""Arguments of calls: from JSON by POST and WebSocket, from the query string by GET.

CometBFT's rules. In JSON 64-bit integers are texts, bytes are base64 or, where its type is
``HexBytes``, hex. In a query string integers may stand bare, texts stand in quotes, bytes are
``0x`` and hex or a text in quotes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, unique
from typing import Any, Final

import orjson

from huitong.node.rpc.errors import InvalidParamError
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
            raise _unreadable(
                f"expected {len(expected)} parameters "
                f"({[item.name for item in expected]}), got {len(given)}"
            )
        given = {item.name: value for item, value in zip(expected, given, strict=True)}
    if not isinstance(given, dict):
        raise _unreadable("params is neither an object nor an array")
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
        raise _unreadable(str(refused)) from refused


def _value_from_json(value: object, item: Param) -> Any:
    if item.kind is Kind.INTEGER:
        if isinstance(value, str):
            return read_int64(value)
        raise _no_text_integer(orjson.dumps(value).decode())
    expected, go_type = _GO_TYPES[item.kind]
    if kind_of(value) != expected:
        raise other_kind(kind_of(value), go_type)
    if item.kind is Kind.BYTES:
        return read_base64(str(value))
    return read_hex(str(value)) if item.kind is Kind.HEX_BYTES else value


def _from_query(value: str, item: Param) -> Any:
    try:
        return _value_from_query(value, item)
    except InvalidParamError as refused:
        raise _unreadable(str(refused), "http") from refused


def _value_from_query(value: str, item: Param) -> Any:
    is_quoted = value[0] == '"'
    if item.kind is Kind.HEX_BYTES:
        return read_hex(value.strip('"').removeprefix("0x"))
    if item.kind is Kind.INTEGER:
        if is_quoted or _DIGITS.issuperset(value):
            return read_int64(_text_of_json(value) if is_quoted else value)
        raise _no_text_integer(value)
    if value.startswith("0x"):
        data = read_hex(value[2:])
        return data if item.kind is Kind.BYTES else data.decode("utf-8", "replace")
    if item.kind is Kind.BOOLEAN:
        if value in ("true", "false"):
            return value == "true"
        raise _not_json(value)
    text = _text_of_json(value)
    return text.encode() if item.kind is Kind.BYTES else text


def _text_of_json(value: str) -> str:
    if len(value) < 2 or value[0] != '"':
        raise _not_json(value)
    try:
        return str(orjson.loads(value))
    except orjson.JSONDecodeError:
        raise _not_json(value) from None


def _not_json(value: str) -> InvalidParamError:
    """Return the refusal of a query string's value that is no JSON of its type."""
    if value[0] == '"':
        return InvalidParamError(reason="unexpected end of JSON input")
    return InvalidParamError(
        reason=f"invalid character '{value[0]}' looking for beginning of value"
    )


def _no_text_integer(shown: str) -> InvalidParamError:
    return InvalidParamError(
        reason=f'invalid 64-bit integer encoding "{shown[:80]}", expected string'
    )


def _unreadable(reason: str, source: str = "json") -> InvalidParamError:
    return InvalidParamError(
        reason=f"error converting {source} params to arguments: {reason}"
    )
