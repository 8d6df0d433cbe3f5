"""Whether there are new events: one look at the database for all streams of a process."""

from __future__ import annotations

import asyncio
from typing import Final, final

import structlog

from huitong.core.errors import HuitongError
from huitong.gateway.events.log import EventLog

log = structlog.get_logger("gateway")

#: Seconds between two looks while anybody listens.
POLL_S: Final = 0.2


@final
class EventNews:
    """Wakes streams when there is something new."""

    def __init__(self, events: EventLog) -> None:
        """Prepare; nothing is read before ``run``."""
        self._events = events
        self._newest = 0
        self._changed = asyncio.Event()
        self._wanted = asyncio.Event()
        self._waiting = 0

    async def newer(self, after: int, timeout_s: float) -> bool:
        """Return whether there are events behind a position, waiting for some if not."""
        if self._newest > after:
            return True
        self._waiting += 1
        self._wanted.set()
        try:
            async with asyncio.timeout(timeout_s):
                while self._newest <= after:
                    await self._changed.wait()
        except TimeoutError:
            return False
        finally:
            self._waiting -= 1
            if not self._waiting:
                self._wanted.clear()
        return True

    async def run(self) -> None:
        """Look for new events, while anybody waits for them, until cancelled."""
        while True:
            await self._wanted.wait()
            try:
                newest = await self._events.newest()
            except HuitongError as failure:
                log.warning("events_not_read", reason=failure.diagnostics())
                newest = self._newest
            if newest > self._newest:
                self._newest = newest
                self._changed.set()
                self._changed = asyncio.Event()
            await asyncio.sleep(POLL_S)
