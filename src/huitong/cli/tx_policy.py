"""``huitong tx policy``: reviews of broken glass. Policies themselves are voted on."""

from __future__ import annotations

from typing import Any, Final

import click

from huitong.cli.errors import cli_errors
from huitong.cli.numbers import Number
from huitong.cli.zones import send, signing_options
from huitong.proto.huitong.policies.v1 import policies_pb2 as pb

_JUDGEMENTS: Final = ("justified", "unjustified")


@click.group()
def policy() -> None:
    """Review what was given in an emergency."""


@policy.command()
@click.argument("use_id", type=Number(min=1))
@click.argument("judgement", type=click.Choice(_JUDGEMENTS))
@click.option("--reason", required=True, help="Everybody in the zone reads it.")
@signing_options
@cli_errors
def review(use_id: int, judgement: str, reason: str, **signing: Any) -> None:
    """Judge whether it was right to break the glass (delegate, regulator).

    `huitong query broken-glass --unreviewed` shows what waits.
    """
    send(
        lambda signer: pb.MsgReviewBreakGlass(
            signer=signer,
            use_id=use_id,
            justified=judgement == _JUDGEMENTS[0],
            reason=reason,
        ),
        **signing,
    )
