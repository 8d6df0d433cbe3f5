"""What every source gives: pages of rows, and a position to go on from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final, Protocol, TypeAlias

from huitong.gateway.connectors.errors import SourceShapeError

Value: TypeAlias = Any
"""What a source has in a column: text, number, boolean, date, time, bytes, None, or JSON."""
#: Rows, and bytes, that one page of a source may have.
PAGE_ROWS_MAX: Final = 5_000
PAGE_BYTES_MAX: Final = 32 * 1024 * 1024
#: Characters of a key that is shown and stored.
KEY_CHARACTERS_MAX: Final = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row, object or file of a source."""

    key: str
    """What names it in its source."""
    values: Mapping[str, Value]
    """Its columns or members; empty for a file that is taken whole."""
    content: bytes = b""
    """The file, if it is taken whole."""
    origin: str
    """Where it is in the source: table, address, or path below the folder."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Rows that were read together."""

    rows: tuple[Row, ...]
    """The rows, in the order of the source."""
    faults: tuple[tuple[str, str], ...] = ()
    """Key and reason of what could not be read as a row at all."""
    position: Mapping[str, Any] | None
    """Where to go on after this page; None if the source has no watermark."""
    is_last: bool
    """Whether nothing follows now."""


_READERS: Final[Mapping[str, Callable[[str], Value]]] = {
    "int": int,
    "str": str,
    "Decimal": Decimal,
    "datetime": datetime.fromisoformat,
    "date": date.fromisoformat,
}


class Source(Protocol):
    """A place that rows come from."""

    keeps_position: bool
    """Whether the next run goes on where this one ended; else it reads everything."""

    async def check(self) -> None:
        """Look whether it answers and has what the definition names.

        Raises:
            SourceDownError: it does not answer.
            SourceShapeError: something that the definition names is missing.
        """

    async def read_page(self, position: Mapping[str, Any] | None) -> Page:
        """Return the rows that follow a position; the first ones for None.

        Raises:
            SourceDownError, SourceShapeError: see ``check``.
        """

    async def read_row(self, key: str) -> Row | None:
        """Return one row as it is now; None if it is gone.

        Raises:
            SourceDownError, SourceShapeError: see ``check``.
        """

    async def close(self) -> None:
        """Give back connections."""


def encode_position(value: Value) -> dict[str, str]:
    """Return a watermark or key as JSON that keeps its type.

    Raises:
        TypeError: no watermark can be of this type.
    """
    if isinstance(value, bool) or not isinstance(
        value, int | str | Decimal | datetime | date
    ):
        raise TypeError(type(value).__name__)
    if isinstance(value, datetime | date):
        return {"type": type(value).__name__, "value": value.isoformat()}
    return {"type": type(value).__name__, "value": str(value)}


def decode_position(stored: Mapping[str, str]) -> Value:
    """Return what ``encode_position`` wrote."""
    return _READERS[stored["type"]](stored["value"])


def key_text(connector: str, value: Value, column: str) -> str:
    """Return a row's key as text.

    Raises:
        SourceShapeError: it is empty, too long, or no simple value.
    """
    if isinstance(value, bool) or not isinstance(value, int | str | Decimal):
        reason = f"key {column!r} is {type(value).__name__}"
        raise SourceShapeError(connector=connector, reason=reason)
    text = str(value)
    if not 0 < len(text) <= KEY_CHARACTERS_MAX:
        reason = f"key {column!r} has {len(text)} characters"
        raise SourceShapeError(connector=connector, reason=reason)
    return text
