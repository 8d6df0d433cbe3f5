"""``huitong localnet``: a zone of several organisations on this machine, for trials."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, Final

import click
import orjson

from huitong.cli.errors import cli_errors
from huitong.cli.numbers import Number
from huitong.localnet.consortium import LocalZone
from huitong.localnet.errors import ZoneMissingError, ZoneNotRunningError
from huitong.localnet.node import LocalNode
from huitong.localnet.running import run_zone, runner_pid, stop_zone
from huitong.localnet.serving import find_status
from huitong.localnet.shape import check_same
from huitong.localnet.zone import KEYRING_FOLDER
from huitong.node.config import ENGINES

_CHAIN_ID_DEFAULT: Final = "local-1"
_VALIDATORS_DEFAULT: Final = 4
_ENGINE_DEFAULT: Final = "cometbft"
_BLOCK_TIME_DEFAULT: Final = "200ms"

_dir_option = click.option(
    "--dir",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    required=True,
    help="Folder of the zone.",
)
_json_option = click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON object."
)
_node_argument = click.argument("node_name", metavar="NODE")


@click.group()
def localnet() -> None:
    """Run a zone of several organisations on this machine.

    NODE is a node's name or number: node2, or 2.
    """


@localnet.command()
@_dir_option
@click.option(
    "--validators",
    type=Number(min=1),
    help="Validators, each of an organisation of its own.  [default: 4]",
)
@click.option("--engine", type=click.Choice(ENGINES), help="[default: cometbft]")
@click.option("--chain-id", help="Chain id.  [default: local-1]")
@click.option("--block-time", help="Pause between blocks.  [default: 200ms]")
@click.option(
    "--voting-period",
    type=Number(min=1),
    help="Seconds in which members vote.  [default: the zone's]",
)
@_json_option
@cli_errors
def start(
    folder: Path,
    validators: int | None,
    engine: str | None,
    chain_id: str | None,
    block_time: str | None,
    voting_period: int | None,
    as_json: bool,
) -> None:
    """Make a zone, or go on with the one in DIR, and run it until Ctrl-C.

    Options that a zone was made with may be repeated, but not changed.
    With --json the first line is an object with the chain id and the nodes.
    """
    asked = {
        "validators": validators,
        "engine": engine,
        "chain_id": chain_id,
        "block_time": block_time,
        "voting_period": voting_period,
    }
    try:
        zone = LocalZone.load(folder)
    except ZoneMissingError:
        zone = _new_zone(folder, asked)
    else:
        check_same(zone, asked)
    run_zone(zone, lambda ready: _print_endpoints(ready, as_json=as_json))
    if not as_json:
        click.echo("stopped")


def _new_zone(folder: Path, asked: dict[str, Any]) -> LocalZone:
    engine = asked["engine"] or _ENGINE_DEFAULT
    alone = 1 if engine == "embedded" else _VALIDATORS_DEFAULT
    return LocalZone(
        folder,
        asked["chain_id"] or _CHAIN_ID_DEFAULT,
        validators=asked["validators"] or alone,
        engine=engine,
        block_time=asked["block_time"] or _BLOCK_TIME_DEFAULT,
        voting_period_s=asked["voting_period"],
    )


def _print_endpoints(zone: LocalZone, *, as_json: bool) -> None:
    if as_json:
        nodes = [_endpoint(node) for node in zone.nodes]
        click.echo(orjson.dumps({"chain_id": zone.chain_id, "nodes": nodes}))
    else:
        click.echo(f"{zone.chain_id} runs on {zone.engine}")
        for node in zone.nodes:
            click.echo(f"  {node.name}  {node.rpc_url}  {_shown_grpc(node)}{node.home}")
        click.echo(f"keys of the accounts: {zone.folder / KEYRING_FOLDER}")
        click.echo("Ctrl-C stops it")
    sys.stdout.flush()


def _shown_grpc(node: LocalNode) -> str:
    return f"gRPC {node.grpc_address}  " if node.grpc_address else ""


def _endpoint(node: LocalNode) -> dict[str, Any]:
    return {
        "name": node.name,
        "rpc": node.rpc_url,
        "grpc": node.grpc_address,
        "home": str(node.home),
        "validator": node.is_validator,
    }


@localnet.command()
@_dir_option
@_json_option
@cli_errors
def status(folder: Path, as_json: bool) -> None:
    """Show which nodes run and how far they have come."""
    zone = LocalZone.load(folder)
    nodes = [_node_status(node) for node in zone.nodes]
    if as_json:
        shown = {"chain_id": zone.chain_id, "engine": zone.engine, "nodes": nodes}
        runner = runner_pid(zone.folder)
        click.echo(orjson.dumps({"ok": True, "runner": runner, **shown}))
        return
    click.echo(f"{zone.chain_id} on {zone.engine}")
    for shown in nodes:
        state = f"height {shown['height']}" if shown["height"] else "does not answer"
        if not shown["running"]:
            state = "stopped"
        kind = "validator" if shown["validator"] else "node"
        click.echo(f"  {shown['name']}  {kind}  {shown['rpc']}  {state}")


def _node_status(node: LocalNode) -> dict[str, Any]:
    told = find_status(node.rpc_url) if node.is_running else None
    shown = _endpoint(node) | {"running": node.is_running, "pid": node.pid}
    if told is None:
        return {**shown, "height": 0, "app_hash": "", "catching_up": False}
    sync = told["sync_info"]
    return {
        **shown,
        "validator": told["validator_info"]["voting_power"] != "0",
        "height": int(sync["latest_block_height"]),
        "app_hash": sync["latest_app_hash"],
        "catching_up": sync["catching_up"],
    }


@localnet.command()
@_dir_option
@_json_option
@cli_errors
def stop(folder: Path, as_json: bool) -> None:
    """Stop all nodes, and the command that keeps them running."""
    zone = LocalZone.load(folder)
    was_running = stop_zone(zone)
    if as_json:
        click.echo(orjson.dumps({"ok": True, "was_running": was_running}))
    else:
        click.echo("stopped" if was_running else "nothing was running")


@localnet.command()
@_dir_option
@_node_argument
@_json_option
@cli_errors
def kill(folder: Path, node_name: str, as_json: bool) -> None:
    """Kill all processes of NODE, as a power cut would."""
    node = LocalZone.load(folder).node(node_name)
    was_running = node.is_running
    node.kill()
    if as_json:
        shown = {"ok": True, "name": node.name, "was_running": was_running}
        click.echo(orjson.dumps(shown))
    else:
        click.echo(f"{node.name} {'killed' if was_running else 'was not running'}")


@localnet.command()
@_dir_option
@_node_argument
@_json_option
@cli_errors
def restart(folder: Path, node_name: str, as_json: bool) -> None:
    """Stop NODE, if it runs, and start it; the zone must be running."""
    zone = LocalZone.load(folder)
    node = zone.node(node_name)
    if not (runner_pid(zone.folder) or zone.is_running):
        raise ZoneNotRunningError(path=zone.folder)  # nobody would ever stop the node
    node.stop()
    node.start()
    _print_node(node, "serves", as_json=as_json)


@localnet.command()
@_dir_option
@click.option(
    "--sync",
    type=click.Choice(["replay", "snapshot"]),
    default="replay",
    show_default=True,
    help="Carry out all blocks again, or begin from a snapshot of another node.",
)
@_json_option
@cli_errors
def add_node(folder: Path, sync: str, as_json: bool) -> None:
    """Add a node that follows the zone and validates nothing."""
    node = LocalZone.load(folder).add_node(sync)
    _print_node(node, "has caught up", as_json=as_json)


def _print_node(node: LocalNode, what: str, *, as_json: bool) -> None:
    if as_json:
        shown = _endpoint(node) | {"height": node.find_height() or 0}
        click.echo(orjson.dumps({"ok": True, **shown}))
    else:
        click.echo(f"{node.name} {what} at height {node.find_height()}: {node.rpc_url}")
