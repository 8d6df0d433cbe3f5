"""The audit log on both databases: one chain, and no change goes unnoticed."""

from __future__ import annotations

import asyncio
import hashlib
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, event, text

from huitong.gateway.access import anchoring
from huitong.gateway.access.anchoring import DailyAnchor
from huitong.gateway.access.audit import (
    GENESIS,
    PATH_CHARACTERS_MAX,
    AuditEntry,
    AuditHead,
    AuditLog,
    digest_of,
)
from huitong.gateway.access.errors import AuditBrokenError
from huitong.gateway.access.tables import AuditRow
from huitong.gateway.database.engine import Database
from huitong.gateway.database.errors import DatabaseDownError
from tests.gateway.issuer_kit import Clocks

ROOT = Path(__file__).parents[2]
DAY_S = 86_400


def _entry(number: int, **changed: Any) -> AuditEntry:
    given: dict[str, Any] = {
        "time_ns": number,
        "caller": "key:1",
        "roles": ("officer",),
        "address": "10.0.0.7",
        "method": "POST",
        "path": f"/v1/requests/{number}/decision",
        "operation": "decideRequest",
        "status": 200,
        "request_id": f"request-{number}",
    }
    return AuditEntry(**{**given, **changed})


@pytest.fixture
async def log(database: Database) -> AuditLog:
    """A log with six entries."""
    made = AuditLog(database)
    for number in range(6):
        await made.record(_entry(number))
    return made


async def _sql(database: Database, *statements: str) -> None:
    async with database.transaction() as session:
        for statement in statements:
            await session.execute(text(statement))


async def test_empty_log_is_whole(database: Database) -> None:
    report = await AuditLog(database).verify()
    assert report.head == AuditHead(0, GENESIS)


async def test_entries_are_numbered_and_bound_to_those_before(log: AuditLog) -> None:
    rows = await log.page()
    assert [row.sequence for row in rows] == [1, 2, 3, 4, 5, 6]
    assert [row.previous for row in rows] == [GENESIS, *(row.digest for row in rows)][
        :6
    ]
    assert (await log.verify()).head == AuditHead(6, rows[-1].digest)


async def test_digest_is_as_documented(log: AuditLog) -> None:
    """The form is permanent: an auditor may compute it with other software."""
    _, row, *_ = await log.page(limit=2)
    values = [
        *(2, 1, "key:1", "officer", "10.0.0.7", "POST", "/v1/requests/1/decision"),
        *("decideRequest", 200, "", "request-1", row.previous.hex()),
    ]
    written = json.dumps(values, separators=(",", ":"), ensure_ascii=False)
    expected = hashlib.sha256(b"huitong/audit/1\0" + written.encode()).digest()
    assert row.digest == digest_of(row) == expected


_CHANGES = [
        *(
            f"UPDATE audit_entries SET {column} = {value} WHERE sequence = 3"
            for column, value in [
                ("time_ns", "time_ns + 1"),
                ("caller", "'key:2'"),
                ("roles", "'auditor'"),
                ("address", "''"),
                ("method", "'GET'"),
                ("path", "'/v1/requests/9/decision'"),
                ("operation", "''"),
                ("status", "403"),
                ("problem", "'access/7'"),
                ("request_id", "''"),
                ("previous", "digest"),
                ("digest", "previous"),
                ("sequence", "7"),
                ("sequence", "0"),
            ]
        ),
        "DELETE FROM audit_entries WHERE sequence = 1",
        "DELETE FROM audit_entries WHERE sequence = 3",
        "DELETE FROM audit_entries WHERE sequence = 6",
        "DELETE FROM audit_entries",
        "DELETE FROM audit_heads",
        "UPDATE audit_heads SET sequence = 5",
        "UPDATE audit_heads SET sequence = 7",
        "UPDATE audit_heads SET sequence = 0",
        "UPDATE audit_heads SET digest = (SELECT digest FROM audit_entries WHERE sequence = 5)",
        "INSERT INTO audit_entries SELECT 7, time_ns, caller, roles, address, method, path, operation, status, problem, request_id, previous, digest FROM audit_entries WHERE sequence = 6",
    ]  # fmt: skip
_KEEP = "CREATE TABLE kept_{0} AS SELECT * FROM audit_{0}"
_RESTORE = ("DELETE FROM audit_{0}", "INSERT INTO audit_{0} SELECT * FROM kept_{0}")


async def test_every_change_is_found(log: AuditLog, database: Database) -> None:
    tables = ("entries", "heads")
    await _sql(database, *(_KEEP.format(table) for table in tables))
    restore = [line.format(table) for table in tables for line in _RESTORE]
    for statement in _CHANGES:
        await _sql(database, statement)
        with pytest.raises(AuditBrokenError):
            pytest.fail(f"{statement}: {await log.verify()}")
        await _sql(database, *restore)
        await log.verify()


@pytest.mark.parametrize(("first", "second"), [(1, 2), (2, 5), (5, 6)])
async def test_reordered_entries_are_found(
    first: int, second: int, log: AuditLog, database: Database
) -> None:
    move = "UPDATE audit_entries SET sequence = {} WHERE sequence = {}"
    await _sql(
        database,
        move.format(100, first),
        move.format(first, second),
        move.format(second, 100),
    )
    with pytest.raises(AuditBrokenError) as found:
        await log.verify()
    assert found.value.fields["sequence"] == first


async def _rewrite(database: Database, change: Callable[[AuditRow], None]) -> None:
    """Change the log as one who has the database and the software may."""
    rows = await AuditLog(database).page()
    await _sql(database, "DELETE FROM audit_entries", "DELETE FROM audit_heads")
    log = AuditLog(database)
    for row in rows:
        change(row)
        await log.record(
            AuditEntry(
                time_ns=row.time_ns,
                caller=row.caller,
                roles=tuple(row.roles.split(",")),
                address=row.address,
                method=row.method,
                path=row.path,
                operation=row.operation,
                status=row.status,
                problem=row.problem,
                request_id=row.request_id,
            )
        )


def _hide_third(row: AuditRow) -> None:
    if row.sequence == 3:
        row.caller = "key:2"


async def test_rewritten_log_is_found_by_a_head_that_was_anchored(
    log: AuditLog, database: Database
) -> None:
    anchored = await log.head()
    await _rewrite(database, _hide_third)
    await log.verify()  # by itself it is whole again
    with pytest.raises(AuditBrokenError, match="another digest was anchored"):
        await log.verify([anchored])


async def test_log_cut_below_an_anchored_head_is_found(
    log: AuditLog, database: Database
) -> None:
    anchored = await log.head()
    (*_, fifth, _) = await log.page()
    async with database.transaction() as session:
        await session.execute(text("DELETE FROM audit_entries WHERE sequence = 6"))
        await session.execute(
            text("UPDATE audit_heads SET sequence = 5, digest = :digest"),
            {"digest": fifth.digest},
        )
    await log.verify()
    with pytest.raises(AuditBrokenError, match="later ones were anchored"):
        await log.verify([anchored])


async def test_unchanged_log_agrees_with_its_anchors(log: AuditLog) -> None:
    early = await log.head()
    await log.record(_entry(6))
    heads = [AuditHead(0, GENESIS), early, await log.head()]
    assert (await log.verify(heads)).anchors == 3


async def test_several_processes_make_one_chain(
    database: Database, database_url: str
) -> None:
    command = (sys.executable, "-m", "tests.gateway.audit_writer", database_url)
    processes = [
        await asyncio.create_subprocess_exec(*command, name, "100", cwd=ROOT)
        for name in ("a", "b", "c")
    ]
    assert [await process.wait() for process in processes] == [0, 0, 0]
    log = AuditLog(database)
    assert (await log.verify()).head.sequence == 300
    for name in ("a", "b", "c"):
        rows = await log.page(caller=name)
        assert sorted(row.time_ns for row in rows) == list(range(100))


async def test_calls_that_end_together_are_written_together(database: Database) -> None:
    log = AuditLog(database)
    commits: list[Connection] = []
    count = commits.append
    event.listen(Engine, "commit", count)
    try:
        await asyncio.gather(*(log.record(_entry(number)) for number in range(200)))
    finally:
        event.remove(Engine, "commit", count)
    assert len(commits) <= 3
    assert (await log.verify()).head.sequence == 200


async def test_entry_of_a_transaction_that_fails_is_not_there(
    log: AuditLog, database: Database
) -> None:
    async def write_and_fail() -> None:
        async with database.transaction() as session:
            await log.write(session, _entry(6))
            raise KeyError

    with pytest.raises(KeyError):
        await write_and_fail()
    async with database.transaction() as session:
        head = await log.write(session, _entry(6), _entry(7))
    assert (await log.verify()).head == head
    assert head.sequence == 8


async def test_entry_that_cannot_be_written_is_told_to_whoever_waits(
    tmp_path: Path,
) -> None:
    async with Database(f"sqlite:///{tmp_path}/absent/gateway.db") as database:
        log = AuditLog(database)
        told = await asyncio.gather(
            *(log.record(_entry(number)) for number in range(3)), return_exceptions=True
        )
    assert [type(item) for item in told] == [DatabaseDownError] * 3


async def test_text_of_strangers_is_kept_visible_and_bounded(
    database: Database,
) -> None:
    log = AuditLog(database)
    await log.record(_entry(0, path="/v1/\0\n\u202e钥匙", caller="x" * 500))
    await log.record(_entry(1, path="/" + "y" * 9_000))
    first, second = await log.page()
    assert first.path == "/v1/\\u0000\\u000a\\u202e钥匙"
    assert len(first.caller) == 128
    assert (len(second.path), second.path[-1]) == (PATH_CHARACTERS_MAX, "…")
    await log.verify()


async def test_entries_of_one_caller_are_read_in_pages(log: AuditLog) -> None:
    await log.record(_entry(6, caller="key:2"))
    first = await log.page(caller="key:1", limit=4)
    rest = await log.page(caller="key:1", after=first[-1].sequence)
    assert [row.sequence for row in (*first, *rest)] == [1, 2, 3, 4, 5, 6]


async def test_progress_is_told(log: AuditLog) -> None:
    told: list[tuple[int, int]] = []
    await log.verify(progress=lambda done, count: told.append((done, count)))
    assert told == [(6, 6)]


# --- anchoring --------------------------------------------------------------------------


class _Chain:
    """Takes heads, unless it is away."""

    def __init__(self) -> None:
        self.heads: list[AuditHead] = []
        self.is_away = False

    async def anchor(self, head: AuditHead) -> str:
        if self.is_away:
            raise DatabaseDownError(reason="the zone does not answer")
        self.heads.append(head)
        return f"transaction-{len(self.heads)}"


async def test_head_is_anchored_once_a_day_if_there_is_something_new(
    log: AuditLog, database: Database
) -> None:
    chain, clocks = _Chain(), Clocks()
    daily = DailyAnchor(database, log, chain.anchor, clock=clocks.ns)
    assert await daily.anchor_if_due() == await log.head()
    await log.record(_entry(6))
    clocks.seconds += DAY_S - 1
    assert await daily.anchor_if_due() is None
    clocks.seconds += 1
    assert await daily.anchor_if_due() == await log.head()
    clocks.seconds += DAY_S
    assert await daily.anchor_if_due() is None
    assert [head.sequence for head in chain.heads] == [6, 7]
    assert (await log.verify()).anchors == 2


async def test_anchor_that_failed_is_made_up_for(
    log: AuditLog, database: Database
) -> None:
    chain, clocks = _Chain(), Clocks()
    daily = DailyAnchor(database, log, chain.anchor, clock=clocks.ns)
    chain.is_away = True
    with pytest.raises(DatabaseDownError):
        await daily.anchor_if_due()
    chain.is_away = False
    assert await daily.anchor_if_due() is not None


async def test_process_that_comes_to_lead_after_its_start_anchors_soon(
    log: AuditLog, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    chain, leads = _Chain(), iter([False, False, True])
    monkeypatch.setattr(anchoring, "LEAD_S", 0)
    daily = DailyAnchor(
        database,
        log,
        chain.anchor,
        clock=Clocks().ns,
        is_leading=lambda: next(leads),
    )
    task = asyncio.create_task(daily.run())
    async with asyncio.timeout(10):
        while not chain.heads:
            await asyncio.sleep(0)
    task.cancel()
    assert chain.heads == [await log.head()]


async def test_rewritten_log_is_found_by_the_anchors_in_the_database(
    log: AuditLog, database: Database
) -> None:
    daily = DailyAnchor(database, log, _Chain().anchor, clock=Clocks().ns)
    await daily.anchor_if_due()
    await _rewrite(database, _hide_third)
    with pytest.raises(AuditBrokenError, match="another digest was anchored"):
        await log.verify()
