"""What all commands of ``huitong gw`` share: which gateway, whose key, and refusals."""

from __future__ import annotations

import functools
import os
import sys
import tomllib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Final, TypeVar

import click
import orjson

from huitong.cli.errors import EXIT_FAILED, cli_errors
from huitong.cli.zones import json_option, show, show_many
from huitong.core.errors import RejectedError
from huitong.sdk import Gateway, Problem, ProblemError
from huitong.sdk.calls import Model

CommandT = TypeVar("CommandT", bound=Callable[..., Any])

#: Bytes of a key file or a profile; a larger one is a wrong file.
_FILE_BYTES_MAX: Final = 64 * 1024
_DEFAULT: Final = "default"
_KEY_VARIABLE: Final = "HUITONG_GW_KEY"
#: States and stages that make the exit code 1.
_FAILED: Final = ("stuck", "cancelled", "refused", "failed", "timed-out")
#: Seconds for which commands wait for the end of what they began.
WAIT_S: Final = 30


class ProfileError(
    RejectedError,
    codespace="cli",
    code=21,
    text="{path}: {reason}",
    next_step="A profile is a table such as [default] with url and key_file.",
):
    """The file of profiles cannot be used."""


class ConnectionMissingError(
    RejectedError,
    codespace="cli",
    code=22,
    text="no {what} of a gateway is given",
    next_step="Say --url and --key-file, or write them into ~/.config/huitong/gw.toml.",
):
    """Nobody said which gateway, or with which key."""


class KeyFileError(
    RejectedError,
    codespace="cli",
    code=23,
    text="{path} holds no API key: {reason}",
    next_step="Its first line is the key that `huitong gateway key add` has shown.",
):
    """The file with the key cannot be used."""


wait_option = click.option(
    "--wait",
    type=click.IntRange(0, 60),
    default=WAIT_S,
    show_default=True,
    help="Seconds to wait for its end.",
)
limit_option = click.option(
    "--limit",
    "most",
    type=click.IntRange(min=1),
    default=100,
    show_default=True,
    help="Entries at most.",
)


def gw_command(command: CommandT) -> CommandT:
    """Let a command take the connection's options and get an open ``Gateway`` first."""

    @functools.wraps(command)
    @cli_errors
    def opened(
        *, url: str | None, key_file: Path | None, profile: str, **given: Any
    ) -> Any:
        with _open(url, key_file, profile) as gateway:
            try:
                return command(gateway, **given)
            except ProblemError as refusal:
                _print_problem(refusal.problem, as_json=given["as_json"])
                sys.exit(EXIT_FAILED)

    for option in (
        json_option,
        click.option(
            "--profile",
            envvar="HUITONG_GW_PROFILE",
            default=_DEFAULT,
            help="Table of ~/.config/huitong/gw.toml.",
        ),
        click.option(
            "--key-file",
            type=click.Path(dir_okay=False, path_type=Path),
            envvar="HUITONG_GW_KEY_FILE",
            help="File whose first line is the API key.",
        ),
        click.option("--url", envvar="HUITONG_GW_URL", help="URL of the gateway."),
    ):
        opened = option(opened)
    return opened  # type: ignore[return-value]


def show_one(value: Model, *, as_json: bool) -> None:
    """Show an answer; what failed or is stuck makes the exit code 1."""
    shown = value.model_dump(mode="json")
    show(shown, as_json=as_json)
    state = shown.get("state") or shown.get("stage")
    is_over = shown.get("is_ended") and state != "settled"
    if shown.get("problem") or is_over or state in _FAILED:
        sys.exit(EXIT_FAILED)


def show_list(name: str, values: Iterable[Model], most: int, *, as_json: bool) -> None:
    """Show the first entries of a list."""
    found: list[dict[str, Any]] = []
    for value in values:
        if len(found) == most:
            click.echo(f"There are more than {most}; see --limit.", err=True)
            break
        found.append(value.model_dump(mode="json"))
    show_many(name, found, as_json=as_json)


def _open(url: str | None, key_file: Path | None, profile: str) -> Gateway:
    known = _read_profile(profile) if url is None or key_file is None else {}
    url = url or known.get("url")
    if not url:
        raise ConnectionMissingError(what="URL")
    key = os.environ.get(_KEY_VARIABLE, "") if key_file is None else ""
    named = known.get("key_file")
    if not key and key_file is None and named:
        key_file = Path(named).expanduser()
    if key_file is not None:
        key = _read_key(key_file)
    if not key:
        raise ConnectionMissingError(what="API key")
    return Gateway(url, key)


def _read_profile(profile: str) -> dict[str, str]:
    base = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    path = base / "huitong" / "gw.toml"
    try:
        with path.open("rb") as file:
            document = tomllib.loads(file.read(_FILE_BYTES_MAX).decode())
    except FileNotFoundError:
        if profile == _DEFAULT:
            return {}
        raise ProfileError(path=path, reason="there is no such file") from None
    except (OSError, ValueError) as error:
        raise ProfileError(path=path, reason=str(error)) from None
    table = document.get(profile, {} if profile == _DEFAULT else None)
    if not isinstance(table, dict):
        raise ProfileError(path=path, reason=f"there is no table [{profile}]")
    for name, value in table.items():
        if name not in ("url", "key_file") or not isinstance(value, str):
            reason = f"[{profile}] {name} is not url or key_file with a text"
            raise ProfileError(path=path, reason=reason)
    return table


def _read_key(path: Path) -> str:
    try:
        with path.open("rb") as file:
            line = file.readline(_FILE_BYTES_MAX).decode("ascii").strip()
    except OSError as error:
        reason = error.strerror or "it cannot be read"
        raise KeyFileError(path=path, reason=reason) from None
    except UnicodeDecodeError:
        line = ""
    if not line or " " in line:
        raise KeyFileError(path=path, reason="its first line is none")
    return line


def _print_problem(problem: Problem, *, as_json: bool) -> None:
    if as_json:
        error: dict[str, Any] = {
            "codespace": problem.codespace,
            "code": problem.code,
            "message": problem.detail,
            "request_id": problem.request_id,
            "fields": [
                {"field": each.field, "reason": each.reason} for each in problem.errors
            ],
        }
        if problem.next_step:
            error["next_step"] = problem.next_step
        click.echo(orjson.dumps({"ok": False, "error": error}))
        return
    code = f"{problem.codespace}/{problem.code}"
    click.echo(f"Error: {problem.detail} [{code}]", err=True)
    for each in problem.errors:
        click.echo(f"  {each.field}: {each.reason}", err=True)
    if problem.next_step:
        click.echo(problem.next_step, err=True)
    click.echo(f"Request {problem.request_id} in the gateway's log.", err=True)
