"""``huitong relay``: link zones and keep packets flowing between them."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import IO, TypeVar

import click
import orjson
import uvloop

from huitong.cli.errors import EXIT_FAILED, cli_errors
from huitong.cli.keys import keyring_of
from huitong.cli.passphrase import (
    chosen_passphrase,
    find_passphrase,
    opened_with,
    passphrase_option,
)
from huitong.cli.relay_status import ask_running, show_links
from huitong.cli.zones import json_option, show
from huitong.keys.errors import KeyNotFoundError
from huitong.node.collection import collect_rarely
from huitong.node.logs import configure_logs
from huitong.relayer.checking import check_all
from huitong.relayer.config import (
    FILE_NAME,
    PORT_DEFAULT,
    TRANSFER_PORT,
    TRANSFER_VERSION,
    VERSION_DEFAULT,
    LinkConfig,
    RelayConfig,
    ZoneConfig,
    check_config,
    check_link,
    load_config,
    save_config,
)
from huitong.relayer.errors import ConfigExistsError, NoLinksError
from huitong.relayer.supervisor import Supervisor
from huitong.relayer.watch import RelayWatch

ResultT = TypeVar("ResultT")

_home_option = click.option(
    "--home",
    type=click.Path(file_okay=False, path_type=Path),
    default=lambda: Path.home() / ".huitong-relay",
    envvar="HUITONG_RELAY_HOME",
    help="Folder of relay.toml and the keyring.  [default: ~/.huitong-relay]",
)
_passphrase_option = passphrase_option(
    "Its first line opens the keys; without it you are asked."
)


@click.group()
def relay() -> None:
    """Link two zones and keep packets flowing."""


@relay.command()
@_home_option
@click.option(
    "--zone",
    "zones",
    metavar="CHAIN_ID=URL",
    multiple=True,
    required=True,
    help="A zone and the RPC of one of its nodes; say it for each zone.",
)
@click.option("--key", "key_name", default="relayer", show_default=True)
@click.option(
    "--watch",
    "watch_listen",
    metavar="URL",
    default="",
    help="Serve metrics, health and status here, such as tcp://127.0.0.1:26680.",
)
@passphrase_option("Seal the new key under the first line of this file.")
@click.option(
    "--no-passphrase",
    is_flag=True,
    help="Store the new key unprotected; so it is done where no passphrase is given.",
)
@json_option
@cli_errors
def init(
    home: Path,
    zones: tuple[str, ...],
    key_name: str,
    watch_listen: str,
    passphrase_file: IO[str] | None,
    no_passphrase: bool,
    as_json: bool,
) -> None:
    """Write relay.toml and make the signing key.

    The key is stored unprotected, so that the relayer can start by itself, unless a
    passphrase is given. A key that is there already is taken as it is.

    A zone of Huitong must know the key's address as an account with the role relayer;
    another chain asks for coins where it takes fees.
    """
    path = home / FILE_NAME
    if path.exists():
        raise ConfigExistsError(path=path)
    config = RelayConfig(
        zones=tuple(_zone_of(text, key_name) for text in zones),
        watch_listen=watch_listen,
    )
    check_config(home, config)
    passphrase = _given_passphrase(passphrase_file, no_passphrase)
    keyring = keyring_of(home)
    try:
        record = keyring.get(key_name)
    except KeyNotFoundError:
        record, _ = keyring.create(key_name, passphrase=passphrase)
    save_config(home, config)
    show(
        {"ok": True, "config": str(path), "key": key_name, "address": record.address},
        as_json=as_json,
    )


def _given_passphrase(file: IO[str] | None, no_passphrase: bool) -> str | None:
    """Return what seals the new key; nobody is asked, for services are made by scripts."""
    is_given = file is not None or find_passphrase(None) is not None
    return chosen_passphrase(file, is_plain=no_passphrase or not is_given)


def _zone_of(text: str, key_name: str) -> ZoneConfig:
    chain_id, separator, url = text.partition("=")
    if not separator or not chain_id or not url:
        raise click.BadParameter(f"{text!r} is not CHAIN_ID=URL", param_hint="--zone")
    return ZoneConfig(chain_id=chain_id, rpc=url, key=key_name)


@relay.command()
@click.argument("chain_a")
@click.argument("chain_b")
@_home_option
@click.option("--port-a", default=PORT_DEFAULT, show_default=True)
@click.option("--port-b", default=PORT_DEFAULT, show_default=True)
@click.option("--version", default=VERSION_DEFAULT, show_default=True)
@click.option(
    "--transfer",
    is_flag=True,
    help=f"The same as --port-a {TRANSFER_PORT} --port-b {TRANSFER_PORT} "
    f"--version {TRANSFER_VERSION}.",
)
@click.option("--ordered", is_flag=True, help="Open an ordered channel.")
@click.option("--new", is_flag=True, help="Make a link even if there is one.")
@_passphrase_option
@json_option
@cli_errors
def link(
    chain_a: str,
    chain_b: str,
    home: Path,
    port_a: str,
    port_b: str,
    version: str,
    transfer: bool,
    ordered: bool,
    new: bool,
    passphrase_file: IO[str] | None,
    as_json: bool,
) -> None:
    """Make the link between two zones, or complete one that was begun."""
    config = load_config(home)
    if transfer:
        port_a, port_b, version = TRANSFER_PORT, TRANSFER_PORT, TRANSFER_VERSION
    wanted = LinkConfig(
        chain_a=config.zone(chain_a).chain_id,
        chain_b=config.zone(chain_b).chain_id,
        port_on_a=port_a,
        port_on_b=port_b,
        version=version,
        ordered=ordered,
    )
    check_link(wanted)

    async def make(supervisor: Supervisor) -> RelayConfig:
        await supervisor.make_link(
            wanted,
            reuse=not new,
            told=lambda step: click.echo(f"{step.kind} on {step.on}", err=True),
        )
        return supervisor.config

    config = _supervised(home, config, passphrase_file, make)
    save_config(home, config)
    show({"ok": True, **asdict(config.links[-1])}, as_json=as_json)


@relay.command()
@_home_option
@_passphrase_option
@cli_errors
def start(home: Path, passphrase_file: IO[str] | None) -> None:
    """Relay until stopped (Ctrl-C)."""
    config = _linked_config(home)

    async def run(supervisor: Supervisor) -> None:
        with _watched(supervisor) as watch:
            task = asyncio.ensure_future(_run(supervisor, watch))
            loop = asyncio.get_running_loop()
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.add_signal_handler(number, task.cancel)
            click.echo(f"relaying {len(supervisor.config.links)} links", err=True)
            try:
                await task
            except asyncio.CancelledError:
                click.echo("stopped", err=True)

    _supervised(home, config, passphrase_file, run, log_level="info")


def _linked_config(home: Path) -> RelayConfig:
    """Return a configuration that has something to relay.

    Raises:
        NoLinksError: it has no link.
    """
    config = load_config(home)
    if not config.links:
        raise NoLinksError(path=home / FILE_NAME)
    return config


@contextmanager
def _watched(supervisor: Supervisor) -> Iterator[RelayWatch | None]:
    """Serve metrics, health and status, if the configuration says where."""
    if not supervisor.config.watch_listen:
        yield None
        return
    watch = RelayWatch(supervisor, supervisor.config.watch_listen)
    watch.start()
    try:
        yield watch
    finally:
        watch.stop()


async def _run(supervisor: Supervisor, watch: RelayWatch | None) -> None:
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(supervisor.run())
        if watch is not None:
            tasks.create_task(watch.follow_balances())


@relay.command()
@_home_option
@_passphrase_option
@json_option
@cli_errors
def once(home: Path, passphrase_file: IO[str] | None, as_json: bool) -> None:
    """Relay what waits now, then stop; the exit code is 1 if a link has a problem."""
    config = _linked_config(home)
    found = _supervised(home, config, passphrase_file, Supervisor.relay_once)
    links = [{**asdict(link), **asdict(status)} for link, status in found]
    show_links(links, source="state", as_json=as_json)
    if any(status.problem for _, status in found):
        sys.exit(EXIT_FAILED)


@relay.command()
@_home_option
@_passphrase_option
@json_option
@cli_errors
def status(home: Path, passphrase_file: IO[str] | None, as_json: bool) -> None:
    """Show how each link stands: clients, what waits, what is stuck and why.

    A running relayer is asked if relay.toml says where it listens ([watch]); otherwise
    the zones' state tells, which knows nothing of failures.
    """
    config = load_config(home)
    links = ask_running(config.watch_listen)
    if links is not None:
        show_links(links, source="relayer", as_json=as_json)
        return
    found = _supervised(home, config, passphrase_file, Supervisor.read)
    links = [{**asdict(link), **asdict(status)} for link, status in found]
    show_links(links, source="state", as_json=as_json)


@relay.command()
@_home_option
@_passphrase_option
@json_option
@cli_errors
def check(home: Path, passphrase_file: IO[str] | None, as_json: bool) -> None:
    """Look at nodes, accounts and clients; the exit code is 1 if something is wrong."""
    findings = _supervised(home, load_config(home), passphrase_file, check_all)
    is_good = all(finding.ok for finding in findings)
    if as_json:
        told = {"ok": is_good, "findings": [asdict(finding) for finding in findings]}
        click.echo(orjson.dumps(told))
    else:
        for finding in findings:
            mark = "ok     " if finding.ok else "WRONG  "
            click.echo(f"{mark}{finding.what}: {finding.seen}")
            if finding.next_step:
                click.echo(f"       {finding.next_step}")
    if not is_good:
        sys.exit(EXIT_FAILED)


def _supervised(
    home: Path,
    config: RelayConfig,
    passphrase_file: IO[str] | None,
    work: Callable[[Supervisor], Awaitable[ResultT]],
    *,
    log_level: str = "warning",
) -> ResultT:
    configure_logs(log_level, "auto")
    private_keys: dict[str, bytes] = {}
    passphrase = find_passphrase(passphrase_file)
    names = [name for zone in config.zones for name in (zone.key, *zone.more_keys)]
    for name in names:
        if name not in private_keys:
            unlock = partial(keyring_of(home).unlock, name)
            private_keys[name] = opened_with(unlock, name, passphrase)

    async def run() -> ResultT:
        keep = partial(save_config, home)
        async with Supervisor(config, private_keys.__getitem__, keep) as supervisor:
            collect_rarely()
            return await work(supervisor)

    return uvloop.run(run())
