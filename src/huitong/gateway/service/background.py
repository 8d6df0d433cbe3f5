"""What a gateway does without being asked, beside its outbox: anchors and housekeeping."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Final

import structlog
from sqlalchemy.exc import SQLAlchemyError

from huitong.core.errors import HuitongError
from huitong.gateway.events.hearing import Hearing
from huitong.gateway.events.log import NUMBERED_AT_ONCE
from huitong.gateway.service.services import Services

log = structlog.get_logger("gateway")

#: Seconds between two looks for repeats that are too old to be remembered.
PURGE_S: Final = 600
#: Seconds between two looks for ciphertext that belongs to nothing.
SWEEP_S: Final = 3_600
#: Seconds between two looks for events that are not in their order yet, while there are
#: some, and while this process tells none: others may.
NUMBER_S: Final = 0.1
NUMBER_QUIET_S: Final = 1.0


def background_of(services: Services) -> list[Coroutine[Any, Any, None]]:
    """Return all that runs until it is cancelled; each does its work where one leads."""
    return [
        services.outbox.run(),
        services.exchanges.run(),
        services.hand_overs.run(),
        services.connectors.run(),
        services.event_news.run(),
        services.step_spans.run(),
        _number_events(services),
        services.reads.anchoring.run(),
        services.facts.watch.run(),
        services.audit_anchor.run(),
        _every(PURGE_S, services, lambda: _purge(services)),
        _every(PURGE_S, services, lambda: _purge_events(services)),
        _every(SWEEP_S, services, services.vault.sweep),
    ]


async def _every(
    seconds: float, services: Services, work: Callable[[], Awaitable[Any]]
) -> None:
    """Do something again and again, in the process that leads the outbox."""
    while True:
        await asyncio.sleep(seconds)
        try:
            if services.outbox.is_leading:
                await work()
        except HuitongError as failure:
            log.warning("housekeeping_failed", reason=failure.diagnostics())


async def _number_events(services: Services) -> None:
    """Put events into their order soon after they are written, and hand them on."""
    hearing = Hearing()
    numbered = fed = 0
    while True:
        has_more = fed or numbered == NUMBERED_AT_ONCE
        was_told = await hearing.anything(0 if has_more else NUMBER_QUIET_S)
        numbered = fed = 0
        try:
            if services.outbox.is_leading:
                if was_told or await services.events.has_unnumbered():
                    numbered = await services.events.number_new()
                fed = await services.webhooks.feed()
        except (HuitongError, SQLAlchemyError) as failure:  # another process was first
            log.warning("events_not_numbered", reason=type(failure).__name__)
        await asyncio.sleep(NUMBER_S)


async def _purge_events(services: Services) -> None:
    while await services.events.purge():
        pass


async def _purge(services: Services) -> None:
    while await services.edge.idempotency.purge():
        pass
