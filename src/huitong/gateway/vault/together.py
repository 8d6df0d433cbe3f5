"""Work of many callers in one trip to a thread.

A trip costs more than what it does for one small object, and a thread that waits for a
busy event loop waits long. So whatever is asked for while a trip is under way goes
together in the next one; whoever is alone goes at once.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Generic, TypeVar, final

ItemT = TypeVar("ItemT")
ResultT = TypeVar("ResultT")

#: Items of one trip; what a full disk or a slow one holds up at once.
TOGETHER_MAX: Final = 64
#: Trips under way at once.
TRIPS_MAX: Final = 2


@dataclass(frozen=True, slots=True)
class _Asked(Generic[ItemT, ResultT]):
    item: ItemT
    answer: asyncio.Future[ResultT]


@final
class Together(Generic[ItemT, ResultT]):
    """Does one kind of work, for many at once."""

    def __init__(
        self, work: Callable[[Sequence[ItemT]], Sequence[ResultT | OSError]]
    ) -> None:
        """Prepare.

        Args:
            work: runs in a thread; gives for each item what came of it, in their order.
        """
        self._work = work
        self._asked: deque[_Asked[ItemT, ResultT]] = deque()
        self._trips: set[asyncio.Task[None]] = set()

    async def do(self, item: ItemT) -> ResultT:
        """Return what comes of an item; it is done even if nobody waits for it any more.

        Raises:
            OSError: what the work gives for this item.
        """
        answer: asyncio.Future[ResultT] = asyncio.get_running_loop().create_future()
        self._asked.append(_Asked(item, answer))
        # One that has ended takes nothing more, though it may not be forgotten yet.
        if sum(not trip.done() for trip in self._trips) < TRIPS_MAX:
            trip = asyncio.create_task(self._travel())
            self._trips.add(trip)
            trip.add_done_callback(self._trips.discard)
        return await answer

    async def _travel(self) -> None:
        while self._asked:
            count = min(len(self._asked), TOGETHER_MAX)
            some = [self._asked.popleft() for _ in range(count)]
            try:
                results: Sequence[ResultT | Exception] = await asyncio.to_thread(
                    self._work, [asked.item for asked in some]
                )
            except asyncio.CancelledError:
                for asked in (*some, *self._asked):
                    asked.answer.cancel()
                raise
            except Exception as failure:  # noqa: BLE001 - told to whoever waits for it
                results = [failure] * len(some)
            for asked, result in zip(some, results, strict=True):
                _tell(asked.answer, result)


def _tell(answer: asyncio.Future[ResultT], result: ResultT | Exception) -> None:
    if answer.done():
        return  # who asked was cancelled
    if isinstance(result, Exception):
        answer.set_exception(result)
    else:
        answer.set_result(result)
