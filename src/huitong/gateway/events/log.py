"""The events in the order in which they are told.

An event is written with the change it tells of, and transactions are committed in
another order than they write. So the order is fixed afterwards: the process that leads
the outbox gives positions, without gaps, to events that are committed and have none.
What was read up to a position is complete for ever; a reader goes on behind it without
loss, in whichever process.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast, final

import orjson
from sqlalchemy import Table, bindparam, delete, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from huitong.core.time import NS_PER_SECOND, SECONDS_PER_DAY, TimeNs, format_rfc3339
from huitong.gateway.database.engine import Database
from huitong.gateway.events.errors import EventsGoneError, EventUnknownError
from huitong.gateway.events.settings import EventSettings
from huitong.gateway.events.tables import EventHeadRow, EventRow

#: Events that get their positions in one transaction.
NUMBERED_AT_ONCE: Final = 1_000
#: Positions that one page looks at, however few of them fit its filter.
SCANNED_MAX: Final = 10_000
#: Rows deleted in one transaction, so that others do not wait.
PURGED_AT_ONCE: Final = 1_000
_HEAD: Final = 1
_EVENTS: Final = cast(Table, EventRow.__table__)
_SPECIFICATION: Final = "1.0"
_JSON: Final = "application/json"


@dataclass(frozen=True, slots=True, kw_only=True)
class EventFilter:
    """Which events to read; all conditions hold together."""

    seen_types: frozenset[str]
    """Types that the reader may see."""
    types: frozenset[str] = frozenset()
    """Any of these; empty for all that the reader may see."""
    subject: str = ""

    @property
    def kinds(self) -> frozenset[str]:
        """The types that remain."""
        return self.seen_types & self.types if self.types else self.seen_types


@dataclass(frozen=True, slots=True, kw_only=True)
class EventPage:
    """A part of the events."""

    events: Sequence[dict[str, Any]]
    """CloudEvents as JSON values; ``data`` is an ``orjson.Fragment``."""
    until: int
    """Position up to which everything was looked at."""
    newest: int
    """Position of the newest event that there is."""


@final
class EventLog:
    """Reads events, and puts them into their order."""

    def __init__(
        self,
        database: Database,
        settings: EventSettings,
        *,
        source: str,
        clock: Callable[[], TimeNs],
    ) -> None:
        """Prepare.

        Args:
            database: keeps the events.
            settings: how long they are kept.
            source: ``source`` of the CloudEvents: who tells them.
            clock: tells nanoseconds since the epoch.
        """
        self._database = database
        self._settings = settings
        self._source = source
        self._clock = clock

    # --- reading ------------------------------------------------------------------------

    async def newest(self) -> int:
        """Return the position of the newest event; 0 before the first."""
        async with self._database.reading() as session:
            return (await _head(session))[0]

    async def start(self, since: int | None) -> int:
        """Return the position behind which a reader goes on; the newest one for None.

        Raises:
            EventsGoneError, EventUnknownError: see ``page``.
        """
        async with self._database.reading() as session:
            newest, gone = await _head(session)
        return newest if since is None else _checked(since, newest, gone)

    async def page(
        self, wanted: EventFilter, *, after: int | None, limit: int
    ) -> EventPage:
        """Return events behind a position in their order, at most ``limit``.

        Args:
            wanted: which events.
            after: position of the last one seen; None for the oldest that is kept.
            limit: most events of the page.

        Raises:
            EventsGoneError: some behind ``after`` are no longer kept.
            EventUnknownError: nothing was told under ``after`` yet.
        """
        async with self._database.reading() as session:
            newest, gone = await _head(session)
            after = _checked(after, newest, gone)
            end = min(newest, after + SCANNED_MAX)
            query = (
                select(EventRow)
                .where(EventRow.position > after, EventRow.position <= end)
                .where(EventRow.kind.in_(sorted(wanted.kinds)))
            )
            if wanted.subject:
                query = query.where(EventRow.subject == wanted.subject)
            found = await session.scalars(
                query.order_by(EventRow.position).limit(limit)
            )
            rows = found.all()
        is_cut = len(rows) == limit
        until = (rows[-1].position or 0) if is_cut else end
        events = [self.render(row) for row in rows]
        return EventPage(events=events, until=until, newest=newest)

    def render(self, row: EventRow) -> dict[str, Any]:
        """Return an event as a CloudEvent, version 1.0, JSON format."""
        event = {
            "specversion": _SPECIFICATION,
            "id": str(row.position),
            "source": self._source,
            "type": row.kind,
            "subject": row.subject,
            "time": format_rfc3339(row.time_ns),
            "datacontenttype": _JSON,
            "data": orjson.Fragment(row.data),
        }
        if row.request_id:
            event["requestid"] = row.request_id
        return event

    # --- ordering -----------------------------------------------------------------------

    async def has_unnumbered(self) -> bool:
        """Tell whether there are events without a position."""
        query = select(EventRow.number).where(EventRow.position.is_(None)).limit(1)
        async with self._database.reading() as session:
            return await session.scalar(query) is not None

    async def number_new(self) -> int:
        """Give positions to events that have none, some at a time; return how many."""
        async with self._database.transaction() as session:
            numbers = await session.scalars(
                select(EventRow.number)
                .where(EventRow.position.is_(None))
                .order_by(EventRow.number)
                .limit(NUMBERED_AT_ONCE)
            )
            found = numbers.all()
            if not found:
                return 0
            head = await _lock_head(session)
            await session.execute(
                update(_EVENTS).where(_EVENTS.c.number == bindparam("of_number")),
                [
                    {"of_number": number, "position": head.position + place}
                    for place, number in enumerate(found, start=1)
                ],
            )
            head.position += len(found)
        return len(found)

    async def purge(self) -> int:
        """Delete events that were kept long enough, some at a time; return how many."""
        kept_ns = self._settings.keep_days * SECONDS_PER_DAY * NS_PER_SECOND
        oldest_ns = self._clock() - kept_ns
        async with self._database.transaction() as session:
            head = await _lock_head(session)
            # A run from the oldest on, so that what is kept has no gaps.
            first_kept = await session.scalar(
                select(EventRow.position)
                .where(EventRow.position > head.gone, EventRow.time_ns >= oldest_ns)
                .order_by(EventRow.position)
                .limit(1)
            )
            end = head.position if first_kept is None else first_kept - 1
            gone = min(end, head.gone + PURGED_AT_ONCE)
            deleted = gone - head.gone
            if deleted > 0:
                await session.execute(delete(EventRow).where(EventRow.position <= gone))
                head.gone = gone
        return max(0, deleted)


def _checked(after: int | None, newest: int, gone: int) -> int:
    if after is None:
        return gone
    if after < gone:
        raise EventsGoneError(since=after, gone=gone)
    if after > newest:
        raise EventUnknownError(since=after, newest=newest)
    return after


async def _head(session: AsyncSession) -> tuple[int, int]:
    head = await session.get(EventHeadRow, _HEAD)
    return (head.position, head.gone) if head else (0, 0)


async def _lock_head(session: AsyncSession) -> EventHeadRow:
    """Return the head for this transaction alone.

    A second process that makes it at the same time fails by its key, and tries again.
    """
    head = await session.get(EventHeadRow, _HEAD, with_for_update=True)
    if head is None:
        head = EventHeadRow(id=_HEAD, position=0, gone=0)
        session.add(head)
        await session.flush()
    return head
