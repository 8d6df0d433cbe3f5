"""JSON pointers (RFC 6901), as definitions use them to find a part of an answer."""

from __future__ import annotations

from typing import Any, Final

_MISSING: Final = object()


class PointerError(ValueError):
    """The pointer leads nowhere."""


def resolve(value: Any, pointer: str) -> Any:
    """Return the part of ``value`` that ``pointer`` names; all of it for ``""``.

    Raises:
        PointerError: it leads nowhere, or does not begin with a slash.
    """
    if not pointer:
        return value
    if not pointer.startswith("/"):
        raise PointerError(f"{pointer!r} does not begin with a slash")
    for raw in pointer[1:].split("/"):
        value = _step(value, raw.replace("~1", "/").replace("~0", "~"))
        if value is _MISSING:
            raise PointerError(f"{pointer!r}: nothing at {raw[:80]!r}")
    return value


def _step(value: Any, token: str) -> Any:
    if isinstance(value, dict):
        return value.get(token, _MISSING)
    if isinstance(value, list) and token.isascii() and token.isdigit():
        index = int(token)
        return value[index] if index < len(value) else _MISSING
    return _MISSING
