"""Timeouts of packets that commands send."""

from __future__ import annotations

import time

from huitong.core.time import NS_PER_SECOND


def timeout_ns(timeout_s: int) -> int:
    """Return the moment so many seconds from now, nanoseconds since the epoch."""
    return time.time_ns() + timeout_s * NS_PER_SECOND
