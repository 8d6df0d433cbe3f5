"""Processor time and memory of other processes, as Linux tells."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_TICKS_PER_S: Final = os.sysconf("SC_CLK_TCK")
_KIB_PER_MIB: Final = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Used:
    """What one process used."""

    cpu_s: float
    """Processor time, user and system, of all its threads."""
    rss_mib_max: float
    """Most memory that it ever held."""


def cpu_s_by_name(pids: Mapping[str, int]) -> dict[str, float]:
    """Return the processor time of each process so far; 0 for gone ones."""
    return {name: _cpu_s(pid) for name, pid in pids.items()}


def used_since(pids: Mapping[str, int], before: Mapping[str, float]) -> dict[str, Used]:
    """Return what each process used since ``before`` was taken."""
    return {
        name: Used(
            cpu_s=round(_cpu_s(pid) - before[name], 2),
            rss_mib_max=round(rss_peak_mib(pid), 1),
        )
        for name, pid in pids.items()
    }


def _cpu_s(pid: int) -> float:
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return 0.0
    fields = text.rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS_PER_S


def rss_peak_mib(pid: int) -> float:
    """Return the most memory that a process ever held; 0 for a gone one."""
    try:
        text = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0.0
    for line in text.splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / _KIB_PER_MIB
    return 0.0
