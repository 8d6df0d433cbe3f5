"""Rates in memory and quotas in the database."""

from __future__ import annotations

import asyncio

import pytest

from huitong.core.time import NS_PER_SECOND
from huitong.gateway.database.engine import Database
from huitong.gateway.http.errors import QuotaError, RateLimitError
from huitong.gateway.http.rate_limit import BUCKETS_MAX, DailyQuota, RateLimit
from tests.gateway.issuer_kit import Clocks

DAY_S = 86_400


@pytest.fixture
def clocks() -> Clocks:
    """A clock that stands at the beginning of a day."""
    made = Clocks()
    made.seconds -= made.seconds % DAY_S
    return made


def _take(limit: RateLimit, name: str, count: int) -> int:
    """Take as many as there are, up to ``count``; return how many."""
    for number in range(count):
        try:
            limit.take(name)
        except RateLimitError:
            return number
    return count


def test_bucket_fills_again_with_time_up_to_the_burst(clocks: Clocks) -> None:
    limit = RateLimit(2, 10, clock_s=clocks.s)
    taken = [_take(limit, "a", 100)]
    for seconds in (0.4, 0.1, 3, 1_000):
        clocks.seconds += seconds
        taken.append(_take(limit, "a", 100))
    assert taken == [10, 0, 1, 6, 10]


def test_callers_have_buckets_of_their_own(clocks: Clocks) -> None:
    limit = RateLimit(1, 1, clock_s=clocks.s)
    assert [_take(limit, name, 5) for name in ("a", "b", "a")] == [1, 1, 0]


def test_clock_that_goes_back_gives_nothing(clocks: Clocks) -> None:
    limit = RateLimit(1, 2, clock_s=clocks.s)
    _take(limit, "a", 2)
    clocks.seconds -= 100
    assert _take(limit, "a", 5) == 0


def test_buckets_of_strangers_do_not_fill_the_memory(clocks: Clocks) -> None:
    limit = RateLimit(1, 2, clock_s=clocks.s)
    for number in range(BUCKETS_MAX + 100):
        limit.take(f"address-{number}")
    assert len(limit._buckets) == BUCKETS_MAX


def test_time_to_wait_is_told(clocks: Clocks) -> None:
    limit = RateLimit(0.1, 1, clock_s=clocks.s)
    limit.take("a")
    clocks.seconds += 2
    with pytest.raises(RateLimitError) as refused:
        limit.take("a")
    assert refused.value.fields["wait_s"] == 8


async def _use(quota: DailyQuota, caller: str, count: int) -> int:
    for number in range(count):
        try:
            await quota.take(caller)
        except QuotaError:
            return number
    return count


async def test_quota_is_exact_and_begins_anew_each_day(
    database: Database, clocks: Clocks
) -> None:
    quota = DailyQuota(database, 25, clock=clocks.ns)
    assert await _use(quota, "key:1", 100) == 25
    assert await _use(quota, "key:2", 3) == 3
    clocks.seconds += DAY_S - 1
    with pytest.raises(QuotaError) as refused:
        await quota.take("key:1")
    assert refused.value.http_headers() == {"Retry-After": "1"}
    clocks.seconds += 1
    assert await _use(quota, "key:1", 100) == 25


async def test_processes_together_never_pass_the_quota(
    database: Database, clocks: Clocks
) -> None:
    processes = [DailyQuota(database, 100, clock=clocks.ns) for _ in range(4)]
    used = await asyncio.gather(*(_use(item, "key:1", 60) for item in processes))
    assert sum(used) == 100


async def test_requests_of_one_process_at_the_same_time_are_all_counted(
    database: Database, clocks: Clocks
) -> None:
    quota = DailyQuota(database, 30, clock=clocks.ns)
    used = await asyncio.gather(*(_use(quota, "key:1", 1) for _ in range(50)))
    assert sum(used) == 30


async def test_no_quota_costs_nothing(database: Database) -> None:
    quota = DailyQuota(database, 0, clock=lambda: NS_PER_SECOND)
    await database.close()
    assert await _use(quota, "key:1", 100) == 100
