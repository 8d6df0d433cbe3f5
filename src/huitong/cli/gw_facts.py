"""``huitong gw facts``: what other zones hold, proven to this one."""

from __future__ import annotations

import click

from huitong.cli.gw_connection import (
    gw_command,
    limit_option,
    show_list,
    show_one,
    wait_option,
)
from huitong.sdk import Gateway


@click.group()
def facts() -> None:
    """Import facts of other zones, and look after them."""


@facts.command("import")
@click.argument("source")
@click.argument("issuer", required=False)
@click.argument("record", required=False)
@click.option("--store", help="Store of the other zone, instead of a record.")
@click.option("--key", metavar="HEX", help="Key in --store.")
@click.option(
    "--watch/--no-watch",
    default=True,
    show_default=True,
    help="Refresh it before it ends, and when its source changes.",
)
@click.option("--idempotency-key", help="The same order under it is carried out once.")
@wait_option
@gw_command
def import_fact(
    gateway: Gateway,
    source: str,
    issuer: str | None,
    record: str | None,
    store: str | None,
    key: str | None,
    watch: bool,
    idempotency_key: str | None,
    wait: int,
    as_json: bool,
) -> None:
    """Import RECORD of ISSUER, or any key of another zone's state, over SOURCE.

    SOURCE is a connection of this zone (see `huitong gw links`) or a light client.
    """
    made = gateway.import_fact(
        source=source,
        issuer=issuer,
        record=record,
        store=store,
        key=key,
        watch=watch,
        idempotency_key=idempotency_key,
        wait=wait,
    )
    show_one(made, as_json=as_json)


@facts.command("list")
@click.option("--source", help="Only those that this one vouches for.")
@click.option("--issuer", help="Only those about records of this member.")
@click.option("--record", help="Only those about this record of --issuer.")
@limit_option
@gw_command
def list_facts(
    gateway: Gateway,
    source: str | None,
    issuer: str | None,
    record: str | None,
    most: int,
    as_json: bool,
) -> None:
    """List what is proven to this zone."""
    found = gateway.list_facts(source=source, issuer=issuer, record=record)
    show_list("facts", found, most, as_json=as_json)


@facts.command("show")
@click.argument("fact")
@click.option(
    "--wait", type=click.IntRange(0, 60), help="Seconds to wait while it is brought."
)
@gw_command
def show_fact(gateway: Gateway, fact: str, wait: int | None, as_json: bool) -> None:
    """Show a fact; the exit code is 1 if it has a problem."""
    show_one(gateway.get_fact(fact, wait=wait), as_json=as_json)


@facts.command()
@click.argument("fact")
@wait_option
@gw_command
def refresh(gateway: Gateway, fact: str, wait: int, as_json: bool) -> None:
    """Bring a newer proof of FACT, as soon as a header proves it."""
    show_one(gateway.refresh_fact(fact, wait=wait), as_json=as_json)


@facts.command()
@click.argument("fact")
@click.option("--off", is_flag=True, help="No longer.")
@gw_command
def watch(gateway: Gateway, fact: str, off: bool, as_json: bool) -> None:
    """Look after FACT from now on."""
    show_one(gateway.watch_fact(fact, watch=not off), as_json=as_json)
