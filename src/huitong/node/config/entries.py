"""Takes a table of ``config/node.toml`` apart; every refusal names the entry."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from huitong.node.config.durations import format_duration, parse_duration
from huitong.node.errors import ConfigError


class Entries:
    """One table of the file, with its place for errors."""

    __slots__ = ("_values", "_where", "path")

    def __init__(self, path: Path, where: str, values: dict[str, Any]) -> None:
        self.path = path
        self._where = where
        self._values = values

    def _wrong(self, name: str, reason: str) -> ConfigError:
        return ConfigError(path=self.path, field=f"{self._where}{name}", reason=reason)

    def allow(self, *names: str) -> None:
        """Refuse other entries."""
        for name in self._values:
            if name not in names:
                raise self._wrong(name, "is not known")

    def part(self, name: str, *names: str) -> Entries:
        """Return a table inside, which may be absent."""
        values = self._values.get(name, {})
        if not isinstance(values, dict):
            raise self._wrong(name, "needs to be a table")
        table = Entries(self.path, f"{name}.", values)
        table.allow(*names)
        return table

    def text(self, name: str, default: str) -> str:
        value = self._values.get(name, default)
        if not isinstance(value, str):
            raise self._wrong(name, "needs to be a text")
        return value

    def texts(self, name: str) -> tuple[str, ...]:
        value = self._values.get(name, [])
        if not isinstance(value, list) or any(type(item) is not str for item in value):
            raise self._wrong(name, "needs to be a list of texts")
        return tuple(value)

    def boolean(self, name: str, default: bool) -> bool:
        value = self._values.get(name, default)
        if not isinstance(value, bool):
            raise self._wrong(name, "needs to be true or false")
        return value

    def integer(self, name: str, default: int, maximum: int, minimum: int = 0) -> int:
        value = self._values.get(name, default)
        if type(value) is not int or not minimum <= value <= maximum:
            raise self._wrong(name, f"needs an integer from {minimum} to {maximum}")
        return value

    def choice(self, name: str, default: str, choices: tuple[str, ...]) -> str:
        value = self.text(name, default)
        if value not in choices:
            raise self._wrong(name, f"needs one of {', '.join(choices)}")
        return value

    def duration(
        self, name: str, default_ns: int, maximum_ns: int, minimum_ns: int = 0
    ) -> int:
        value = self._values.get(name)
        if value is None:
            return default_ns
        duration_ns = parse_duration(value) if isinstance(value, str) else None
        if duration_ns is None or not minimum_ns <= duration_ns <= maximum_ns:
            bounds = f"{format_duration(minimum_ns)} to {format_duration(maximum_ns)}"
            raise self._wrong(
                name, f"{value!r} is not a time such as 200ms or 5s, {bounds}"
            )
        return duration_ns
