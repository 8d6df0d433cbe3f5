"""``huitong keys``: make and list keys that sign, and keys that payloads are sealed to."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, Final, TypeVar

import click
import orjson

from huitong.cli.errors import cli_errors
from huitong.cli.passphrase import chosen_passphrase, passphrase_option
from huitong.gateway.reader_keys import ReaderKey, ReaderKeys
from huitong.keys import KeyRecord, Keyring
from huitong.keys.errors import InvalidMnemonicError

CommandT = TypeVar("CommandT", bound=Callable[..., Any])

#: Folder of the keyring below a home folder.
KEYRING_FOLDER = "keyring"
#: Folder of the reader keys below a home folder.
READER_KEYS_FOLDER = "reader-keys"
#: Longest text that is read as a mnemonic, so that a wrong file is not read whole; 24 words
#: have 215 characters at most.
MNEMONIC_CHARACTERS_MAX: Final = 4_096

_home_option = click.option(
    "--home",
    type=click.Path(file_okay=False, path_type=Path),
    default=lambda: Path.home() / ".huitong",
    envvar="HUITONG_HOME",
    help="Folder with keyring/ and reader-keys/.  [default: ~/.huitong]",
)
_json_option = click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON object."
)


def _protection_options(command: CommandT) -> CommandT:
    """Add the two ways of saying how a new key is stored."""
    for option in (
        click.option(
            "--no-passphrase", is_flag=True, help="Store the key unprotected."
        ),
        passphrase_option(
            "Seal the key under the first line of this file; without it you are asked."
        ),
    ):
        command = option(command)
    return command


@click.group()
def keys() -> None:
    """Make and list keys: those that sign, and those that payloads are sealed to."""


@keys.command()
@click.argument("name")
@_home_option
@click.option(
    "--mnemonic-file",
    type=click.File(encoding="utf-8"),
    help="Take the key of these words instead of making one; '-' reads them from stdin.",
)
@_protection_options
@_json_option
@cli_errors
def add(
    name: str,
    home: Path,
    mnemonic_file: IO[str] | None,
    passphrase_file: IO[str] | None,
    no_passphrase: bool,
    as_json: bool,
) -> None:
    """Add the key NAME, and print its words once if they are new."""
    passphrase = chosen_passphrase(passphrase_file, is_plain=no_passphrase)
    given = _read_mnemonic(mnemonic_file) if mnemonic_file is not None else None
    record, words = keyring_of(home).create(name, given, passphrase)
    shown = _public_part(record) | ({} if given is not None else {"mnemonic": words})
    if as_json:
        click.echo(orjson.dumps(shown))
        return
    for field, value in shown.items():
        click.echo(f"{field + ':':<12} {value}")
    if given is None:
        click.echo(
            "Write the mnemonic down and keep it safe; it is not shown again.", err=True
        )


@keys.command("list")
@_home_option
@_json_option
@cli_errors
def list_keys(home: Path, as_json: bool) -> None:
    """List the keys by name."""
    records = keyring_of(home).list()
    if as_json:
        click.echo(orjson.dumps([_public_part(record) for record in records]))
        return
    width = max((len(record.name) for record in records), default=0)
    for record in records:
        note = "" if record.is_protected else "  (unprotected)"
        click.echo(f"{record.name:<{width}}  {record.address}{note}")


@keys.command()
@click.argument("name")
@_home_option
@click.option(
    "--address-only", is_flag=True, help="Print the address and nothing else."
)
@_json_option
@cli_errors
def show(name: str, home: Path, address_only: bool, as_json: bool) -> None:
    """Show the public part of the key NAME."""
    record = keyring_of(home).get(name)
    if address_only:
        click.echo(record.address)
    elif as_json:
        click.echo(orjson.dumps(_public_part(record)))
    else:
        for field, value in _public_part(record).items():
            click.echo(f"{field + ':':<12} {value}")


@keys.group()
def reader() -> None:
    """Keys that payloads are sealed to."""


@reader.command("add")
@click.argument("name")
@_home_option
@_protection_options
@_json_option
@cli_errors
def add_reader(
    name: str,
    home: Path,
    passphrase_file: IO[str] | None,
    no_passphrase: bool,
    as_json: bool,
) -> None:
    """Make the reader key NAME (X25519), and print its public key.

    It has no words: without its file and passphrase nothing opens that is sealed to it.
    """
    passphrase = chosen_passphrase(passphrase_file, is_plain=no_passphrase)
    _show_reader(reader_keys_of(home).create(name, passphrase), as_json=as_json)


@reader.command("list")
@_home_option
@_json_option
@cli_errors
def list_readers(home: Path, as_json: bool) -> None:
    """List the reader keys by name."""
    found = reader_keys_of(home).list()
    if as_json:
        click.echo(orjson.dumps([_reader_part(key) for key in found]))
        return
    width = max((len(key.name) for key in found), default=0)
    for key in found:
        note = "" if key.is_protected else "  (unprotected)"
        click.echo(f"{key.name:<{width}}  {key.public_key.hex()}{note}")


@reader.command("show")
@click.argument("name")
@_home_option
@click.option(
    "--public-key-only", is_flag=True, help="Print the public key and nothing else."
)
@_json_option
@cli_errors
def show_reader(name: str, home: Path, public_key_only: bool, as_json: bool) -> None:
    """Show the public part of the reader key NAME."""
    key = reader_keys_of(home).get(name)
    if public_key_only:
        click.echo(key.public_key.hex())
    else:
        _show_reader(key, as_json=as_json)


def reader_keys_of(home: Path) -> ReaderKeys:
    """Return the reader keys of a home folder."""
    return ReaderKeys(home / READER_KEYS_FOLDER)


def keyring_of(home: Path) -> Keyring:
    """Return the keyring of a home folder."""
    return Keyring(home / KEYRING_FOLDER)


def _read_mnemonic(file: IO[str]) -> str:
    text = file.read(MNEMONIC_CHARACTERS_MAX + 1)
    if len(text) > MNEMONIC_CHARACTERS_MAX:
        raise InvalidMnemonicError(
            reason=f"more than {MNEMONIC_CHARACTERS_MAX} characters"
        )
    return text


def _public_part(record: KeyRecord) -> dict[str, Any]:
    return {
        "name": record.name,
        "address": record.address,
        "public_key": record.public_key.hex(),
    }


def _show_reader(key: ReaderKey, *, as_json: bool) -> None:
    if as_json:
        click.echo(orjson.dumps(_reader_part(key)))
        return
    for field, value in _reader_part(key).items():
        click.echo(f"{field + ':':<12} {value}")


def _reader_part(key: ReaderKey) -> dict[str, Any]:
    return {"name": key.name, "public_key": key.public_key.hex()}
