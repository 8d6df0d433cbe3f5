"""Running a source: nothing lost, nothing twice, what fails waits with its reason."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from huitong.core.errors import RejectedError, UnavailableError
from huitong.gateway.connectors.definition import SourceDefinition
from huitong.gateway.connectors.errors import (
    ItemNotFoundError,
    RowAbsentError,
    RowError,
    SourceDownError,
)
from huitong.gateway.connectors.memory import Memory
from huitong.gateway.connectors.opening import open_source
from huitong.gateway.connectors.runner import Publication, SourceRunner
from huitong.gateway.connectors.tables import FAILED, PUBLISHED, SKIPPED
from huitong.gateway.database.engine import Database
from huitong.gateway.database.schema import METADATA


class _PublisherDownError(
    UnavailableError, codespace="test-connector", code=2, text="not now"
): ...


class _RecordRefusedError(
    RejectedError, codespace="test-connector", code=3, text="the zone says no"
): ...


class Published:
    """Takes publications as the gateway does: one for each key."""

    def __init__(self) -> None:
        self.by_key: dict[str, Publication] = {}
        self.calls = 0
        self.fails: Callable[[Publication], Exception | None] = lambda _: None

    async def __call__(self, publication: Publication) -> None:
        self.calls += 1
        error = self.fails(publication)
        if error is not None:
            raise error
        self.by_key.setdefault(publication.idempotency_key, publication)

    def records(self) -> list[str]:
        return sorted(p.row.record_id for p in self.by_key.values())


@pytest.fixture
async def memory(tmp_path: Path) -> AsyncIterator[Memory]:
    async with Database(f"sqlite:///{tmp_path}/gateway.db") as database:
        await database.make_tables(METADATA)
        yield Memory(database, "files")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "files"
    path.mkdir()
    return path


def _write(folder: Path, name: str, total: object) -> None:
    (folder / f"{name}.json").write_text(json.dumps({"id": name, "total": total}))


def _runner(folder: Path, memory: Memory, published: Published) -> SourceRunner:
    definition = SourceDefinition.model_validate(
        {
            "connector": "files",
            "source": {"kind": "folder", "path": str(folder), "format": "json"},
            "record": {"type": "tax.invoice", "id": "INV-{id}"},
            "fields": {"total": {"type": "decimal"}},
        }
    )
    return SourceRunner(definition, open_source(definition), memory, published)


async def test_second_run_publishes_only_what_changed(
    folder: Path, memory: Memory
) -> None:
    published = Published()
    _write(folder, "a", 1)
    _write(folder, "b", 2)
    first = await _runner(folder, memory, published).run()
    _write(folder, "b", 3)
    second = await _runner(folder, memory, published).run()
    assert (first.published, first.unchanged) == (2, 0)
    assert (second.published, second.unchanged) == (1, 1)
    assert published.records() == ["INV-a", "INV-b", "INV-b"]


async def test_row_that_fails_waits_with_its_reason_and_the_others_go_on(
    folder: Path, memory: Memory
) -> None:
    published = Published()
    _write(folder, "a", "much")
    _write(folder, "b", 2)
    report = await _runner(folder, memory, published).run()
    assert (report.published, report.failed) == (1, 1)
    (item,) = await memory.failed("", 10)
    assert (item.key, item.attempts) == ("a.json", 1)
    assert "connector/6" in item.reason
    assert await memory.counts() == {PUBLISHED: 1, FAILED: 1, SKIPPED: 0}


async def test_record_that_the_zone_refuses_waits_too(
    folder: Path, memory: Memory
) -> None:
    published = Published()
    published.fails = lambda _: _RecordRefusedError()
    _write(folder, "a", 1)
    report = await _runner(folder, memory, published).run()
    assert report.faults == [("a.json", "the zone says no [test-connector/3]")]


async def test_corrected_row_leaves_the_error_queue_by_retry(
    folder: Path, memory: Memory
) -> None:
    published = Published()
    _write(folder, "a", "much")
    runner = _runner(folder, memory, published)
    await runner.run()
    with pytest.raises(RowError):
        await runner.retry("a.json")
    assert (await memory.failed("", 10))[0].attempts == 2
    _write(folder, "a", 1)
    await runner.retry("a.json")
    assert await memory.failed("", 10) == []
    assert published.records() == ["INV-a"]


async def test_row_that_is_gone_cannot_be_retried(folder: Path, memory: Memory) -> None:
    with pytest.raises(RowAbsentError):
        await _runner(folder, memory, Published()).retry("a.json")


async def test_skipped_row_comes_back_only_when_it_changes(
    folder: Path, memory: Memory
) -> None:
    published = Published()
    _write(folder, "a", "much")
    await _runner(folder, memory, published).run()
    await memory.skip("a.json", 1)
    assert (await _runner(folder, memory, published).run()).failed == 0
    _write(folder, "a", "more")
    assert (await _runner(folder, memory, published).run()).failed == 1
    with pytest.raises(ItemNotFoundError):
        await memory.skip("b.json", 1)


async def test_run_that_was_cut_off_publishes_nothing_twice(
    folder: Path, memory: Memory
) -> None:
    published = Published()
    for name in "abc":
        _write(folder, name, 1)
    published.fails = lambda p: (
        _PublisherDownError() if p.row.record_id == "INV-c" else None
    )
    with pytest.raises(_PublisherDownError):
        await _runner(folder, memory, published).run()
    assert await memory.counts() == {PUBLISHED: 0, FAILED: 0, SKIPPED: 0}
    published.fails = lambda _: None
    await _runner(folder, memory, published).run()
    assert published.calls == 6
    assert published.records() == ["INV-a", "INV-b", "INV-c"]


async def test_dry_run_shows_documents_and_faults_and_keeps_nothing(
    folder: Path, memory: Memory
) -> None:
    published = Published()
    _write(folder, "a", 1)
    _write(folder, "b", "much")
    report = await _runner(folder, memory, published).run(dry=True)
    assert (report.published, report.failed) == (1, 1)
    assert json.loads(report.samples[0].document)["total"] == "1"
    assert published.calls == 0
    assert await memory.counts() == {PUBLISHED: 0, FAILED: 0, SKIPPED: 0}


async def test_source_that_is_down_is_told_and_keeps_the_position(
    folder: Path, memory: Memory
) -> None:
    runner = _runner(folder, memory, Published())
    folder.rmdir()
    with pytest.raises(SourceDownError):
        await runner.run()
    assert await memory.position() is None
