"""``huitong relay``: link zones and keep packets flowing between them."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import IO, Any, TypeVar

import click
import uvloop

from huitong.cli.errors import cli_errors
from huitong.cli.keys import keyring_of
from huitong.cli.passphrase import find_passphrase, opened_with, passphrase_option
from huitong.cli.zones import json_option, show, show_many
from huitong.keys.errors import KeyNotFoundError
from huitong.node.logs import configure_logs
from huitong.relayer.config import (
    FILE_NAME,
    PORT_DEFAULT,
    VERSION_DEFAULT,
    LinkConfig,
    RelayConfig,
    ZoneConfig,
    load_config,
    save_config,
)
from huitong.relayer.errors import ConfigExistsError
from huitong.relayer.supervisor import Supervisor
from huitong.relayer.worker import LinkStatus

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
@json_option
@cli_errors
def init(home: Path, zones: tuple[str, ...], key_name: str, as_json: bool) -> None:
    """Write relay.toml and make the signing key, stored unprotected.

    Each zone must know the key's address as an account with the role relayer.
    """
    path = home / FILE_NAME
    if path.exists():
        raise ConfigExistsError(path=path)
    config = RelayConfig(zones=tuple(_zone_of(text, key_name) for text in zones))
    keyring = keyring_of(home)
    try:
        record = keyring.get(key_name)
    except KeyNotFoundError:
        record, _ = keyring.create(key_name)
    save_config(home, config)
    load_config(home)
    show(
        {"ok": True, "config": str(path), "key": key_name, "address": record.address},
        as_json=as_json,
    )


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
    ordered: bool,
    new: bool,
    passphrase_file: IO[str] | None,
    as_json: bool,
) -> None:
    """Make the link between two zones, or complete one that was begun."""
    config = load_config(home)
    wanted = LinkConfig(
        chain_a=config.zone(chain_a).chain_id,
        chain_b=config.zone(chain_b).chain_id,
        port_on_a=port_a,
        port_on_b=port_b,
        version=version,
        ordered=ordered,
    )

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

    async def run(supervisor: Supervisor) -> None:
        task = asyncio.ensure_future(supervisor.run())
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, task.cancel)
        click.echo(f"relaying {len(supervisor.config.links)} links", err=True)
        try:
            await task
        except asyncio.CancelledError:
            click.echo("stopped", err=True)
        save_config(home, supervisor.config)

    _supervised(home, load_config(home), passphrase_file, run, log_level="info")


@relay.command()
@_home_option
@_passphrase_option
@json_option
@cli_errors
def once(home: Path, passphrase_file: IO[str] | None, as_json: bool) -> None:
    """Relay what waits now, then stop."""
    found = _supervised(home, load_config(home), passphrase_file, Supervisor.relay_once)
    _show_links(found, as_json=as_json)


@relay.command()
@_home_option
@_passphrase_option
@json_option
@cli_errors
def status(home: Path, passphrase_file: IO[str] | None, as_json: bool) -> None:
    """Show what waits on each link, as the zones' state says."""
    found = _supervised(home, load_config(home), passphrase_file, Supervisor.read)
    _show_links(found, as_json=as_json)


def _show_links(found: list[tuple[LinkConfig, LinkStatus]], *, as_json: bool) -> None:
    links: list[dict[str, Any]] = [
        {**asdict(link_config), **asdict(link_status)}
        for link_config, link_status in found
    ]
    show_many("links", links, as_json=as_json)


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
    for zone in config.zones:
        if zone.key not in private_keys:
            unlock = partial(keyring_of(home).unlock, zone.key)
            private_keys[zone.key] = opened_with(unlock, zone.key, passphrase)

    async def run() -> ResultT:
        async with Supervisor(config, private_keys.__getitem__) as supervisor:
            return await work(supervisor)

    return uvloop.run(run())
