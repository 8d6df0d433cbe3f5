"""What a state change tells the world: named events with text attributes.

Events are not consensus data, but relayers, indexes and indicators depend on them, so
they are as deterministic as the state. Names and attributes of IBC events follow ibc-go,
the union of v8 and v10.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Event:
    """Something that has happened, in the past tense, complete enough to be counted."""

    kind: str
    """The type, for example ``send_packet`` or ``record_published``."""
    attributes: tuple[tuple[str, str], ...]
    """Key and value pairs in the order in which they were told; all are indexed."""

    def find(self, key: str) -> str | None:
        """Return the first value under ``key``, or None."""
        for name, value in self.attributes:
            if name == key:
                return value
        return None


def event(kind: str, /, **attributes: str | int) -> Event:
    """Build an event; numbers become decimal text."""
    return Event(kind, tuple((name, str(value)) for name, value in attributes.items()))
