"""Durations as configuration files write them: ``200ms``, ``5s``, ``10m``, ``1h``."""

from __future__ import annotations

import re
from typing import Final

_DURATION: Final = re.compile(r"([0-9]{1,12})(ms|s|m|h)", re.ASCII)
_UNIT_NS: Final = {
    "ms": 1_000_000,
    "s": 1_000_000_000,
    "m": 60_000_000_000,
    "h": 3_600_000_000_000,
}


def parse_duration(text: str) -> int | None:
    """Return nanoseconds of a text such as ``200ms`` or ``5s``; None for another form."""
    found = _DURATION.fullmatch(text)
    return None if found is None else int(found[1]) * _UNIT_NS[found[2]]


def format_duration(duration_ns: int) -> str:
    """Return the text that ``parse_duration`` reads, in whole milliseconds."""
    return f"{duration_ns // _UNIT_NS['ms']}ms"
