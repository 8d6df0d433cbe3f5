"""Numbers on the command line."""

from __future__ import annotations

from typing import Any, Final

import click

NUMBER_MAX: Final = 2**63 - 1
"""Largest number that every kind of field of a message can hold."""


class Number(click.IntRange):
    """An integer from ``min`` on that fits into a message; others are wrong usage."""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> Any:
        """Return the integer, or end the command."""
        number = super().convert(value, param, ctx)
        if number > NUMBER_MAX:
            self.fail(f"{number} is more than {NUMBER_MAX}.", param, ctx)
        return number
