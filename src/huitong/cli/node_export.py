"""``huitong node export``: the state of a zone in one file."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from huitong.cli.errors import cli_errors
from huitong.cli.numbers import Number
from huitong.node.config import load_config
from huitong.node.exports import encode_export, export_state
from huitong.node.home import Home, write_whole
from huitong.node.parts import open_state


@click.command()
@click.option(
    "--home",
    type=click.Path(file_okay=False, path_type=Path),
    default=lambda: Path.home() / ".huitong",
    envvar="HUITONG_HOME",
    help="Folder of the node.  [default: ~/.huitong]",
)
@click.option(
    "--height", type=Number(min=1), help="Version to export; else the newest."
)
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write here instead of the standard output.",
)
@cli_errors
def export(home: Path, height: int | None, output: Path | None) -> None:
    """Print the state of the zone at one height.

    Every node of the zone prints the same bytes for the same height. `huitong genesis
    from-export` makes the genesis of a zone of it that goes on. The node must not run
    meanwhile.
    """
    place = Home(home)
    place.check()
    with open_state(place, load_config(place.config_file)) as state:
        data = encode_export(export_state(state, height or 0))
    if output is None:
        sys.stdout.buffer.write(data)
        sys.stdout.flush()
    else:
        write_whole(output, data)
