"""How commands tell of failures: one line with a code, then what to do next.

    Error: there is no key named bob in /home/b/.huitong/keyring [keys/5]
    `huitong keys list` shows the names.

A command that has a ``--json`` flag (parameter ``as_json``) prints an object instead, on
its standard output: ``{"ok": false, "error": {...}}``. The exit code is 1 either way; 2
is click's, for a command line that it does not understand.
"""

from __future__ import annotations

import errno
import functools
import sys
from collections.abc import Callable
from typing import Final, ParamSpec, TypeVar

import click
import orjson

from huitong.core.errors import HuitongError, RejectedError, UnavailableError

P = ParamSpec("P")
R = TypeVar("R")

EXIT_FAILED = 1
_NO_ROOM: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class FileAccessError(
    UnavailableError, codespace="cli", code=2, text="{path}: {reason}"
):
    """The operating system refuses a file, a folder or a connection."""


class NoRoomError(
    UnavailableError,
    codespace="cli",
    code=3,
    text="no room to write: {reason}",
    next_step="Free disk space or raise the limit, then run the command again.",
):
    """A disk is full, or a quota or the greatest size of a file is reached."""


class InputTextError(
    RejectedError,
    codespace="cli",
    code=4,
    text="the input is not UTF-8 text: byte {byte} at position {position}",
    next_step="Save the file as UTF-8 and try again.",
):
    """A file or the standard input holds bytes that are no text."""


def cli_errors(command: Callable[P, R]) -> Callable[P, R]:
    """Let a command end with an expected failure in one line instead of a traceback.

    Put it below click's decorators, directly above the function.
    """

    @functools.wraps(command)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return command(*args, **kwargs)
        except HuitongError as error:
            failure: HuitongError = error
        except BrokenPipeError:  # the reader has closed, for example `head`
            raise
        except UnicodeDecodeError as error:
            failure = InputTextError(
                byte=f"{error.object[error.start]:#04x}", position=error.start
            )
        except OSError as error:
            failure = _failure_of_system(error)
        print_failure(failure, as_json=bool(kwargs.get("as_json")))
        sys.exit(EXIT_FAILED)

    return wrapped


def _failure_of_system(error: OSError) -> HuitongError:
    reason = error.strerror or str(error)
    if error.errno in _NO_ROOM:
        return NoRoomError(reason=reason)
    return FileAccessError(path=error.filename or type(error).__name__, reason=reason)


def print_failure(error: HuitongError, *, as_json: bool) -> None:
    """Print an expected failure for a person, or for a program."""
    if as_json:
        click.echo(orjson.dumps({"ok": False, "error": error_object(error)}))
    else:
        click.echo(f"Error: {error.diagnostics()}", err=True)


def error_object(error: HuitongError) -> dict[str, object]:
    """Return what programs see of a failure."""
    shown: dict[str, object] = {
        "codespace": error.codespace,
        "code": error.code,
        "message": str(error),
    }
    if error.next_step:
        shown["next_step"] = error.next_step
    return shown
