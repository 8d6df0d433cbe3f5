"""Where a passphrase comes from, by one rule for all commands.

In this order: the option ``--passphrase-file``, the file that ``HUITONG_PASSPHRASE_FILE``
names, the variable ``HUITONG_PASSPHRASE``, and a question if somebody sits at a terminal.
It is never an argument, because every user of the machine sees arguments.
"""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, Final, TypeVar

import click

from huitong.keys.errors import (
    PassphraseFileError,
    PassphraseNeededError,
    PassphraseTooShortError,
)
from huitong.keys.sealed import PASSPHRASE_CHARACTERS_MIN

ResultT = TypeVar("ResultT")
CommandT = TypeVar("CommandT", bound=Callable[..., Any])

#: Names a file whose first line is the passphrase.
FILE_VARIABLE: Final = "HUITONG_PASSPHRASE_FILE"
#: Holds the passphrase itself; for machines that give secrets in no other way.
VARIABLE: Final = "HUITONG_PASSPHRASE"
#: Longest first line that is read, so that a wrong file is not read whole.
_LINE_CHARACTERS_MAX: Final = 4_096


def passphrase_option(help_text: str) -> Callable[[CommandT], CommandT]:
    """Return the option ``--passphrase-file`` with words of the command's own."""
    return click.option(
        "--passphrase-file",
        type=click.File(encoding="utf-8"),
        help=f"{help_text}  [env: {FILE_VARIABLE}, {VARIABLE}]",
    )


def find_passphrase(file: IO[str] | None) -> str | None:
    """Return the passphrase that option or environment give; None if neither does.

    Raises:
        PassphraseFileError: the file cannot be used.
    """
    if file is not None:
        return read_passphrase(file)
    if path := os.environ.get(FILE_VARIABLE):
        try:
            with Path(path).open(encoding="utf-8") as named:
                return read_passphrase(named)
        except OSError as error:
            raise PassphraseFileError(path=path, reason=error.strerror) from None
    return os.environ.get(VARIABLE)


def read_passphrase(file: IO[str]) -> str:
    """Return the first line of ``file`` without its line end.

    Raises:
        PassphraseFileError: it is empty, or longer than any passphrase.
        UnicodeDecodeError: it is no text.
    """
    name = getattr(file, "name", "-")
    _warn_of_readers(file, name)
    line = file.readline(_LINE_CHARACTERS_MAX + 1)
    if len(line) > _LINE_CHARACTERS_MAX:
        raise PassphraseFileError(path=name, reason="its first line is too long")
    passphrase = line.rstrip("\r\n")
    if not passphrase:
        raise PassphraseFileError(path=name, reason="its first line is empty")
    return passphrase


def opened(
    unlock: Callable[[str | None], ResultT], name: str, file: IO[str] | None
) -> ResultT:
    """Return what ``unlock`` gives with the passphrase that was given, or asked for.

    Args:
        unlock: opens a key, with None if there is no passphrase.
        name: what the question calls the key.
        file: given with the option.

    Raises:
        PassphraseNeededError: there is none, and nobody to be asked.
        RejectedError: the key cannot be opened.
    """
    return opened_with(unlock, name, find_passphrase(file))


def opened_with(
    unlock: Callable[[str | None], ResultT], name: str, passphrase: str | None
) -> ResultT:
    """Return what ``unlock`` gives with a passphrase; ask for one only if it must be.

    Raises:
        PassphraseNeededError: there is none, and nobody to be asked.
        RejectedError: the key cannot be opened.
    """
    try:
        return unlock(passphrase)
    except PassphraseNeededError:
        if not sys.stdin.isatty():
            raise
    return unlock(_asked(name, confirm=False))


def needed_passphrase(
    file: IO[str] | None, name: str, *, is_sealed: bool
) -> str | None:
    """Return the passphrase of a stored key; None if it lies in clear.

    For whoever opens the key later; it is taken out of the environment, so that no child
    of this process inherits it.

    Raises:
        PassphraseNeededError: there is none, and nobody to be asked.
    """
    passphrase = find_passphrase(file)
    os.environ.pop(VARIABLE, None)
    if not is_sealed:
        return None
    if passphrase is None and not sys.stdin.isatty():
        raise PassphraseNeededError(name=name)
    return passphrase if passphrase is not None else _asked(name, confirm=False)


def chosen_passphrase(file: IO[str] | None, *, is_plain: bool) -> str | None:
    """Return what shall seal a new key; None if it shall lie in clear.

    Args:
        file: given with the option.
        is_plain: whether the command line says that it shall lie in clear.

    Raises:
        click.UsageError: it says both, or neither and nobody can be asked.
        PassphraseTooShortError: anybody could guess it.
    """
    if is_plain and file is not None:
        raise click.UsageError("choose --passphrase-file or --no-passphrase, not both")
    if is_plain:
        return None
    passphrase = find_passphrase(file)
    if passphrase is None:
        if not sys.stdin.isatty():
            raise click.UsageError(
                "say --passphrase-file FILE, or --no-passphrase where the command has it"
            )
        passphrase = _asked("the key", confirm=True)
    if len(passphrase) < PASSPHRASE_CHARACTERS_MIN:
        raise PassphraseTooShortError(
            count=len(passphrase), minimum=PASSPHRASE_CHARACTERS_MIN
        )
    return passphrase


def _asked(name: str, *, confirm: bool) -> str:
    answer: str = click.prompt(
        f"Passphrase of {name}", hide_input=True, confirmation_prompt=confirm, err=True
    )
    return answer


def _warn_of_readers(file: IO[str], name: str) -> None:
    """Say so if everybody may read it; container engines mount secrets that way."""
    try:
        found = os.fstat(file.fileno())
    except OSError:  # a stream of a test, without a file behind it
        return
    if stat.S_ISREG(found.st_mode) and found.st_mode & stat.S_IROTH:
        click.echo(f"Warning: everybody may read {name}; chmod 600 {name}", err=True)
