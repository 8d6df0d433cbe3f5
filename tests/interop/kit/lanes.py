"""Lanes: groups of tests that are passed, failed, or not run because a peer is missing."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

#: What a skip's reason begins with when a peer is missing.
NOT_RUN: Final = "not run: "


@dataclass(slots=True)
class Lane:
    """What became of one lane."""

    name: str
    """As people read it."""
    passed: int = 0
    """Tests that passed."""
    failed: list[str] = field(default_factory=list)
    """Tests that failed."""
    not_run: list[str] = field(default_factory=list)
    """Reasons why tests were not run, each once."""
    seconds: float = 0.0
    """How long its tests took, with what they set up."""
    figures: dict[str, Any] = field(default_factory=dict)
    """What was measured, units last."""

    @property
    def outcome(self) -> str:
        """``passed``, ``failed`` or ``not run``: passed only if every test was."""
        if self.failed:
            return "failed"
        return "not run" if self.not_run or not self.passed else "passed"

    def line(self) -> str:
        """Return the line that tells of it."""
        told = self.outcome
        if told == "failed":
            told += f": {', '.join(self.failed)}"
        elif told == "not run":
            told += f": {'; '.join(self.not_run) or 'no test'}"
        return f"{self.name}: {told} ({self.seconds:.0f} s)"

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON data."""
        return {
            "lane": self.name,
            "outcome": self.outcome,
            "passed": self.passed,
            "failed": self.failed,
            "not_run": self.not_run,
            "seconds": round(self.seconds, 1),
            "figures": self.figures,
        }


class Lanes:
    """All lanes of a run, in the order of their first test."""

    def __init__(self) -> None:
        self._lanes: dict[str, Lane] = {}

    def get(self, name: str) -> Lane:
        """Return a lane, which begins with its first test."""
        return self._lanes.setdefault(name, Lane(name))

    def all(self) -> list[Lane]:
        """Return all of them."""
        return list(self._lanes.values())
