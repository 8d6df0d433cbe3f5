"""``huitong gateway connector``: sources and sinks, looked at and run on the machine."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import IO, Any, Final, TypeVar

import click

from huitong.cli.errors import EXIT_FAILED, cli_errors, error_object
from huitong.cli.gateway_key import home_option
from huitong.cli.gateway_secrets import unlock_secrets
from huitong.cli.passphrase import passphrase_option
from huitong.cli.zones import json_option, show, show_many
from huitong.client.zone import ZoneClient
from huitong.core.errors import HuitongError
from huitong.core.time import format_rfc3339
from huitong.gateway.access.audit import AuditEntry, AuditLog
from huitong.gateway.connectors.definition import SinkDefinition, SourceDefinition
from huitong.gateway.connectors.delivered import Sink
from huitong.gateway.connectors.errors import ItemNotFoundError
from huitong.gateway.connectors.handing_on import SINK, HandingOn, NothingFollows
from huitong.gateway.connectors.handing_on import sink_lane as lane_of
from huitong.gateway.connectors.memory import Memory
from huitong.gateway.connectors.opening import open_sink, open_source
from huitong.gateway.connectors.rows import Source
from huitong.gateway.connectors.runner import Publication, RunReport, SourceRunner
from huitong.gateway.connectors.shelf import Definition, Shelf
from huitong.gateway.database.engine import Database
from huitong.gateway.database.migrating import check_version
from huitong.gateway.outbox.follower import BlockFollower
from huitong.gateway.outbox.outbox import Outbox
from huitong.gateway.outbox.steps import Step, StepFilter, StepState
from huitong.gateway.service.home import GatewayHome, open_database
from huitong.gateway.service.services import Opening, Services, build_services
from huitong.gateway.settings import GatewaySettings, load_settings

ResultT = TypeVar("ResultT")

#: Entries that are read from the database at once.
_PAGE: Final = 200
#: How the audit log names what is done on the machine.
_METHOD: Final = "COMMAND"
_UNDELIVERED: Final = (StepState.STUCK, StepState.WAITING)

name_argument = click.argument("name")
key_argument = click.argument("key")
passphrase_opens = passphrase_option(
    "Its first line opens the keys; without it you are asked."
)


@click.group()
def connector() -> None:
    """Look after the connectors, which are defined in connectors/*.yaml of the home.

    A running gateway runs each source on its schedule and gives what it receives to the
    sinks; it reads a definition again when the file changes.
    """


class _Bench:
    """The definitions of a gateway and its database, without its keys."""

    def __init__(self, folder: Path) -> None:
        self.home = GatewayHome(folder)
        self.settings: GatewaySettings = load_settings(folder)
        self.shelf = Shelf(self.home.place(self.settings.connectors.folder))
        self.shelf.refresh()

    def work(self, work: Callable[[Database], Awaitable[ResultT]]) -> ResultT:
        """Work on the database."""

        async def run() -> ResultT:
            async with open_database(self.home, self.settings) as database:
                await check_version(database)
                return await work(database)

        return asyncio.run(run())

    def work_on_steps(self, work: Callable[[Outbox], Awaitable[ResultT]]) -> ResultT:
        """Work on the steps of the outbox, which the running gateway carries out."""

        async def run(database: Database) -> ResultT:
            async with ZoneClient(self.settings.zone.node) as zone:
                follower = BlockFollower(database, zone)
                outbox = Outbox(database, follower, [], self.settings.outbox)
                outbox.register(SINK, NothingFollows())
                return await work(outbox)

        return self.work(run)

    def work_with_keys(
        self,
        passphrase_file: IO[str] | None,
        work: Callable[[Services], Awaitable[ResultT]],
    ) -> ResultT:
        """Work with all parts of the gateway; nothing of it is started."""
        secrets = unlock_secrets(self.home, self.settings, passphrase_file)
        opening = Opening(home=self.home, settings=self.settings, secrets=secrets)

        async def run() -> ResultT:
            services = build_services(opening)
            async with services.opened():
                return await work(services)

        return asyncio.run(run())

    def note(self, what: str) -> None:
        """Write into the audit log what was done."""
        entry = AuditEntry(
            time_ns=time.time_ns(),
            caller=f"command:{os.geteuid()}",
            method=_METHOD,
            path=f"gateway/connector/{what}",
            status=200,
        )
        self.work(lambda database: AuditLog(database).record(entry))


# --- looking ------------------------------------------------------------------------------


@connector.command("list")
@home_option
@json_option
@cli_errors
def list_connectors(folder: Path, as_json: bool) -> None:
    """List what is defined, how far sources were read, and what waits."""
    bench = _Bench(folder)
    _tell_faults(bench.shelf)

    async def read(outbox: Outbox) -> list[dict[str, Any]]:
        sources = [await _source_view(outbox.database, s) for s in bench.shelf.sources]
        return sources + [await _sink_view(outbox, s) for s in bench.shelf.sinks]

    show_many("connectors", bench.work_on_steps(read), as_json=as_json)


async def _source_view(
    database: Database, definition: SourceDefinition
) -> dict[str, Any]:
    memory = Memory(database, definition.connector)
    last_run_ns, last_error = await memory.last_run()
    return {
        "name": definition.connector,
        "direction": "source",
        "kind": definition.source.kind,
        "record_type": definition.record.type,
        **await memory.counts(),
        "last_run": format_rfc3339(last_run_ns) if last_run_ns else None,
        "last_error": last_error,
    }


async def _sink_view(outbox: Outbox, definition: SinkDefinition) -> dict[str, Any]:
    counts = await outbox.counts(lane_of(definition.connector))
    return {
        "name": definition.connector,
        "direction": "sink",
        "kind": definition.sink.kind,
        "record_types": list(definition.record_types),
        **{str(state): counts.get(state, 0) for state in ("done", *_UNDELIVERED)},
    }


@connector.command()
@click.argument("names", metavar="[NAME]...", nargs=-1)
@home_option
@json_option
@cli_errors
def check(names: tuple[str, ...], folder: Path, as_json: bool) -> None:
    """Ask sources and sinks whether they answer and have what the definitions name.

    Without names all are asked. The exit code is 1 if one fails.
    """
    bench = _Bench(folder)
    shelf = bench.shelf
    wanted: list[Definition] = [shelf.get(name) for name in names]
    wanted = wanted or [*shelf.sources, *shelf.sinks]
    found = [asyncio.run(_checked(definition)) for definition in wanted]
    if not names:
        found += [_failed_view(str(f.fields["path"]), f) for f in shelf.faults]
    show_many("connectors", found, as_json=as_json)
    if not all(each["ok"] for each in found):
        sys.exit(EXIT_FAILED)


async def _checked(definition: Definition) -> dict[str, Any]:
    try:
        place: Source | Sink
        if isinstance(definition, SourceDefinition):
            place = open_source(definition)
        else:
            place = open_sink(definition)
        async with AsyncExitStack() as stack:
            stack.push_async_callback(place.close)
            await place.check()
    except HuitongError as error:
        return _failed_view(definition.connector, error)
    return {"name": definition.connector, "ok": True}


def _failed_view(name: str, error: HuitongError) -> dict[str, Any]:
    return {"name": name, "ok": False, "error": error_object(error)}


@connector.command()
@name_argument
@home_option
@json_option
@cli_errors
def errors(name: str, folder: Path, as_json: bool) -> None:
    """List the rows of source NAME that failed, or what sink NAME has not got."""
    bench = _Bench(folder)
    if isinstance(bench.shelf.get(name), SourceDefinition):
        found = bench.work(lambda database: _failed_rows(Memory(database, name)))
    else:
        found = bench.work_on_steps(lambda outbox: _undelivered(outbox, name))
    show_many("errors", found, as_json=as_json)


async def _failed_rows(memory: Memory) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    while page := await memory.failed(found[-1]["key"] if found else "", _PAGE):
        found += [
            {
                "key": item.key,
                "reason": item.reason,
                "attempts": item.attempts,
                "since": format_rfc3339(item.since),
            }
            for item in page
        ]
    return found


async def _undelivered(outbox: Outbox, name: str) -> list[dict[str, Any]]:
    found: list[Step] = []
    wanted = StepFilter(states=_UNDELIVERED, lane=lane_of(name))
    while page := await outbox.find(wanted, after=found[-1].id if found else 0):
        found += page
    return [
        {
            "key": step.subject,
            "state": str(step.state),
            "reason": step.error,
            "attempts": step.attempts,
            "since": format_rfc3339(step.changed_ns),
        }
        for step in found
    ]


# --- doing --------------------------------------------------------------------------------


@connector.command()
@name_argument
@home_option
@click.option(
    "--dry-run",
    "is_dry",
    is_flag=True,
    help="Show what would be published; keep nothing.",
)
@passphrase_opens
@json_option
@cli_errors
def run(
    name: str,
    folder: Path,
    is_dry: bool,
    passphrase_file: IO[str] | None,
    as_json: bool,
) -> None:
    """Run source NAME now, or give sink NAME what it has not got.

    What is published is stored at once and goes to the zone by the running gateway.
    """
    bench = _Bench(folder)
    definition = bench.shelf.get(name)
    if isinstance(definition, SinkDefinition):
        count = bench.work_on_steps(
            lambda outbox: HandingOn(outbox.database, outbox).hand_on(definition)
        )
        bench.note(f"run/{name}")
        show({"ok": True, "connector": name, "ordered": count}, as_json=as_json)
        return
    source = definition
    if is_dry:
        report = bench.work(lambda database: _try(source, Memory(database, name)))
    else:
        report = bench.work_with_keys(
            passphrase_file, lambda services: services.connectors.run_source(source)
        )
        bench.note(f"run/{name}")
    show(_report_view(report, is_dry=is_dry), as_json=as_json)


async def _try(definition: SourceDefinition, memory: Memory) -> RunReport:
    source = open_source(definition)
    try:
        runner = SourceRunner(definition, source, memory, _publish_nothing)
        return await runner.run(dry=True)
    finally:
        await source.close()


async def _publish_nothing(publication: Publication) -> None:
    raise AssertionError("a dry run publishes nothing")


def _report_view(report: RunReport, *, is_dry: bool) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "ok": True,
        "connector": report.connector,
        "dry_run": is_dry,
        "read": report.read,
        "published": report.published,
        "unchanged": report.unchanged,
        "failed": report.failed,
        "faults": [{"key": key, "reason": reason} for key, reason in report.faults],
    }
    if is_dry:
        shown["samples"] = [
            {
                "record": row.record_id,
                "from": row.provenance,
                "document": row.document.decode(errors="replace")[:2_000],
            }
            for row in report.samples
        ]
    return shown


@connector.command()
@name_argument
@key_argument
@home_option
@passphrase_opens
@json_option
@cli_errors
def retry(
    name: str, key: str, folder: Path, passphrase_file: IO[str] | None, as_json: bool
) -> None:
    """Try the row KEY of source NAME, or the exchange KEY of sink NAME, again."""
    bench = _Bench(folder)
    definition = bench.shelf.get(name)
    if isinstance(definition, SinkDefinition):
        bench.work_on_steps(lambda outbox: _retry_step(outbox, name, key))
    else:
        source = definition
        bench.work_with_keys(
            passphrase_file, lambda services: services.connectors.retry_row(source, key)
        )
    bench.note(f"retry/{name}/{key}")
    show({"ok": True, "connector": name, "key": key}, as_json=as_json)


@connector.command()
@name_argument
@key_argument
@home_option
@json_option
@cli_errors
def skip(name: str, key: str, folder: Path, as_json: bool) -> None:
    """Leave out the row KEY of source NAME, or the exchange KEY of sink NAME.

    A row that changes in its source is tried again.
    """
    bench = _Bench(folder)
    if isinstance(bench.shelf.get(name), SinkDefinition):
        bench.work_on_steps(lambda outbox: _skip_step(outbox, name, key))
    else:
        bench.work(lambda database: Memory(database, name).skip(key, time.time_ns()))
    bench.note(f"skip/{name}/{key}")
    show({"ok": True, "connector": name, "key": key}, as_json=as_json)


async def _retry_step(outbox: Outbox, name: str, key: str) -> None:
    await outbox.retry((await _step_of(outbox, name, key)).id)


async def _skip_step(outbox: Outbox, name: str, key: str) -> None:
    await outbox.skip((await _step_of(outbox, name, key)).id)


async def _step_of(outbox: Outbox, name: str, exchange: str) -> Step:
    wanted = StepFilter(lane=lane_of(name), subject=exchange, states=_UNDELIVERED)
    found = await outbox.find(wanted, limit=1)
    if not found:
        raise ItemNotFoundError(connector=name, key=exchange)
    return found[0]


def _tell_faults(shelf: Shelf) -> None:
    for fault in shelf.faults:
        click.echo(f"Warning: {fault.diagnostics()}", err=True)
