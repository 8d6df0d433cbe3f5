"""``huitong genesis``: prepare the genesis file of a new zone."""

from __future__ import annotations

import sys
from pathlib import Path

import click
import orjson

from huitong.cli.errors import cli_errors
from huitong.cli.node import home_option, json_option
from huitong.cli.numbers import Number
from huitong.core.time import parse_rfc3339
from huitong.engines.genesis import encode_genesis
from huitong.modules.members.roles import ROLES
from huitong.node.errors import GenesisEntryError
from huitong.node.exports import decode_export, genesis_from_export
from huitong.node.genesis_edit import (
    Change,
    add_account,
    add_member,
    add_validator,
    change_genesis,
    set_value,
)
from huitong.node.home import GENESIS_POWER, Home, write_whole
from huitong.node.parts import check_genesis

_role_option = click.option(
    "--role",
    "roles",
    multiple=True,
    help=f"{', '.join(ROLES)}; repeatable.",
)


@click.group()
def genesis() -> None:
    """Prepare the genesis file of a new zone."""


@genesis.command("add-account")
@click.argument("address")
@home_option
@_role_option
@click.option("--member", "member_id", default="", help="Member it signs for.")
@json_option
@cli_errors
def add_account_command(
    address: str, home: Path, roles: tuple[str, ...], member_id: str, as_json: bool
) -> None:
    """Give the account ADDRESS its roles from the first block on."""
    done = f"account {address} added, {_role_words(roles)}"
    if member_id:
        done += f", signs for {member_id}"
    _change(home, add_account(address, roles=roles, member_id=member_id), done, as_json)


@genesis.command("add-member")
@click.argument("member_id")
@home_option
@click.option("--name", required=True, help="Name for people, any language.")
@click.option("--legal-id", default="", help="Unified social credit code or the like.")
@_role_option
@click.option("--encryption-key", default="", help="X25519 public key, hex.")
@json_option
@cli_errors
def add_member_command(
    member_id: str,
    home: Path,
    name: str,
    legal_id: str,
    roles: tuple[str, ...],
    encryption_key: str,
    as_json: bool,
) -> None:
    """Admit the member organisation MEMBER_ID from the first block on."""
    change = add_member(
        member_id,
        name=name,
        legal_id=legal_id,
        roles=roles,
        encryption_key=encryption_key,
    )
    done = f"member {member_id} admitted, {_role_words(roles, none='any role')}"
    _change(home, change, done, as_json)


@genesis.command("add-validator")
@click.argument("public_key")
@home_option
@click.option("--member", "member_id", default="", help="Member whose validator it is.")
@click.option("--name", default="", help="Name for people.")
@click.option(
    "--power",
    type=Number(min=1),
    default=GENESIS_POWER,
    show_default=True,
    help="Voting power.",
)
@json_option
@cli_errors
def add_validator_command(
    public_key: str, home: Path, member_id: str, name: str, power: int, as_json: bool
) -> None:
    """Let the validator of PUBLIC_KEY sign from the first block on.

    PUBLIC_KEY is base64; each organisation reads its own with `huitong node id`. Of the
    key of this home, which signs anyway, only the member is added.
    """
    change = add_validator(public_key, power=power, name=name, member_id=member_id)
    done = f"validator {public_key} added"
    if member_id:
        done += f", of {member_id}"
    _change(home, change, done, as_json)


@genesis.command("set")
@click.argument("assignment", metavar="KEY=VALUE")
@home_option
@json_option
@cli_errors
def set_command(assignment: str, home: Path, as_json: bool) -> None:
    """Set one value, for example consensus_params.block.max_gas=100000000."""
    path, equals, text = assignment.partition("=")
    if not equals or not path:
        raise GenesisEntryError(reason=f"{assignment!r} is not of the form KEY=VALUE")
    _change(home, set_value(path, text), f"{path} set to {text}", as_json)


@genesis.command()
@home_option
@json_option
@cli_errors
def validate(home: Path, as_json: bool) -> None:
    """Check the genesis file as a whole."""
    document = Home(home).load_genesis()
    check_genesis(document)
    if as_json:
        click.echo(orjson.dumps({"ok": True, "chain_id": document.chain_id}))
    else:
        click.echo(f"The genesis file of {document.chain_id} is right.")


@genesis.command("from-export")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--chain-id", required=True, help="Chain id of the zone that goes on.")
@click.option(
    "--time", "begins", help="When it begins, RFC 3339; else as the exported block."
)
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write here instead of the standard output.",
)
@cli_errors
def from_export(
    file: Path, chain_id: str, begins: str | None, output: Path | None
) -> None:
    """Make the genesis file of a zone that goes on from FILE.

    FILE is from `huitong node export`. The validators are those of the exported zone;
    every one of them puts the same genesis file into its home.
    """
    export = decode_export(file.read_bytes(), file)
    time_ns = parse_rfc3339(begins) if begins is not None else None
    data = encode_genesis(genesis_from_export(export, chain_id, time_ns))
    if output is None:
        sys.stdout.buffer.write(data)
        sys.stdout.flush()
    else:
        write_whole(output, data)


def _change(home: Path, change: Change, done: str, as_json: bool) -> None:
    document = change_genesis(Home(home), change)
    if as_json:
        shown = {"ok": True, "chain_id": document.chain_id, "changed": done}
        click.echo(orjson.dumps(shown))
    else:
        click.echo(f"{document.chain_id}: {done}")


def _role_words(roles: tuple[str, ...], *, none: str = "no role") -> str:
    words = sorted(set(roles))
    if not words:
        return none
    return f"role{'s' if len(words) > 1 else ''} {', '.join(words)}"
