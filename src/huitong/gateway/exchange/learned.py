"""Waiting for what the blocks of the own zone tell, without asking again and again."""

from __future__ import annotations

import asyncio
from typing import Final, final

#: Seconds until somebody who waits looks anyway: another process may follow the blocks.
LOOK_S: Final = 0.5


@final
class Learned:
    """Wakes those in this process who wait until something is known of an exchange."""

    def __init__(self) -> None:
        """Nobody waits yet."""
        self._news = asyncio.Event()

    def tell(self) -> None:
        """Wake everybody; what is news is committed."""
        self._news.set()
        self._news = asyncio.Event()

    @property
    def news(self) -> asyncio.Event:
        """What ``wait`` waits for; taken before a look, so that nothing is missed."""
        return self._news

    async def wait(self, news: asyncio.Event, longest_s: float) -> None:
        """Return at the next news, or when it is time to look."""
        try:
            async with asyncio.timeout(min(LOOK_S, longest_s)):
                await news.wait()
        except TimeoutError:
            return
