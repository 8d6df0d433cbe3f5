"""Processor time and memory of other processes, as Linux tells."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Final

_TICKS_PER_S: Final = os.sysconf("SC_CLK_TCK")
_KIB_PER_MIB: Final = 1024


def cpu_s(pids: Iterable[int]) -> float:
    """Return the processor time that the processes have used so far; 0 for gone ones."""
    return sum(_cpu_s(pid) for pid in pids)


def rss_mib_max(pids: Iterable[int]) -> float:
    """Return the most memory that one of the processes ever held."""
    return max((_rss_peak_mib(pid) for pid in pids), default=0.0)


def _cpu_s(pid: int) -> float:
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return 0.0
    fields = text.rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS_PER_S


def _rss_peak_mib(pid: int) -> float:
    try:
        text = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0.0
    for line in text.splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / _KIB_PER_MIB
    return 0.0
