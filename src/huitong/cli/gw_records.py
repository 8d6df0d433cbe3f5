"""``huitong gw records``: what this member publishes."""

from __future__ import annotations

import mimetypes
from pathlib import Path
from typing import Any

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
def records() -> None:
    """Publish records, look at them, and change their status."""


@records.command()
@click.argument("record")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--type", "record_type", help="Type of the record; needed for a new one.")
@click.option(
    "--previous-version",
    type=click.IntRange(min=1),
    help="Publish a new version that follows this one.",
)
@click.option("--subject", help="Pseudonym of the data subject, 64 hexadecimal digits.")
@click.option("--level", type=click.IntRange(1, 4), help="Data level, 1 (open) to 4.")
@click.option(
    "--share-class",
    type=click.Choice(["open", "conditional", "closed"]),
    help="Who may have it: anybody, by grant or decision, nobody.",
)
@click.option("--title", help="Line in the catalogue; without it there is none.")
@click.option("--terms", help="Terms in the catalogue.")
@click.option("--valid-from", help="From when, such as 2026-03-18T09:30:00Z.")
@click.option("--valid-until", help="Until when.")
@click.option("--content-type", help="Type of the file; by its name if not said.")
@click.option("--idempotency-key", help="The same order under it is carried out once.")
@wait_option
@gw_command
def publish(
    gateway: Gateway,
    record: str,
    file: Path,
    record_type: str | None,
    previous_version: int | None,
    content_type: str | None,
    as_json: bool,
    **said: Any,
) -> None:
    """Publish FILE as RECORD, or as a new version of it.

    Each top-level member of a JSON file becomes a field that can be given by itself; a
    file of another type is one field.
    """
    guessed = content_type or mimetypes.guess_type(file.name)[0]
    said["content_type"] = guessed or "application/octet-stream"
    if previous_version is not None:
        fixed = ("subject", "level", "share_class", "title", "terms")
        given = [name for name in fixed if said.pop(name) is not None]
        if given or record_type:
            raise click.UsageError(
                "a new version keeps type, subject, level, share class, title and terms"
            )
        done = gateway.publish_file_version(
            record, file, previous_version=previous_version, **said
        )
    elif record_type is None:
        raise click.UsageError("a new record needs --type")
    else:
        done = gateway.publish_file(record, file, record_type=record_type, **said)
    show_one(done, as_json=as_json)


@records.command("list")
@click.option("--issuer", help="Another member of this zone.")
@limit_option
@gw_command
def list_records(
    gateway: Gateway, issuer: str | None, most: int, as_json: bool
) -> None:
    """List the newest versions of a member's records."""
    show_list("records", gateway.list_records(issuer=issuer), most, as_json=as_json)


@records.command("show")
@click.argument("record")
@click.option("--issuer", help="Another member of this zone.")
@click.option("--version", type=click.IntRange(min=1), help="The newest if not said.")
@gw_command
def show_record(
    gateway: Gateway,
    record: str,
    issuer: str | None,
    version: int | None,
    as_json: bool,
) -> None:
    """Show RECORD as the zone has it."""
    found = gateway.get_record(record, issuer=issuer, version=version)
    show_one(found, as_json=as_json)


@records.command()
@click.argument("record")
@click.option("--reason", help="Why, for people.")
@wait_option
@gw_command
def revoke(
    gateway: Gateway, record: str, reason: str | None, wait: int, as_json: bool
) -> None:
    """Revoke RECORD for good; nobody gets it any more."""
    done = gateway.set_record_status(record, status="revoked", reason=reason, wait=wait)
    show_one(done, as_json=as_json)
