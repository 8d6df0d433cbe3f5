"""``huitong gw requests`` and ``exchanges``: asking, deciding, receiving."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import click

from huitong.cli.gw_connection import (
    gw_command,
    limit_option,
    show_list,
    show_one,
    wait_option,
)
from huitong.cli.zones import show
from huitong.keys.new_file import new_file
from huitong.sdk import Gateway


@click.group()
def requests() -> None:
    """Ask other members for records, and decide what they ask of this one."""


@requests.command()
@click.argument("record")
@click.option("--channel", required=True, help="Leads to the issuer's zone; see links.")
@click.option("--issuer", required=True, help="Member that published it.")
@click.option("--purpose", required=True, help="What for.")
@click.option("--version", type=click.IntRange(min=1), help="The newest if not said.")
@click.option("--legal-basis", help="On what basis, for people.")
@click.option("--consent", type=click.IntRange(min=1), help="Number of a consent.")
@click.option("--field", "fields", multiple=True, help="A field; all if not said.")
@click.option(
    "--keep-until", help="Until when it will be kept; for one use if not said."
)
@click.option("--timeout", "timeout_s", type=int, help="Seconds it may be on its way.")
@click.option(
    "--minimum-grade",
    type=click.Choice(["proven", "attested", "signed", "unverified"]),
    help="Refuse an answer that is less well proven.",
)
@click.option("--idempotency-key", help="The same order under it is carried out once.")
@wait_option
@gw_command
def make(
    gateway: Gateway, record: str, fields: tuple[str, ...], as_json: bool, **said: Any
) -> None:
    """Ask for RECORD, and wait for its end; the exit code is 1 if it was not received."""
    made = gateway.create_request(record=record, fields=fields, **said)
    show_one(made, as_json=as_json)


@requests.command("list")
@limit_option
@gw_command
def list_requests(gateway: Gateway, most: int, as_json: bool) -> None:
    """List what others ask and an officer has to decide."""
    show_list("requests", gateway.list_requests(), most, as_json=as_json)


@requests.command()
@click.argument("exchange")
@click.argument("outcome", type=click.Choice(["granted", "refused"]))
@click.option("--reason", help="Why; needed for a refusal.")
@click.option("--field", "fields", multiple=True, help="Grant only these fields.")
@wait_option
@gw_command
def decide(
    gateway: Gateway,
    exchange: str,
    outcome: Literal["granted", "refused"],
    reason: str | None,
    fields: tuple[str, ...],
    wait: int,
    as_json: bool,
) -> None:
    """Decide a request that waits for an officer."""
    done = gateway.decide_request(
        exchange, outcome=outcome, reason=reason, fields=fields, wait=wait
    )
    show(done.model_dump(mode="json"), as_json=as_json)


@click.group()
def exchanges() -> None:
    """Look at exchanges, and take what was received."""


@exchanges.command("list")
@click.option("--side", type=click.Choice(["provider", "requester"]))
@click.option("--stage", "stages", multiple=True, help="Any of these.")
@click.option("--peer", help="Only those with this member.")
@click.option("--record", help="Only those about this record.")
@click.option("--stuck", is_flag=True, default=None, help="Only those with a problem.")
@limit_option
@gw_command
def list_exchanges(
    gateway: Gateway, stages: tuple[Any, ...], most: int, as_json: bool, **wanted: Any
) -> None:
    """List exchanges, oldest first."""
    found = gateway.list_exchanges(stage=stages, **wanted)
    show_list("exchanges", found, most, as_json=as_json)


@exchanges.command("show")
@click.argument("exchange")
@click.option("--wait", type=click.IntRange(0, 60), help="Seconds to wait for its end.")
@gw_command
def show_exchange(
    gateway: Gateway, exchange: str, wait: int | None, as_json: bool
) -> None:
    """Show an exchange; the exit code is 1 if it ended without receipt or is stuck."""
    show_one(gateway.get_exchange(exchange, wait=wait), as_json=as_json)


out_option = click.option(
    "--out",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="The file to write; it must not exist.",
)


@exchanges.command()
@click.argument("exchange")
@out_option
@gw_command
def document(gateway: Gateway, exchange: str, out: Path, as_json: bool) -> None:
    """Write the document that was received; whole, or not at all."""
    write_document(out, gateway.download_document(exchange), as_json=as_json)


@exchanges.command()
@click.argument("exchange")
@out_option
@gw_command
def disclosure(gateway: Gateway, exchange: str, out: Path, as_json: bool) -> None:
    """Write what was received with its salts and hashes, as evidence needs it."""
    write_document(out, gateway.download_disclosure(exchange), as_json=as_json)


def write_document(out: Path, pieces: Iterator[bytes], *, as_json: bool) -> None:
    """Write what is downloaded into a new file; whole, or not at all."""
    size = 0
    with new_file(out) as file:
        for piece in pieces:
            size += file.write(piece)
    show({"ok": True, "file": str(out), "size": size}, as_json=as_json)
