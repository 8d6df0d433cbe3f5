"""Hearing that the process is about to end, before its server waits for open requests.

Streams of events are requests that never end by themselves; the server would wait for
them as long as the settings allow.
"""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any


@contextmanager
def heard_early(stop: Callable[[], None]) -> Iterator[None]:
    """Call ``stop`` in the event loop at SIGTERM or SIGINT, then who heard it before.

    Does nothing outside of the main thread, which is the only one that hears signals.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    loop = asyncio.get_running_loop()
    before: dict[signal.Signals, Any] = {}

    def handle(number: int, frame: FrameType | None) -> None:
        loop.call_soon_threadsafe(stop)
        handler = before[signal.Signals(number)]
        if callable(handler):
            handler(number, frame)

    for each in (signal.SIGTERM, signal.SIGINT):
        before[each] = signal.getsignal(each)
        signal.signal(each, handle)
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
