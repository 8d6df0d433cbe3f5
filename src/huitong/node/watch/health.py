"""Whether a node lives, and whether it is of use: what probes and balancers ask."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from huitong.node.config import NodeConfig

#: A node is not called late before this, however fast its blocks are: disks and clocks
#: of virtual machines stand still for seconds.
BLOCK_AGE_NS_MIN: Final = 15_000_000_000
#: Intervals without a block after which a node is late.
_INTERVALS: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One condition and whether it holds."""

    name: str
    """Its permanent name."""
    is_met: bool
    """Whether it holds."""
    seen: str
    """What was seen, for people."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """All conditions of one question."""

    checks: tuple[Check, ...]
    """In the order in which they are told."""

    @property
    def is_good(self) -> bool:
        """Whether all of them hold."""
        return all(check.is_met for check in self.checks)

    def as_json(self, chain_id: str, height: int) -> dict[str, Any]:
        """Return the body of the answer."""
        return {
            "ok": self.is_good,
            "chain_id": chain_id,
            "height": height,
            "checks": [
                {"name": check.name, "ok": check.is_met, "seen": check.seen}
                for check in self.checks
            ],
        }


def block_age_max_ns(config: NodeConfig) -> int:
    """Return the age of the newest block from which on a node is late, nanoseconds."""
    pace = config.pace
    longest = max(pace.heartbeat_ns, pace.block_time_ns)
    return max(BLOCK_AGE_NS_MIN, _INTERVALS * longest)


def check_engine(failure: BaseException | None) -> Check:
    """Judge whether the engine runs on."""
    seen = "runs" if failure is None else f"failed: {type(failure).__name__}"
    return Check(name="engine", is_met=failure is None, seen=seen)


def check_rpc(is_answering: bool, is_catching_up: bool) -> tuple[Check, Check]:
    """Judge whether the node answers, and with the newest state."""
    answers = Check(
        name="rpc",
        is_met=is_answering,
        seen="answers" if is_answering else "does not answer",
    )
    if not is_answering:
        return answers, Check(name="caught_up", is_met=False, seen="not known")
    seen = "replays blocks of others" if is_catching_up else "has all blocks"
    return answers, Check(name="caught_up", is_met=not is_catching_up, seen=seen)


def check_block_age(age_ns: int | None, age_max_ns: int) -> Check:
    """Judge whether the newest block is recent; None before the first."""
    if age_ns is None:
        return Check(name="block_age", is_met=False, seen="no block since the start")
    seen = f"newest block {age_ns / 1e9:.1f} s ago, at most {age_max_ns / 1e9:.0f} s"
    return Check(name="block_age", is_met=age_ns <= age_max_ns, seen=seen)
