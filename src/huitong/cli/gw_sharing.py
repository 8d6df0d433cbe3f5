"""``huitong gw grants`` and ``consents``: who may have what."""

from __future__ import annotations

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

_NUMBER = click.IntRange(min=1)


@click.group()
def grants() -> None:
    """Give, withdraw and list grants."""


@grants.command()
@click.option("--reader", required=True, help="Member that may read.")
@click.option("--channel", help="Leads to the reader's zone; without it, this zone.")
@click.option("--purpose", required=True, help="What for.")
@click.option("--record", help="One record.")
@click.option("--type", "record_type", help="All records of a type.")
@click.option("--field", "fields", multiple=True, help="A field; all if not said.")
@click.option("--count-max", type=_NUMBER, help="How often; without end if not said.")
@click.option(
    "--consent-required", is_flag=True, help="Only with the subject's consent."
)
@click.option("--valid-from", help="From when, such as 2026-03-18T09:30:00Z.")
@click.option("--valid-until", help="Until when.")
@wait_option
@gw_command
def give(gateway: Gateway, fields: tuple[str, ...], as_json: bool, **said: Any) -> None:
    """Let a reader have a record, or all of a type, for one purpose."""
    show_one(gateway.give_grant(fields=fields, **said), as_json=as_json)


@grants.command()
@click.argument("grant_id", type=_NUMBER)
@click.option("--reason", help="Why, for people.")
@wait_option
@gw_command
def withdraw(
    gateway: Gateway, grant_id: int, reason: str | None, wait: int, as_json: bool
) -> None:
    """Withdraw a grant."""
    done = gateway.withdraw_grant(grant_id, reason=reason, wait=wait)
    show_one(done, as_json=as_json)


@grants.command("list")
@limit_option
@gw_command
def list_grants(gateway: Gateway, most: int, as_json: bool) -> None:
    """List the grants of this member."""
    show_list("grants", gateway.list_grants(), most, as_json=as_json)


@click.group()
def consents() -> None:
    """Record, show and withdraw consents of data subjects."""


@consents.command()
@click.option("--subject", required=True, help="Pseudonym, as in the records.")
@click.option("--reader", required=True, help="Member that may read.")
@click.option("--channel", help="Leads to the reader's zone; without it, this zone.")
@click.option("--purpose", required=True, help="What for.")
@click.option(
    "--evidence-digest", required=True, help="SHA-256 of what shows the consent."
)
@click.option("--field", "fields", multiple=True, help="A field; all if not said.")
@click.option("--valid-from", help="From when, such as 2026-03-18T09:30:00Z.")
@click.option("--valid-until", help="Until when.")
@wait_option
@gw_command
def record(
    gateway: Gateway, fields: tuple[str, ...], as_json: bool, **said: Any
) -> None:
    """Record that a subject agrees."""
    show_one(gateway.record_consent(fields=fields, **said), as_json=as_json)


@consents.command("list")
@click.option("--subject", required=True, help="Pseudonym, as in the records.")
@limit_option
@gw_command
def list_consents(gateway: Gateway, subject: str, most: int, as_json: bool) -> None:
    """List the consents of a subject, withdrawn ones too."""
    found = gateway.list_consents(subject=subject)
    show_list("consents", found, most, as_json=as_json)


@consents.command("show")
@click.argument("consent_id", type=_NUMBER)
@gw_command
def show_consent(gateway: Gateway, consent_id: int, as_json: bool) -> None:
    """Show a consent."""
    show_one(gateway.get_consent(consent_id), as_json=as_json)


@consents.command("withdraw")
@click.argument("consent_id", type=_NUMBER)
@click.option("--reason", help="Why, for people.")
@wait_option
@gw_command
def withdraw_consent(
    gateway: Gateway, consent_id: int, reason: str | None, wait: int, as_json: bool
) -> None:
    """Withdraw a consent."""
    done = gateway.withdraw_consent(consent_id, reason=reason, wait=wait)
    show_one(done, as_json=as_json)
