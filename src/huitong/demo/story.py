"""What a person sees of the demonstration: steps with their times, in two languages.

``Narrator`` tells on a terminal or into a pipe; with ``--json`` nothing is told.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, final

from rich.console import Console
from rich.panel import Panel
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Table
from rich.text import Text

_TIME_WIDTH: Final = 8


@final
class Narrator:
    """Tells the story as it happens."""

    def __init__(self, console: Console, steps: int, *, silent: bool = False) -> None:
        """Prepare.

        Args:
            console: where to tell.
            steps: how many steps the story has.
            silent: tell nothing at all.
        """
        self._console = console
        self._steps = steps
        self._silent = silent
        self._progress: Progress | None = None
        self._task = TaskID(0)
        self._started_s = time.monotonic()

    @contextmanager
    def telling(self) -> Iterator[None]:
        """Show progress at the lower edge of a terminal while the story lasts."""
        if self._silent or not self._console.is_terminal:
            yield
            return
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=self._console,
            transient=True,
        )
        with self._progress:
            self._task = self._progress.add_task("", total=self._steps)
            yield
        self._progress = None

    def open(self, document: str, fields: int) -> None:
        """Say what this is about."""
        self._print(
            Panel(
                Text.assemble(
                    ("汇通 Huitong", "bold"),
                    "\n两个区在本机交换一份文件,每个答复都带证明。\n",
                    "Two zones on this machine exchange a document, "
                    "with a proof for every answer.\n",
                    (f"{document}, {fields} field{'s' if fields > 1 else ''}", "dim"),
                ),
                expand=False,
                border_style="cyan",
            )
        )

    @contextmanager
    def step(self, chinese: str, english: str) -> Iterator[Step]:
        """Tell one step: what is under way, then how long it took and what came of it."""
        begun_s = time.monotonic()
        if self._progress is not None:
            self._progress.update(self._task, description=f"{chinese} {english}")
        step = Step()
        yield step
        took_s = time.monotonic() - begun_s
        line = Text.assemble(
            (f"{took_s:>{_TIME_WIDTH - 2}.2f} s ", "dim"),
            ("✓ ", "green"),
            (chinese, "bold"),
            f" {english}",
        )
        self._print(line)
        for detail in step.details:
            self._print(Text(" " * (_TIME_WIDTH + 3) + detail, style="dim"))
        if self._progress is not None:
            self._progress.advance(self._task)

    def note(self, text: str) -> None:
        """Tell at once of something that happens within a step."""
        self._print(Text(" " * (_TIME_WIDTH + 3) + text, style="dim"))

    def attack(self, chinese: str, english: str, reason: str) -> None:
        """Tell of an attack that was refused."""
        self._print(
            Text.assemble(
                " " * (_TIME_WIDTH + 1), ("✗ ", "red"), (chinese, "bold"), f" {english}"
            )
        )
        self._print(Text(" " * (_TIME_WIDTH + 3) + f"refused: {reason}", style="dim"))

    def close(self, rows: list[tuple[str, str]]) -> None:
        """Sum up."""
        table = Table.grid(padding=(0, 2))
        for name, value in rows:
            table.add_row(Text(name, style="bold"), Text(value, overflow="fold"))
        self._print(Panel(table, expand=False, border_style="green"))

    @property
    def elapsed_s(self) -> float:
        """Seconds since the story began."""
        return time.monotonic() - self._started_s

    def _print(self, what: object) -> None:
        if not self._silent:
            self._console.print(what, highlight=False, soft_wrap=isinstance(what, Text))


@final
class Step:
    """One step while it is told."""

    def __init__(self) -> None:
        self.details: list[str] = []

    def tell(self, detail: str) -> None:
        """Add a line below the step."""
        self.details.append(detail)
