"""``huitong tx grants``: what a holder allows."""

from __future__ import annotations

from typing import Any

import click

from huitong.cli.errors import cli_errors
from huitong.cli.numbers import Number
from huitong.cli.zones import send, signing_options
from huitong.core.grades import GRADES
from huitong.proto.huitong.grants.v1 import grants_pb2


def permission_options(command: Any) -> Any:
    """Add what a grant and a consent have in common."""
    for option in (
        click.option("--valid-until", type=int, default=0, help="Seconds; 0: no end."),
        click.option("--valid-from", type=int, default=0, help="Seconds; 0: at once."),
        click.option("--field", "fields", multiple=True, help="Field; none: all."),
        click.option(
            "--purpose", required=True, help="For example receivable-financing."
        ),
        click.option(
            "--channel", "channel_id", default="", help="To the reader's zone; or none."
        ),
        click.option("--reader", required=True, help="Member id on the reader's zone."),
    ):
        command = option(command)
    return command


@click.group()
def grants() -> None:
    """Give and withdraw grants."""


@grants.command()
@permission_options
@click.option("--type", "record_type", default="", help="Every record of this type.")
@click.option("--record", "record_id", default="", help="This record alone.")
@click.option("--count", type=Number(min=0), default=0, help="Uses; 0: any.")
@click.option("--consent-required", is_flag=True, help="The subject must consent too.")
@click.option(
    "--consent",
    "consent_id",
    type=Number(min=0),
    default=0,
    help="Consent that it hangs on, and ends with.",
)
@click.option("--legal-basis", default="", help="Which the request must name.")
@click.option(
    "--keep-max", "term_max", type=Number(min=0), default=0, help="Seconds; 0: any."
)
@click.option(
    "--grade-min", type=click.Choice(GRADES), help="What the reader must reach."
)
@signing_options
@cli_errors
def give(
    reader: str,
    channel_id: str,
    purpose: str,
    fields: tuple[str, ...],
    valid_from: int,
    valid_until: int,
    record_type: str,
    record_id: str,
    count: int,
    consent_required: bool,
    consent_id: int,
    legal_basis: str,
    term_max: int,
    grade_min: str | None,
    **signing: Any,
) -> None:
    """Let a member of this or a linked zone read."""
    send(
        lambda signer: grants_pb2.MsgGrant(
            signer=signer,
            reader=grants_pb2.Reader(channel_id=channel_id, member_id=reader),
            record_type=record_type,
            record_id=record_id,
            purpose=purpose,
            fields=sorted(fields),
            valid_from=valid_from,
            valid_until=valid_until,
            count_max=count,
            consent_required=consent_required,
            consent_id=consent_id,
            legal_basis=legal_basis,
            term_max=term_max,
            grade_min=grade_min or "",
        ),
        response=grants_pb2.MsgGrantResponse,
        **signing,
    )


@grants.command()
@click.argument("grant_id", type=Number(min=1))
@click.option("--reason", required=True)
@signing_options
@cli_errors
def withdraw(grant_id: int, reason: str, **signing: Any) -> None:
    """Withdraw a grant, at once."""
    send(
        lambda signer: grants_pb2.MsgWithdrawGrant(
            signer=signer, grant_id=grant_id, reason=reason
        ),
        **signing,
    )
