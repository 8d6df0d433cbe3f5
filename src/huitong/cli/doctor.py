"""``huitong doctor``: look a node over, and say what to do."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

import click
import orjson

from huitong.cli.errors import cli_errors
from huitong.node.doctor.examine import examine, has_problem
from huitong.node.doctor.findings import Finding, Severity
from huitong.node.home import Home

_SIGNS: Final = {Severity.OK: "ok", Severity.WARNING: "WARN", Severity.PROBLEM: "BAD"}
_COLOURS: Final = {
    Severity.OK: "green",
    Severity.WARNING: "yellow",
    Severity.PROBLEM: "red",
}


@click.command()
@click.option(
    "--home",
    type=click.Path(file_okay=False, path_type=Path),
    envvar="HUITONG_HOME",
    help="Folder of the node.  [default: ~/.huitong, unless --rpc is given]",
)
@click.option(
    "--rpc", "address", help="Ask this node only, for example tcp://HOST:PORT."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@cli_errors
def doctor(home: Path | None, address: str | None, as_json: bool) -> None:
    """Look a node over: software, settings, machine, keys, data, peers, links.

    Nothing is changed, and the node need not run. Each finding says what was seen and
    what to do. The exit code is 1 if something needs doing now.
    """
    place = None if home is None and address else Home(home or Path.home() / ".huitong")
    if place is not None:
        place.check()
    found = examine(place, address)
    if as_json:
        click.echo(
            orjson.dumps(
                {
                    "ok": not has_problem(found),
                    "findings": [item.as_json() for item in found],
                }
            )
        )
    else:
        for item in found:
            _print(item)
        counts = {kind: sum(i.severity is kind for i in found) for kind in Severity}
        click.echo(
            f"{counts[Severity.PROBLEM]} problems, {counts[Severity.WARNING]} warnings, "
            f"{counts[Severity.OK]} fine"
        )
    sys.exit(1 if has_problem(found) else 0)


def _print(item: Finding) -> None:
    sign = click.style(f"{_SIGNS[item.severity]:4}", fg=_COLOURS[item.severity])
    click.echo(f"{sign} {item.id}: {item.seen}")
    if item.advice:
        click.echo(f"     → {item.advice}")
