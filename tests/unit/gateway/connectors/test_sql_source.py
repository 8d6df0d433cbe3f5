"""A table as a source: in order, to the end, without loss at equal watermarks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import create_engine, text

from huitong.gateway.connectors.definition import SqlSource
from huitong.gateway.connectors.errors import SourceDownError, SourceShapeError
from huitong.gateway.connectors.sql_source import SqlRows


def _source(**changes: Any) -> SqlSource:
    return SqlSource.model_validate(
        {
            "kind": "sql",
            "url": "env:ERP",
            "table": "invoice",
            "key": "number",
            "watermark": "changed",
            "page_rows": 2,
            **changes,
        }
    )


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/erp.db"


@pytest.fixture
def fill(url: str) -> Callable[..., None]:
    """Return what writes rows ``(number, changed)`` into the old system."""
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(
            text("CREATE TABLE invoice (number TEXT, changed INTEGER, total TEXT)")
        )

    def _fill(*rows: tuple[str, int | None]) -> None:
        with engine.begin() as connection:
            for number, changed in rows:
                connection.execute(
                    text("INSERT INTO invoice VALUES (:number, :changed, '1')"),
                    {"number": number, "changed": changed},
                )

    return _fill


async def _read_all(source: SqlRows, position: Any = None) -> tuple[list[str], Any]:
    keys: list[str] = []
    while True:
        page = await source.read_page(position)
        keys += [row.key for row in page.rows]
        position = page.position or position
        if page.is_last:
            return keys, position


async def test_rows_come_by_watermark_and_later_runs_bring_only_new_ones(
    url: str, fill: Callable[..., None]
) -> None:
    fill(("b", 1), ("a", 1), ("c", 1), ("d", 0), ("e", 2))
    source = SqlRows("erp", _source(), url, ["total"])
    keys, position = await _read_all(source)
    assert keys == ["d", "a", "b", "c", "e"]
    fill(("f", 2), ("g", 3))
    keys, _ = await _read_all(source, position)
    assert keys == ["f", "g"]
    await source.close()


async def test_row_without_watermark_is_left_to_a_full_read(
    url: str, fill: Callable[..., None]
) -> None:
    fill(("a", None), ("b", 1))
    source = SqlRows("erp", _source(), url, [])
    assert (await _read_all(source))[0] == ["b"]
    full = SqlRows("erp", _source(watermark=None), url, [])
    assert (await _read_all(full))[0] == ["a", "b"]
    await source.close()
    await full.close()


@pytest.mark.parametrize(
    "changes",
    [
        {"table": "absent"},
        {"key": "absent"},
        {"watermark": "absent"},
        {"table": "invoice; DROP TABLE invoice"},
        {"key": 'number" FROM invoice; --'},
    ],
)
async def test_name_that_the_source_does_not_have_is_refused(
    url: str, fill: Callable[..., None], changes: dict[str, str]
) -> None:
    fill(("a", 1))
    source = SqlRows("erp", _source(**changes), url, [])
    with pytest.raises(SourceShapeError):
        await source.check()
    await source.close()
    intact = SqlRows("erp", _source(), url, [])
    assert (await _read_all(intact))[0] == ["a"]
    await intact.close()


@pytest.mark.parametrize("bad", ["", "not a url", "nosuchdb://host/x"])
def test_url_of_no_database_is_refused_without_being_shown(bad: str) -> None:
    with pytest.raises(SourceShapeError) as caught:
        SqlRows("erp", _source(), bad, [])
    assert not bad or bad not in str(caught.value)


async def test_database_that_is_away_is_down(tmp_path: Path) -> None:
    source = SqlRows("erp", _source(), f"sqlite:///{tmp_path}/no/erp.db", [])
    with pytest.raises(SourceDownError):
        await source.check()
    await source.close()


async def test_one_row_is_found_by_its_key(url: str, fill: Callable[..., None]) -> None:
    fill(("a", 1), ("b", 2))
    source = SqlRows("erp", _source(), url, ["total"])
    row = await source.read_row("b")
    assert row is not None
    assert row.values["total"] == "1"
    assert await source.read_row("z") is None
    await source.close()


@given(
    marks=st.lists(st.integers(0, 3), min_size=1, max_size=9),
    page_rows=st.integers(1, 4),
)
async def test_every_row_is_read_once_whatever_the_watermarks(
    tmp_path_factory: pytest.TempPathFactory, marks: list[int], page_rows: int
) -> None:
    url = f"sqlite:///{tmp_path_factory.mktemp('erp')}/erp.db"
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE invoice (number TEXT, changed INTEGER)"))
        for index, mark in enumerate(marks):
            connection.execute(
                text("INSERT INTO invoice VALUES (:n, :m)"),
                {"n": str(index), "m": mark},
            )
    engine.dispose()
    source = SqlRows("erp", _source(page_rows=page_rows), url, [])
    keys, _ = await _read_all(source)
    await source.close()
    assert sorted(keys) == sorted(map(str, range(len(marks))))
