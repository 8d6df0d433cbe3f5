"""``huitong gw events``: what happened, and what happens."""

from __future__ import annotations

from typing import Any

import click
import orjson

from huitong.cli.gw_connection import gw_command, limit_option, show_list
from huitong.sdk import Gateway

_TYPE_HELP = "Only this type, such as cn.huitong.exchange.settled.v1; may be repeated."


def _event_options(command: Any) -> Any:
    for option in (
        click.option("--type", "types", multiple=True, help=_TYPE_HELP),
        click.option("--subject", help="Only what is about this, such as an exchange."),
        click.option(
            "--since", type=click.IntRange(min=0), help="Id of the last event seen."
        ),
    ):
        command = option(command)
    return command


@click.group()
def events() -> None:
    """See what happened at the gateway, as far as your roles may."""


@events.command("list")
@_event_options
@limit_option
@gw_command
def list_events(
    gateway: Gateway,
    types: tuple[Any, ...],
    subject: str | None,
    since: int | None,
    most: int,
    as_json: bool,
) -> None:
    """List events, the oldest first."""
    found = gateway.list_events(type=types, subject=subject, since=since)
    show_list("events", found, most, as_json=as_json)


@events.command()
@_event_options
@click.option("--limit", "most", type=click.IntRange(min=1), help="End after so many.")
@gw_command
def follow(
    gateway: Gateway,
    types: tuple[Any, ...],
    subject: str | None,
    since: int | None,
    most: int | None,
    as_json: bool,
) -> None:
    """Print events as they happen, one a line, until it is stopped.

    Without --since only what happens from now on. A connection that breaks is made
    again, and no event is missed.
    """
    stream = gateway.stream_events(type=types, subject=subject, since=since)
    for count, event in enumerate(stream, start=1):
        if as_json:
            click.echo(orjson.dumps(event.model_dump(mode="json")))
        else:
            click.echo(f"{event.id} {event.time} {event.type} {event.subject}")
        if count == most:
            return
