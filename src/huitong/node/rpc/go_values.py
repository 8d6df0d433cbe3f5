"""Values as CometBFT reads them, with the texts of Go's libraries where it refuses one.

Clients show these texts, and some look for parts of them.
"""

from __future__ import annotations

import binascii
import re
from typing import Final

import orjson

from huitong.core.limits import INT64_MAX
from huitong.node.rpc.errors import InvalidParamError

_SPACE: Final = " \t\r\n"
_INTEGER: Final = re.compile(r"-?(?:0|[1-9][0-9]*)", re.ASCII)
_NUMBER: Final = re.compile(
    r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?", re.ASCII
)
#: Digits that can be those of a 64-bit number.
_DIGITS_MAX: Final = 20
_LITERALS: Final = {"true": "bool", "false": "bool"}
_BASE64: Final = frozenset(
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
)


def kind_of(value: object) -> str:
    """Return what Go calls the kind of a JSON value."""
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int | float):
        return "number"
    kinds = ((str, "string"), (list, "array"), (dict, "object"))
    return next((name for kind, name in kinds if isinstance(value, kind)), "value")


def other_kind(kind: str, go_type: str) -> InvalidParamError:
    """Return the refusal of a value of another kind."""
    return InvalidParamError(
        reason=f"json: cannot unmarshal {kind} into Go value of type {go_type}"
    )


def read_int64(text: str) -> int:
    """Return the 64-bit integer that a text holds as JSON; ``null`` is 0.

    Raises:
        InvalidParamError: it holds something else.
    """
    bare = text.strip(_SPACE)
    if _INTEGER.fullmatch(bare) and len(bare) <= _DIGITS_MAX:
        number = int(bare)
        if -INT64_MAX - 1 <= number <= INT64_MAX:
            return number
    if bare == "null":
        return 0
    if bare in _LITERALS:
        raise other_kind(_LITERALS[bare], "int64")
    if _NUMBER.fullmatch(bare):
        raise other_kind(f"number {bare[:80]}", "int64")
    raise InvalidParamError(reason=_where_json_ends(bare))


def _where_json_ends(text: str) -> str:
    """Tell at which character a text stops being a JSON number."""
    if not text:
        return "unexpected end of JSON input"
    begun = _NUMBER.match(text)
    if begun is not None:
        return f"invalid character {_quoted(text[begun.end()])} after top-level value"
    if text[0] == "-":
        after = text[1:2] or " "
        return f"invalid character {_quoted(after)} in numeric literal"
    return f"invalid character {_quoted(text[0])} looking for beginning of value"


def _quoted(char: str) -> str:
    """Return a character as Go's scanner shows it: the first byte of its UTF-8."""
    if char in "'\\":
        return {"'": "'\\''", "\\": "'\\\\'"}[char]
    first = chr(char.encode("utf-8", "replace")[0])
    return f"'{first}'" if first.isprintable() else f"'\\x{ord(first):02x}'"


def json_error(error: orjson.JSONDecodeError, end: str = "") -> str:
    """Return why a text is no JSON, as Go says it.

    Args:
        error: what our decoder said.
        end: the words for a text that ends too early; other ones on other ways.
    """
    doc, message = error.doc, error.msg
    if "depth limit" in message or "ecursion" in message:
        return "invalid character exceeded max depth"
    if "UTF-8" in message:
        return "invalid character: not UTF-8"
    text = doc if isinstance(doc, str) else bytes(doc).decode("utf-8", "replace")
    rest = text[error.pos :]
    if not rest.strip(_SPACE) or "end of data" in message:
        return end or "unexpected end of JSON input"
    is_after = "content after document" in message
    where = "after top-level value" if is_after else "looking for beginning of value"
    return f"invalid character {_quoted(rest[0])} {where}"


def read_base64(text: str) -> bytes:
    """Return the bytes of standard base64 with padding; line ends are passed over.

    Raises:
        InvalidParamError: it is none.
    """
    bare = text.replace("\n", "").replace("\r", "")
    try:
        if len(bare) % 4:
            raise binascii.Error("padding is missing, or there is too much")
        return binascii.a2b_base64(bare.encode(), strict_mode=True)
    except binascii.Error:
        place = _bad_base64(bare)
        raise InvalidParamError(
            reason=f"illegal base64 data at input byte {place}"
        ) from None


def _bad_base64(text: str) -> int:
    """Return the place that Go's decoder names."""
    data = text.encode()
    for start in range(0, len(data), 4):
        group = data[start : start + 4]
        for index, byte in enumerate(group):
            if chr(byte) in _BASE64:
                continue
            if byte != ord("=") or index < 2:
                return start + index
            if index == 2 and len(group) == 3:
                return len(data)
            if index == 2 and group[3] != ord("="):
                return start + 2
            return start + 4  # padding ends the data, and something follows
        if len(group) < 4:
            return start
    return len(data)


def read_hex(text: str) -> bytes:
    """Return the bytes of a text of hexadecimal digits.

    Raises:
        InvalidParamError: it is none.
    """
    try:
        return binascii.unhexlify(text)
    except (binascii.Error, ValueError):
        raise InvalidParamError(reason=_bad_hex(text)) from None


def _bad_hex(text: str) -> str:
    for byte in text.encode("utf-8", "replace"):
        char = chr(byte)
        if char not in "0123456789abcdefABCDEF":
            shown = f" '{char}'" if char.isprintable() else ""
            return f"encoding/hex: invalid byte: U+{byte:04X}{shown}"
    return "encoding/hex: odd length hex string"
