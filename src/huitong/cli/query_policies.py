"""``huitong query``: policies, broken glass, and the consents of a subject."""

from __future__ import annotations

from typing import Final

import click

from huitong.cli.asking import ask, show_each
from huitong.cli.errors import cli_errors
from huitong.cli.numbers import Number
from huitong.cli.zones import (
    height_option,
    hex_bytes,
    json_option,
    limit_option,
    message_object,
    node_option,
    show,
)
from huitong.core.fields import DIGEST_SIZE_BYTES
from huitong.proto.huitong.grants.v1 import grants_pb2
from huitong.proto.huitong.policies.v1 import policies_pb2

_POLICIES: Final = "/huitong.policies.v1.Query/"
_GRANTS: Final = "/huitong.grants.v1.Query/"


@click.command()
@click.argument("record_type")
@click.option(
    "--version", "number", type=Number(min=0), default=0, help="0: the newest."
)
@height_option
@node_option
@json_option
@cli_errors
def policy(
    record_type: str, number: int, height: int, node: str, as_json: bool
) -> None:
    """Show the policy for requests for RECORD_TYPE."""
    request = policies_pb2.QueryPolicyRequest(record_type=record_type, version=number)
    response = policies_pb2.QueryPolicyResponse
    found = ask(node, _POLICIES + "Policy", request, response, height)
    show(message_object(found.policy), as_json=as_json)


@click.command()
@click.option("--after", default="", help="Begin behind this record type.")
@limit_option
@node_option
@json_option
@cli_errors
def policies(after: str, limit: int, node: str, as_json: bool) -> None:
    """List the policies of the zone, each in its newest version."""
    request = policies_pb2.QueryPoliciesRequest(start_after=after, limit=limit)
    response = policies_pb2.QueryPoliciesResponse
    found = ask(node, _POLICIES + "Policies", request, response)
    show_each("policies", found.policies, as_json)


@click.command("broken-glass")
@click.option("--user", default="", help="Member id, or channel/member of a reader.")
@click.option("--unreviewed", is_flag=True, help="Only what waits for a review.")
@click.option("--after", type=Number(min=0), default=0, help="Begin behind this use.")
@limit_option
@node_option
@json_option
@cli_errors
def broken_glass(
    user: str, unreviewed: bool, after: int, limit: int, node: str, as_json: bool
) -> None:
    """List what was given in an emergency, and whether it was reviewed."""
    request = policies_pb2.QueryBreakGlassUsesRequest(
        user=user, unreviewed=unreviewed, start_after=after, limit=limit
    )
    response = policies_pb2.QueryBreakGlassUsesResponse
    found = ask(node, _POLICIES + "BreakGlassUses", request, response)
    show_each("uses", found.uses, as_json)


@click.command()
@click.argument("subject", callback=hex_bytes(DIGEST_SIZE_BYTES))
@click.option("--after", type=Number(min=0), default=0, help="Begin behind this one.")
@limit_option
@node_option
@json_option
@cli_errors
def consents(subject: bytes, after: int, limit: int, node: str, as_json: bool) -> None:
    """List the consents of the pseudonym SUBJECT, withdrawn ones too."""
    request = grants_pb2.QueryConsentsRequest(
        subject=subject, start_after=after, limit=limit
    )
    response = grants_pb2.QueryConsentsResponse
    found = ask(node, _GRANTS + "Consents", request, response)
    show_each("consents", found.consents, as_json)


#: Commands of the group.
POLICIES: Final = (policy, policies, broken_glass, consents)
