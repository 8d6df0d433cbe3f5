"""The ``huitong`` command run inside this process, because that takes no interpreter's start."""

from __future__ import annotations

import contextlib
import io

import click

from huitong.cli.main import main as huitong_command


class CommandError(Exception):
    """A command failed; carries what it wrote."""


class _Captured(io.TextIOWrapper):
    """A stream that takes text and bytes, as a terminal does, and keeps them."""

    def __init__(self) -> None:
        super().__init__(io.BytesIO(), encoding="utf-8", write_through=True)

    def text(self) -> str:
        """Return everything written so far."""
        buffer = self.buffer
        assert isinstance(buffer, io.BytesIO)
        return buffer.getvalue().decode()


def run_huitong(*arguments: str) -> str:
    """Run a ``huitong`` command in this process and return its standard output.

    Raises:
        CommandError: it failed; carries what it wrote.
    """
    output, errors = _Captured(), _Captured()
    try:
        with contextlib.redirect_stdout(output), contextlib.redirect_stderr(errors):
            huitong_command.main(
                args=list(arguments), prog_name="huitong", standalone_mode=False
            )
    except SystemExit as stopped:
        if stopped.code not in (None, 0):
            said = (errors.text() or output.text()).strip()
            raise CommandError(f"huitong {arguments[0]}: {said}") from None
    except click.ClickException as refused:
        raise CommandError(
            f"huitong {' '.join(arguments)}: {refused.format_message()}"
        ) from None
    return output.text()
