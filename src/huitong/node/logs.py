"""Logging: one line per event with named values, never payloads or keys.

An event has a permanent name in the past tense, in words joined by underscores; numbers
and names are values beside it, with their units. ``docs/reference/logs.md`` lists all of
them. Levels: *error*, somebody has to act; *warning*, somebody may have to; *info*, what
a node does; *debug*, for whoever looks for a fault.
"""

from __future__ import annotations

import logging
import sys
from typing import Any, TextIO

import structlog


def configure_logs(level: str, form: str) -> None:
    """Send logs to standard error.

    Args:
        level: ``debug``, ``info``, ``warning`` or ``error``.
        form: ``console``, ``json``, or ``auto``: console if standard error is a terminal.
    """
    is_console = form == "console" or (form == "auto" and sys.stderr.isatty())
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            _add_logger,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *(_console() if is_console else _json()),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(
            logging.getLevelNamesMapping()[level.upper()]
        ),
        logger_factory=_Loggers(sys.stderr),
        # A logger that was used before must follow a later configuration; looking it up
        # costs a few microseconds, and nothing is logged on a hot path.
        cache_logger_on_first_use=False,
    )
    logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)


def _console() -> list[Any]:
    # Values of local variables are never shown: there may be keys among them.
    return [
        structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    ]


def _json() -> list[Any]:
    return [
        structlog.processors.format_exc_info,
        structlog.processors.JSONRenderer(ensure_ascii=False, default=str),
    ]


class _Logger(structlog.WriteLogger):
    """Writes lines, and knows the part of the software that it is of."""

    def __init__(self, file: TextIO, name: str) -> None:
        super().__init__(file)
        self.part = name


class _Loggers:
    """Makes loggers by the names that ``structlog.get_logger`` is given."""

    def __init__(self, file: TextIO) -> None:
        self._file = file

    def __call__(self, *names: Any) -> _Logger:
        return _Logger(self._file, str(names[0]) if names else "")


def _add_logger(
    logger: _Logger, _: str, event: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    """Say which part of the software speaks."""
    event["logger"] = logger.part
    return event
