"""The standard acknowledgement of ICS-4: ``{"result":"<base64>"}`` or ``{"error":"…"}``.

Its bytes lie under a hash in the state of two chains. So it has one form here: what
reads as a standard acknowledgement must be, byte for byte, what writing it again gives
(ibc-go advisory ASA-2025-004). Everything that decides about bytes works on integers
and text, with a bounded depth, and behaves alike on every machine.

An acknowledgement that is not of this kind is the applications' own matter.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from typing import Any, Final

from huitong.core.errors import HuitongError
from huitong.core.go_json import go_json_string
from huitong.core.limits import (
    ACKNOWLEDGEMENT_DEPTH_MAX,
    ACKNOWLEDGEMENT_SIZE_BYTES_MAX,
)
from huitong.modules.links.errors import InvalidAcknowledgementError

_RESULT_HEAD: Final = b'{"result":"'
_TAIL: Final = b'"}'
_STANDARD_NAMES: Final = ("error", "result")
#: Text of error acknowledgements, as ibc-go fixes it: it must not depend on anything
#: but the code, because its hash is consensus data.
_ERROR_TEXT: Final = "ABCI code: {code}: error handling packet: see events for details"
#: A JSON string, or what follows an opening quote that is never closed: every quote
#: begins a match, so the search is linear whatever the bytes are.
_STRINGS: Final = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)', re.DOTALL)
_OPENING: Final = b"[{"
_NOT_BRACKETS: Final = bytes(byte for byte in range(256) if byte not in b"[]{}")


def result_acknowledgement(result: bytes) -> bytes:
    """Return the acknowledgement of success that carries ``result``."""
    return _RESULT_HEAD + base64.b64encode(result) + _TAIL


def error_acknowledgement(error: HuitongError) -> bytes:
    """Return the acknowledgement of failure: of the error only its code is told."""
    return error_acknowledgement_of(_ERROR_TEXT.format(code=error.code))


def error_acknowledgement_of(text: str) -> bytes:
    """Return the acknowledgement of failure with a text of the application's own.

    The text becomes consensus data: it must not hold anything that may differ between
    nodes or versions.
    """
    return b'{"error":' + go_json_string(text) + b"}"


def check_acknowledgement(acknowledgement: bytes) -> None:
    """Check the bytes of an acknowledgement that a counterparty has written.

    Raises:
        InvalidAcknowledgementError: empty, too long, or an object with no other names
            than ``result`` and ``error`` that is not in the one form of these.

    Spec: ICS-4 acknowledgement envelope; ASA-2025-004. Cost: linear.
    """
    if not acknowledgement:
        raise InvalidAcknowledgementError(reason="acknowledgement cannot be empty")
    size = len(acknowledgement)
    if size > ACKNOWLEDGEMENT_SIZE_BYTES_MAX:
        raise InvalidAcknowledgementError(
            reason=f"{size} bytes, at most {ACKNOWLEDGEMENT_SIZE_BYTES_MAX}"
        )
    if _is_result(acknowledgement):
        return
    members = _find_members(acknowledgement)
    if not members or any(name not in _STANDARD_NAMES for name, _ in members):
        return
    name, value = members[0]
    written = b""
    if len(members) == 1 and name == "error" and type(value) is str:
        written = error_acknowledgement_of(value)
    if written != acknowledgement:
        raise InvalidAcknowledgementError(
            reason="a standard acknowledgement in another than its one form"
        )


def find_result(acknowledgement: bytes) -> bytes | None:
    """Return what a standard acknowledgement of success carries, else None."""
    if not _is_result(acknowledgement):
        return None
    return base64.b64decode(acknowledgement[len(_RESULT_HEAD) : -len(_TAIL)])


def find_error(acknowledgement: bytes) -> str | None:
    """Return the text of a standard acknowledgement of failure, else None."""
    members = _find_members(acknowledgement)
    if members is None or len(members) != 1:
        return None
    name, value = members[0]
    return value if name == "error" and type(value) is str else None


def _is_result(acknowledgement: bytes) -> bool:
    if not acknowledgement.startswith(_RESULT_HEAD):
        return False
    if not acknowledgement.endswith(_TAIL):
        return False
    text = acknowledgement[len(_RESULT_HEAD) : -len(_TAIL)]
    try:
        return base64.b64encode(base64.b64decode(text, validate=True)) == text
    except binascii.Error:
        return False


def _find_members(data: bytes) -> tuple[tuple[str, Any], ...] | None:
    """Return the members of the JSON object that ``data`` is, None if it is none.

    Repeated names stay visible, numbers stay text, depth is bounded before the parser
    sees the bytes.
    """
    if data.lstrip(b" \t\r\n")[:1] != b"{" or _depth(data) > ACKNOWLEDGEMENT_DEPTH_MAX:
        return None
    try:
        found = json.loads(
            data.decode("utf-8"),
            object_pairs_hook=tuple,
            parse_int=_number,
            parse_float=_number,
            parse_constant=_number,
        )
    except ValueError:
        return None
    return found if type(found) is tuple else None


def _number(text: str) -> bytes:
    """Keep a number as its digits, in a type of its own: it never becomes a value."""
    return text.encode()


def _depth(data: bytes) -> int:
    """Return how deep brackets nest outside of strings."""
    deepest = depth = 0
    for byte in _STRINGS.sub(b"", data).translate(None, _NOT_BRACKETS):
        depth += 1 if byte in _OPENING else -1
        deepest = max(deepest, depth)
    return deepest
