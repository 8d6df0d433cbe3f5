"""Where received documents go: table, folder, webhook; once, whole, and refused in words."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cloudevents.v1.http import from_http
from sqlalchemy import create_engine, text

from huitong.gateway.connectors.definition import SinkDefinition
from huitong.gateway.connectors.delivered import Delivered
from huitong.gateway.connectors.errors import SinkDownError, SinkRefusedError
from huitong.gateway.connectors.opening import open_sink
from huitong.sdk.webhooks import verify_webhook
from tests.unit.gateway.connectors.http_kit import serve

SECRET = "a secret that nobody can guess"
DOCUMENT = Delivered(
    exchange="hangzhou-1.channel-0.7",
    zone="hangzhou-1",
    issuer="hz-tax-bureau",
    record_type="tax.invoice",
    record_id="INV-1",
    version=1,
    grade="proven",
    received_ns=1_780_000_000_000_000_000,
    content_type="application/json",
    document='{"价税合计":"113.00","行":[1,2]}'.encode(),
)


def _open(sink: dict[str, Any]) -> Any:
    definition = SinkDefinition.model_validate({"connector": "out", "sink": sink})
    return open_sink(definition, {"HOOK": SECRET, "SHORT": "short"})


@pytest.fixture
def url(tmp_path: Path) -> str:
    url = f"sqlite:///{tmp_path}/erp.db"
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(
            text(
                "CREATE TABLE received (exchange TEXT PRIMARY KEY, total TEXT, lines TEXT,"
                " grade TEXT, note TEXT CHECK (note IS NULL))"
            )
        )
    engine.dispose()
    return url


def _table(url: str, **columns: str) -> dict[str, Any]:
    return {
        "kind": "sql",
        "url": url,
        "table": "received",
        "exchange_column": "exchange",
        "columns": columns or {"total": "价税合计", "lines": "行", "grade": "@grade"},
    }


def _rows(url: str) -> list[tuple[Any, ...]]:
    engine = create_engine(url)
    with engine.connect() as connection:
        found = [
            tuple(row) for row in connection.execute(text("SELECT * FROM received"))
        ]
    engine.dispose()
    return found


async def test_document_becomes_one_row_however_often_it_is_delivered(url: str) -> None:
    sink = _open(_table(url))
    await sink.check()
    await sink.deliver(DOCUMENT)
    await sink.deliver(DOCUMENT)
    await sink.close()
    assert _rows(url) == [("hangzhou-1.channel-0.7", "113.00", "[1,2]", "proven", None)]


@pytest.mark.parametrize(
    "columns",
    [
        {"absent": "价税合计"},
        {"total": "@nothing"},
        {"note": "价税合计"},
        {'total") VALUES (1); --': "价税合计"},
    ],
)
async def test_row_that_the_table_does_not_take_is_refused(
    url: str, columns: dict[str, str]
) -> None:
    sink = _open(_table(url, **columns))
    with pytest.raises(SinkRefusedError):
        await sink.deliver(DOCUMENT)
    await sink.close()
    assert _rows(url) == []


async def test_database_that_is_away_is_down(tmp_path: Path) -> None:
    sink = _open(_table(f"sqlite:///{tmp_path}/no/erp.db"))
    with pytest.raises(SinkDownError):
        await sink.deliver(DOCUMENT)
    await sink.close()


async def test_document_becomes_a_file_with_its_facts(tmp_path: Path) -> None:
    sink = _open({"kind": "folder", "path": str(tmp_path / "in")})
    await sink.deliver(DOCUMENT)
    await sink.deliver(DOCUMENT)
    await sink.close()
    names = sorted(path.name for path in (tmp_path / "in").iterdir())
    assert names == [
        "hangzhou-1.channel-0.7.exchange.json",
        "hangzhou-1.channel-0.7.json",
    ]
    facts = json.loads((tmp_path / "in" / names[0]).read_text())
    assert (facts["grade"], facts["file"]) == ("proven", names[1])
    assert (tmp_path / "in" / names[1]).read_bytes() == DOCUMENT.document


@pytest.mark.parametrize("exchange", ["../../etc/cron", "a/b", "", ".hidden", "a\x00b"])
async def test_name_never_leaves_the_folder(tmp_path: Path, exchange: str) -> None:
    sink = _open({"kind": "folder", "path": str(tmp_path / "in")})
    await sink.deliver(replace(DOCUMENT, exchange=exchange))
    assert [path.name for path in tmp_path.iterdir()] == ["in"]
    assert len(list((tmp_path / "in").iterdir())) == 2


async def test_folder_that_cannot_be_made_is_down(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    sink = _open({"kind": "folder", "path": str(tmp_path / "file" / "in")})
    with pytest.raises(SinkDownError):
        await sink.deliver(DOCUMENT)


def _hook(url: str) -> dict[str, Any]:
    return {"kind": "webhook", "url": url, "secret": "env:HOOK"}


async def test_webhook_is_a_cloud_event_that_its_receiver_can_verify() -> None:
    with serve(lambda _: (204, b"")) as server:
        sink = _open(_hook(server.url))
        await sink.deliver(DOCUMENT)
        await sink.close()
    (seen,) = server.seen
    now_s = int(seen.headers["webhook-timestamp"])
    assert (
        verify_webhook(seen.headers, seen.body, SECRET, now_s=now_s)
        == DOCUMENT.exchange
    )
    event = from_http(seen.headers, seen.body)
    assert event["type"] == "cn.huitong.exchange.received.v1"
    assert event.data["document"]["价税合计"] == "113.00"


@pytest.mark.parametrize(
    ("status", "wanted"),
    [
        (500, SinkDownError),
        (429, SinkDownError),
        (400, SinkRefusedError),
        (302, SinkRefusedError),
    ],
)
async def test_answer_tells_whether_to_try_again(
    status: int, wanted: type[Exception]
) -> None:
    with serve(lambda _: (status, b"/")) as server:
        sink = _open(_hook(server.url))
        with pytest.raises(wanted):
            await sink.deliver(DOCUMENT)
        await sink.close()
    assert len(server.seen) == 1


@pytest.mark.parametrize(
    ("url", "secret"),
    [
        ("http://erp.example/", "env:HOOK"),
        ("ftp://127.0.0.1/", "env:HOOK"),
        ("https://erp.example/", "env:SHORT"),
    ],
)
def test_webhook_that_protects_nothing_is_refused(url: str, secret: str) -> None:
    with pytest.raises(SinkRefusedError):
        _open({"kind": "webhook", "url": url, "secret": secret})
