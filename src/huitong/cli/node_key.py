"""``huitong node key``: how the validator's key is stored."""

from __future__ import annotations

from pathlib import Path
from typing import IO, Any, Final

import click
import orjson

from huitong.cli.errors import cli_errors
from huitong.cli.passphrase import chosen_passphrase, opened, passphrase_option
from huitong.engines.validator_key import ValidatorIdentity, replace_validator_key
from huitong.keys.errors import PassphraseMismatchError
from huitong.node.home import Home, owned
from huitong.node.key_moving import move_key

#: What questions and errors call the key.
VALIDATOR: Final = "the validator's key"

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


@click.group()
def key() -> None:
    """Show, seal and open the validator's key."""


@key.command()
@_home_option
@_json_option
@cli_errors
def show(home: Path, as_json: bool) -> None:
    """Show the public part of the key, and whether it is sealed."""
    _show(Home(home).load_identity(), as_json=as_json)


@key.command()
@_home_option
@passphrase_option("Seal the key under its first line; without it you are asked.")
@_json_option
@cli_errors
def encrypt(home: Path, passphrase_file: IO[str] | None, as_json: bool) -> None:
    """Seal a key that lies in clear under a passphrase.

    From its next start on the node needs the passphrase. What lay on the disk in clear
    may be found there as long as it is not overwritten.
    """
    place = Home(home)
    identity = place.load_identity()
    if identity.is_sealed or identity.is_elsewhere:
        raise PassphraseMismatchError(key=place.key_file, reason="is not in clear")
    passphrase = chosen_passphrase(passphrase_file, is_plain=False)
    replace_validator_key(place.load_key(), place.key_file, passphrase)
    _show(place.load_identity(), as_json=as_json)


@key.command()
@_home_option
@passphrase_option("Its first line opens the key; without it you are asked.")
@_json_option
@cli_errors
def decrypt(home: Path, passphrase_file: IO[str] | None, as_json: bool) -> None:
    """Store a sealed key in clear, so that the node starts without a passphrase."""
    place = Home(home)
    if not place.load_identity().is_sealed:
        raise PassphraseMismatchError(key=place.key_file, reason="is not sealed")
    unlocked = opened(place.load_key, VALIDATOR, passphrase_file)
    replace_validator_key(unlocked, place.key_file, None)
    _show(place.load_identity(), as_json=as_json)


@key.command()
@_home_option
@click.option(
    "--to",
    "target",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Home of the signer, for example on a medium that goes to another machine.",
)
@_json_option
@cli_errors
def move(home: Path, target: Path, as_json: bool) -> None:
    """Move a sealed key and its record of what it signed to a signer's home.

    The node must not run. It keeps the public part; name the signer as [cometbft] signer
    in its node.toml, and start `huitong signer start` on the other home.
    """
    place, signer = Home(home), Home(target)
    place.check()
    identity = place.load_identity()
    if not identity.is_sealed:
        raise PassphraseMismatchError(key=place.key_file, reason="is not sealed")
    with owned(place):
        move_key(place, signer)
    _show(place.load_identity(), as_json=as_json)


def _show(identity: ValidatorIdentity, *, as_json: bool) -> None:
    shown: dict[str, Any] = {
        "address": identity.address.hex().upper(),
        "public_key": identity.public_key.hex(),
        "sealed": identity.is_sealed,
        "elsewhere": identity.is_elsewhere,
    }
    if as_json:
        click.echo(orjson.dumps({"ok": True, **shown}))
        return
    click.echo(f"address:    {shown['address']}")
    click.echo(f"public_key: {shown['public_key']}")
    click.echo(f"stored:     {_place(identity)}")


def _place(identity: ValidatorIdentity) -> str:
    if identity.is_elsewhere:
        return "elsewhere"
    return "sealed" if identity.is_sealed else "in clear"
