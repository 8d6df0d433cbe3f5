"""``huitong demo``: two zones exchange a document, with proof, on this machine."""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path
from typing import Final

import click
import orjson
from rich.console import Console

from huitong.cli.errors import cli_errors, print_failure
from huitong.demo.errors import InterruptedDemoError
from huitong.demo.run import STEPS, DemoResult, run_demo, summary_rows
from huitong.demo.story import Narrator
from huitong.node.config import ENGINES

#: As shells report a program that was interrupted.
EXIT_INTERRUPTED: Final = 130
#: Ctrl-C, what service managers send, and the terminal that closes.
_STOPPING: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_OUT_DEFAULT: Final = Path("huitong-demo")


@click.command()
@click.option(
    "--document",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="What to exchange, any file; an electronic invoice of our own by default.",
)
@click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON object, no story."
)
@click.option(
    "--out",
    metavar="DIR",
    type=click.Path(path_type=Path),
    default=_OUT_DEFAULT,
    show_default=True,
    help="Where the evidence and the trust file go.",
)
@click.option(
    "--engine",
    type=click.Choice(ENGINES),
    default=ENGINES[0],
    show_default=True,
    help="One node for each zone, or four validators on CometBFT.",
)
@click.option("--keep", is_flag=True, help="Keep homes, logs and vault in DIR, too.")
@cli_errors
def demo(
    document: Path | None, as_json: bool, out: Path, engine: str, keep: bool
) -> None:
    """Run two zones that exchange a document, and leave the evidence.

    Starts two zones, links them, publishes an electronic invoice on one and
    lets a bank on the other request, get, verify and acknowledge it; tries three attacks;
    leaves an evidence bundle and verifies it after both zones have stopped.
    """
    console = Console(file=sys.stdout)
    narrator = Narrator(console, STEPS, silent=as_json)
    try:
        result = asyncio.run(_run(document, out, engine, keep, narrator))
    except (KeyboardInterrupt, asyncio.CancelledError):
        for number in _STOPPING:
            signal.signal(number, signal.SIG_IGN)
        print_failure(InterruptedDemoError(), as_json=as_json)
        sys.exit(EXIT_INTERRUPTED)
    if as_json:
        click.echo(orjson.dumps(result.to_json(), option=orjson.OPT_INDENT_2))
    else:
        narrator.close(summary_rows(result))


async def _run(
    document: Path | None, out: Path, engine: str, keep: bool, narrator: Narrator
) -> DemoResult:
    """Run as a task that the first signal cancels; later ones leave the clean-up alone."""
    task = asyncio.ensure_future(
        run_demo(document, out, engine=engine, keep=keep, narrator=narrator)
    )
    loop = asyncio.get_running_loop()
    interrupted = False

    def stop() -> None:
        nonlocal interrupted
        if not interrupted:
            interrupted = True
            task.cancel()

    for number in _STOPPING:
        # A shell ignores Ctrl-C for what it starts in the background; whoever sends it
        # all the same means it. A terminal that closes does not, under nohup.
        ignored = signal.getsignal(number) is signal.SIG_IGN
        if number is not signal.SIGHUP or not ignored:
            loop.add_signal_handler(number, stop)
    return await task
