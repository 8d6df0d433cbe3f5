"""``huitong bench``: measure this machine; one JSON object on standard output."""

from __future__ import annotations

import shutil
import signal
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click
import orjson

from huitong.bench.blob import BlobPlan, run_blob_bench
from huitong.bench.exchange import (
    SINGLES as EXCHANGE_SINGLES,
)
from huitong.bench.exchange import (
    WINDOW as EXCHANGE_WINDOW,
)
from huitong.bench.exchange import (
    ExchangePlan,
    run_exchange_bench,
)
from huitong.bench.load import SENDERS
from huitong.bench.packets import PacketPlan, RelayReport
from huitong.bench.read import ReadPlan, run_read_bench
from huitong.bench.recovery import (
    RECORDS_PER_TX,
    RecoveryPlan,
    run_recovery_bench,
)
from huitong.bench.relay import (
    RIVALS,
    RelayComparison,
    run_relay_bench,
    run_versus_hermes_simd,
)
from huitong.bench.report import Report
from huitong.bench.tx import (
    WINDOW,
    Comparison,
    TxPlan,
    run_beside_simd,
    run_tx_bench,
)
from huitong.bench.zones import MESSAGES
from huitong.cli.errors import cli_errors
from huitong.core.limits import PAYLOAD_SIZE_BYTES_MAX
from huitong.gateway.reads.provider import ASKED_MAX
from huitong.node.config import ENGINES
from huitong.node.logs import configure_logs

_Measured = TypeVar("_Measured")

_block_time_option = click.option(
    "--block-time",
    "block_time_ms",
    type=click.IntRange(10, 30_000),
    default=200,
    show_default=True,
    help="Milliseconds between blocks with transactions.",
)
_seconds_option = click.option(
    "--seconds",
    type=click.FloatRange(min=0),
    default=0.0,
    help="Stop sending after this long; 0: send all.",
)
_json_option = click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON object."
)


@click.group()
def bench() -> None:
    """Measure this machine with real node processes."""


@bench.command()
@click.option(
    "--count",
    type=click.IntRange(SENDERS, 1_000_000),
    default=24_000,
    show_default=True,
    help="Transactions to send.",
)
@click.option(
    "--engine",
    type=click.Choice(ENGINES),
    default=ENGINES[0],
    show_default=True,
    help="What decides the zone's blocks.",
)
@click.option(
    "--validators",
    type=click.IntRange(1, 16),
    default=1,
    show_default=True,
    help="Validators of the zone; more than one need --engine cometbft.",
)
@click.option(
    "--message",
    type=click.Choice(MESSAGES),
    default=MESSAGES[0],
    show_default=True,
    help="What is published: a whole record, or as little as one may say.",
)
@click.option(
    "--window",
    type=click.IntRange(1, 100_000),
    default=WINDOW,
    show_default=True,
    help="Most transactions under way at once.",
)
@click.option(
    "--beside-simd",
    is_flag=True,
    help="Measure ibc-go's simd first, then the zone with each message.",
)
@click.option(
    "--rounds",
    type=click.IntRange(1, 100),
    default=1,
    show_default=True,
    help="With --beside-simd: how often both are measured; the median counts.",
)
@_seconds_option
@_block_time_option
@_json_option
@cli_errors
def tx(*, beside_simd: bool, rounds: int, as_json: bool, **wanted: Any) -> None:
    """Publish records in one zone from eight accounts."""
    plan = TxPlan(**wanted)
    measured: Report | Comparison
    if beside_simd:
        measured = _in_folder(
            lambda folder: run_beside_simd(folder, plan, rounds, _tell)
        )
    else:
        measured = _in_folder(lambda folder: run_tx_bench(folder, plan, _tell))
    _print(measured.as_dict(), as_json=as_json)


@bench.command()
@click.option(
    "--count",
    type=click.IntRange(1, 100_000),
    default=3_000,
    show_default=True,
    help="Packets to send where our relayer relays.",
)
@click.option(
    "--versus",
    type=click.Choice(RIVALS),
    help="Measure two zones with Hermes, and two chains of simd with Hermes, first.",
)
@click.option(
    "--hermes-count",
    type=click.IntRange(1, 100_000),
    default=1_500,
    show_default=True,
    help="With --versus: packets to send where Hermes relays.",
)
@_seconds_option
@_block_time_option
@_json_option
@cli_errors
def relay(
    *,
    count: int,
    versus: str | None,
    hermes_count: int,
    as_json: bool,
    **wanted: Any,
) -> None:
    """Send packets between two zones until each is settled."""
    plan = PacketPlan(count=count, **wanted)
    hermes_plan = PacketPlan(count=hermes_count, **wanted)
    measured: RelayReport | RelayComparison
    if versus is None:
        measured = _in_folder(lambda folder: run_relay_bench(folder, plan, _tell))
    else:
        measured = _in_folder(
            lambda folder: run_versus_hermes_simd(folder, plan, hermes_plan, _tell)
        )
    _print(measured.as_dict(), as_json=as_json)


@bench.command()
@click.option(
    "--engine",
    type=click.Choice(ENGINES),
    default=ENGINES[0],
    show_default=True,
    help="What decides the zone's blocks.",
)
@click.option(
    "--records",
    type=click.IntRange(RECORDS_PER_TX * SENDERS, 10_000_000),
    default=100_000,
    show_default=True,
    help="Records in the state when the node is killed.",
)
@click.option(
    "--rounds",
    type=click.IntRange(1, 1_000),
    default=20,
    show_default=True,
    help="How often the node is killed.",
)
@_block_time_option
@_json_option
@cli_errors
def recovery(*, as_json: bool, **wanted: Any) -> None:
    """Kill a node under load, again and again, and time how long it is away."""
    plan = RecoveryPlan(**wanted)
    measured = _in_folder(lambda folder: run_recovery_bench(folder, plan, _tell))
    _print(measured.as_dict(), as_json=as_json)


@bench.command()
@click.option(
    "--size-mib",
    type=click.IntRange(1, PAYLOAD_SIZE_BYTES_MAX >> 20),
    default=PAYLOAD_SIZE_BYTES_MAX >> 20,
    show_default=True,
    help="Size of the document.",
)
@click.option(
    "--rounds",
    type=click.IntRange(1, 100),
    default=3,
    show_default=True,
    help="How often; the best round counts for speeds, all of them for memory.",
)
@_json_option
@cli_errors
def blob(*, as_json: bool, **wanted: Any) -> None:
    """Let a large document through a vault: put, seal, receive, read."""
    plan = BlobPlan(**wanted)
    measured = _in_folder(lambda folder: run_blob_bench(folder, plan, _tell))
    _print(measured.as_dict(), as_json=as_json)


@bench.command()
@click.option(
    "--workers",
    type=click.IntRange(1, 16),
    default=1,
    show_default=True,
    help="Gateways that answer, and as many readers.",
)
@click.option(
    "--records",
    type=click.IntRange(1, 100_000),
    default=500,
    show_default=True,
    help="Open records; each is read in turn.",
)
@click.option(
    "--batch",
    type=click.IntRange(1, ASKED_MAX),
    default=ASKED_MAX,
    show_default=True,
    help="Records in one request.",
)
@click.option(
    "--seconds",
    type=click.FloatRange(min=0.1, max=600),
    default=10.0,
    show_default=True,
    help="How long to read.",
)
@click.option(
    "--cold", is_flag=True, help="Make every proof anew, instead of once for a state."
)
@_json_option
@cli_errors
def read(*, as_json: bool, **wanted: Any) -> None:
    """Serve and verify proven reads over a socket, each of them logged."""
    plan = ReadPlan(**wanted)
    measured = _in_folder(lambda folder: run_read_bench(folder, plan, _tell))
    _print(measured.as_dict(), as_json=as_json)


@bench.command()
@click.option(
    "--count",
    type=click.IntRange(1, 1_000_000),
    default=2_000,
    show_default=True,
    help="Exchanges to begin at once; as many as the window takes.",
)
@click.option(
    "--window",
    type=click.IntRange(1, 10_000),
    default=EXCHANGE_WINDOW,
    show_default=True,
    help="Most exchanges under way at once.",
)
@click.option(
    "--records",
    type=click.IntRange(1, 100_000),
    default=200,
    show_default=True,
    help="Documents; each is asked for in turn.",
)
@click.option(
    "--singles",
    type=click.IntRange(0, 1_000),
    default=EXCHANGE_SINGLES,
    show_default=True,
    help="Exchanges one after the other before, for their latency.",
)
@_block_time_option
@_json_option
@cli_errors
def exchange(*, as_json: bool, **wanted: Any) -> None:
    """Exchange documents between two gateways until each is settled."""
    plan = ExchangePlan(**wanted)
    measured = _in_folder(lambda folder: run_exchange_bench(folder, plan, _tell))
    _print(measured.as_dict(), as_json=as_json)


def _in_folder(run: Callable[[Path], _Measured]) -> _Measured:
    """Run in a folder of its own; nothing of it and no process stays, whatever happens."""
    configure_logs("warning", "auto")
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    folder = Path(tempfile.mkdtemp(prefix="huitong-bench-"))
    try:
        return run(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _tell(line: str) -> None:
    click.echo(line, err=True)


def _print(measured: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        click.echo(orjson.dumps(measured))
        return
    for name, value in measured.items():
        click.echo(f"{name + ':':<20} {value}")
