"""What happened when, and the figures of it."""

from __future__ import annotations

import json
import time
from typing import Any


class Timeline:
    """Events with the seconds since the beginning."""

    def __init__(self) -> None:
        self._started_s = time.monotonic()
        self.events: list[dict[str, Any]] = []
        """In their order: ``at_s``, ``what``, and facts."""
        self.figures: dict[str, float] = {}
        """Figures by name; units last."""

    def note(self, what: str, **facts: object) -> float:
        """Add an event and return the time, for ``since``."""
        now_s = time.monotonic()
        at_s = round(now_s - self._started_s, 2)
        self.events.append({"at_s": at_s, "what": what, **facts})
        return now_s

    def measure(self, name: str, since_s: float) -> float:
        """Keep the seconds since ``since_s`` as a figure, and return them."""
        took_s = round(time.monotonic() - since_s, 2)
        self.figures[name] = took_s
        return took_s

    def to_json(self) -> str:
        """Return everything as one line."""
        return json.dumps({"figures": self.figures, "timeline": self.events})
