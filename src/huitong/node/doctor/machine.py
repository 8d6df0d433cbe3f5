"""Checks of the machine: ports, disk, open files, clock."""

from __future__ import annotations

import os
import resource
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from huitong.node.config import NodeConfig
from huitong.node.doctor.findings import Finding, fine, problem, warning
from huitong.node.doctor.subject import NodeStatus, Subject

#: Free bytes below which the next hours are at risk.
DISK_FREE_BYTES_MIN: Final = 2 * 2**30
#: Free share of the disk below which somebody should look.
_DISK_FREE_SHARE_MIN: Final = 0.1
#: Days until the disk is full at the present growth, below which somebody should look.
DISK_DAYS_MIN: Final = 30.0
#: Blocks and seconds from which on growth can be told at all.
_GROWTH_BLOCKS_MIN: Final = 1_000
_SECONDS_PER_DAY: Final = 86_400
#: Open files that a node needs: connections of RPC, peers, database.
OPEN_FILES_MIN: Final = 4_096
#: How far the newest block's time may lie ahead of this machine's clock.
CLOCK_AHEAD_NS_MAX: Final = 1_000_000_000
_CONNECT_TIMEOUT_S: Final = 1.0
_NS_PER_S: Final = 1_000_000_000


# --- ports --------------------------------------------------------------------------------


def check_ports(subject: Subject) -> Iterator[Finding]:
    """Look whether the node's addresses are free, or answered by the node."""
    if subject.home is None or not isinstance(subject.config, NodeConfig):
        return
    for name, address in _addresses(subject, subject.config):
        finding = _port(name, address, is_running=subject.pid > 0)
        if finding is not None:
            yield finding


def _addresses(subject: Subject, config: NodeConfig) -> Iterator[tuple[str, str]]:
    yield "port-rpc", config.rpc_address
    if config.grpc_address:
        yield "port-grpc", f"tcp://{subject.grpc_address}"
    if config.engine == "cometbft":
        yield "port-p2p", config.cometbft.p2p_address
    if config.watch_address:
        yield "port-watch", config.watch_address


def _port(name: str, address: str, *, is_running: bool) -> Finding | None:
    try:
        parts = urlsplit(address)
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if host is None or port is None:
        return problem(
            name,
            f"{address} is no address",
            "Write it as tcp://HOST:PORT in node.toml.",
        )
    if port == 0:
        return None  # the system picks one
    if is_listening(host, port):
        if is_running:
            return fine(name, f"the node listens at {address}")
        return problem(
            name,
            f"another process listens at {address}",
            "Stop it, or choose another port in node.toml.",
        )
    if is_running:
        return problem(
            name,
            f"the node runs and nothing listens at {address}",
            "Look at the node's log; it may still be starting, or node.toml was changed "
            "since. Restart it.",
        )
    return fine(name, f"{address} is free")


def is_listening(host: str, port: int) -> bool:
    """Tell whether somebody takes connections there."""
    try:
        with socket.create_connection((_reachable(host), port), _CONNECT_TIMEOUT_S):
            return True
    except OSError:
        return False


def _reachable(host: str) -> str:
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)


# --- disk ---------------------------------------------------------------------------------


def check_disk(subject: Subject) -> Iterator[Finding]:
    """Compare free space with what the node takes and how fast it grows."""
    if subject.home is None or not subject.home.data.is_dir():
        return
    disk = os.statvfs(subject.home.data)
    free, size = disk.f_bavail * disk.f_frsize, disk.f_blocks * disk.f_frsize
    taken = taken_bytes(subject.home.path)
    days = days_left(free, taken, subject.status)
    seen = f"{_gib(free)} free of {_gib(size)}; the node takes {_gib(taken)}"
    if days is not None:
        seen += f"; full in about {days:.0f} days at its pace"
    advice = (
        "Free space or move the home to a larger disk; [state] versions_kept and "
        "blocks_kept bound what is kept."
    )
    if free < DISK_FREE_BYTES_MIN:
        yield problem("disk", seen, advice)
    elif free < _DISK_FREE_SHARE_MIN * size or (days or DISK_DAYS_MIN) < DISK_DAYS_MIN:
        yield warning("disk", seen, advice)
    else:
        yield fine("disk", seen)


def taken_bytes(folder: Path) -> int:
    """Return the bytes on disk of all files below a folder."""
    total = 0
    for place, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.lstat(os.path.join(place, name)).st_blocks * 512
            except OSError:
                continue  # gone meanwhile
    return total


def days_left(free: int, taken: int, status: NodeStatus | None) -> float | None:
    """Return how long the disk lasts; None if the node is too young to tell."""
    if status is None or status.earliest_time_ns <= 0:
        return None
    blocks = status.height - status.earliest_height
    seconds = (status.time_ns - status.earliest_time_ns) / _NS_PER_S
    if blocks < _GROWTH_BLOCKS_MIN or seconds <= 0 or taken <= 0:
        return None
    return free / (taken / seconds) / _SECONDS_PER_DAY


def _gib(count: int) -> str:
    return f"{count / 2**30:.1f} GiB"


# --- open files, clock ----------------------------------------------------------------------


def check_open_files(subject: Subject) -> Iterator[Finding]:
    """Look at how many files the node may open: the running one, or one started here."""
    if subject.home is None:
        return
    limit = _limit_of(subject.pid) if subject.pid else None
    if limit is None:
        limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    if limit == resource.RLIM_INFINITY:
        limit = 2**31
    seen = f"the node may open {limit} files"
    if limit < OPEN_FILES_MIN:
        yield warning(
            "open-files",
            seen,
            f"Allow at least {OPEN_FILES_MIN}: LimitNOFILE in the systemd unit, or "
            "`ulimit -n`.",
        )
    else:
        yield fine("open-files", seen)


def _limit_of(pid: int) -> int | None:
    try:
        lines = Path(f"/proc/{pid}/limits").read_text().splitlines()
        words = next(line for line in lines if line.startswith("Max open files"))
        return int(words.split()[3])
    except (OSError, StopIteration, ValueError, IndexError):
        return None


def check_clock(subject: Subject) -> Iterator[Finding]:
    """Compare this machine's clock with the time of the newest block."""
    status = subject.status
    if status is None or subject.home is None:
        return  # the clock in question is the node's, not that of whoever asks
    ahead_ns = status.time_ns - subject.seen_at_ns
    if ahead_ns > CLOCK_AHEAD_NS_MAX:
        yield problem(
            "clock",
            f"the newest block is {ahead_ns / _NS_PER_S:.1f} s ahead of this clock",
            "Set the clock and keep it set: install and enable chrony or "
            "systemd-timesyncd. A clock that is behind delays every block.",
        )
    else:
        yield fine("clock", "no block is ahead of this machine's clock")
