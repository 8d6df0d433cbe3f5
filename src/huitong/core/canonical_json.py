"""JSON in exactly one form, so that it can be hashed, signed and compared as bytes.

Two layouts of the same rules: compact, for what is hashed field by field, and indented,
for what people read in an evidence bundle. Members are sorted by the code points of
their names, text is UTF-8 without escapes that are not needed, and a number that is not
an integer keeps the digits it came with: nothing here ever becomes a float.

Reading is strict: a name given twice, NaN, text that is not Unicode, too much depth and
anything after the value are refused.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from json.encoder import encode_basestring
from typing import Any, NoReturn

from huitong.core.errors import RejectedError
from huitong.core.limits import JSON_DEPTH_MAX


class JsonError(
    RejectedError, codespace="json", code=2, text="not acceptable JSON: {reason}"
):
    """The bytes are not one JSON value, or one that this software does not take."""


class JsonFormError(
    RejectedError, codespace="json", code=3, text="JSON is not in canonical form"
):
    """The same value has another, canonical form."""


@dataclass(frozen=True, slots=True)
class NumberText:
    """A number with a fraction or an exponent, exactly as it was written."""

    digits: str
    """The JSON number, for example ``113.00``."""


def decode_json(data: bytes) -> Any:
    """Read one JSON value of any layout.

    Raises:
        JsonError: the bytes are not acceptable JSON.
    """
    try:
        value = json.loads(
            data.decode("utf-8"),
            object_pairs_hook=_object,
            parse_float=NumberText,
            parse_constant=_refuse_constant,
        )
    except RecursionError as error:
        raise JsonError(reason=f"deeper than {JSON_DEPTH_MAX} levels") from error
    except ValueError as error:
        raise JsonError(reason=str(error)) from error
    _check_value(value, JSON_DEPTH_MAX)
    return value


def encode_json(value: Any, *, indent: int = 0) -> bytes:
    """Return the canonical bytes of ``value``.

    Args:
        value: dicts with text names, lists, tuples, text, integers, ``NumberText``,
            booleans and None.
        indent: 0 for the compact layout; otherwise spaces for each level, and a line
            feed at the end.
    """
    parts: list[str] = []
    _write(value, parts, indent, "\n" if indent else "")
    if indent:
        parts.append("\n")
    return "".join(parts).encode("utf-8")


def decode_canonical_json(data: bytes, *, indent: int = 0) -> Any:
    """Read one JSON value that must already be in canonical form.

    Raises:
        JsonError: the bytes are not acceptable JSON.
        JsonFormError: the canonical form has other bytes.
    """
    value = decode_json(data)
    if encode_json(value, indent=indent) != data:
        raise JsonFormError
    return value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError("a name stands twice in one object")
    return made


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number")


def _check_value(value: Any, depth_left: int) -> None:
    """Refuse too much depth and text that has no UTF-8 form."""
    if isinstance(value, str):
        if not value.isascii():
            _check_text(value)
    elif isinstance(value, dict | list):
        if depth_left == 0:
            raise JsonError(reason=f"deeper than {JSON_DEPTH_MAX} levels")
        if isinstance(value, dict):
            for name in value:
                _check_value(name, depth_left)
            value = list(value.values())
        for part in value:
            _check_value(part, depth_left - 1)


def _check_text(text: str) -> None:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise JsonError(reason="text with half a surrogate pair") from error


def _write(value: Any, parts: list[str], indent: int, line: str) -> None:
    if isinstance(value, str):
        parts.append(encode_basestring(value))
    elif value is None:
        parts.append("null")
    elif isinstance(value, bool):
        parts.append("true" if value else "false")
    elif isinstance(value, int):
        parts.append(str(value))
    elif isinstance(value, NumberText):
        parts.append(value.digits)
    elif isinstance(value, dict):
        _write_object(value, parts, indent, line)
    elif isinstance(value, list | tuple):
        _write_array(value, parts, indent, line)
    else:
        raise TypeError(f"{type(value).__name__} has no JSON form")


def _write_object(
    value: dict[str, Any], parts: list[str], indent: int, line: str
) -> None:
    inner = line + " " * indent
    colon = ": " if indent else ":"
    separator = "{"
    for name in sorted(value):
        parts.append(f"{separator}{inner}{encode_basestring(name)}{colon}")
        _write(value[name], parts, indent, inner)
        separator = ","
    parts.append(f"{line}}}" if value else "{}")


def _write_array(
    value: list[Any] | tuple[Any, ...], parts: list[str], indent: int, line: str
) -> None:
    inner = line + " " * indent
    separator = "["
    for part in value:
        parts.append(separator + inner)
        _write(part, parts, indent, inner)
        separator = ","
    parts.append(f"{line}]" if value else "[]")
