"""Hearing within this process of what was just told, so that nobody has to look for it.

What other processes tell is not heard: whoever waits looks now and then all the same.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from typing import final
from weakref import WeakSet


@final
class Hearing:
    """One listener; it hears what any gateway of this process tells."""

    def __init__(self) -> None:
        """Listen from now on, for as long as anybody holds this."""
        self._any = asyncio.Event()
        self._of: dict[str, set[asyncio.Event]] = {}
        _LISTENERS.add(self)

    async def anything(self, timeout_s: float) -> bool:
        """Return whether anything was told since the last call, waiting if not."""
        await _wait(self._any, timeout_s)
        was_told = self._any.is_set()
        self._any.clear()
        return was_told

    @contextmanager
    def of(self, subject: str) -> Iterator[News]:
        """Listen for news of one subject."""
        news = News()
        waiting = self._of.setdefault(subject, set())
        waiting.add(news.came)
        try:
            yield news
        finally:
            waiting.discard(news.came)
            if not waiting and self._of.get(subject) is waiting:
                del self._of[subject]

    def _told(self, subjects: Collection[str]) -> None:
        self._any.set()
        for subject in subjects if self._of else ():
            for came in self._of.get(subject, ()):
                came.set()


@final
class News:
    """Whether a subject had news."""

    def __init__(self) -> None:
        self.came = asyncio.Event()
        """Set when something was told of it."""

    async def wait(self, timeout_s: float) -> None:
        """Return when something was told since the last call, or after the time."""
        await _wait(self.came, timeout_s)
        self.came.clear()


_LISTENERS: WeakSet[Hearing] = WeakSet()


def hear(subjects: Collection[str]) -> None:
    """Let everybody in this process know of what was committed about subjects."""
    for listener in _LISTENERS:
        listener._told(subjects)


async def _wait(came: asyncio.Event, timeout_s: float) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(timeout_s):
            await came.wait()
