"""An HTTP endpoint as a source: pages, watermark, and what a hostile one cannot do."""

from __future__ import annotations

import json
from typing import Any

import pytest

from huitong.gateway.connectors.definition import RestSource
from huitong.gateway.connectors.errors import SourceDownError, SourceShapeError
from huitong.gateway.connectors.rest_source import RestRows
from tests.unit.gateway.connectors.http_kit import Seen, serve


def _source(**changes: Any) -> RestSource:
    return RestSource.model_validate(
        {
            "kind": "rest",
            "url": "https://erp.example/invoices",
            "items": "/data/items",
            "next": "/next",
            "since": "since",
            "key": "id",
            "watermark": "seq",
            **changes,
        }
    )


def _page(items: list[Any], following: Any = None) -> tuple[int, bytes]:
    return 200, json.dumps({"data": {"items": items}, "next": following}).encode()


async def test_pages_are_followed_and_the_next_run_asks_since_the_watermark() -> None:
    def answer(seen: Seen) -> tuple[int, bytes]:
        if seen.path == "/invoices":
            return _page(
                [{"id": "a", "seq": 3}, {"id": "b", "seq": 1}], "/invoices?p=2"
            )
        if seen.path == "/invoices?p=2":
            return _page([{"id": "c", "seq": 2}])
        return _page([{"id": "d", "seq": 4}])

    with serve(answer) as server:
        source = RestRows("erp", _source(), f"{server.url}/invoices", "token-1")
        first = await source.read_page(None)
        second = await source.read_page(first.position)
        third = await source.read_page(second.position)
        found = await source.read_row("c")
        await source.close()
    assert [row.key for page in (first, second, third) for row in page.rows] == list(
        "abcd"
    )
    assert (first.is_last, second.is_last) == (False, True)
    assert server.seen[2].path == "/invoices?since=3"
    assert server.seen[0].headers["authorization"] == "Bearer token-1"
    assert found is not None
    assert found.values["seq"] == 2


@pytest.mark.parametrize(
    ("status", "body", "wanted"),
    [
        (500, b"", SourceDownError),
        (429, b"", SourceDownError),
        (401, b"", SourceShapeError),
        (302, b"https://elsewhere.example/", SourceShapeError),
        (200, b"<html>", SourceShapeError),
        (200, b'{"data": {}}', SourceShapeError),
        (200, b'{"data": {"items": {}}}', SourceShapeError),
        (
            200,
            b'{"data": {"items": []}, "next": "https://elsewhere.example/"}',
            SourceShapeError,
        ),
        (
            200,
            b'{"data": {"items": []}, "next": "//elsewhere.example/"}',
            SourceShapeError,
        ),
        (200, b'{"data": {"items": []}, "next": "/invoices"}', SourceShapeError),
        (200, b'{"data": {"items": []}, "next": 2}', SourceShapeError),
        (200, b"[" * 100_000, SourceShapeError),
    ],
)
async def test_answer_that_is_no_page_is_refused(
    status: int, body: bytes, wanted: type[Exception]
) -> None:
    with serve(lambda _: (status, body)) as server:
        source = RestRows("erp", _source(), f"{server.url}/invoices", None)
        with pytest.raises(wanted):
            await source.read_page(None)
        await source.close()


async def test_object_that_is_no_row_fails_alone() -> None:
    items = [{"id": "a", "seq": 1}, {"seq": 2}, "text", {"id": "b", "seq": 3}]
    with serve(lambda _: _page(items)) as server:
        source = RestRows("erp", _source(), f"{server.url}/invoices", None)
        page = await source.read_page(None)
        await source.close()
    assert [row.key for row in page.rows] == ["a", "b"]
    assert [key for key, _ in page.faults] == ["item-1", "item-2"]


async def test_page_that_is_too_big_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huitong.gateway.connectors.rest_source.PAGE_BYTES_MAX", 1_000)
    with serve(lambda _: (200, b" " * 2_000)) as server:
        source = RestRows("erp", _source(), f"{server.url}/invoices", None)
        with pytest.raises(SourceShapeError, match="more than 1000 bytes"):
            await source.read_page(None)
        await source.close()


async def test_server_that_is_away_is_down() -> None:
    with serve(lambda _: (200, b"")) as server:
        url = server.url
    source = RestRows("erp", _source(), url, None)
    with pytest.raises(SourceDownError):
        await source.check()
    await source.close()


@pytest.mark.parametrize("url", ["ftp://erp.example/", "file:///etc/passwd", "erp"])
def test_address_that_is_not_http_is_refused(url: str) -> None:
    with pytest.raises(SourceShapeError):
        RestRows("erp", _source(), url, None)
