"""``huitong gw webhooks``: who is sent what happens."""

from __future__ import annotations

from typing import Any

import click

from huitong.cli.errors import EXIT_FAILED
from huitong.cli.gw_connection import gw_command, limit_option, show_list
from huitong.cli.zones import show
from huitong.gateway.access.roles import Role
from huitong.sdk import Gateway

webhook_argument = click.argument("webhook", metavar="WEBHOOK")


@click.group()
def webhooks() -> None:
    """Let events be sent to other programs, signed. Needs the role security."""


@webhooks.command("list")
@limit_option
@gw_command
def list_webhooks(gateway: Gateway, most: int, as_json: bool) -> None:
    """List webhooks, and how many events to each are on their way or stuck."""
    show_list("webhooks", gateway.list_webhooks(), most, as_json=as_json)


@webhooks.command()
@click.argument("name")
@click.argument("receiver", metavar="URL")
@click.option(
    "--role",
    "roles",
    multiple=True,
    required=True,
    type=click.Choice([str(role) for role in Role]),
    help="It gets what this role sees; may be repeated.",
)
@click.option(
    "--type",
    "types",
    multiple=True,
    help="Only this type of events; may be repeated. Without: all that the roles see.",
)
@click.option(
    "--since",
    type=click.IntRange(min=0),
    help="Id of the event behind which it begins. Without: from now on.",
)
@gw_command
def add(
    gateway: Gateway,
    name: str,
    receiver: str,
    roles: tuple[Any, ...],
    types: tuple[Any, ...],
    since: int | None,
    as_json: bool,
) -> None:
    """Let events be posted to URL; shows the secret, this once."""
    made = gateway.create_webhook(
        name=name, url=receiver, roles=roles, types=types, since=since
    )
    show(made.model_dump(mode="json"), as_json=as_json)


@webhooks.command("show")
@webhook_argument
@gw_command
def show_webhook(gateway: Gateway, webhook: str, as_json: bool) -> None:
    """Show a webhook."""
    show(gateway.get_webhook(webhook).model_dump(mode="json"), as_json=as_json)


@webhooks.command()
@webhook_argument
@gw_command
def remove(gateway: Gateway, webhook: str, as_json: bool) -> None:
    """Send nothing more to a webhook; what is on its way is given up."""
    show(gateway.remove_webhook(webhook).model_dump(mode="json"), as_json=as_json)


@webhooks.command("rotate-secret")
@webhook_argument
@click.option(
    "--overlap",
    type=click.IntRange(min=0),
    help="Seconds for which messages are signed with the old secret too; a day if not said.",
)
@gw_command
def rotate_secret(
    gateway: Gateway, webhook: str, overlap: int | None, as_json: bool
) -> None:
    """Make a new secret; shows it, this once."""
    made = gateway.rotate_webhook_secret(webhook, overlap_s=overlap)
    show(made.model_dump(mode="json"), as_json=as_json)


@webhooks.command("test")
@webhook_argument
@gw_command
def try_webhook(gateway: Gateway, webhook: str, as_json: bool) -> None:
    """Send an event that says nothing; the exit code is 1 if it was not taken."""
    trial = gateway.test_webhook(webhook)
    show(trial.model_dump(mode="json"), as_json=as_json)
    if not trial.delivered:
        raise SystemExit(EXIT_FAILED)
