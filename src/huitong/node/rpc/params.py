"""Arguments of calls: from JSON by POST and WebSocket, from the query string by GET.

CometBFT's rules. In JSON 64-bit integers are texts, bytes are base64 or, where its type is
``HexBytes``, hex. In a query string integers may stand bare, texts stand in quotes, bytes are
``0x`` and hex or a text in quotes.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, unique
from typing import Any, Final

import orjson

from huitong.node.rpc.errors import InvalidParamError

_INTEGER: Final = re.compile(r"-?[0-9]{1,19}", re.ASCII)


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
    match item.kind:
        case Kind.INTEGER:
            if isinstance(value, str) and _INTEGER.fullmatch(value):
                return _int64(value, item)
            raise _unreadable(
                f"invalid 64-bit integer encoding {_shown(value)}, expected string"
            )
        case Kind.BOOLEAN:
            if isinstance(value, bool):
                return value
        case Kind.TEXT:
            if isinstance(value, str):
                return value
        case Kind.BYTES:
            if isinstance(value, str):
                return _base64(value, item)
        case Kind.HEX_BYTES:
            if isinstance(value, str):
                return _hex(value, item)
    raise _unreadable(f"{item.name}: {_shown(value)} is not of type {item.kind.value}")


def _from_query(value: str, item: Param) -> Any:
    is_quoted = len(value) >= 2 and value[0] == value[-1] == '"'
    text = _unquoted(value, item) if is_quoted else value
    match item.kind:
        case Kind.INTEGER:
            if _INTEGER.fullmatch(text):
                return _int64(text, item)
        case Kind.BOOLEAN:
            if value in ("true", "false"):
                return value == "true"
        case Kind.TEXT:
            if is_quoted:
                return text
            if value.startswith("0x"):
                return _hex(value[2:], item).decode("utf-8", "replace")
        case Kind.BYTES:
            if is_quoted:
                return text.encode()
            if value.startswith("0x"):
                return _hex(value[2:], item)
        case Kind.HEX_BYTES:
            return _hex(text.removeprefix("0x"), item)
    raise _unreadable(f"{item.name}: {value[:80]} is not of type {item.kind.value}")


def _unquoted(value: str, item: Param) -> str:
    try:
        text = orjson.loads(value)
    except orjson.JSONDecodeError as error:
        raise _unreadable(f"{item.name}: {error}") from error
    return str(text)


def _int64(text: str, item: Param) -> int:
    number = int(text)
    if not -(2**63) <= number < 2**63:
        raise _unreadable(f"{item.name}: {text} is not a 64-bit integer")
    return number


def _base64(text: str, item: Param) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise _unreadable(f"{item.name}: illegal base64 data") from error


def _hex(text: str, item: Param) -> bytes:
    try:
        return binascii.unhexlify(text)
    except (binascii.Error, ValueError) as error:
        raise _unreadable(f"{item.name}: encoding/hex: invalid byte") from error


def _shown(value: object) -> str:
    text = orjson.dumps(value).decode()
    return f'"{text[:80]}"' if isinstance(value, int | float) else text[:80]


def _unreadable(reason: str) -> InvalidParamError:
    return InvalidParamError(
        reason=f"error converting json params to arguments: {reason}"
    )
