"""``huitong vault``: the folder in which a member keeps its payloads, encrypted."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final, TypeVar

import click
import uvloop

from huitong.cli.errors import cli_errors
from huitong.cli.zones import hex_bytes, json_option, show, show_many
from huitong.core.errors import HuitongError
from huitong.core.fields import DIGEST_SIZE_BYTES
from huitong.gateway.vault.errors import VaultExistsError
from huitong.gateway.vault.folder import make_folder_vault, open_folder_vault
from huitong.gateway.vault.keys import load_key_of_command, make_key_file
from huitong.gateway.vault.model import StoredPayload
from huitong.gateway.vault.settings import KEY_VARIABLE
from huitong.gateway.vault.vault import Vault
from huitong.node.logs import configure_logs

ResultT = TypeVar("ResultT")

#: Payloads that `list` asks for at once.
_PAGE: Final = 500
_KEY_FILE: Final = click.Path(dir_okay=False, path_type=Path)
_folder_argument = click.argument(
    "folder", type=click.Path(file_okay=False, exists=True, path_type=Path)
)
vault_key_option = click.option(
    "--vault-key",
    type=_KEY_FILE,
    help=f"File with the vault's key; else {KEY_VARIABLE}.",
)


def with_vault(
    folder: Path,
    vault_key: Path | None,
    work: Callable[[Vault], Awaitable[ResultT]],
    previous_keys: tuple[Path, ...] = (),
) -> ResultT:
    """Run ``work`` with the vault in ``folder``."""
    configure_logs("warning", "auto")
    key = load_key_of_command(vault_key, os.environ)
    previous = [load_key_of_command(path, os.environ) for path in previous_keys]

    async def run() -> ResultT:
        async with open_folder_vault(folder, key, previous) as opened:
            return await work(opened)

    return uvloop.run(run())


@click.group()
def vault() -> None:
    """Make and tend the folder that keeps a member's payloads, encrypted."""


@vault.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option(
    "--vault-key",
    type=_KEY_FILE,
    required=True,
    help="New file for the vault's key; keep it on another disk than the folder.",
)
@json_option
@cli_errors
def init(folder: Path, vault_key: Path, as_json: bool) -> None:
    """Make the vault FOLDER and the key that opens it, in a file of mode 0600.

    Without the key nothing in the vault can be read. An existing file is never replaced.
    """
    if folder.is_dir() and any(folder.iterdir()):
        raise VaultExistsError(path=folder)
    make_key_file(vault_key)
    try:
        uvloop.run(make_folder_vault(folder))
    except HuitongError:
        vault_key.unlink()
        raise
    done: dict[str, Any] = {"ok": True, "vault": str(folder), "key": str(vault_key)}
    show(done, as_json=as_json)


@vault.command("list")
@_folder_argument
@vault_key_option
@json_option
@cli_errors
def list_payloads(folder: Path, vault_key: Path | None, as_json: bool) -> None:
    """List what lies in the vault FOLDER: digests and field names, no content.

    Every payload is opened and checked against its digest.
    """
    found = with_vault(folder, vault_key, _checked_payloads)
    show_many("payloads", found, as_json=as_json)


@vault.command()
@_folder_argument
@click.option(
    "--subject",
    callback=hex_bytes(DIGEST_SIZE_BYTES),
    required=True,
    metavar="HEX",
    help="Salted pseudonym of the data subject, as in the record header.",
)
@click.confirmation_option(prompt="Nothing brings these payloads back. Erase them?")
@vault_key_option
@json_option
@cli_errors
def erase(folder: Path, subject: bytes, vault_key: Path | None, as_json: bool) -> None:
    """Destroy the keys of a data subject, and so all of its payloads in FOLDER.

    The history on chain stays valid. Backups of the ciphertext become unreadable too; of
    the database, once the vault's key was changed and the former one destroyed.
    """
    erasure = with_vault(
        folder, vault_key, lambda opened: opened.erase_subject(subject)
    )
    done = {"ok": True, "payloads": erasure.payloads, "keys": list(erasure.keys)}
    show(done, as_json=as_json)


@vault.command()
@_folder_argument
@click.option(
    "--vault-key", type=_KEY_FILE, required=True, help="File with the new key."
)
@click.option(
    "--previous-key",
    "previous_keys",
    type=_KEY_FILE,
    required=True,
    multiple=True,
    help="File with a key that was used before; more than one may be given.",
)
@click.option("--new", is_flag=True, help="Make the new key, in a new file.")
@json_option
@cli_errors
def rotate(
    folder: Path,
    vault_key: Path,
    previous_keys: tuple[Path, ...],
    new: bool,
    as_json: bool,
) -> None:
    """Change the key of the vault FOLDER; payloads are not written anew.

    After an interruption call it again, without --new. Former keys can be destroyed once
    it has ended.
    """
    if new:
        make_key_file(vault_key)
    rotation = with_vault(
        folder, vault_key, lambda opened: opened.rotate(), previous_keys
    )
    done = {"ok": True, "rewrapped": rotation.rewrapped, "key": rotation.key_id}
    show(done, as_json=as_json)


async def _checked_payloads(opened: Vault) -> list[dict[str, Any]]:
    """Open every payload, and return what is told of it."""
    found: list[dict[str, Any]] = []
    page: list[StoredPayload] = await opened.list(limit=_PAGE)
    while page:
        for stored in page:
            if not stored.is_erased:
                content = (await opened.open(stored.digest, stored.holder)).content
                async for _ in content:
                    pass
            told = {"digest": stored.digest.hex(), "fields": list(stored.fields)}
            found.append(told | ({"erased": True} if stored.is_erased else {}))
        last = page[-1]
        page = await opened.list(after=(last.digest, last.holder), limit=_PAGE)
    return found
