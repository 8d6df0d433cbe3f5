"""Work that is done for many callers in one trip to a thread."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

from huitong.gateway.vault.together import TRIPS_MAX, Together


def _doubled(items: Sequence[int]) -> list[int]:
    time.sleep(0.01)
    return [2 * item for item in items]


async def test_who_asks_again_when_all_trips_end_at_once_is_answered() -> None:
    together: Together[int, int] = Together(_doubled)

    async def ask(number: int) -> int:
        await together.do(number)
        return await together.do(number + 1)

    async with asyncio.timeout(10):
        asking = [asyncio.create_task(ask(number)) for number in range(TRIPS_MAX)]
        await asyncio.sleep(0)
        time.sleep(0.1)  # a busy loop: it hears of all trips in the same turn
        found = await asyncio.gather(*asking)
    assert found == [2 * (number + 1) for number in range(TRIPS_MAX)]
