"""Waiting for conditions, each within a bound."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

FoundT = TypeVar("FoundT")
#: Seconds for what one packet or one client needs on a busy machine.
PATIENCE_S: Final = 90.0
_POLL_S: Final = 0.1


def wait_until(
    condition: Callable[[], bool], timeout_s: float, describe: Callable[[], str]
) -> None:
    """Return once the condition holds; fail with a description if it does not."""
    deadline_s = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline_s, f"not in {timeout_s} s: {describe()}"
        time.sleep(_POLL_S)


async def wait_for(
    ask: Callable[[], Awaitable[FoundT]],
    is_right: Callable[[FoundT], bool],
    what: str,
    timeout_s: float = PATIENCE_S,
) -> FoundT:
    """Ask until the answer is right, and return it; fail with the last answer."""
    deadline_s = time.monotonic() + timeout_s
    while not is_right(found := await ask()):
        assert time.monotonic() < deadline_s, (
            f"{what}: not in {timeout_s} s; the last answer was {found}"
        )
        await asyncio.sleep(_POLL_S)
    return found
