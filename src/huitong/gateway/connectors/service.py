"""The connectors of a running gateway: sources on their schedules, sinks as things arrive."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Final, final

import structlog

from huitong.core.errors import HuitongError
from huitong.gateway.connectors.definition import SourceDefinition
from huitong.gateway.connectors.errors import ConnectorBusyError
from huitong.gateway.connectors.handing_on import SINK, HandingOn, SinkDeliveries
from huitong.gateway.connectors.memory import Memory
from huitong.gateway.connectors.opening import open_source
from huitong.gateway.connectors.publishing import RecordPublisher
from huitong.gateway.connectors.runner import RunReport, SourceRunner
from huitong.gateway.connectors.shelf import Shelf
from huitong.gateway.database.engine import Database
from huitong.gateway.exchange.exchanges import Exchanges
from huitong.gateway.outbox.lease import Lease
from huitong.gateway.outbox.outbox import Outbox

log = structlog.get_logger("gateway")

#: Seconds between two looks at what is due.
ROUND_S: Final = 1.0
#: Seconds after which a source may be run again whose run was killed.
LEASE_S: Final = 20


@final
class Connectors:
    """All connectors of one gateway."""

    def __init__(
        self,
        *,
        shelf: Shelf,
        database: Database,
        outbox: Outbox,
        exchanges: Exchanges,
        publisher: RecordPublisher,
        interval_s: int,
    ) -> None:
        """Prepare, and register with the outbox; nothing is read or opened yet.

        Args:
            shelf: the definitions.
            database: keeps how far sources were read.
            outbox: brings received documents to the sinks.
            exchanges: have what was received.
            publisher: takes what sources say.
            interval_s: between two runs of a source that says nothing of its own.
        """
        self.shelf = shelf
        """The definitions."""
        self._database = database
        self._outbox = outbox
        self._publisher = publisher
        self._interval_s = interval_s
        self._deliveries = SinkDeliveries(shelf, exchanges)
        self._handing_on = HandingOn(database, outbox)
        self._due_s: dict[str, float] = {}
        self._running: dict[str, asyncio.Task[None]] = {}
        outbox.register(SINK, self._deliveries)

    # --- one source ---------------------------------------------------------------------

    async def run_source(self, definition: SourceDefinition) -> RunReport:
        """Read what is new in a source, and publish it.

        Raises:
            ConnectorBusyError: it is being run.
            SecretMissingError: a secret that it refers to is not there.
            SourceDownError, SourceShapeError: the source; what was read before is kept.
            UnavailableError: nothing can be published now.
        """
        async with self._runner(definition) as runner:
            return await runner.run()

    async def retry_row(self, definition: SourceDefinition, key: str) -> None:
        """Read one row of the error queue again, and publish it.

        Raises:
            ConnectorBusyError: the source is being run.
            RowAbsentError, RowError, HuitongError: see ``SourceRunner.retry``.
        """
        async with self._runner(definition) as runner:
            await runner.retry(key)

    @asynccontextmanager
    async def _runner(
        self, definition: SourceDefinition
    ) -> AsyncIterator[SourceRunner]:
        name = definition.connector
        memory = Memory(self._database, name)
        async with self._held(name):
            source = await asyncio.to_thread(open_source, definition)
            try:
                yield SourceRunner(definition, source, memory, self._publisher)
            finally:
                await source.close()

    @asynccontextmanager
    async def _held(self, name: str) -> AsyncIterator[None]:
        """Keep a source to this process."""
        lease = Lease(self._database, f"connector/{name}", LEASE_S)
        if not await lease.take():
            raise ConnectorBusyError(connector=name)
        renewing = asyncio.create_task(_renew(lease))
        try:
            yield
        finally:
            renewing.cancel()
            await asyncio.wait([renewing])
            with suppress(HuitongError):
                await lease.give_back()

    # --- in the background --------------------------------------------------------------

    async def run(self) -> None:
        """Run sources when they are due, and hand on what arrives, until cancelled.

        Any number of processes may call this; the one that leads the outbox works.
        """
        try:
            while True:
                await self._look()
                await asyncio.sleep(ROUND_S)
        finally:
            for task in self._running.values():
                task.cancel()
            await asyncio.gather(*self._running.values(), return_exceptions=True)
            await self._deliveries.close()

    async def _look(self) -> None:
        if not self._outbox.is_leading:
            self._handing_on.look_at_all()
            return
        try:
            await self._round()
        except HuitongError as failure:
            log.warning("connectors_not_run", reason=failure.diagnostics())
        except Exception as bug:
            log.error("connectors_broken", exc_info=bug)

    async def _round(self) -> None:
        if await asyncio.to_thread(self.shelf.refresh):
            self._due_s.clear()
            self._handing_on.look_at_all()
            for fault in self.shelf.faults:
                log.error("connector_refused", reason=fault.diagnostics())
        for source in self.shelf.sources:
            self._start_if_due(source)
        for sink in self.shelf.sinks:
            await self._handing_on.hand_on(sink)

    def _start_if_due(self, definition: SourceDefinition) -> None:
        name = definition.connector
        if name in self._running or self._due_s.get(name, 0) > time.monotonic():
            return
        task = asyncio.create_task(self._run_once(definition))
        self._running[name] = task
        task.add_done_callback(lambda _: self._running.pop(name, None))

    async def _run_once(self, definition: SourceDefinition) -> None:
        name = definition.connector
        try:
            report = await self.run_source(definition)
        except ConnectorBusyError:
            pass
        except HuitongError as failure:
            log.warning(
                "connector_failed", connector=name, reason=failure.diagnostics()
            )
        except Exception as bug:
            log.error("connector_broken", connector=name, exc_info=bug)
        else:
            if report.published or report.failed:
                log.info(
                    "connector_run",
                    connector=name,
                    published=report.published,
                    failed=report.failed,
                )
        interval_s = definition.interval_s or self._interval_s
        self._due_s[name] = time.monotonic() + interval_s


async def _renew(lease: Lease) -> None:
    while True:
        await asyncio.sleep(lease.renew_s)
        with suppress(HuitongError):
            await lease.take()
