"""What an operation takes and gives: size and type of its body, types of its answer.

Operations take and give JSON unless a form says otherwise; forms are found by method and
path before any body is read.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, final

from starlette.datastructures import Headers

from huitong.gateway.http.errors import (
    BodyLengthError,
    BodyTooLargeError,
    ContentEncodingError,
    FieldReason,
    InvalidFieldsError,
    MediaTypeError,
    NotAcceptableError,
    PathNotFoundError,
)

JSON: Final = "application/json"
ANY: Final = "*/*"
#: Parts of a header ``Accept`` that are looked at; browsers send about eight.
ACCEPT_PARTS_MAX: Final = 32
#: Bytes of a query: a cursor and a dozen filters.
QUERY_BYTES_MAX: Final = 8_192
_BODY_METHODS: Final = frozenset({"POST", "PUT", "PATCH"})
_PARAMETER: Final = re.compile(r'\s*;\s*([\w-]+)\s*=\s*"?([^";,]*)"?\s*')


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """What some operations take and give instead of JSON."""

    method: str
    """HTTP method, upper case."""
    path: str
    """Path with ``{}`` for each variable part, for example ``/v1/payloads/{}``."""
    takes: tuple[str, ...] = (JSON,)
    """Media types of the body; ``*/*`` takes any."""
    gives: tuple[str, ...] = (JSON,)
    """Media types of the answer."""
    bytes_max: int | None = None
    """Bytes of the body; None for the limit of the settings."""
    is_streamed: bool = False
    """Whether the body is never held in memory as a whole."""

    def matches(self, method: str, path: str) -> bool:
        """Tell whether a request is for one of these operations."""
        if method != self.method:
            return False
        pattern, given = self.path.split("/"), path.split("/")
        return len(pattern) == len(given) and all(
            want in ("{}", have) for want, have in zip(pattern, given, strict=True)
        )


@final
class Forms:
    """All forms of an application; the first that matches counts."""

    def __init__(self, forms: Sequence[Form] = (), *, bytes_max: int) -> None:
        """Prepare; ``bytes_max`` is for operations whose form says nothing."""
        self._forms = tuple(forms)
        self._bytes_max = bytes_max

    def find(self, method: str, path: str) -> Form:
        """Return the form of a request, JSON where none matches."""
        for form in self._forms:
            if form.matches(method, path):
                return form
        return Form(method=method, path=path)

    def bytes_max(self, form: Form) -> int:
        """Return the limit of a body."""
        return self._bytes_max if form.bytes_max is None else form.bytes_max

    def check_headers(self, form: Form, headers: Headers, method: str) -> None:
        """Refuse a request by its headers, before its body is read.

        Raises:
            BodyLengthError: ``Content-Length`` is no number.
            BodyTooLargeError: it passes the limit.
            ContentEncodingError: the body is compressed.
            MediaTypeError: the body is of another type.
            NotAcceptableError: the answer's types are excluded.
        """
        length = _content_length(headers)
        if length is not None and length > self.bytes_max(form):
            raise BodyTooLargeError(maximum=self.bytes_max(form))
        has_body = bool(length) or "transfer-encoding" in headers
        if has_body:
            _check_encoding(headers)
        if has_body and method in _BODY_METHODS and ANY not in form.takes:
            _check_type(headers, form)
        _check_accept(headers, form)


def check_target(path: str, query: bytes) -> None:
    """Refuse a NUL character, which no database takes as a part of a text.

    Raises:
        PathNotFoundError: the path has one.
        InvalidFieldsError: the query has one, or is too long.
    """
    if "\0" in path:
        raise PathNotFoundError
    if b"%00" in query or b"\0" in query:
        raise InvalidFieldsError(FieldReason("query", "holds a NUL character"))
    if len(query) > QUERY_BYTES_MAX:
        reason = f"longer than {QUERY_BYTES_MAX} bytes"
        raise InvalidFieldsError(FieldReason("query", reason))


def _content_length(headers: Headers) -> int | None:
    given = headers.get("content-length")
    if given is None:
        return None
    if not (given.isascii() and given.isdigit()) or len(given) > 18:
        raise BodyLengthError(reason="not a number of bytes")
    return int(given)


def _check_encoding(headers: Headers) -> None:
    for given in headers.getlist("content-encoding"):
        if given.strip().lower() not in ("", "identity"):
            raise ContentEncodingError(given=given)


def _check_type(headers: Headers, form: Form) -> None:
    taken = ", ".join(form.takes)
    given = headers.getlist("content-type")
    if len(given) != 1:
        raise MediaTypeError(given="missing" if not given else "repeated", taken=taken)
    kind, _, rest = given[0].partition(";")
    kind = kind.strip().lower()
    if kind not in form.takes:
        raise MediaTypeError(given=given[0], taken=taken)
    for name, value in _PARAMETER.findall(";" + rest if rest else ""):
        if name.lower() == "charset" and value.lower() not in ("utf-8", "utf8"):
            raise MediaTypeError(given=given[0], taken=taken)


def _check_accept(headers: Headers, form: Form) -> None:
    """Refuse if no type of the answer is accepted; problems are given in any case."""
    given = ",".join(headers.getlist("accept"))
    if not given.strip():
        return
    ranges = given.split(",")[:ACCEPT_PARTS_MAX]
    if not any(_accepts(item, kind) for item in ranges for kind in form.gives):
        raise NotAcceptableError(available=", ".join(form.gives))


def _accepts(item: str, kind: str) -> bool:
    wanted, _, parameters = item.partition(";")
    for name, value in _PARAMETER.findall(";" + parameters if parameters else ""):
        if name.lower() == "q" and not value.strip("0."):
            return False
    main, _, sub = wanted.strip().lower().partition("/")
    own_main, _, own_sub = kind.partition("/")
    return main in ("*", own_main) and sub in ("*", own_sub)
