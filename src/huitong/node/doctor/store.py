"""Checks of what lies on the disk: the database, while no process has it; snapshots."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from huitong.core.errors import HuitongError
from huitong.node.config import NodeConfig
from huitong.node.doctor.findings import Finding, fine, problem, warning
from huitong.node.doctor.subject import Subject
from huitong.storage.inspection import DatabaseStanding, inspect_database

#: Intervals between snapshots after which the newest one is late.
_SNAPSHOT_INTERVALS_MAX: Final = 2


def standing_of(subject: Subject) -> DatabaseStanding | None:
    """Return where the database stands; None while a node has it, or if it is damaged."""
    if subject.home is None or subject.pid:
        return None
    try:
        return inspect_database(subject.home.data)
    except HuitongError:
        return None


def check_database(subject: Subject) -> Iterator[Finding]:
    """Open the database for reading and check the roots of its trees."""
    if subject.home is None or subject.pid:
        return
    if not (subject.home.data / "data.mdb").exists():
        if subject.home.has_begun():
            yield problem(
                "database",
                "blocks were signed here, and data.mdb is gone",
                "Restore the data folder from a backup, or begin from a snapshot with "
                "an empty one.",
            )
        else:
            yield fine("database", "no block yet")
        return
    try:
        standing = inspect_database(subject.home.data)
    except HuitongError as failure:
        advice = failure.next_step or "Restore the data folder from a backup."
        yield problem("database", str(failure), advice)
        return
    yield fine(
        "database",
        f"state of height {standing.version}, provable from {standing.oldest_version} "
        f"on; app hash {standing.app_hash.hex().upper()}",
    )


def check_snapshots(subject: Subject) -> Iterator[Finding]:
    """Compare the newest snapshot with the newest block."""
    if subject.home is None or not isinstance(subject.config, NodeConfig):
        return
    config = subject.config
    every, height = config.snapshots.every_blocks, _height(subject)
    if config.engine != "cometbft" or not every or height < every:
        return
    heights = snapshot_heights(subject.home.data / "snapshots")
    if not heights:
        seen = f"none at height {height}, though one is due every {every} blocks"
    elif height - max(heights) > _SNAPSHOT_INTERVALS_MAX * every:
        seen = f"the newest is of height {max(heights)}, the node at {height}"
    else:
        yield fine("snapshots", f"the newest of {len(heights)} is of {max(heights)}")
        return
    yield warning(
        "snapshots",
        seen,
        "Look for snapshot_failed in the log and at free disk space; new nodes would "
        "have to replay all blocks.",
    )


def snapshot_heights(folder: Path) -> list[int]:
    """Return the heights of the whole snapshots in a folder."""
    try:
        return [int(item.name) for item in folder.iterdir() if item.name.isdecimal()]
    except OSError:
        return []


def _height(subject: Subject) -> int:
    if subject.status is not None:
        return subject.status.height
    standing = standing_of(subject)
    return 0 if standing is None else standing.version
