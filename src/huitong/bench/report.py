"""The result of a benchmark: the same keys for every one."""

from __future__ import annotations

import platform
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, Final

from huitong import __version__
from huitong.bench.usage import Used

#: Packages whose version matters to a figure.
_PACKAGES: Final = ("protobuf", "lmdb", "coincurve", "orjson", "uvicorn", "httptools")


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What was measured."""

    bench: str
    """Which benchmark."""
    engine: str
    """What decided the blocks: ``embedded``, ``cometbft``, or the rival ``simd``."""
    validators: int
    """Validators of each chain."""
    rate_per_s: float
    """What was done for good, by the second."""
    count: int
    """How many were done for good."""
    seconds: float
    """From the first thing sent to the last one done."""
    p50_ms: float
    """Half of them took at most this long, from sending to being done."""
    p95_ms: float
    p99_ms: float
    errors: int
    """How many were refused or never done."""
    block_time_ms: int
    """Least time between blocks with transactions."""
    cpu_s: float
    """Processor time of all node and relayer processes meanwhile."""
    rss_mib_max: float
    """Most memory that one of these processes ever held."""
    processes: dict[str, Used]
    """Processor time and memory of each."""
    payload_bytes: int
    """Size of one thing on the wire: a transaction, or a packet's data."""
    commit: str
    """Revision of the software; with a plus if files were changed."""
    versions: dict[str, str]
    """Software that the figure depends on."""

    def as_dict(self) -> dict[str, Any]:
        """Return the report as JSON data."""
        return asdict(self)


def percentile_ms(latencies_s: Sequence[float], percent: int) -> float:
    """Return a percentile by the nearest rank, in milliseconds; 0 of nothing."""
    if not latencies_s:
        return 0.0
    ordered = sorted(latencies_s)
    rank = max(1, -(-len(ordered) * percent // 100))
    return round(ordered[rank - 1] * 1000, 1)


def make_report(
    *,
    bench: str,
    latencies_s: Sequence[float],
    seconds: float,
    errors: int,
    block_time_ms: int,
    processes: Mapping[str, Used],
    payload_bytes: int,
    engine: str = "embedded",
    validators: int = 1,
) -> Report:
    """Return the report of a run."""
    count = len(latencies_s)
    return Report(
        bench=bench,
        engine=engine,
        validators=validators,
        rate_per_s=round(count / seconds, 1) if seconds else 0.0,
        count=count,
        seconds=round(seconds, 3),
        p50_ms=percentile_ms(latencies_s, 50),
        p95_ms=percentile_ms(latencies_s, 95),
        p99_ms=percentile_ms(latencies_s, 99),
        errors=errors,
        block_time_ms=block_time_ms,
        cpu_s=round(sum(used.cpu_s for used in processes.values()), 2),
        rss_mib_max=max((used.rss_mib_max for used in processes.values()), default=0.0),
        processes=dict(processes),
        payload_bytes=payload_bytes,
        commit=_commit(),
        versions=_versions(),
    )


def _commit() -> str:
    folder = Path(__file__).parent
    try:
        head = _git(folder, "rev-parse", "--short=12", "HEAD")
        changed = _git(
            folder, "status", "--porcelain", "--untracked-files=no", "--", "."
        )
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return head + ("+" if changed else "")


def _git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", "-C", str(folder), *arguments], capture_output=True, check=True
    )
    return done.stdout.decode().strip()


def _versions() -> dict[str, str]:
    found = {"huitong": __version__, "python": platform.python_version()}
    for name in _PACKAGES:
        found[name] = metadata.version(name)
    return found
