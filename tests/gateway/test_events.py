"""Events in the database: with the change or not at all, in one order, without loss."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import orjson
import pytest

from huitong.core.time import NS_PER_SECOND, SECONDS_PER_DAY
from huitong.gateway.access.roles import Role
from huitong.gateway.database.engine import Database
from huitong.gateway.events import log as event_log
from huitong.gateway.events.errors import EventsGoneError, EventUnknownError
from huitong.gateway.events.log import EventFilter, EventLog
from huitong.gateway.events.news import EventNews
from huitong.gateway.events.register import (
    API_KEY_MADE,
    EVENT_TYPES,
    JOB_STUCK,
    RECORD_PUBLISHED,
    types_for,
)
from huitong.gateway.events.settings import EventSettings
from huitong.gateway.events.telling import tell

ALL = EventFilter(seen_types=frozenset(EVENT_TYPES))


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.ahead_ns = 0

    def __call__(self) -> int:
        return time.time_ns() + self.ahead_ns


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def events(database: Database, clock: Clock) -> EventLog:
    return EventLog(database, EventSettings(), source="/zones/z/members/m", clock=clock)


async def _tell(database: Database, *subjects: str, kind: Any = JOB_STUCK) -> None:
    async with database.transaction() as session:
        for subject in subjects:
            tell(session, kind, subject, {"job": 1})


async def _subjects(events: EventLog, wanted: EventFilter = ALL, **given: Any) -> list:
    page = await events.page(wanted, **{"after": None, "limit": 200} | given)
    return [event["subject"] for event in page.events]


async def test_event_is_a_cloud_event_of_version_1(
    database: Database, events: EventLog
) -> None:
    from cloudevents.core.bindings.http import HTTPMessage, from_structured
    from cloudevents.core.formats.json import JSONFormat

    async with database.transaction() as session:
        tell(session, JOB_STUCK, "s", {"job": 4}, request_id="r" * 8)
    await events.number_new()
    (event,) = (await events.page(ALL, after=None, limit=1)).events
    headers = {"content-type": "application/cloudevents+json"}
    read = from_structured(HTTPMessage(headers, orjson.dumps(event)), JSONFormat())
    assert read.get_id() == "1"
    assert read.get_type() == "cn.huitong.job.stuck.v1"
    assert read.get_source() == "/zones/z/members/m"
    assert read.get_subject() == "s"
    assert read.get_extension("requestid") == "r" * 8
    assert read.get_data() == {"job": 4}


async def test_change_that_is_rolled_back_tells_nothing(
    database: Database, events: EventLog
) -> None:
    async def change() -> None:
        async with database.transaction() as session:
            tell(session, JOB_STUCK, "never", {})
            await session.flush()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await change()
    await _tell(database, "told")
    await events.number_new()
    page = await events.page(ALL, after=None, limit=10)
    assert [(event["id"], event["subject"]) for event in page.events] == [("1", "told")]


# SQLite has one writer at a time, so there nothing ends late.
@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
async def test_event_of_a_transaction_that_ends_late_is_behind_and_not_lost(
    database: Database, events: EventLog
) -> None:
    async with database.transaction() as late:
        tell(late, JOB_STUCK, "late", {})
        await late.flush()
        await _tell(database, "early")
        await events.number_new()
        assert await _subjects(events) == ["early"]
    await events.number_new()
    assert await _subjects(events) == ["early", "late"]
    assert await _subjects(events, after=1) == ["late"]


async def test_positions_have_no_gaps_however_many_write_and_number(
    database: Database, events: EventLog
) -> None:
    await _tell(database, "first")
    await events.number_new()
    writers = [_tell(database, f"{n}a", f"{n}b") for n in range(20)]
    await asyncio.gather(*writers)
    while await events.number_new():
        pass
    page = await events.page(ALL, after=None, limit=200)
    assert [event["id"] for event in page.events] == [str(n) for n in range(1, 42)]
    assert page.until == page.newest == 41


async def test_reader_sees_only_types_of_its_roles(
    database: Database, events: EventLog
) -> None:
    await _tell(database, "key", kind=API_KEY_MADE)
    await _tell(database, "record", kind=RECORD_PUBLISHED)
    await events.number_new()
    for role, seen in ((Role.SECURITY, ["key"]), (Role.OFFICER, ["record"])):
        wanted = EventFilter(seen_types=types_for({role}))
        assert await _subjects(events, wanted) == seen
        asked = EventFilter(
            seen_types=types_for({role}),
            types=frozenset({API_KEY_MADE.name, RECORD_PUBLISHED.name}),
        )
        assert await _subjects(events, asked) == seen


async def test_page_ends_after_so_many_events_whatever_its_filter(
    database: Database, events: EventLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_log, "SCANNED_MAX", 3)
    await _tell(database, "a", "b", "c", "d", "e", "f", "g")
    await events.number_new()
    wanted = EventFilter(seen_types=ALL.seen_types, subject="e")
    first = await events.page(wanted, after=None, limit=5)
    assert ([*first.events], first.until, first.newest) == ([], 3, 7)
    assert await _subjects(events, wanted, after=first.until) == ["e"]


async def test_limit_cuts_a_page_and_the_next_one_goes_on(
    database: Database, events: EventLog
) -> None:
    await _tell(database, "a", "b", "c")
    await events.number_new()
    page = await events.page(ALL, after=None, limit=2)
    assert page.until == 2
    assert await _subjects(events, after=page.until) == ["c"]


async def test_event_from_the_future_is_refused(
    database: Database, events: EventLog
) -> None:
    await _tell(database, "a")
    await events.number_new()
    with pytest.raises(EventUnknownError, match="event 2 was never told"):
        await events.page(ALL, after=2, limit=1)
    with pytest.raises(EventUnknownError):
        await events.start(2)
    assert await events.start(None) == await events.start(1) == 1


async def test_old_events_go_and_who_missed_them_is_told(
    database: Database, events: EventLog, clock: Clock
) -> None:
    await _tell(database, "a", "b")
    await events.number_new()
    assert await events.purge() == 0
    clock.ahead_ns = 31 * SECONDS_PER_DAY * NS_PER_SECOND
    assert await events.purge() == 2
    await _tell(database, "c")
    await events.number_new()
    with pytest.raises(EventsGoneError, match="up to 2 are no longer kept"):
        await events.page(ALL, after=1, limit=1)
    assert await _subjects(events, after=2) == ["c"]
    assert await _subjects(events, after=None) == ["c"]


async def test_listener_is_woken_by_an_event_and_else_after_its_time(
    database: Database, events: EventLog
) -> None:
    news = EventNews(events)
    running = asyncio.create_task(news.run())
    try:
        assert not await news.newer(0, 0.01)
        waiting = asyncio.create_task(news.newer(0, 30))
        await _tell(database, "a")
        await events.number_new()
        assert await waiting
        assert await news.newer(0, 0)
        assert not await news.newer(1, 0.01)
    finally:
        running.cancel()
