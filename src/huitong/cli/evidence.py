"""``huitong evidence``: make, show and refresh evidence bundles; write trust files."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import IO, Any, Final

import click

from huitong.cli.errors import cli_errors
from huitong.cli.numbers import Number
from huitong.cli.passphrase import passphrase_option
from huitong.cli.zones import hex_bytes, home_option, json_option, show_many, unlock_key
from huitong.cli.zones import show as show_object
from huitong.client.zone import ZoneClient
from huitong.core.fields import DIGEST_SIZE_BYTES
from huitong.core.time import format_rfc3339
from huitong.evidence.bundle_file import read_bundle, write_file
from huitong.evidence.collect import Order, collect_bundle
from huitong.evidence.collect_state import StateOrder, collect_state_bundle
from huitong.evidence.container import decode_container
from huitong.evidence.errors import EntryMissingError
from huitong.evidence.kinds import (
    CONSENT_STATE,
    FACT_STATE,
    GRANT_STATE,
    KINDS,
    RECORD_STATE,
    SIDES,
)
from huitong.evidence.manifest import MANIFEST_ENTRY
from huitong.evidence.pdf import render_pdf
from huitong.evidence.refresh import refresh_bundle
from huitong.evidence.sources import NodeSource
from huitong.evidence.stamps import add_stamp, request_stamp
from huitong.evidence.trust import encode_trust, load_authorities, load_trust
from huitong.evidence.verify import verify_bundle
from huitong.evidence.witnesses import read_headers
from huitong.light.tendermint.header import BlockHeader, header_hash

_PATH = click.Path(path_type=Path)
_BY_NUMBER: Final = (GRANT_STATE.name, CONSENT_STATE.name)
_TRUST_WARNING: Final = (
    "This file says what these nodes say. It proves something only to whoever trusts "
    "them:\ncompare the hashes with a source of your own before you verify with it."
)


@click.group()
def evidence() -> None:
    """Make, show and refresh evidence bundles; write trust files."""


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
    type=Number(min=1),
    help="Sequence of the request.",
)
@click.option(
    "--disclosure",
    type=_PATH,
    help="The payload as it was delivered; needed if the exchange is finished.",
)
@home_option
@click.option(
    "--from",
    "key_name",
    required=True,
    metavar="NAME",
    help="Key that signs the manifest.",
)
@passphrase_option("Its first line opens the key; without it you are asked.")
@click.option(
    "--side",
    type=click.Choice(SIDES),
    default=SIDES[1],
    show_default=True,
    help="Whose key signs.",
)
@click.option("--out", required=True, type=_PATH, help="The bundle to write.")
@json_option
@cli_errors
def make(
    provider: str,
    requester: str,
    channel: str,
    sequence: int,
    disclosure: Path | None,
    home: Path,
    key_name: str,
    passphrase_file: IO[str] | None,
    side: str,
    out: Path,
    as_json: bool,
) -> None:
    """Make the bundle of one exchange from two live zones, whatever became of it.

    A finished exchange needs the payload; one that was refused, timed out, failed, or was
    never confirmed does not.
    """
    order = Order(
        channel_on_b=channel,
        sequence=sequence,
        disclosure=b"" if disclosure is None else disclosure.read_bytes(),
        maker_side=side,
        private_key=unlock_key(home, key_name, passphrase_file),
        anchors={},
    )
    data = asyncio.run(_make(provider, requester, order))
    write_file(out, data)
    _show_written(out, data, as_json=as_json)


@evidence.command()
@click.argument(
    "kind",
    type=click.Choice([kind.name for kind in KINDS.values() if not kind.is_linked]),
)
@click.option("--node", required=True, metavar="URL", help="Node of the zone.")
@click.option(
    "--member", default="", metavar="ID", help="Issuer, or the member itself."
)
@click.option("--record", default="", metavar="ID", help="Id of the record.")
@click.option(
    "--version", type=Number(min=1), help="Version of the record; the head by default."
)
@click.option(
    "--fact",
    callback=hex_bytes(DIGEST_SIZE_BYTES),
    metavar="HEX",
    help="Id of the fact.",
)
@click.option("--id", "number", type=Number(min=1), help="Id of the grant or consent.")
@home_option
@click.option(
    "--from",
    "key_name",
    required=True,
    metavar="NAME",
    help="Key that signs the manifest.",
)
@passphrase_option("Its first line opens the key; without it you are asked.")
@click.option("--out", required=True, type=_PATH, help="The bundle to write.")
@json_option
@cli_errors
def state(
    kind: str,
    node: str,
    member: str,
    record: str,
    version: int | None,
    fact: bytes | None,
    number: int | None,
    home: Path,
    key_name: str,
    passphrase_file: IO[str] | None,
    out: Path,
    as_json: bool,
) -> None:
    """Make the bundle of what one zone says now: of a record, grant, consent, member or fact."""
    if kind in _BY_NUMBER and number is None:
        raise click.UsageError(f"a {kind} needs --id")
    if kind == FACT_STATE.name and not fact:
        raise click.UsageError("a fact needs --fact")
    if kind not in (*_BY_NUMBER, FACT_STATE.name) and not member:
        raise click.UsageError(f"a {kind} needs --member")
    if kind == RECORD_STATE.name and not record:
        raise click.UsageError("a record needs --record")
    order = StateOrder(
        kind=KINDS[kind],
        member_id=member,
        record_id=fact.hex() if fact else record,
        version=version or 0,
        number=number or 0,
        private_key=unlock_key(home, key_name, passphrase_file),
    )
    data = asyncio.run(_make_state(node, order))
    write_file(out, data)
    _show_written(out, data, as_json=as_json)


@evidence.command()
@click.argument("file", type=_PATH)
@click.option("--authority", required=True, metavar="URL", help="Of the authority.")
@click.option("--out", type=_PATH, help="Where to write; the bundle itself by default.")
@json_option
@cli_errors
def stamp(file: Path, authority: str, out: Path | None, as_json: bool) -> None:
    """Add an authority's time-stamp (RFC 3161) to a bundle.

    Only the digest of the manifest is sent. Who verifies names the authority's root
    certificate in the trust file.
    """
    data = read_bundle(file)
    manifest = decode_container(data).get(MANIFEST_ENTRY)
    if manifest is None:
        raise EntryMissingError(entry=MANIFEST_ENTRY)
    stamped = add_stamp(data, asyncio.run(request_stamp(manifest, authority)))
    target = out or file
    write_file(target, stamped)
    _show_written(target, stamped, as_json=as_json)


@evidence.command()
@click.argument("file", type=_PATH)
@click.option("--trust", "trust_path", type=_PATH, help="What you trust.")
@click.option("--out", required=True, type=_PATH, help="The PDF to write.")
@json_option
@cli_errors
def report(file: Path, trust_path: Path | None, out: Path, as_json: bool) -> None:
    """Verify a bundle and write its report, with the verdict, as PDF."""
    data = read_bundle(file)
    verdict = verify_bundle(
        data,
        None if trust_path is None else load_trust(trust_path),
        now_ns=time.time_ns(),
        authorities=() if trust_path is None else load_authorities(trust_path),
    )
    page = render_pdf(data, verdict)
    write_file(out, page)
    _show_written(out, page, as_json=as_json)


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
@json_option
@cli_errors
def refresh(
    file: Path, nodes: tuple[str, ...], out: Path | None, as_json: bool
) -> None:
    """Prove a bundle's headers to the newest header of its zones."""
    data = asyncio.run(_refresh(read_bundle(file), nodes))
    target = out or file
    write_file(target, data)
    _show_written(target, data, as_json=as_json)


@evidence.command()
@click.option(
    "--node",
    "nodes",
    multiple=True,
    required=True,
    metavar="URL",
    help="A node of a zone; repeat for each zone. Several of one zone must agree.",
)
@click.option(
    "--height",
    "heights",
    multiple=True,
    type=Number(min=1),
    help="Header to trust, one for each --node in order; the newest by default.",
)
@click.option("--out", required=True, type=_PATH, help="The trust file to write.")
@json_option
@cli_errors
def trust(
    nodes: tuple[str, ...], heights: tuple[int, ...], out: Path, as_json: bool
) -> None:
    """Write a trust file with what nodes say of their zones' headers.

    Such a file is worth as much as its nodes: whoever verifies takes it from nodes of
    their own, or compares the hashes with what others tell them. A bundle that ends below
    the header needs `evidence refresh`.
    """
    if heights and len(heights) != len(nodes):
        raise click.UsageError("say --height for each --node, or not at all")
    headers = asyncio.run(_headers(nodes, heights))
    write_file(out, encode_trust(headers))
    if not as_json:
        click.echo(_TRUST_WARNING, err=True)
    shown = [_header_object(header) for _, header in sorted(headers.items())]
    if as_json:
        show_object({"ok": True, "out": str(out), "zones": shown}, as_json=True)
    else:
        show_many("zones", shown, as_json=False)


def _header_object(header: BlockHeader) -> dict[str, Any]:
    return {
        "chain_id": header.chain_id,
        "height": header.height,
        "hash": header_hash(header).hex(),
        "time": format_rfc3339(header.time_ns),
    }


def _show_written(path: Path, data: bytes, *, as_json: bool) -> None:
    if as_json:
        shown = {"ok": True, "out": str(path), "size_bytes": len(data)}
        show_object(shown, as_json=True)
    else:
        click.echo(f"{path}: {len(data)} bytes")


async def _headers(
    nodes: Sequence[str], heights: Sequence[int]
) -> dict[str, BlockHeader]:
    async with AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(ZoneClient(url)) for url in nodes]
        return await read_headers(clients, heights)


async def _make(provider: str, requester: str, order: Order) -> bytes:
    async with ZoneClient(provider) as a, ZoneClient(requester) as b:
        return await collect_bundle(
            NodeSource(a), NodeSource(b), order, now_ns=time.time_ns()
        )


async def _make_state(node: str, order: StateOrder) -> bytes:
    async with ZoneClient(node) as client:
        return await collect_state_bundle(
            NodeSource(client), order, now_ns=time.time_ns()
        )


async def _refresh(data: bytes, nodes: Sequence[str]) -> bytes:
    async with AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(ZoneClient(url)) for url in nodes]
        sources = [NodeSource(client) for client in clients]
        return await refresh_bundle(data, sources, now_ns=time.time_ns())
