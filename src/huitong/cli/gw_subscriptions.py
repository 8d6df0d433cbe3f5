"""``huitong gw subscriptions``: each new version of what another member publishes."""

from __future__ import annotations

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
from huitong.sdk import Gateway


@click.group()
def subscriptions() -> None:
    """Get each new version of records, and decide who gets those of this member."""


@subscriptions.command()
@click.option("--channel", required=True, help="Leads to the issuer's zone; see links.")
@click.option("--issuer", required=True, help="Member that publishes the records.")
@click.option("--record", help="One record.")
@click.option(
    "--type", "record_type", help="Every record of a type; needs --field too."
)
@click.option("--purpose", required=True, help="What for.")
@click.option("--until", required=True, help="When it ends at the latest.")
@click.option(
    "--count-max", type=click.IntRange(min=1), help="How many versions at most."
)
@click.option("--legal-basis", help="On what basis, for people.")
@click.option("--consent", type=click.IntRange(min=1), help="Number of a consent.")
@click.option("--field", "fields", multiple=True, help="A field; all if not said.")
@click.option("--timeout", "timeout_s", type=int, help="Seconds it may be on its way.")
@click.option(
    "--minimum-grade",
    type=click.Choice(["proven", "attested", "signed", "unverified"]),
    help="Refuse a version that is less well proven.",
)
@click.option("--idempotency-key", help="The same order under it is carried out once.")
@wait_option
@gw_command
def make(gateway: Gateway, fields: tuple[str, ...], as_json: bool, **said: Any) -> None:
    """Ask for each new version; with --wait for the decision, exit code 1 if it is no."""
    show_one(gateway.create_subscription(fields=fields, **said), as_json=as_json)


@subscriptions.command("list")
@click.option("--side", type=click.Choice(["provider", "requester"]))
@click.option("--stage", "stages", multiple=True, help="Any of these.")
@click.option("--peer", help="Only those with this member.")
@click.option("--record", help="Only those of this record.")
@click.option("--type", "record_type", help="Only those of this type.")
@click.option("--stuck", is_flag=True, default=None, help="Only those with a problem.")
@limit_option
@gw_command
def list_subscriptions(
    gateway: Gateway, stages: tuple[Any, ...], most: int, as_json: bool, **wanted: Any
) -> None:
    """List subscriptions; --side provider --stage requested waits for an officer."""
    found = gateway.list_subscriptions(stage=stages, **wanted)
    show_list("subscriptions", found, most, as_json=as_json)


@subscriptions.command("show")
@click.argument("subscription")
@click.option(
    "--wait", type=click.IntRange(0, 60), help="Seconds to wait for its decision."
)
@gw_command
def show_subscription(
    gateway: Gateway, subscription: str, wait: int | None, as_json: bool
) -> None:
    """Show a subscription; the exit code is 1 if it was refused, failed or is stuck."""
    show_one(gateway.get_subscription(subscription, wait=wait), as_json=as_json)


@subscriptions.command()
@click.argument("subscription")
@limit_option
@gw_command
def pushes(gateway: Gateway, subscription: str, most: int, as_json: bool) -> None:
    """List the versions that were pushed under a subscription, oldest first."""
    found = gateway.list_exchanges(subscription=subscription)
    show_list("exchanges", found, most, as_json=as_json)


@subscriptions.command()
@click.argument("subscription")
@click.argument("outcome", type=click.Choice(["granted", "refused"]))
@click.option("--reason", help="Why; needed for a refusal.")
@click.option("--field", "fields", multiple=True, help="Grant only these fields.")
@wait_option
@gw_command
def decide(
    gateway: Gateway,
    subscription: str,
    outcome: Literal["granted", "refused"],
    reason: str | None,
    fields: tuple[str, ...],
    wait: int,
    as_json: bool,
) -> None:
    """Decide on a subscription that waits for an officer."""
    done = gateway.decide_subscription(
        subscription, outcome=outcome, reason=reason, fields=fields, wait=wait
    )
    show(done.model_dump(mode="json"), as_json=as_json)


@subscriptions.command()
@click.argument("subscription")
@click.option("--reason", help="Why, for people.")
@wait_option
@gw_command
def end(
    gateway: Gateway, subscription: str, reason: str | None, wait: int, as_json: bool
) -> None:
    """End a subscription from this side."""
    done = gateway.end_subscription(subscription, reason=reason, wait=wait)
    show(done.model_dump(mode="json"), as_json=as_json)
