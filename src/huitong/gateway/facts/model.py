"""What the room of facts takes and gives."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum, unique

from huitong.core.errors import HuitongError


@unique
class FactState(StrEnum):
    """How far the import of a fact has come."""

    WAITING = "waiting"
    """Its proof is being taken, or is on its way to the zone."""
    KNOWN = "known"
    """The zone has it."""
    STUCK = "stuck"
    """A person has to look; what the zone has stays."""
    CANCELLED = "cancelled"
    """A person gave it up; what the zone has stays."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FactPlace:
    """What a fact is about."""

    source: str
    """Connection or light client of the own zone that vouches."""
    store: str
    """Store of the other zone."""
    key: bytes
    """Key in it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FactProblem:
    """Why a fact does not go on."""

    codespace: str
    code: int
    text: str

    @classmethod
    def of(cls, failure: HuitongError) -> FactProblem:
        """Return what a failure tells."""
        return cls(
            codespace=failure.codespace, code=failure.code, text=str(failure)[:4_000]
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class FactEntry:
    """A fact as this gateway knows it."""

    id: bytes
    place: FactPlace
    state: FactState
    is_watched: bool
    step_id: int
    """The step that brings it; 0 for none."""
    looked_ns: int
    """When its source was looked at; 0 for never."""
    request_id: str
    problem: FactProblem | None
