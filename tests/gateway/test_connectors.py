"""Old systems on both sides: from a table into a folder, over two zones and two gateways."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from huitong.sdk import AsyncGateway
from tests.gateway.exchange_kit import PURPOSE
from tests.gateway.pair_kit import Side, pair_of_gateways

pytestmark = pytest.mark.slow
_PATIENCE_S = 120
_SOURCE = """
connector: invoices
interval_s: 1
source:
  kind: sql
  url: sqlite:///{path}
  table: invoice
  key: id
  watermark: changed
record:
  type: tax.invoice
  id: INV-{{number}}
  subject: buyer
  title: electronic invoice
fields:
  number: {{}}
  total: {{type: decimal}}
  buyer: {{level: 3}}
"""
_SINK = """
connector: inbox
sink: {{kind: folder, path: {path}}}
record_types: [{record_type}]
"""


def _until(look: Callable[[], Any]) -> Any:
    deadline_s = time.monotonic() + _PATIENCE_S
    while time.monotonic() < deadline_s:
        found = look()
        if found:
            return found
        time.sleep(0.1)
    raise AssertionError(f"it did not happen: {found!r}")


def _write_rows(path: Path, *rows: tuple[int, str, str, str, int]) -> None:
    with sqlite3.connect(path) as database:
        database.execute(
            "create table if not exists invoice (id integer primary key, "
            "number text, total text, buyer text, changed integer)"
        )
        database.executemany(
            "insert or replace into invoice values (?, ?, ?, ?, ?)", rows
        )


def _versions(side: Side) -> dict[str, int]:
    with side.client() as gateway:
        return {found.record: found.version for found in gateway.list_records()}


async def _titles(side: Side) -> list[str]:
    async with AsyncGateway(side.url, side.api_key) as gateway:
        return [offer.title async for offer in gateway.list_catalogue(limit=1)]


def test_rows_of_a_table_arrive_as_files_in_a_folder(tmp_path: Path) -> None:
    table, inbox = tmp_path / "erp.db", tmp_path / "inbox"
    _write_rows(
        table, (1, "1", "10.50", "渝北公司", 1), (2, "2", "much", "渝北公司", 2)
    )
    with pair_of_gateways(tmp_path) as (provider, requester):
        provider.define("invoices", _SOURCE.format(path=table))
        requester.define("inbox", _SINK.format(path=inbox, record_type="tax.invoice"))
        requester.define(
            "other",
            _SINK.format(path=tmp_path / "no", record_type="x").replace(
                "inbox", "other"
            ),
        )
        _until(lambda: _versions(provider) == {"INV-1": 1})
        _check_error_queue(provider, table)
        _check_new_versions(provider, table)
        _check_forgotten_run(provider)
        _check_delivery(provider, requester, inbox)
        assert not (tmp_path / "no").exists()
        _check_second_sink(requester, tmp_path)
        _check_killed(provider, requester, table, inbox)


def _check_error_queue(provider: Side, table: Path) -> None:
    """A row that cannot be a record waits with its reason until it is corrected."""
    (fault,) = provider.connector("errors", "invoices")["errors"]
    assert fault["key"] == "2"
    assert "total" in fault["reason"]
    _write_rows(table, (2, "2", "20.00", "渝北公司", 2))
    _until(lambda: _retried(provider))
    _until(lambda: _versions(provider) == {"INV-1": 1, "INV-2": 1})
    assert provider.connector("errors", "invoices")["errors"] == []


def _retried(provider: Side) -> bool:
    try:
        return bool(provider.connector("retry", "invoices", "2")["ok"])
    except AssertionError as refusal:
        if '"code":15' in str(refusal):  # the schedule runs it right now
            return False
        raise


def _check_new_versions(provider: Side, table: Path) -> None:
    """A changed row is a new version, also one that goes back to what it was."""
    _write_rows(table, (1, "1", "11.00", "渝北公司", 3))
    _until(lambda: _versions(provider)["INV-1"] == 2)
    _write_rows(table, (1, "1", "10.50", "渝北公司", 4))
    _until(lambda: _versions(provider)["INV-1"] == 3)
    dry = provider.connector("run", "invoices", "--dry-run")
    assert (dry["published"], dry["failed"]) == (0, 0)
    with provider.client() as gateway:
        first, second = gateway.get_record("INV-1"), gateway.get_record("INV-2")
    assert first.subject == second.subject is not None
    assert first.level == 3
    assert asyncio.run(_titles(provider)) == ["electronic invoice"] * 2


def _check_forgotten_run(provider: Side) -> None:
    """A run that was killed before it wrote what it did publishes nothing twice."""
    before = _versions(provider)
    provider.process.kill()
    with sqlite3.connect(provider.home / "gateway.db", timeout=30) as database:
        database.execute("delete from connector_item")
        database.execute("delete from connector_state")
    provider.process.start()
    _until(lambda: _listed(provider)["invoices"]["published"] == 2)
    assert _versions(provider) == before
    with provider.client() as gateway:
        assert list(gateway.list_jobs(state=["waiting", "running", "stuck"])) == []


def _check_delivery(provider: Side, requester: Side, inbox: Path) -> None:
    """What was asked for lies in the folder once, with the facts beside it."""
    with provider.client() as gateway:
        granted = gateway.give_grant(
            channel=provider.channel_id,
            reader=requester.member_id,
            record_type="tax.invoice",
            purpose=PURPOSE,
            wait=30,
        )
        assert granted.state == "done"
    with requester.client() as gateway:
        made = gateway.create_request(
            channel=requester.channel_id,
            issuer=provider.member_id,
            record="INV-1",
            purpose=PURPOSE,
            legal_basis="contract",
            wait=60,
        )
        made = gateway.get_exchange(made.id, wait=60)
    assert made.stage == "settled", made
    (beside,) = _until(lambda: list(inbox.glob("*.exchange.json")))
    facts = json.loads(beside.read_text())
    document = json.loads((inbox / facts["file"]).read_text())
    assert (document["total"], document["number"]) == ("10.50", "1")
    assert document["source"]["connector"] == "invoices"
    assert facts["exchange"] == made.id
    assert (facts["record_type"], facts["version"]) == ("tax.invoice", 3)
    assert facts["grade"] == "proven"
    _until(lambda: _listed(requester)["inbox"]["done"] == 1)
    assert _listed(requester)["other"]["done"] == 0


def _check_second_sink(requester: Side, folder: Path) -> None:
    """A sink that is added later gets what came before; one that is down waits."""
    place = folder / "later"
    place.write_text("a file where the folder shall be")
    definition = _SINK.format(path=place, record_type="tax.invoice")
    requester.define("later", definition.replace("inbox", "later"))
    waiting = _until(lambda: _reasons(requester))
    assert waiting[0]["attempts"] > 0
    place.unlink()
    assert requester.connector("retry", "later", waiting[0]["key"])["ok"]
    _until(lambda: _listed(requester)["later"]["done"] == 1)
    assert len(list(place.glob("*.exchange.json"))) == 1


def _check_killed(provider: Side, requester: Side, table: Path, inbox: Path) -> None:
    """A kill of either gateway neither loses nor doubles a record or a file."""
    numbers = range(10, 30)
    _write_rows(table, *((n, str(n), "1.00", "渝北公司", 10 + n) for n in numbers))
    _until(lambda: len(_versions(provider)) > 2)
    provider.process.kill()
    provider.process.start()
    expected = {"INV-1": 3, "INV-2": 1} | {f"INV-{n}": 1 for n in numbers}
    _until(lambda: _versions(provider) == expected)
    with requester.client() as gateway:
        for number in range(10, 15):
            gateway.create_request(
                channel=requester.channel_id,
                issuer=provider.member_id,
                record=f"INV-{number}",
                purpose=PURPOSE,
            )
    requester.process.kill()
    requester.process.start()
    _until(lambda: _listed(requester)["inbox"]["done"] == 6)
    assert len(list(inbox.glob("*.exchange.json"))) == 6
    assert _versions(provider) == expected


def _reasons(requester: Side) -> list[Any]:
    found = requester.connector("errors", "later")["errors"]
    return [each for each in found if each["reason"]]


def _listed(side: Side) -> dict[str, Any]:
    found = side.connector("list")["connectors"]
    return {each["name"]: each for each in found}
