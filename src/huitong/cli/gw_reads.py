"""``huitong gw reads``: open records of other members, and who read those of this one."""

from __future__ import annotations

import sys
from typing import Literal

import click

from huitong.cli.errors import EXIT_FAILED
from huitong.cli.gw_connection import gw_command, limit_option, show_list
from huitong.cli.zones import show
from huitong.sdk import Gateway


@click.group()
def reads() -> None:
    """Read open records of other members, and see who read those of this one."""


@reads.command()
@click.argument("records", nargs=-1, required=True)
@click.option("--channel", required=True, help="Leads to the issuer's zone; see links.")
@click.option("--issuer", required=True, help="Member that published them.")
@click.option("--purpose", required=True, help="What for; the issuer's log has it.")
@click.option(
    "--field", "fields", multiple=True, help="A field; the header alone if not said."
)
@click.option(
    "--minimum-grade",
    type=click.Choice(["proven", "attested", "signed", "unverified"]),
    help="Refuse an answer that is less well proven.",
)
@gw_command
def make(
    gateway: Gateway,
    records: tuple[str, ...],
    channel: str,
    issuer: str,
    purpose: str,
    fields: tuple[str, ...],
    minimum_grade: Literal["proven", "attested", "signed", "unverified"] | None,
    as_json: bool,
) -> None:
    """Read RECORDS of one issuer at once; the exit code is 1 if one is refused."""
    answer = gateway.read_records(
        channel=channel,
        issuer=issuer,
        purpose=purpose,
        records=[{"record": each, "fields": list(fields)} for each in records],
        minimum_grade=minimum_grade,
    )
    show(answer.model_dump(mode="json"), as_json=as_json)
    if any(each.problem for each in answer.records):
        sys.exit(EXIT_FAILED)


@reads.command()
@click.argument("subject")
@limit_option
@gw_command
def log(gateway: Gateway, subject: str, most: int, as_json: bool) -> None:
    """List who read what of SUBJECT, a pseudonym, each line with its proof."""
    found = gateway.list_subject_reads(subject)
    show_list("reads", found, most, as_json=as_json)
