"""Running a source: read, map, publish, remember; page after page.

A row is handed to the publisher with a key of its own that holds its snapshot, before its
fate is written. When the gateway stops between the two, the next run hands it over once
more under the same key, and the publisher knows it. A row that cannot become a record
waits in the error queue with the reason; the rows behind it go on.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, final

from huitong.core.errors import HuitongError, RejectedError
from huitong.gateway.connectors.definition import SourceDefinition
from huitong.gateway.connectors.errors import RowAbsentError, RowError
from huitong.gateway.connectors.mapping import MappedRow, RowMapping
from huitong.gateway.connectors.memory import Fate, Memory
from huitong.gateway.connectors.rows import Page, Row, Source

#: Documents that a dry run shows.
SAMPLES_MAX: Final = 5
#: Faults that a dry run shows.
FAULTS_SHOWN_MAX: Final = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Publication:
    """What a source asks the gateway to publish."""

    idempotency_key: str
    """The same for the same row saying the same."""
    definition: SourceDefinition
    """What the record says of type, share class, title and terms."""
    row: MappedRow
    """Id, document, levels, subject and provenance."""


Publish = Callable[[Publication], Awaitable[None]]
"""Takes one publication durably; raises ``RejectedError`` if it can never be published."""


@dataclass(slots=True, kw_only=True)
class RunReport:
    """What a run did."""

    connector: str
    """Its name."""
    read: int = 0
    """Rows that were read."""
    published: int = 0
    """Rows that became a record or a new version; in a dry run, those that would."""
    unchanged: int = 0
    """Rows that say what they said before."""
    failed: int = 0
    """Rows that wait in the error queue; in a dry run, those that would."""
    pages: int = 0
    """Pages that were read."""
    faults: list[tuple[str, str]] = field(default_factory=list)
    """Key and reason of the first that failed."""
    samples: list[MappedRow] = field(default_factory=list)
    """The first documents; in a dry run only."""


@final
class SourceRunner:
    """Runs one source; not twice at the same time."""

    def __init__(
        self,
        definition: SourceDefinition,
        source: Source,
        memory: Memory,
        publish: Publish,
        *,
        now_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        """Prepare.

        Args:
            definition: what to make of the rows.
            source: where they are.
            memory: what is known of them.
            publish: takes what they become.
            now_ns: the clock.
        """
        self._definition = definition
        self._mapping = RowMapping(definition)
        self._source = source
        self._memory = memory
        self._publish = publish
        self._now_ns = now_ns

    async def run(self, *, pages_max: int = 0, dry: bool = False) -> RunReport:
        """Read what is new, and publish it.

        Args:
            pages_max: stop after so many pages; 0 reads to the end.
            dry: map only: nothing is published or remembered.

        Raises:
            SourceDownError, SourceShapeError: see ``Source.check``; what was read before
                is kept.
            UnavailableError: the publisher cannot take anything now.
        """
        report = RunReport(connector=self._definition.connector)
        try:
            await self._run(report, pages_max, dry)
        except HuitongError as error:
            if not dry:
                await self._memory.save_failure(str(error), self._now_ns())
            raise
        return report

    async def retry(self, key: str) -> None:
        """Read one row of the error queue again, and publish it.

        Raises:
            RowAbsentError: the source has it no more.
            RowError: it fails again; the queue has the new reason.
            SourceDownError, SourceShapeError: see ``Source.check``.
        """
        row = await self._source.read_row(key)
        if row is None:
            raise RowAbsentError(connector=self._definition.connector, key=key)
        fate = await self._take(row)
        position = await self._memory.position()
        await self._memory.save_page([fate], position, self._now_ns())
        if fate.reason:
            raise RowError(key=key, field="document", reason=fate.reason)

    async def _run(self, report: RunReport, pages_max: int, dry: bool) -> None:
        keeps = self._source.keeps_position
        position = await self._memory.position() if keeps else None
        while True:
            page = await self._source.read_page(position)
            report.pages += 1
            report.read += len(page.rows) + len(page.faults)
            if dry:
                await self._try_page(page, report)
            else:
                await self._take_page(page, report, page.position or position)
            position = page.position or position
            if page.is_last or report.pages == pages_max:
                return

    async def _try_page(self, page: Page, report: RunReport) -> None:
        known = await self._memory.settled([row.key for row in page.rows])
        _tell(report, page.faults)
        for row in page.rows:
            if known.get(row.key) == self._mapping.fingerprint(row):
                report.unchanged += 1
                continue
            try:
                mapped = self._mapping.map_row(row)
            except RowError as error:
                _tell(report, [(row.key, str(error))])
                continue
            report.published += 1
            if len(report.samples) < SAMPLES_MAX:
                report.samples.append(mapped)

    async def _take_page(
        self, page: Page, report: RunReport, position: Mapping[str, Any] | None
    ) -> None:
        known = await self._memory.settled([row.key for row in page.rows])
        fates = [Fate(key=key, reason=reason) for key, reason in page.faults]
        for row in page.rows:
            if known.get(row.key) != self._mapping.fingerprint(row):
                fates.append(await self._take(row))
        report.published += sum(not fate.reason for fate in fates)
        report.unchanged += len(page.rows) + len(page.faults) - len(fates)
        _tell(report, [(fate.key, fate.reason) for fate in fates if fate.reason])
        kept = position if self._source.keeps_position else None
        await self._memory.save_page(fates, kept, self._now_ns())

    async def _take(self, row: Row) -> Fate:
        """Publish a row; return its fate."""
        fingerprint = self._mapping.fingerprint(row)
        try:
            mapped = self._mapping.map_row(row)
            await self._publish(self._publication(mapped))
        except RejectedError as error:
            reason = f"{error} [{error.codespace}/{error.code}]"
            return Fate(key=row.key, fingerprint=fingerprint, reason=reason)
        return Fate(key=row.key, fingerprint=fingerprint, record_id=mapped.record_id)

    def _publication(self, mapped: MappedRow) -> Publication:
        name = self._definition.connector
        return Publication(
            idempotency_key=f"connector/{name}/{mapped.record_id}/{mapped.snapshot.hex()}",
            definition=self._definition,
            row=mapped,
        )


def _tell(report: RunReport, faults: Sequence[tuple[str, str]]) -> None:
    report.failed += len(faults)
    report.faults += list(faults)[: max(0, FAULTS_SHOWN_MAX - len(report.faults))]
