"""``huitong gw hand-overs``: records that move to a member of another zone."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from huitong.cli.errors import EXIT_FAILED
from huitong.cli.gw_connection import (
    gw_command,
    limit_option,
    show_list,
    wait_option,
)
from huitong.cli.gw_exchanges import out_option, write_document
from huitong.cli.zones import show
from huitong.sdk import Gateway
from huitong.sdk.models import HandOver


@click.group("hand-overs")
def hand_overs() -> None:
    """Give records to members of other zones, take them over or return them."""


@hand_overs.command()
@click.argument("record")
@click.option(
    "--channel", required=True, help="Leads to the receiver's zone; see links."
)
@click.option("--receiver", required=True, help="Member that shall take it over.")
@click.option("--reason", required=True, help="Why, for people.")
@click.option("--timeout", "timeout_s", type=int, help="Seconds it may be on its way.")
@click.option("--idempotency-key", help="The same order under it is carried out once.")
@wait_option
@gw_command
def offer(gateway: Gateway, record: str, as_json: bool, **said: Any) -> None:
    """Offer RECORD, which is locked until the other zone has answered."""
    _show(gateway.offer_hand_over(record=record, **said), as_json=as_json)


@hand_overs.command("list")
@click.option("--side", type=click.Choice(["giver", "receiver"]))
@click.option("--stage", "stages", multiple=True, help="Any of these.")
@click.option("--peer", help="Only those with this member.")
@click.option("--record", help="Only those of this record.")
@limit_option
@gw_command
def list_hand_overs(
    gateway: Gateway, stages: tuple[Any, ...], most: int, as_json: bool, **wanted: Any
) -> None:
    """List hand-overs on both sides, oldest first."""
    found = gateway.list_hand_overs(stage=stages, **wanted)
    show_list("hand_overs", found, most, as_json=as_json)


@hand_overs.command("show")
@click.argument("hand_over")
@click.option("--wait", type=click.IntRange(0, 60), help="Seconds to wait for its end.")
@gw_command
def show_hand_over(
    gateway: Gateway, hand_over: str, wait: int | None, as_json: bool
) -> None:
    """Show a hand-over; the exit code is 1 if the record did not move, or it is stuck."""
    _show(gateway.get_hand_over(hand_over, wait=wait), as_json=as_json)


@hand_overs.command()
@click.argument("hand_over")
@out_option
@gw_command
def document(gateway: Gateway, hand_over: str, out: Path, as_json: bool) -> None:
    """Write the document of what is offered to this member, before or after accepting."""
    pieces = gateway.download_hand_over_document(hand_over)
    write_document(out, pieces, as_json=as_json)


@hand_overs.command()
@click.argument("hand_over")
@click.option("--record", help="Another id for it here.")
@click.option("--reason", help="For people.")
@wait_option
@gw_command
def accept(gateway: Gateway, hand_over: str, as_json: bool, **said: Any) -> None:
    """Take a record over."""
    done = gateway.decide_hand_over(hand_over, outcome="accepted", **said)
    _show(done, as_json=as_json)


@hand_overs.command("return")
@click.argument("hand_over")
@click.option("--reason", required=True, help="Why, for people; the giver sees it.")
@wait_option
@gw_command
def return_record(
    gateway: Gateway, hand_over: str, reason: str, wait: int, as_json: bool
) -> None:
    """Return a record to its giver."""
    done = gateway.decide_hand_over(
        hand_over, outcome="returned", reason=reason, wait=wait
    )
    show(done.model_dump(mode="json"), as_json=as_json)
    if done.problem:
        sys.exit(EXIT_FAILED)


def _show(found: HandOver, *, as_json: bool) -> None:
    """Show a hand-over; what did not succeed makes the exit code 1."""
    show(found.model_dump(mode="json"), as_json=as_json)
    has_moved = found.stage in ("accepted", "kept")
    if found.problem or (found.is_ended and not has_moved):
        sys.exit(EXIT_FAILED)
