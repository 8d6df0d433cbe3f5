"""``huitong gw``: what a caller of a gateway does, over its REST interface."""

from __future__ import annotations

import click

from huitong.cli.gw_connection import gw_command, limit_option, show_list
from huitong.cli.gw_events import events
from huitong.cli.gw_exchanges import exchanges, requests
from huitong.cli.gw_facts import facts
from huitong.cli.gw_hand_overs import hand_overs
from huitong.cli.gw_jobs import jobs, undelivered
from huitong.cli.gw_reads import reads
from huitong.cli.gw_records import records
from huitong.cli.gw_sharing import consents, grants
from huitong.cli.gw_subscriptions import subscriptions
from huitong.cli.gw_webhooks import webhooks
from huitong.cli.verify import verify
from huitong.sdk import Gateway


@click.group()
def gw() -> None:
    """Use a gateway over its REST interface, as a program of the house would.

    Which gateway, and with which API key, is said by --url and --key-file, by
    HUITONG_GW_URL and HUITONG_GW_KEY_FILE (or HUITONG_GW_KEY, the key itself), or by a
    table of ~/.config/huitong/gw.toml with url and key_file, [default] or that of
    --profile.
    """


for group in (
    records,
    reads,
    requests,
    exchanges,
    subscriptions,
    hand_overs,
    facts,
    grants,
    consents,
    events,
    webhooks,
    jobs,
    undelivered,
):
    gw.add_command(group)
gw.add_command(verify)


@gw.command()
@click.option("--zone", help="Only that of this zone.")
@click.option("--type", "record_type", help="Only records of this type.")
@limit_option
@gw_command
def catalogue(
    gateway: Gateway,
    zone: str | None,
    record_type: str | None,
    most: int,
    as_json: bool,
) -> None:
    """List what may be asked for, in this zone or another."""
    found = gateway.list_catalogue(zone=zone, record_type=record_type)
    show_list("offers", found, most, as_json=as_json)


@gw.command()
@limit_option
@gw_command
def links(gateway: Gateway, most: int, as_json: bool) -> None:
    """List the channels that lead to other zones."""
    show_list("links", gateway.list_links(), most, as_json=as_json)
