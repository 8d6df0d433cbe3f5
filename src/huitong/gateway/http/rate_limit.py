"""How fast and how often a caller may ask.

Two limits, of different exactness, because they are for different things. The *rate*
protects this process: a token bucket for each caller, in its memory, so a gateway of n
workers lets a caller through up to n times as fast. The *quota* of a day is a promise to
others: it is counted in the database for all processes together, which take requests
from it in small lots; a process that dies loses its lot, so a caller gets at most as
many as promised, never more.
"""

from __future__ import annotations

import asyncio
import math
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, final

from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError

from huitong.core.time import NS_PER_SECOND, SECONDS_PER_DAY, TimeNs
from huitong.gateway.database.engine import Database
from huitong.gateway.http.errors import QuotaError, RateLimitError
from huitong.gateway.http.tables import QuotaUse

#: Callers and addresses remembered by one process; the one unseen for longest goes first,
#: and comes back with a full bucket.
BUCKETS_MAX: Final = 20_000
#: Requests that a process takes from a quota at once, so that most requests cost no write.
QUOTA_LOT: Final = 100


@dataclass(slots=True)
class _Bucket:
    tokens: float
    seen_s: float


@final
class RateLimit:
    """A token bucket for each name, in the memory of this process."""

    def __init__(
        self, per_s: float, burst: int, *, clock_s: Callable[[], float]
    ) -> None:
        """Prepare.

        Args:
            per_s: requests a second in the long run.
            burst: requests that may come at once.
            clock_s: tells seconds of a clock that never goes back.
        """
        self._per_s = per_s
        self._burst = burst
        self._clock_s = clock_s
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()

    def take(self, name: str) -> None:
        """Count one request.

        Raises:
            RateLimitError: the bucket is empty; nothing is counted.
        """
        bucket = self._fill(name)
        if bucket.tokens < 1:
            wait_s = math.ceil((1 - bucket.tokens) / self._per_s)
            raise RateLimitError(rate=f"{self._per_s:g}", wait_s=max(1, wait_s))
        bucket.tokens -= 1

    def _fill(self, name: str) -> _Bucket:
        now_s = self._clock_s()
        bucket = self._buckets.get(name)
        if bucket is None:
            bucket = self._buckets[name] = _Bucket(self._burst, now_s)
            if len(self._buckets) > BUCKETS_MAX:
                self._buckets.popitem(last=False)
        self._buckets.move_to_end(name)
        gained = (now_s - bucket.seen_s) * self._per_s
        bucket.tokens = min(self._burst, bucket.tokens + max(0.0, gained))
        bucket.seen_s = now_s
        return bucket


@final
class DailyQuota:
    """Requests of one caller in one day (UTC), over all processes."""

    def __init__(
        self, database: Database, per_day: int, *, clock: Callable[[], TimeNs]
    ) -> None:
        """Prepare; ``per_day`` 0 is no quota."""
        self._database = database
        self._per_day = per_day
        self._clock = clock
        self._lots: dict[str, int] = {}
        self._day = 0
        self._lock = asyncio.Lock()

    async def take(self, caller: str) -> None:
        """Count one request.

        Raises:
            QuotaError: the day's requests are used.
            DatabaseDownError: the database does not answer.
        """
        if not self._per_day:
            return
        day, second = divmod(self._clock() // NS_PER_SECOND, SECONDS_PER_DAY)
        async with self._lock:  # so that requests at one time share a lot
            if day != self._day:
                self._day, self._lots = day, {}
            if not self._lots.get(caller):
                self._lots[caller] = await self._take_lot(caller, day)
            if not self._lots[caller]:
                wait_s = SECONDS_PER_DAY - second
                raise QuotaError(maximum=self._per_day, wait_s=wait_s)
            self._lots[caller] -= 1

    async def _take_lot(self, caller: str, day: int) -> int:
        """Take requests from the quota; return how many, 0 if there are none."""
        lot = max(1, min(QUOTA_LOT, self._per_day // 10))
        row = (QuotaUse.caller == caller, QuotaUse.day == day)
        await self._ensure_row(caller, day)
        async with self._database.transaction() as session:
            used = await session.scalar(
                select(QuotaUse.used).where(*row).with_for_update()
            )
            lot = min(lot, self._per_day - (used or 0))
            if lot > 0:
                await session.execute(
                    update(QuotaUse).where(*row).values(used=QuotaUse.used + lot)
                )
        return max(lot, 0)

    async def _ensure_row(self, caller: str, day: int) -> None:
        try:
            async with self._database.transaction() as session:
                if await session.get(QuotaUse, (caller, day)) is None:
                    session.add(QuotaUse(caller=caller, day=day, used=0))
        except IntegrityError:
            return  # another process was first
