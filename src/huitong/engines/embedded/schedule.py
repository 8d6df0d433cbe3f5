"""When the next block is due. Pure: it is told the time and decides.

* *Work*: transactions wait. A block at most every ``block_time``, and a moment after the
  first of them arrived, so that those sent together go together.
* *Clock*: the header of the next block carries the time at which the last one was signed.
  If that is long ago, an empty block comes first, so that the block with the
  transactions has the time of day.
* *Proof*: what block H wrote is provable with header H + 1, so an empty block follows
  every block that did something, at once.
* *Heartbeat*: when idle. After work the pauses grow: each is as long as the time since
  the last work, from the block time up to the heartbeat. Relayers of others prove
  against a header after the newest that they saw, and would wait a whole heartbeat for it
  in every step of a handshake; so they wait no longer than they were late themselves.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, unique
from typing import Final

NS_PER_MS: Final = 1_000_000
#: Five blocks a second: a person hardly waits, and each block waits for the disk.
BLOCK_TIME_NS_DEFAULT: Final = 200 * NS_PER_MS
#: Often enough for headers to carry a recent time; 17,280 empty blocks a day when idle.
HEARTBEAT_NS_DEFAULT: Final = 5_000 * NS_PER_MS
#: Longest heartbeat: the time per block that our links state to the other side.
HEARTBEAT_NS_MAX: Final = 30_000 * NS_PER_MS
#: Each block costs a header, a commit and a version of every tree, whatever it holds, and
#: light clients follow them: a hundred in a second are more than anybody needs.
BLOCK_TIME_NS_MIN: Final = 10 * NS_PER_MS
BLOCK_TIME_NS_MAX: Final = HEARTBEAT_NS_MAX
#: Shortest pause between empty blocks, for zones whose block time is next to nothing.
QUIET_PAUSE_NS_MIN: Final = 100 * NS_PER_MS
#: How long the first transaction waits for company.
GATHER_NS: Final = 10 * NS_PER_MS
#: How far a block with transactions may lag behind the time of day.
CLOCK_LAG_NS_MAX: Final = 1_000 * NS_PER_MS


@unique
class Due(Enum):
    """What kind of block is due."""

    WORK = "work"
    """With transactions."""
    CLOCK = "clock"
    """Empty, to bring header time up to date before work."""
    PROOF = "proof"
    """Empty, to commit to what the last block wrote."""
    HEARTBEAT = "heartbeat"
    """Empty, because nothing happened for a while."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How fast blocks follow one another."""

    block_time_ns: int = BLOCK_TIME_NS_DEFAULT
    """Least time between blocks with transactions, 0 ≤ t ≤ 30 s."""
    heartbeat_ns: int = HEARTBEAT_NS_DEFAULT
    """Most time between blocks, 0 < t ≤ 30 s."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """What the schedule looks at; times are of one monotonic clock, nanoseconds."""

    now_ns: int
    """The present."""
    last_block_ns: int
    """When the newest block was made."""
    last_work_ns: int
    """When the newest block with transactions was made."""
    waiting_since_ns: int | None
    """When the oldest waiting transaction came; None if none waits."""
    proof_is_due: bool
    """Whether the newest block wrote something that no header commits to."""


def next_block(pace: Pace, moment: Moment) -> tuple[Due, int]:
    """Return the next block's kind and the nanoseconds until it is due, at least 0."""
    if moment.proof_is_due:
        return Due.PROOF, 0
    now_ns, last_block_ns = moment.now_ns, moment.last_block_ns
    if moment.waiting_since_ns is None:
        due_ns = last_block_ns + _quiet_pause_ns(pace, moment)
        return Due.HEARTBEAT, max(0, due_ns - now_ns)
    heartbeat_in = max(0, last_block_ns + pace.heartbeat_ns - now_ns)
    due_ns = max(
        moment.waiting_since_ns + min(GATHER_NS, pace.block_time_ns),
        moment.last_work_ns + pace.block_time_ns,
        now_ns,
    )
    if heartbeat_in < due_ns - now_ns:
        return Due.HEARTBEAT, heartbeat_in
    is_late = due_ns - last_block_ns > CLOCK_LAG_NS_MAX
    return Due.CLOCK if is_late else Due.WORK, due_ns - now_ns


def _quiet_pause_ns(pace: Pace, moment: Moment) -> int:
    """Return the pause after the newest block while nothing happens."""
    since_work_ns = moment.last_block_ns - moment.last_work_ns
    shortest_ns = max(pace.block_time_ns, QUIET_PAUSE_NS_MIN)
    return min(pace.heartbeat_ns, max(shortest_ns, since_work_ns))
