"""``huitong query``: what members have decided on validators, blocks, upgrades, packs."""

from __future__ import annotations

from typing import Final

import click

from huitong.cli.asking import ask, show_each
from huitong.cli.errors import cli_errors
from huitong.cli.proposing import key_bytes
from huitong.cli.zones import (
    height_option,
    json_option,
    limit_option,
    message_object,
    node_option,
    show,
)
from huitong.proto.huitong.consensus.v1 import consensus_pb2
from huitong.proto.huitong.packs.v1 import packs_pb2
from huitong.proto.huitong.upgrades.v1 import upgrades_pb2

_CONSENSUS: Final = "/huitong.consensus.v1.Query/"
_UPGRADES: Final = "/huitong.upgrades.v1.Query/"
_PACKS: Final = "/huitong.packs.v1.Query/"


@click.command()
@click.option(
    "--after", callback=key_bytes, help="Begin behind this public key, hex or base64."
)
@limit_option
@node_option
@json_option
@cli_errors
def validators(after: bytes, limit: int, node: str, as_json: bool) -> None:
    """List the validators, each with the power that it has now."""
    request = consensus_pb2.QueryValidatorsRequest(start_after=after, limit=limit)
    response = consensus_pb2.QueryValidatorsResponse
    found = ask(node, _CONSENSUS + "Validators", request, response)
    show_each("validators", found.validators, as_json)


@click.command()
@click.argument("public_key", callback=key_bytes)
@height_option
@node_option
@json_option
@cli_errors
def validator(public_key: bytes, height: int, node: str, as_json: bool) -> None:
    """Show the validator PUBLIC_KEY (hex or base64), and its misbehaviour if any."""
    request = consensus_pb2.QueryValidatorRequest(public_key=public_key)
    response = consensus_pb2.QueryValidatorResponse
    found = ask(node, _CONSENSUS + "Validator", request, response, height)
    show(message_object(found), as_json=as_json)


@click.command("block-params")
@height_option
@node_option
@json_option
@cli_errors
def block_params(height: int, node: str, as_json: bool) -> None:
    """Show how large blocks may be."""
    request = consensus_pb2.QueryBlockParamsRequest()
    response = consensus_pb2.QueryBlockParamsResponse
    found = ask(node, _CONSENSUS + "BlockParams", request, response, height)
    show(message_object(found.params), as_json=as_json)


@click.command()
@click.option("--after", default="", help="Begin behind this upgrade.")
@limit_option
@node_option
@json_option
@cli_errors
def upgrades(after: str, limit: int, node: str, as_json: bool) -> None:
    """Show the upgrade that is planned, and those that were carried out."""
    response = upgrades_pb2.QueryPlanResponse
    plan = ask(node, _UPGRADES + "Plan", upgrades_pb2.QueryPlanRequest(), response)
    done = ask(
        node,
        _UPGRADES + "DoneUpgrades",
        upgrades_pb2.QueryDoneUpgradesRequest(start_after=after, limit=limit),
        upgrades_pb2.QueryDoneUpgradesResponse,
    )
    shown = {
        "plan": message_object(plan.plan) if plan.HasField("plan") else None,
        "done": [message_object(item) for item in done.upgrades],
    }
    show(shown, as_json=as_json)


@click.command()
@click.option("--after", default="", help="Begin behind this pack.")
@limit_option
@node_option
@json_option
@cli_errors
def packs(after: str, limit: int, node: str, as_json: bool) -> None:
    """List the field packs of the zone, each with its newest version."""
    request = packs_pb2.QueryPacksRequest(start_after=after, limit=limit)
    found = ask(node, _PACKS + "Packs", request, packs_pb2.QueryPacksResponse)
    show_each("packs", found.packs, as_json)


@click.command("pack-versions")
@click.argument("name")
@click.option("--after", default="", help="Begin behind this version.")
@limit_option
@node_option
@json_option
@cli_errors
def pack_versions(name: str, after: str, limit: int, node: str, as_json: bool) -> None:
    """List all versions of the pack NAME, the oldest first."""
    request = packs_pb2.QueryPackVersionsRequest(
        name=name, start_after=after, limit=limit
    )
    response = packs_pb2.QueryPackVersionsResponse
    found = ask(node, _PACKS + "PackVersions", request, response)
    show_each("versions", found.versions, as_json)


#: Commands of the group.
DECIDED: Final = (
    validators,
    validator,
    block_params,
    upgrades,
    packs,
    pack_versions,
)
