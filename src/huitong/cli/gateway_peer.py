"""``huitong gateway peer``: the gateways of other members that this one knows."""

from __future__ import annotations

import shutil
import tomllib
from pathlib import Path
from typing import Any

import click
import orjson

from huitong.cli.errors import cli_errors
from huitong.cli.gateway_key import home_option
from huitong.cli.zones import json_option, show, show_many
from huitong.gateway.peers.certificates import read_certificate
from huitong.gateway.service.errors import PeerKnownError
from huitong.gateway.service.home import GatewayHome
from huitong.gateway.settings import load_settings, read_settings
from huitong.keys.new_file import replace_file

#: Folder of the certificates of peers, in the home.
_FOLDER = "peers"


@click.group()
def peer() -> None:
    """Say where the gateways of other members are, and by what they are known."""


@peer.command()
@click.argument("member")
@click.argument("url")
@click.option(
    "--certificate",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    required=True,
    help="File with its certificate, peer.crt of its home, got in a way that you trust.",
)
@home_option
@json_option
@cli_errors
def add(member: str, url: str, certificate: Path, folder: Path, as_json: bool) -> None:
    """Know the gateway of MEMBER, which takes deliveries at URL, by its certificate.

    The certificate is copied into the home, and the peer appended to gateway.toml. A
    gateway that runs must be started again to know it.
    """
    home = GatewayHome(folder)
    if member in load_settings(folder).peers:
        raise PeerKnownError(member=member, path=home.settings_file)
    found = read_certificate(certificate)
    place = f"{_FOLDER}/{member}.crt"
    name, address = orjson.dumps(member).decode(), orjson.dumps(url).decode()
    section = f'\n[peers.{name}]\nurl = {address}\ncertificate = "{place}"\n'
    text = home.settings_file.read_text(encoding="utf-8") + section
    read_settings(tomllib.loads(text), home.settings_file)  # refuses what is wrong
    home.place(_FOLDER).mkdir(mode=0o700, exist_ok=True)
    shutil.copyfile(certificate, home.place(place))
    replace_file(home.settings_file, text.encode())
    shown = {"ok": True, "member": member, "url": url, "key": found.spki_digest.hex()}
    show(shown, as_json=as_json)


@peer.command("list")
@home_option
@json_option
@cli_errors
def list_peers(folder: Path, as_json: bool) -> None:
    """List the gateways that this one knows, and the hash of the key that each has."""
    home, found = GatewayHome(folder), []
    for member, known in sorted(load_settings(folder).peers.items()):
        shown: dict[str, Any] = {"member": member, "url": known.url, "key": None}
        if known.certificate is not None:
            read = read_certificate(home.place(known.certificate))
            shown["key"] = read.spki_digest.hex()
        found.append(shown)
    show_many("peers", found, as_json=as_json)
