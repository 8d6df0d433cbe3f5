"""``huitong gateway audit``: the log of calls, read on the gateway's own machine."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from huitong.cli.errors import cli_errors
from huitong.cli.gateway_key import home_option
from huitong.cli.zones import json_option, show
from huitong.gateway.access.audit import AuditHead, AuditLog
from huitong.gateway.database.migrating import check_version
from huitong.gateway.service.home import GatewayHome, open_database
from huitong.gateway.settings import load_settings

ResultT = TypeVar("ResultT")


class _HeadParam(click.ParamType[AuditHead]):
    """A head that was kept elsewhere: ``NUMBER:DIGEST``."""

    name = "head"

    def convert(self, value: Any, param: Any, ctx: Any) -> AuditHead:
        """Return the head that a text names."""
        if isinstance(value, AuditHead):
            return value
        number, _, digest = str(value).partition(":")
        try:
            head = AuditHead(int(number), bytes.fromhex(digest))
        except ValueError:
            head = AuditHead(-1, b"")
        if head.sequence < 0 or len(head.digest) != 32:
            self.fail(f"{value!r} is not NUMBER:DIGEST with 64 hexadecimal digits")
        return head


@click.group()
def audit() -> None:
    """Check the log of all calls; the gateway need not run."""


@audit.command()
@home_option
@json_option
@cli_errors
def head(folder: Path, as_json: bool) -> None:
    """Show number and digest of the newest entry, to be kept elsewhere."""
    show(_shown(_with_log(folder, AuditLog.head)), as_json=as_json)


@audit.command()
@home_option
@click.option(
    "--head",
    "heads",
    type=_HeadParam(),
    multiple=True,
    metavar="NUMBER:DIGEST",
    help="A head that was kept elsewhere and that the log must still have; may be repeated.",
)
@json_option
@cli_errors
def verify(folder: Path, heads: tuple[AuditHead, ...], as_json: bool) -> None:
    """Check that no entry was changed, deleted or moved; ends with 1 if one was.

    By itself the log shows that it fits together; anchored heads, and those given, show
    that it is the same log as then.
    """

    async def check(log: AuditLog) -> dict[str, Any]:
        report = await log.verify(heads, progress=None if as_json else _tell)
        return _shown(report.head) | {"anchors": report.anchors}

    show(_with_log(folder, check), as_json=as_json)


def _tell(done: int, count: int) -> None:
    if done < count:
        click.echo(f"\r{done} of {count} entries", nl=False, err=True)
    elif count:
        click.echo(f"\r{count} entries checked  ", err=True)


def _with_log(folder: Path, work: Callable[[AuditLog], Awaitable[ResultT]]) -> ResultT:
    settings = load_settings(folder)

    async def run() -> ResultT:
        async with open_database(GatewayHome(folder), settings) as database:
            await check_version(database)
            return await work(AuditLog(database))

    return asyncio.run(run())


def _shown(found: AuditHead) -> dict[str, Any]:
    return {"ok": True, "entries": found.sequence, "head": found.digest.hex()}
