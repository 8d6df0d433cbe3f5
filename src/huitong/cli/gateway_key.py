"""``huitong gateway key``: API keys, made on the gateway's own machine."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final, TypeVar

import click

from huitong.cli.errors import cli_errors
from huitong.cli.zones import json_option, show, show_many
from huitong.core.time import SECONDS_PER_DAY, format_rfc3339
from huitong.gateway.access.api_keys import ApiKeys, ApiKeyView
from huitong.gateway.access.audit import AuditEntry, AuditLog
from huitong.gateway.access.roles import Role
from huitong.gateway.database.migrating import check_version
from huitong.gateway.service.home import GatewayHome, open_database
from huitong.gateway.settings import load_settings

ResultT = TypeVar("ResultT")

#: How long a key is good if nothing is said.
_DAYS: Final = 90
#: How the audit log names what is done on the machine.
_METHOD: Final = "COMMAND"

home_option = click.option(
    "--home",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    default=lambda: Path.home() / ".huitong-gateway",
    envvar="HUITONG_GATEWAY_HOME",
    help="Folder of gateway.toml, keys and data.  [default: ~/.huitong-gateway]",
)


@click.group()
def key() -> None:
    """Make, list and revoke API keys; the gateway need not run."""


@key.command()
@click.argument("name")
@home_option
@click.option(
    "--role",
    "roles",
    type=click.Choice([str(role) for role in Role]),
    multiple=True,
    required=True,
    help="What its holder may do; say it for each role.",
)
@click.option(
    "--days",
    type=click.IntRange(min=1),
    default=_DAYS,
    show_default=True,
    help="How long it is good.",
)
@click.option("--key-only", is_flag=True, help="Print the key and nothing else.")
@json_option
@cli_errors
def add(
    name: str,
    folder: Path,
    roles: tuple[str, ...],
    days: int,
    key_only: bool,
    as_json: bool,
) -> None:
    """Make a key for whoever is called NAME; it is shown once and cannot be shown again."""

    async def make(keys: ApiKeys) -> dict[str, Any]:
        made = await keys.create(
            name,
            [Role(role) for role in roles],
            term_s=days * SECONDS_PER_DAY,
            by=_caller(),
        )
        return {"ok": True, "key": made.key} | _shown(made.view)

    made = _with_keys(folder, "add", make)
    if key_only:
        click.echo(made["key"])
        return
    show(made, as_json=as_json)


@key.command("list")
@home_option
@json_option
@cli_errors
def list_keys(folder: Path, as_json: bool) -> None:
    """List the keys, also those that have ended; no key can be read from it."""

    async def read(keys: ApiKeys) -> list[dict[str, Any]]:
        found: list[ApiKeyView] = []
        after = ""
        while page := await keys.page(after=after):
            found += page
            after = page[-1].id
        return [_shown(view) for view in found]

    show_many("keys", _with_keys(folder, "", read), as_json=as_json)


@key.command()
@click.argument("key_id", metavar="ID")
@home_option
@json_option
@cli_errors
def revoke(key_id: str, folder: Path, as_json: bool) -> None:
    """End the key ID now; a running gateway may take it for some seconds more."""

    async def end(keys: ApiKeys) -> dict[str, Any]:
        return {"ok": True} | _shown(await keys.revoke(key_id))

    show(_with_keys(folder, f"revoke/{key_id}", end), as_json=as_json)


def _with_keys(
    folder: Path, done: str, work: Callable[[ApiKeys], Awaitable[ResultT]]
) -> ResultT:
    """Work on the keys of a gateway, and write into its audit log what was done."""
    settings = load_settings(folder)

    async def run() -> ResultT:
        async with open_database(GatewayHome(folder), settings) as database:
            await check_version(database)
            keys = ApiKeys(database, settings.access, clock=time.time_ns)
            result = await work(keys)
            if done:
                entry = AuditEntry(
                    time_ns=time.time_ns(),
                    caller=_caller(),
                    method=_METHOD,
                    path=f"gateway/key/{done}",
                    status=200,
                )
                await AuditLog(database).record(entry)
        return result

    return asyncio.run(run())


def _caller() -> str:
    return f"command:{os.geteuid()}"


def _shown(view: ApiKeyView) -> dict[str, Any]:
    return {
        "id": view.id,
        "name": view.name,
        "roles": [str(role) for role in view.roles],
        "expires": format_rfc3339(view.expires_ns),
        "used": format_rfc3339(view.used_ns) if view.used_ns else None,
        "revoked": format_rfc3339(view.revoked_ns) if view.revoked_ns else None,
    }
