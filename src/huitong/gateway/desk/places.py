"""A few places in which slow work is done, each in a thread of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar, final

from huitong.gateway.desk.errors import DeskBusyError

ResultT = TypeVar("ResultT")


@final
class Places:
    """Does so many things at once, and refuses more."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._taken = 0

    async def run(self, work: Callable[[], ResultT]) -> ResultT:
        """Do something in a thread.

        The place is free again when the work ends, also if nobody waits for it any more.

        Raises:
            DeskBusyError: every place is taken.
        """
        if self._taken >= self._count:
            raise DeskBusyError(count=self._taken)
        self._taken += 1
        task = asyncio.ensure_future(asyncio.to_thread(work))
        task.add_done_callback(self._leave)
        return await asyncio.shield(task)

    def _leave(self, task: asyncio.Future[ResultT]) -> None:
        self._taken -= 1
        if not task.cancelled():
            task.exception()  # seen, also if the caller is gone
