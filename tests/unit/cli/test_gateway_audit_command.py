"""``huitong gateway audit``: whole or not, and what to keep elsewhere."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import text

from huitong.cli.main import main as huitong_command
from huitong.gateway.access.audit import AuditEntry, AuditLog
from huitong.gateway.database.engine import Database
from huitong.gateway.database.migrating import migrate

_SETTINGS = """
member = "hz-tax"
[zone]
chain_id = "hangzhou-1"
node = "tcp://127.0.0.1:26657"
[keys]
account = "tax"
"""


async def _fill(url: str) -> None:
    async with Database(url) as database:
        await migrate(database)
        log = AuditLog(database)
        for number in range(3):
            entry = AuditEntry(
                time_ns=number, caller="key:1", method="GET", path="/v1/a", status=200
            )
            await log.record(entry)


async def _tamper(url: str) -> None:
    async with Database(url) as database, database.transaction() as session:
        await session.execute(
            text("UPDATE audit_entries SET caller = 'key:2' WHERE sequence = 2")
        )


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "gateway.toml").write_text(_SETTINGS)
    asyncio.run(_fill(f"sqlite:///{tmp_path}/gateway.db"))
    return tmp_path


def _run(home: Path, *arguments: str) -> Result:
    command = ["gateway", "audit", *arguments, "--home", str(home), "--json"]
    return CliRunner().invoke(huitong_command, command)


def test_whole_log_is_told_with_its_head(home: Path) -> None:
    head = json.loads(_run(home, "head").stdout)
    assert head["entries"] == 3
    kept = f"{head['entries']}:{head['head']}"
    verified = _run(home, "verify", "--head", kept)
    assert verified.exit_code == 0
    assert json.loads(verified.stdout) == {**head, "anchors": 1}


def test_changed_log_ends_with_one_and_names_the_entry(home: Path) -> None:
    asyncio.run(_tamper(f"sqlite:///{home}/gateway.db"))
    done = _run(home, "verify")
    assert done.exit_code == 1
    error = json.loads(done.stdout)["error"]
    assert (error["codespace"], error["code"]) == ("access", 13)
    assert "entry 2" in error["message"]


def test_log_that_is_not_the_one_of_then_is_found(home: Path) -> None:
    done = _run(home, "verify", "--head", f"2:{'00' * 32}")
    assert done.exit_code == 1
    assert "another digest was anchored" in json.loads(done.stdout)["error"]["message"]


@pytest.mark.parametrize("given", ["7", "x:00", "3:00", f"-1:{'00' * 32}"])
def test_head_of_another_form_is_refused(given: str, home: Path) -> None:
    done = _run(home, "verify", "--head", given)
    assert done.exit_code == 2
    assert "NUMBER:DIGEST" in done.output
