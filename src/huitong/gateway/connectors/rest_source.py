"""An HTTP endpoint as a source: JSON answers, page after page.

The next page must be on the same host as the first: an answer cannot send the bearer
token elsewhere. Redirects are not followed, answers are bounded.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, final
from urllib.parse import urljoin, urlsplit

import httpx

from huitong.core.canonical_json import JsonError, decode_json
from huitong.gateway.connectors.definition import RestSource
from huitong.gateway.connectors.errors import SourceDownError, SourceShapeError
from huitong.gateway.connectors.pointers import PointerError, resolve
from huitong.gateway.connectors.rows import (
    PAGE_BYTES_MAX,
    PAGE_ROWS_MAX,
    Page,
    Row,
    decode_position,
    encode_position,
    key_text,
)

_NEXT: Final = "next"
_SINCE: Final = "since"


@final
class RestRows:
    """Objects that one endpoint answers with."""

    def __init__(
        self, connector: str, source: RestSource, url: str, token: str | None
    ) -> None:
        """Prepare; nothing is asked yet.

        Args:
            connector: its name, for errors.
            source: the definition.
            url: address of the first page.
            token: bearer token, or None.

        Raises:
            SourceShapeError: the address is not http or https.
        """
        self.keeps_position = source.watermark is not None
        self._connector = connector
        self._source = source
        self._url = url
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.netloc:
            raise self._wrong("the address is not http or https")
        self._place = (parts.scheme, parts.netloc)
        headers = {"accept": "application/json"}
        if token is not None:
            headers["authorization"] = f"Bearer {token}"
        self._client = httpx.AsyncClient(headers=headers, timeout=source.timeout_s)

    async def check(self) -> None:
        """See ``Source.check``."""
        await self.read_page(None)

    async def read_page(self, position: Mapping[str, Any] | None) -> Page:
        """See ``Source.read_page``."""
        known = dict(position or {})
        address = known.get(_NEXT)
        params = {}
        if address is None and self._source.since is not None and _SINCE in known:
            params[self._source.since] = known[_SINCE]["value"]
        answer = await self._get(address or self._url, params)
        rows, faults, mark = self._rows(answer, known.get(_SINCE))
        following = self._next_page(answer, address or self._url)
        reached: dict[str, Any] = {} if mark is None else {_SINCE: mark}
        if following is not None:
            reached[_NEXT] = following
        return Page(
            rows=tuple(rows),
            faults=tuple(faults),
            position=reached or None,
            is_last=following is None,
        )

    async def read_row(self, key: str) -> Row | None:
        """See ``Source.read_row``. Cost: reads pages until the object is found."""
        position: Mapping[str, Any] | None = None
        while True:
            page = await self.read_page(position)
            for row in page.rows:
                if row.key == key:
                    return row
            if page.is_last:
                return None
            position = page.position

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    def _rows(
        self, answer: Any, mark: dict[str, str] | None
    ) -> tuple[list[Row], list[tuple[str, str]], dict[str, str] | None]:
        """Return rows, faults, and the watermark after them."""
        rows: list[Row] = []
        faults: list[tuple[str, str]] = []
        for index, item in enumerate(self._items(answer)):
            try:
                rows.append(self._row(item))
                mark = self._later(item, mark)
            except SourceShapeError as error:
                faults.append((f"item-{index}", str(error)))
        return rows, faults, mark

    def _items(self, answer: Any) -> list[Any]:
        try:
            items = resolve(answer, self._source.items)
        except PointerError as error:
            raise self._wrong(f"items: {error}") from error
        if not isinstance(items, list):
            raise self._wrong(f"items: {self._source.items!r} is not a list")
        if len(items) > PAGE_ROWS_MAX:
            raise self._wrong(
                f"{len(items)} objects in a page, at most {PAGE_ROWS_MAX}"
            )
        return items

    def _row(self, item: Any) -> Row:
        if not isinstance(item, dict):
            raise self._wrong("it is not an object")
        key = key_text(self._connector, item.get(self._source.key), self._source.key)
        return Row(key=key, values=item, origin=urlsplit(self._url).path or "/")

    def _later(self, item: Any, mark: dict[str, str] | None) -> dict[str, str] | None:
        """Return the greater of the watermark so far and an object's own."""
        if self._source.watermark is None:
            return None
        found = item.get(self._source.watermark)
        try:
            own = encode_position(found)
        except TypeError as error:
            raise self._wrong(f"watermark is {error}") from error
        if mark is not None and mark["type"] != own["type"]:
            raise self._wrong(f"watermark is {own['type']}, was {mark['type']}")
        return own if mark is None or found > decode_position(mark) else mark

    def _next_page(self, answer: Any, current: str) -> str | None:
        if self._source.next is None:
            return None
        try:
            found = resolve(answer, self._source.next)
        except PointerError:
            return None
        if found is None or found == "":
            return None
        if not isinstance(found, str):
            raise self._wrong("the next page is not an address")
        address = urljoin(current, found)
        parts = urlsplit(address)
        if (parts.scheme, parts.netloc) != self._place:
            raise self._wrong("the next page is on another host")
        if address == current:
            raise self._wrong("the next page is the same page")
        return address

    async def _get(self, url: str, params: dict[str, str]) -> Any:
        try:
            async with self._client.stream("GET", url, params=params or None) as answer:
                if answer.status_code >= 500 or answer.status_code == 429:
                    raise SourceDownError(
                        connector=self._connector, reason=f"HTTP {answer.status_code}"
                    )
                if answer.status_code != 200:
                    raise self._wrong(f"HTTP {answer.status_code}")
                data = bytearray()
                async for piece in answer.aiter_bytes():
                    data += piece
                    if len(data) > PAGE_BYTES_MAX:
                        raise self._wrong(f"a page of more than {PAGE_BYTES_MAX} bytes")
        except httpx.HTTPError as error:
            raise SourceDownError(
                connector=self._connector, reason=type(error).__name__
            ) from error
        try:
            return decode_json(bytes(data))
        except JsonError as error:
            raise self._wrong(str(error)) from error

    def _wrong(self, reason: str) -> SourceShapeError:
        return SourceShapeError(connector=self._connector, reason=reason)
