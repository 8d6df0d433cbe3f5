"""Why a link is not served, and since when. Pure."""

from __future__ import annotations


class Problems:
    """What hinders one link now, by what it concerns."""

    def __init__(self) -> None:
        self._reasons: dict[str, str] = {}
        self._since_s: float | None = None

    def note(self, what: str, reason: str) -> None:
        """Remember a problem; a new reason takes the place of an older one."""
        self._reasons[what] = reason

    def end(self, what: str) -> None:
        """Forget a problem; also right if there is none."""
        self._reasons.pop(what, None)

    def text(self) -> str:
        """Return all reasons; empty if all is well."""
        return "; ".join(self._reasons.values())

    def seconds(self, now_s: float) -> int:
        """Return for how long there has been one; call it every now and then."""
        if not self._reasons:
            self._since_s = None
        elif self._since_s is None:
            self._since_s = now_s
        return int(now_s - self._since_s) if self._since_s is not None else 0
