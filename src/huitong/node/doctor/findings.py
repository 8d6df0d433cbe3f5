"""What a check finds: how bad, what was seen, what to do."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum, unique
from typing import Any


@unique
class Severity(StrEnum):
    """How bad it is."""

    OK = "ok"
    """As it should be."""
    WARNING = "warning"
    """Works now; look into it before it does not."""
    PROBLEM = "problem"
    """Does not work, or is not safe; act now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was looked at."""

    severity: Severity
    """How bad it is."""
    id: str
    """Permanent name of the check."""
    seen: str
    """What was seen."""
    advice: str = ""
    """What to do; empty if nothing needs doing."""

    def as_json(self) -> dict[str, Any]:
        """Return the form of ``--json``."""
        return {
            "severity": str(self.severity),
            "id": self.id,
            "seen": self.seen,
            "advice": self.advice,
        }


def fine(check: str, seen: str) -> Finding:
    """Say that something is as it should be."""
    return Finding(severity=Severity.OK, id=check, seen=seen)


def warning(check: str, seen: str, advice: str) -> Finding:
    """Say that something should be looked into."""
    return Finding(severity=Severity.WARNING, id=check, seen=seen, advice=advice)


def problem(check: str, seen: str, advice: str) -> Finding:
    """Say that something needs doing now."""
    return Finding(severity=Severity.PROBLEM, id=check, seen=seen, advice=advice)
