"""Opaque cursors: where a list goes on, signed so that nobody can make one up.

A cursor is bound to the operation, to its filter and to the caller, and goes stale. It
holds the position in the clear (a sort key that the caller has seen anyway), the time it
was made, and 16 bytes of an HMAC-SHA-256 over all of it and what it is bound to.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, Final, TypeAlias, final

from fastapi import Query

from huitong.core.canonical_json import JsonError, decode_json, encode_json
from huitong.core.time import NS_PER_SECOND, TimeNs
from huitong.gateway.http.errors import CursorError

Position: TypeAlias = Sequence[str | int]
"""Sort key of the last item of a page."""

#: Characters of a cursor: a position of two ids and a time has about 200.
CURSOR_CHARACTERS_MAX: Final = 1_024
#: Items of one page, unless the caller asks for fewer or more.
PAGE_DEFAULT: Final = 50
#: Items of one page at most; more make answers of megabytes.
PAGE_MAX: Final = 200
_TAG_BYTES: Final = 16
#: How far the clocks of a gateway's machines may be apart.
_CLOCKS_NS: Final = 60 * NS_PER_SECOND
_DOMAIN: Final = b"huitong/cursor/1"

PageLimit = Annotated[
    int, Query(ge=1, le=PAGE_MAX, description="Items of one page, at most.")
]
"""Query parameter ``limit``; give it the default ``PAGE_DEFAULT``."""
PageAfter = Annotated[
    str | None,
    Query(
        min_length=1,
        max_length=CURSOR_CHARACTERS_MAX,
        description="`next` of the page before; only with the same filter.",
    ),
]
"""Query parameter ``after``; give it the default None."""


@final
class Cursors:
    """Makes cursors and reads them back; the same key in every process of a gateway."""

    def __init__(self, key: bytes, *, age_s: int, clock: Callable[[], TimeNs]) -> None:
        """Prepare.

        Args:
            key: 32 secret bytes, the same in all processes of the gateway.
            age_s: seconds after which a cursor is stale.
            clock: tells the time, in nanoseconds since the epoch.
        """
        self._key = key
        self._age_ns = age_s * NS_PER_SECOND
        self._clock = clock

    def make(
        self,
        operation: str,
        filters: Mapping[str, Any],
        caller: str,
        position: Position,
    ) -> str:
        """Return the cursor that goes on after ``position``.

        Args:
            operation: id of the operation that lists.
            filters: all that selects or sorts the items; JSON values.
            caller: id of the caller.
            position: sort key of the last item given.
        """
        content = encode_json([self._clock(), *position])
        tag = self._tag(operation, filters, caller, content)
        return base64.urlsafe_b64encode(tag + content).rstrip(b"=").decode()

    def read(
        self, cursor: str, operation: str, filters: Mapping[str, Any], caller: str
    ) -> Position:
        """Return the position after which the list goes on.

        Raises:
            CursorError: forged, cut, of another operation, filter or caller, or stale.
        """
        given = _decode(cursor)
        tag, content = given[:_TAG_BYTES], given[_TAG_BYTES:]
        expected = self._tag(operation, filters, caller, content)
        if not hmac.compare_digest(tag, expected):
            raise CursorError(reason="is not of this list and filter")
        try:
            made_ns, *position = decode_json(content)
        except (JsonError, ValueError, TypeError) as error:  # only with a stolen key
            raise CursorError(reason="is damaged") from error
        if not -_CLOCKS_NS <= self._clock() - made_ns <= self._age_ns:
            raise CursorError(reason="is too old")
        return tuple(position)

    def _tag(
        self, operation: str, filters: Mapping[str, Any], caller: str, content: bytes
    ) -> bytes:
        bound = encode_json([operation, dict(filters), caller])
        parts = (_DOMAIN, bound, content)
        message = b"".join(len(part).to_bytes(4, "big") + part for part in parts)
        return hmac.digest(self._key, message, hashlib.sha256)[:_TAG_BYTES]


def _decode(cursor: str) -> bytes:
    if len(cursor) > CURSOR_CHARACTERS_MAX:
        raise CursorError(reason="is too long")
    try:
        given = base64.b64decode(
            cursor + "=" * (-len(cursor) % 4), b"-_", validate=True
        )
    except ValueError as error:
        raise CursorError(reason="is not base64url") from error
    if base64.urlsafe_b64encode(given).rstrip(b"=").decode() != cursor:
        raise CursorError(reason="is not base64url")
    return given
