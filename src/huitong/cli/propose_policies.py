"""``huitong governance propose``: what is decided about policies and exchange."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import click

from huitong.cli.errors import cli_errors
from huitong.cli.numbers import Number
from huitong.cli.policy_file import read_policy_file
from huitong.cli.proposing import propose, proposing_options
from huitong.core.limits import LEVEL_MAX
from huitong.modules.policies.handlers import check_policy
from huitong.proto.huitong.exchange.v1 import exchange_pb2
from huitong.proto.huitong.policies.v1 import policies_pb2


@click.command("set-policy")
@click.argument("record_type")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option(
    "--previous",
    type=Number(min=0),
    default=0,
    help="Version that it replaces; 0: the type has never had a policy.",
)
@proposing_options
@cli_errors
def set_policy(record_type: str, file: Path, previous: int, **options: Any) -> None:
    """Let the policy in FILE hold for requests for RECORD_TYPE.

    `huitong policy check FILE` looks it over, `huitong query policy RECORD_TYPE` shows
    the version that is in force.
    """
    message = read_policy_file(file, record_type)
    message.previous_version = previous
    check_policy(message)
    propose([message], f"Policy for {record_type}", **options)


@click.command("remove-policy")
@click.argument("record_type")
@proposing_options
@cli_errors
def remove_policy(record_type: str, **options: Any) -> None:
    """Let only the zone's own rules hold for requests for RECORD_TYPE."""
    message = policies_pb2.MsgRemovePolicy(
        record_type=record_type, reason=options["reason"]
    )
    propose([message], f"Remove the policy for {record_type}", **options)


@click.command("review-term")
@click.argument("seconds", type=Number(min=1))
@proposing_options
@cli_errors
def review_term(seconds: int, **options: Any) -> None:
    """Set within how many SECONDS the use of broken glass must be reviewed."""
    params = policies_pb2.Params(review_term=seconds)
    message = policies_pb2.MsgUpdateParams(params=params)
    propose([message], f"Set the term of reviews to {seconds} s", **options)


@click.command("exchange-params")
@click.option(
    "--ask-officer/--no-officer",
    "ask_officer",
    default=True,
    show_default=True,
    help="Whether a request that nothing covers waits for an officer.",
)
@click.option(
    "--officer-term", type=Number(min=1), required=True, help="Seconds to decide in."
)
@click.option(
    "--level-max",
    type=click.IntRange(1, LEVEL_MAX),
    required=True,
    help="Fields above this level do not leave the zone.",
)
@click.option(
    "--client-level",
    "client_levels",
    multiple=True,
    metavar="CLIENT=LEVEL",
    help="Another bound for the zone behind this light client; 0: nothing.",
)
@proposing_options
@cli_errors
def exchange_params(
    ask_officer: bool,
    officer_term: int,
    level_max: int,
    client_levels: tuple[str, ...],
    **options: Any,
) -> None:
    """Set the rules of exchange: all of them, those that are not named as well."""
    params = exchange_pb2.Params(
        ask_officer=ask_officer,
        officer_term=officer_term,
        level_max=level_max,
        client_levels=[_client_level(text) for text in sorted(client_levels)],
    )
    message = exchange_pb2.MsgUpdateParams(params=params)
    propose([message], "Change the rules of exchange", **options)


def _client_level(text: str) -> exchange_pb2.ClientLevel:
    client_id, _, level = text.partition("=")
    if not level.isascii() or not level.isdigit() or int(level) > LEVEL_MAX:
        raise click.BadParameter(
            f"{text!r} is not CLIENT=LEVEL with a level of 0 to {LEVEL_MAX}",
            param_hint="--client-level",
        )
    return exchange_pb2.ClientLevel(client_id=client_id, level_max=int(level))


#: Commands of the group.
ABOUT_POLICIES: Final = (set_policy, remove_policy, review_term, exchange_params)
