"""``huitong node``: set up, start, look at, export and check a node."""

from __future__ import annotations

import base64
import sys
from pathlib import Path
from typing import IO, Any, Final

import click
import httpx
import orjson

from huitong.cli.errors import cli_errors, print_failure
from huitong.cli.node_backup import backup, restore
from huitong.cli.node_export import export
from huitong.cli.node_key import VALIDATOR
from huitong.cli.node_key import key as key_group
from huitong.cli.passphrase import (
    find_passphrase,
    needed_passphrase,
    passphrase_option,
)
from huitong.core.errors import HuitongError
from huitong.core.invariants import InvariantBrokenError
from huitong.engines.errors import DoubleSignError, QuorumLostError, StateDivergedError
from huitong.modules.upgrades.errors import UpgradeNeededError, UpgradeTooEarlyError
from huitong.node.config import ENGINES, NodeConfig, load_config, with_options
from huitong.node.errors import NodeNotServingError
from huitong.node.home import Home, make_home
from huitong.node.logs import configure_logs
from huitong.node.node import run_node
from huitong.node.parts import replay_home

#: Exit code of a node that would make or tell something wrong if it went on. Whatever
#: restarts nodes must not restart one that ended so.
EXIT_DIVERGED: Final = 70
_STOPPING: Final = (
    StateDivergedError,
    DoubleSignError,
    QuorumLostError,
    UpgradeTooEarlyError,
)
#: Exit code of a node that stopped at the height of an upgrade: the version that knows
#: the upgrade goes on, and whatever restarts nodes must not restart this one.
EXIT_UPGRADE: Final = 75
_STATUS_TIMEOUT_S: Final = 5.0

home_option = click.option(
    "--home",
    type=click.Path(file_okay=False, path_type=Path),
    default=lambda: Path.home() / ".huitong",
    envvar="HUITONG_HOME",
    help="Folder of the node.  [default: ~/.huitong]",
)
json_option = click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON object."
)


@click.group()
def node() -> None:
    """Set up, start, look at and export a node."""


node.add_command(key_group)
node.add_command(export)
node.add_command(backup)
node.add_command(restore)


@node.command()
@home_option
@click.option("--chain-id", required=True, help="Chain id, for example hangzhou-1.")
@click.option("--moniker", default="node", help="The node's name for people.")
@click.option(
    "--engine",
    type=click.Choice(ENGINES),
    default="embedded",
    show_default=True,
    help="embedded: one validator alone; cometbft: one of several.",
)
@passphrase_option(
    "Seal the validator's key under its first line; else it is in clear."
)
@json_option
@cli_errors
def init(
    home: Path,
    chain_id: str,
    moniker: str,
    engine: str,
    passphrase_file: IO[str] | None,
    as_json: bool,
) -> None:
    """Make the home of a new zone with one validator."""
    place = Home(home)
    passphrase = find_passphrase(passphrase_file)
    config = NodeConfig(moniker=moniker, engine=engine)
    key = make_home(place, config, chain_id, passphrase)
    shown = {
        "home": str(home),
        "chain_id": chain_id,
        "moniker": moniker,
        "engine": engine,
        "validator_address": key.address.hex().upper(),
    }
    if as_json:
        click.echo(orjson.dumps({"ok": True, **shown}))
        return
    click.echo(f"Made the home of {chain_id} in {home}.")
    click.echo(
        "Next: huitong genesis add-member and add-account, then huitong node start"
    )


@node.command("id")
@home_option
@click.option(
    "--only",
    type=click.Choice(["node-id", "key"]),
    help="Print one thing alone: the node's id, or the validator's public key.",
)
@json_option
@cli_errors
def show_id(home: Path, only: str | None, as_json: bool) -> None:
    """Show what the other organisations need to know of this node."""
    place = Home(home)
    place.check()
    public_key = place.load_identity().public_key
    shown = {
        "node_id": place.cometbft.ensure_node_id(),
        "validator_public_key": base64.b64encode(public_key).decode(),
        "p2p": load_config(place.config_file).cometbft.p2p_address,
    }
    if as_json:
        click.echo(orjson.dumps({"ok": True, **shown}))
        return
    if only is not None:
        name = "node_id" if only == "node-id" else "validator_public_key"
        click.echo(shown[name])
        return
    click.echo(f"node id               {shown['node_id']}")
    click.echo(f"validator public key  {shown['validator_public_key']}")
    click.echo(f"listens for nodes at  {shown['p2p']}")


@node.command()
@home_option
@click.option("--rpc", help="Listen here instead, for example tcp://127.0.0.1:0.")
@click.option(
    "--grpc",
    help="Answer gRPC here instead, for example 127.0.0.1:9090; empty: nowhere.",
)
@click.option("--block-time", help="Least time between blocks with work, e.g. 200ms.")
@click.option("--log-level", type=click.Choice(["debug", "info", "warning", "error"]))
@passphrase_option("Its first line opens a sealed validator's key.")
@cli_errors
def start(
    home: Path,
    rpc: str | None,
    grpc: str | None,
    block_time: str | None,
    log_level: str | None,
    passphrase_file: IO[str] | None,
) -> None:
    """Run the node until it is told to stop (Ctrl-C or SIGTERM)."""
    place = Home(home)
    place.check()
    config = load_config(place.config_file)
    config = with_options(
        config,
        place.config_file,
        rpc_address=rpc,
        grpc_address=grpc,
        block_time=block_time,
    )
    configure_logs(log_level or config.log_level, config.log_format)
    passphrase = needed_passphrase(
        passphrase_file, VALIDATOR, is_sealed=place.load_identity().is_sealed
    )
    try:
        run_node(place, config, _print_ready, passphrase)
    except UpgradeNeededError as failure:
        print_failure(failure, as_json=False)
        sys.exit(EXIT_UPGRADE)
    except _STOPPING as failure:
        print_failure(failure, as_json=False)
        sys.exit(EXIT_DIVERGED)
    except InvariantBrokenError as failure:
        click.echo(f"Error: this must always hold, and does not: {failure}", err=True)
        click.echo("The node stopped and must not be restarted as it is.", err=True)
        sys.exit(EXIT_DIVERGED)


def _print_ready(
    chain_id: str, height: int, rpc_address: str, grpc_address: str
) -> None:
    click.echo(f"serving {chain_id} at height {height} on {rpc_address}")
    if grpc_address:
        click.echo(f"gRPC on {grpc_address}")
    sys.stdout.flush()


@node.command()
@home_option
@click.option("--node", "address", help="Ask the node at this RPC address instead.")
@json_option
@cli_errors
def status(home: Path, address: str | None, as_json: bool) -> None:
    """Show how far a running node has come."""
    grpc = ""
    if address is None:
        address, grpc = _address_of(Home(home)), _grpc_address_of(Home(home))
    answer = _ask_status(address)
    if as_json:
        shown = {"rpc": address, "grpc": grpc, **answer}
        click.echo(orjson.dumps({"ok": True, **shown}))
        return
    about, sync = answer["node_info"], answer["sync_info"]
    click.echo(f"{about['network']} ({about['moniker']}) on {address}")
    if grpc:
        click.echo(f"gRPC on {grpc}")
    click.echo(f"height {sync['latest_block_height']} at {sync['latest_block_time']}")


def _address_of(home: Home) -> str:
    home.check()
    try:
        return home.rpc_address_file.read_text().strip()
    except FileNotFoundError:
        address = load_config(home.config_file).rpc_address
        raise NodeNotServingError(address=address, reason="it is not running") from None


def _grpc_address_of(home: Home) -> str:
    """Return where the running node answers gRPC; empty if nowhere."""
    try:
        return home.grpc_address_file.read_text().strip()
    except FileNotFoundError:
        return ""


def _ask_status(address: str) -> dict[str, Any]:
    url = address.replace("tcp://", "http://", 1)
    try:
        response = httpx.get(f"{url}/status", timeout=_STATUS_TIMEOUT_S)
        result = orjson.loads(response.content)["result"]
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        reason = str(error) or type(error).__name__
        raise NodeNotServingError(address=address, reason=reason) from error
    except (orjson.JSONDecodeError, KeyError, TypeError) as error:
        raise NodeNotServingError(
            address=address, reason="something else answers there"
        ) from error
    if not isinstance(result, dict):
        raise NodeNotServingError(address=address, reason="its answer has no status")
    return result


@node.command()
@home_option
@passphrase_option("Its first line opens a sealed validator's key.")
@json_option
@cli_errors
def replay(home: Path, passphrase_file: IO[str] | None, as_json: bool) -> None:
    """Carry out all blocks again, from genesis, and compare every hash."""
    place = Home(home)
    place.check()
    passphrase = needed_passphrase(
        passphrase_file, VALIDATOR, is_sealed=place.load_identity().is_sealed
    )
    try:
        report = replay_home(place, load_config(place.config_file), passphrase)
    except HuitongError as failure:
        print_failure(failure, as_json=as_json)
        sys.exit(EXIT_DIVERGED if isinstance(failure, _STOPPING) else 1)
    shown = {
        "height": report.height,
        "blocks": report.blocks,
        "txs": report.txs,
        "app_hash": report.app_hash.hex().upper(),
    }
    if as_json:
        click.echo(orjson.dumps({"ok": True, **shown}))
        return
    click.echo(
        f"{report.blocks} blocks with {report.txs} transactions give the same hashes; "
        f"app hash {shown['app_hash']} at height {report.height}"
    )
