"""Entries of JSON, read field by field: whatever is not expected is refused."""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from typing import Any, Final, final

from huitong.core.canonical_json import (
    JsonError,
    JsonFormError,
    decode_canonical_json,
    encode_json,
)
from huitong.core.errors import HuitongError
from huitong.core.limits import BUNDLE_JSON_BYTES_MAX, INT64_MAX
from huitong.core.time import format_rfc3339, parse_rfc3339
from huitong.evidence.errors import EntryFormError

#: Spaces for each level: entries are made to be read by people too.
INDENT: Final = 2
_HEX: Final = re.compile(r"(?:[0-9a-f]{2})*", re.ASCII)


def encode_entry(value: Any) -> bytes:
    """Return the bytes of an entry of JSON."""
    return encode_json(value, indent=INDENT)


def decode_entry(entry: str, data: bytes) -> Fields:
    """Return the members of an entry that is a canonical JSON object.

    Raises:
        EntryFormError: too large, not canonical JSON, or not an object.
    """
    if len(data) > BUNDLE_JSON_BYTES_MAX:
        raise EntryFormError(entry=entry, reason=f"{len(data)} bytes of JSON")
    try:
        return Fields(entry, decode_canonical_json(data, indent=INDENT))
    except (JsonError, JsonFormError) as error:
        raise EntryFormError(entry=entry, reason=str(error)) from error


def base64_text(data: bytes) -> str:
    """Return bytes as they stand in an entry when they are long."""
    return b64encode(data).decode("ascii")


@final
class Fields:
    """The members of one JSON object; ``end`` refuses those that nobody read."""

    def __init__(self, entry: str, value: Any) -> None:
        if not isinstance(value, dict):
            raise EntryFormError(entry=entry, reason="not a JSON object")
        self.entry = entry
        self._left = dict(value)

    def has(self, name: str) -> bool:
        """Tell whether a member that was not read yet has this name."""
        return name in self._left

    def value(self, name: str) -> Any:
        """Return a member of any kind."""
        if name not in self._left:
            raise self.wrong(f"{name} is missing")
        return self._left.pop(name)

    def text(self, name: str) -> str:
        """Return a text."""
        value = self.value(name)
        if not isinstance(value, str):
            raise self.wrong(f"{name} is not a text")
        return value

    def integer(self, name: str, minimum: int = 0) -> int:
        """Return an integer between ``minimum`` and 2^63 - 1."""
        value = self.value(name)
        if type(value) is not int or not minimum <= value <= INT64_MAX:
            raise self.wrong(f"{name} is not an integer from {minimum}")
        return value

    def hexadecimal(self, name: str, size: int | None = None) -> bytes:
        """Return bytes that stand as lower-case hexadecimal digits."""
        text = self.text(name)
        if _HEX.fullmatch(text) is None:
            raise self.wrong(f"{name} is not lower-case hexadecimal")
        data = bytes.fromhex(text)
        if size is not None and len(data) != size:
            raise self.wrong(f"{name} has {len(data)} bytes, not {size}")
        return data

    def base64(self, name: str) -> bytes:
        """Return bytes that stand in canonical base64."""
        text = self.text(name)
        try:
            data = b64decode(text, validate=True)
        except (Base64Error, ValueError) as error:
            raise self.wrong(f"{name} is not base64") from error
        if base64_text(data) != text:
            raise self.wrong(f"{name} is not canonical base64")
        return data

    def time(self, name: str) -> int:
        """Return a time in nanoseconds that stands in RFC 3339."""
        text = self.text(name)
        try:
            time_ns = parse_rfc3339(text)
        except HuitongError as error:
            raise self.wrong(f"{name}: {error}") from error
        if format_rfc3339(time_ns) != text:
            raise self.wrong(f"{name} is not in canonical form")
        return time_ns

    def object(self, name: str) -> Fields:
        """Return a member that is an object itself."""
        value = self.value(name)
        if not isinstance(value, dict):
            raise self.wrong(f"{name} is not an object")
        return Fields(self.entry, value)

    def objects(self, name: str) -> list[Fields]:
        """Return a list of objects."""
        return [Fields(self.entry, part) for part in self.list(name)]

    def texts(self, name: str) -> list[str]:
        """Return a list of texts."""
        values = self.list(name)
        for value in values:
            if not isinstance(value, str):
                raise self.wrong(f"{name} holds something else than texts")
        return values

    def list(self, name: str) -> list[Any]:
        """Return a list of anything."""
        value = self.value(name)
        if not isinstance(value, list):
            raise self.wrong(f"{name} is not a list")
        return value

    def end(self) -> None:
        """Check that every member was read."""
        if self._left:
            raise self.wrong(f"unknown member {min(self._left)!r}")

    def wrong(self, reason: str) -> EntryFormError:
        """Return the error that says what is wrong with the entry."""
        return EntryFormError(entry=self.entry, reason=reason)
