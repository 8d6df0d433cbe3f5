"""``huitong evidence``: make, show and refresh evidence bundles."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path

import click

from huitong.cli.errors import cli_errors
from huitong.client.zone import ZoneClient
from huitong.evidence.bundle_file import read_bundle, write_file
from huitong.evidence.collect import Order, collect_bundle
from huitong.evidence.container import decode_container
from huitong.evidence.errors import EntryMissingError
from huitong.evidence.model import SIDES
from huitong.evidence.refresh import refresh_bundle
from huitong.evidence.sources import NodeSource
from huitong.keys.keyring import Keyring

_PATH = click.Path(path_type=Path)


@click.group()
def evidence() -> None:
    """Make, show and refresh evidence bundles."""


@evidence.command()
@click.option(
    "--provider", required=True, metavar="URL", help="Node of the provider's zone."
)
@click.option(
    "--requester", required=True, metavar="URL", help="Node of the requester's zone."
)
@click.option(
    "--channel", required=True, metavar="ID", help="Channel on the requester's zone."
)
@click.option(
    "--sequence",
    required=True,
    type=click.IntRange(min=1),
    help="Sequence of the request.",
)
@click.option(
    "--disclosure", required=True, type=_PATH, help="The payload as it was delivered."
)
@click.option(
    "--home", required=True, type=_PATH, help="Home folder with the maker's keyring."
)
@click.option(
    "--from",
    "key_name",
    required=True,
    metavar="NAME",
    help="Key that signs the manifest.",
)
@click.option("--passphrase-file", type=_PATH, help="File with the key's passphrase.")
@click.option(
    "--side",
    type=click.Choice(SIDES),
    default=SIDES[1],
    show_default=True,
    help="Whose key signs.",
)
@click.option("--out", required=True, type=_PATH, help="The bundle to write.")
@cli_errors
def make(
    provider: str,
    requester: str,
    channel: str,
    sequence: int,
    disclosure: Path,
    home: Path,
    key_name: str,
    passphrase_file: Path | None,
    side: str,
    out: Path,
) -> None:
    """Make the bundle of one finished exchange from two live zones."""
    passphrase = passphrase_file.read_text().rstrip("\n") if passphrase_file else None
    order = Order(
        channel_on_b=channel,
        sequence=sequence,
        disclosure=disclosure.read_bytes(),
        maker_side=side,
        private_key=Keyring(home / "keyring").unlock(key_name, passphrase),
        anchors={},
    )
    data = asyncio.run(_make(provider, requester, order))
    write_file(out, data)
    click.echo(f"{out}: {len(data)} bytes")


@evidence.command()
@click.argument("file", type=_PATH)
@click.argument("entry", required=False)
@cli_errors
def show(file: Path, entry: str | None) -> None:
    """Print the report in a bundle, or one of its ENTRies.

    Nothing is verified here; see `huitong verify`.
    """
    entries = decode_container(read_bundle(file))
    name = entry or "report.md"
    if name not in entries:
        raise EntryMissingError(entry=name)
    click.echo(entries[name], nl=False)
    if entry is None:
        click.echo(
            "\n" + "\n".join(f"{len(entries[n]):>9}  {n}" for n in sorted(entries))
        )


@evidence.command()
@click.argument("file", type=_PATH)
@click.option(
    "--node",
    "nodes",
    multiple=True,
    required=True,
    metavar="URL",
    help="A node of a zone in the bundle; repeat for both.",
)
@click.option("--out", type=_PATH, help="Where to write; the bundle itself by default.")
@cli_errors
def refresh(file: Path, nodes: tuple[str, ...], out: Path | None) -> None:
    """Prove a bundle's headers to the newest header of its zones."""
    data = asyncio.run(_refresh(read_bundle(file), nodes))
    target = out or file
    write_file(target, data)
    click.echo(f"{target}: {len(data)} bytes")


async def _make(provider: str, requester: str, order: Order) -> bytes:
    async with ZoneClient(provider) as a, ZoneClient(requester) as b:
        return await collect_bundle(
            NodeSource(a), NodeSource(b), order, now_ns=time.time_ns()
        )


async def _refresh(data: bytes, nodes: Sequence[str]) -> bytes:
    async with AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(ZoneClient(url)) for url in nodes]
        sources = [NodeSource(client) for client in clients]
        return await refresh_bundle(data, sources, now_ns=time.time_ns())
