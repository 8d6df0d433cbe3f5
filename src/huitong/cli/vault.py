"""``huitong vault``: the folder in which a member keeps its payloads, encrypted."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click

from huitong.cli.errors import cli_errors
from huitong.cli.zones import json_option, show, show_many
from huitong.core.errors import HuitongError
from huitong.gateway.folder_vault import KEY_VARIABLE, Vault, load_key, make_key_file
from huitong.gateway.vault.errors import VaultExistsError

vault_key_option = click.option(
    "--vault-key",
    type=click.Path(dir_okay=False, path_type=Path),
    help=f"File with the vault's key; else {KEY_VARIABLE}.",
)


@click.group()
def vault() -> None:
    """Make and list the folder that keeps a member's payloads, encrypted."""


@vault.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option(
    "--vault-key",
    type=click.Path(dir_okay=False, path_type=Path),
    required=True,
    help="New file for the vault's key; keep it on another disk than the folder.",
)
@json_option
@cli_errors
def init(folder: Path, vault_key: Path, as_json: bool) -> None:
    """Make the vault FOLDER and the key that opens it, in a file of mode 0600.

    Without the key nothing in the vault can be read. An existing file is never replaced.
    """
    if folder.exists() and any(folder.iterdir()):
        raise VaultExistsError(path=folder)
    key = make_key_file(vault_key)
    try:
        Vault(folder, key)
    except HuitongError:
        vault_key.unlink()
        raise
    done: dict[str, Any] = {"ok": True, "vault": str(folder), "key": str(vault_key)}
    show(done, as_json=as_json)


@vault.command("list")
@click.argument("folder", type=click.Path(file_okay=False, exists=True, path_type=Path))
@vault_key_option
@json_option
@cli_errors
def list_payloads(folder: Path, vault_key: Path | None, as_json: bool) -> None:
    """List what lies in the vault FOLDER: digests and field names, no content.

    Every payload is opened and checked against its digest.
    """
    opened = Vault(folder, load_key(vault_key, os.environ))
    found = [
        {"digest": digest.hex(), "fields": sorted(opened.get(digest).fields)}
        for digest in opened.digests()
    ]
    show_many("payloads", found, as_json=as_json)
