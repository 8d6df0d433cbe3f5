"""``huitong node backup`` and ``restore``: a copy of a node, and a node from a copy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import orjson

from huitong.cli.errors import cli_errors
from huitong.cli.numbers import Number
from huitong.core.time import format_rfc3339
from huitong.node.backup import RestoredHome, restore_backup, take_backup
from huitong.node.config import load_config
from huitong.node.home import Home

_home_option = click.option(
    "--home",
    type=click.Path(file_okay=False, path_type=Path),
    default=lambda: Path.home() / ".huitong",
    envvar="HUITONG_HOME",
    help="Folder of the node.  [default: ~/.huitong]",
)
_json_option = click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON object."
)


@click.command()
@_home_option
@click.option(
    "--to",
    "target",
    required=True,
    type=click.Path(path_type=Path),
    help="New folder for the backup; one file if its name ends in .tar.",
)
@click.option(
    "--with-keys",
    is_flag=True,
    help="Take the keys along, which must all be sealed under passphrases.",
)
@_json_option
@cli_errors
def backup(home: Path, target: Path, with_keys: bool, as_json: bool) -> None:
    """Copy a node, which may run meanwhile, into a new folder or file.

    A backup appears under its name only when all of it is on the disk. CometBFT is held
    for the last moment of it, which is told.
    """
    place = Home(home)
    place.check()
    taken = take_backup(
        place, load_config(place.config_file), target, with_keys=with_keys
    )
    manifest = taken.manifest
    size_bytes = sum(entry.size_bytes for entry in manifest.files)
    shown: dict[str, Any] = {
        "backup": str(taken.path),
        "chain_id": manifest.chain_id,
        "height": manifest.height,
        "app_hash": manifest.app_hash,
        "size_bytes": size_bytes,
        "files": len(manifest.files),
        "has_keys": manifest.has_keys,
        "held_ms": round(taken.held_s * 1_000),
    }
    if as_json:
        click.echo(orjson.dumps({"ok": True, **shown}))
        return
    click.echo(
        f"{target} holds {manifest.chain_id} at height {manifest.height}: "
        f"{shown['files']} files, {size_bytes} bytes, "
        f"{'with keys' if with_keys else 'without keys'}; "
        f"CometBFT was held {shown['held_ms']} ms"
    )


@click.command()
@click.argument("source", type=click.Path(exists=True, path_type=Path))
@_home_option
@click.option(
    "--as-validator",
    is_flag=True,
    help="Sign with the key in the backup; the old node must never run again.",
)
@click.option(
    "--signed-up-to",
    type=Number(min=0),
    default=0,
    metavar="HEIGHT",
    help="Sign nothing up to here: the height of the zone now, from another node.",
)
@_json_option
@cli_errors
def restore(
    source: Path, home: Path, as_validator: bool, signed_up_to: int, as_json: bool
) -> None:
    """Make a new home from the backup SOURCE, after checking every file of it.

    Without --as-validator the home gets a new key: it follows the zone as a full node.
    """
    restored = restore_backup(
        source, Home(home), as_validator=as_validator, signed_up_to=signed_up_to
    )
    manifest = restored.manifest
    shown: dict[str, Any] = {
        "home": str(home),
        "chain_id": manifest.chain_id,
        "height": manifest.height,
        "app_hash": manifest.app_hash,
        "taken": format_rfc3339(manifest.taken_ns),
        "is_validator": restored.is_validator,
        "validator": restored.validator,
        "signed_height": restored.signed_height,
        "warnings": _warnings(restored),
    }
    for warning in shown["warnings"]:
        click.echo(f"Warning: {warning}", err=True)
    if as_json:
        click.echo(orjson.dumps({"ok": True, **shown}))
        return
    click.echo(
        f"{home} holds {manifest.chain_id} at height {manifest.height}, "
        f"as of {shown['taken']}"
    )


def _warnings(restored: RestoredHome) -> list[str]:
    engine = restored.manifest.engine
    if restored.is_validator:
        told = (
            "this home signs with the validator's key of the old one: never start the "
            "old one again"
        )
        if engine == "cometbft":
            return [f"{told}; nothing is signed up to height {restored.signed_height}"]
        return [f"{told}; blocks after height {restored.manifest.height} are lost"]
    if engine == "cometbft":
        return ["this home has a new key and follows the zone without signing"]
    return ["this home has a new key and cannot make blocks of the zone"]
