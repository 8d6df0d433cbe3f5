"""``huitong query``: read the state of a zone."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import Any

import click

from huitong.cli.asking import ask, show_each
from huitong.cli.errors import cli_errors
from huitong.cli.numbers import Number
from huitong.cli.query_claims import CLAIMS
from huitong.cli.query_decided import DECIDED
from huitong.cli.query_facts import FACTS
from huitong.cli.query_policies import POLICIES
from huitong.cli.zones import (
    height_option,
    json_option,
    limit_option,
    message_object,
    node_option,
    show,
    show_many,
    with_zone,
)
from huitong.client import TxOutcome, ZoneClient
from huitong.core.errors import NotFoundError
from huitong.light.tendermint.client_state import client_state_from_any
from huitong.proto.cosmos.base.query.v1beta1 import pagination_pb2
from huitong.proto.huitong.grants.v1 import grants_pb2
from huitong.proto.huitong.history.v1 import history_pb2
from huitong.proto.huitong.members.v1 import members_pb2
from huitong.proto.ibc.core.channel.v1 import query_pb2 as channel_query_pb2
from huitong.proto.ibc.core.client.v1 import query_pb2 as client_query_pb2
from huitong.proto.ibc.core.connection.v1 import query_pb2 as connection_query_pb2

_MEMBERS = "/huitong.members.v1.Query/"
_GRANTS = "/huitong.grants.v1.Query/"


@click.group()
def query() -> None:
    """Read the state of a zone; records and exchanges have groups of theirs."""


for command in (*DECIDED, *POLICIES, *CLAIMS, *FACTS):
    query.add_command(command)


# --- the node and its blocks ----------------------------------------------------------


@query.command()
@node_option
@json_option
@cli_errors
def status(node: str, as_json: bool) -> None:
    """Show chain id, height and time of the zone."""
    found = with_zone(node, ZoneClient.status)
    sync = found["sync_info"]
    shown = {
        "chain_id": found["node_info"]["network"],
        "height": int(sync["latest_block_height"]),
        "time": sync["latest_block_time"],
        "block_hash": sync["latest_block_hash"],
        "app_hash": sync["latest_app_hash"],
        "moniker": found["node_info"]["moniker"],
    }
    show(shown, as_json=as_json)


@query.command()
@click.argument("tx_hash", metavar="HASH")
@node_option
@json_option
@cli_errors
def tx(tx_hash: str, node: str, as_json: bool) -> None:
    """Show a committed transaction."""
    try:
        is_hash = len(bytes.fromhex(tx_hash)) == 32
    except ValueError:
        is_hash = False
    if not is_hash:
        raise click.BadParameter(f"{tx_hash!r} is not 64 hexadecimal digits")

    async def run(client: ZoneClient) -> TxOutcome | None:
        return await client.find_tx(tx_hash)

    found = with_zone(node, run)
    if found is None:
        raise NotFoundError(what=f"transaction {tx_hash}")
    shown = asdict(found) | {
        "data": found.data.hex(),
        "events": [
            {"type": told.kind, **dict(told.attributes)} for told in found.events
        ],
    }
    show(shown, as_json=as_json)


@query.command()
@click.argument("height", type=Number(min=1))
@node_option
@json_option
@cli_errors
def block(height: int, node: str, as_json: bool) -> None:
    """Show the block at HEIGHT: its header and the hashes of its transactions."""

    async def run(client: ZoneClient) -> dict[str, Any]:
        answer = await client.rpc.call("block", height=str(height))
        found = answer["block"]
        txs = (found.get("data") or {}).get("txs") or []
        return {
            "height": height,
            "hash": answer["block_id"]["hash"],
            "time": found["header"]["time"],
            "txs": len(txs),
            "header": found["header"],
        }

    show(with_zone(node, run), as_json=as_json)


# --- members --------------------------------------------------------------------------


@query.command()
@click.option("--after", default="", help="Begin behind this member.")
@limit_option
@node_option
@json_option
@cli_errors
def members(after: str, limit: int, node: str, as_json: bool) -> None:
    """List the members."""
    request = members_pb2.QueryMembersRequest(start_after=after, limit=limit)
    found = ask(node, _MEMBERS + "Members", request, members_pb2.QueryMembersResponse)
    show_each("members", found.members, as_json)


@query.command()
@click.argument("member_id")
@height_option
@node_option
@json_option
@cli_errors
def member(member_id: str, height: int, node: str, as_json: bool) -> None:
    """Show one member."""
    request = members_pb2.QueryMemberRequest(member_id=member_id)
    found = ask(
        node, _MEMBERS + "Member", request, members_pb2.QueryMemberResponse, height
    )
    show(message_object(found.member), as_json=as_json)


@query.command()
@click.option("--after", default="", help="Begin behind this address.")
@limit_option
@node_option
@json_option
@cli_errors
def accounts(after: str, limit: int, node: str, as_json: bool) -> None:
    """List the accounts."""
    request = members_pb2.QueryAccountsRequest(start_after=after, limit=limit)
    found = ask(node, _MEMBERS + "Accounts", request, members_pb2.QueryAccountsResponse)
    show_each("accounts", found.accounts, as_json)


@query.command()
@click.argument("address")
@height_option
@node_option
@json_option
@cli_errors
def account(address: str, height: int, node: str, as_json: bool) -> None:
    """Show one account."""
    request = members_pb2.QueryAccountRequest(address=address)
    found = ask(
        node, _MEMBERS + "Account", request, members_pb2.QueryAccountResponse, height
    )
    show(message_object(found.account), as_json=as_json)


# --- grants and history ---------------------------------------------------------------


@query.command()
@click.argument("holder")
@click.option("--after", type=Number(min=0), default=0)
@limit_option
@node_option
@json_option
@cli_errors
def grants(holder: str, after: int, limit: int, node: str, as_json: bool) -> None:
    """List the grants that the member HOLDER has given."""
    request = grants_pb2.QueryGrantsRequest(
        holder=holder, start_after=after, limit=limit
    )
    found = ask(node, _GRANTS + "Grants", request, grants_pb2.QueryGrantsResponse)
    show_each("grants", found.grants, as_json)


@query.command()
@click.argument("grant_id", type=Number(min=1))
@height_option
@node_option
@json_option
@cli_errors
def grant(grant_id: int, height: int, node: str, as_json: bool) -> None:
    """Show one grant."""
    request = grants_pb2.QueryGrantRequest(grant_id=grant_id)
    found = ask(node, _GRANTS + "Grant", request, grants_pb2.QueryGrantResponse, height)
    show(message_object(found.grant), as_json=as_json)


@query.command()
@click.argument("consent_id", type=Number(min=1))
@click.option(
    "--version", "number", type=Number(min=0), default=0, help="0: the newest."
)
@height_option
@node_option
@json_option
@cli_errors
def consent(
    consent_id: int, number: int, height: int, node: str, as_json: bool
) -> None:
    """Show one consent."""
    request = grants_pb2.QueryConsentRequest(consent_id=consent_id, version=number)
    found = ask(
        node, _GRANTS + "Consent", request, grants_pb2.QueryConsentResponse, height
    )
    show(message_object(found.consent), as_json=as_json)


@query.command()
@click.argument("old_height", type=Number(min=1))
@height_option
@node_option
@json_option
@cli_errors
def history(old_height: int, height: int, node: str, as_json: bool) -> None:
    """Show the proof that the header at OLD_HEIGHT belongs to the zone's history."""
    request = history_pb2.QueryHistoryProofRequest(height=old_height)
    found = ask(
        node,
        "/huitong.history.v1.Query/HistoryProof",
        request,
        history_pb2.QueryHistoryProofResponse,
        height,
    )
    show(message_object(found.proof), as_json=as_json)


# --- links ----------------------------------------------------------------------------


@query.group()
def links() -> None:
    """Clients, connections and channels to other zones."""


def _links_command(
    name: str, about: str
) -> Callable[[Callable[[ZoneClient, int], Awaitable[list[dict[str, Any]]]]], Any]:
    """Make a command that lists what the decorated function asks for."""

    def register(
        ask: Callable[[ZoneClient, int], Awaitable[list[dict[str, Any]]]],
    ) -> click.Command:
        @links.command(name, help=about)
        @limit_option
        @node_option
        @json_option
        @cli_errors
        def command(limit: int, node: str, as_json: bool) -> None:
            found = with_zone(node, lambda client: ask(client, limit))
            show_many(name, found, as_json=as_json)

        return command

    return register


@_links_command("clients", "List the light clients of other zones.")
async def _clients(client: ZoneClient, limit: int) -> list[dict[str, Any]]:
    answer = await client.query(
        "/ibc.core.client.v1.Query/ClientStates",
        client_query_pb2.QueryClientStatesRequest(pagination=_page(limit)),
        client_query_pb2.QueryClientStatesResponse,
    )
    found = []
    for item in answer.client_states:
        state = client_state_from_any(item.client_state)
        status_answer = await client.query(
            "/ibc.core.client.v1.Query/ClientStatus",
            client_query_pb2.QueryClientStatusRequest(client_id=item.client_id),
            client_query_pb2.QueryClientStatusResponse,
        )
        found.append(
            {
                "client_id": item.client_id,
                "chain_id": state.chain_id,
                "status": status_answer.status,
                "latest_height": str(state.latest_height),
                "trusting_period_s": state.trusting_period_ns // 1_000_000_000,
            }
        )
    return found


@_links_command("connections", "List the connections.")
async def _connections(client: ZoneClient, limit: int) -> list[dict[str, Any]]:
    answer = await client.query(
        "/ibc.core.connection.v1.Query/Connections",
        connection_query_pb2.QueryConnectionsRequest(pagination=_page(limit)),
        connection_query_pb2.QueryConnectionsResponse,
    )
    return [message_object(item) for item in answer.connections]


@_links_command("channels", "List the channels.")
async def _channels(client: ZoneClient, limit: int) -> list[dict[str, Any]]:
    answer = await client.query(
        "/ibc.core.channel.v1.Query/Channels",
        channel_query_pb2.QueryChannelsRequest(pagination=_page(limit)),
        channel_query_pb2.QueryChannelsResponse,
    )
    return [message_object(item) for item in answer.channels]


def _page(limit: int) -> pagination_pb2.PageRequest:
    return pagination_pb2.PageRequest(limit=limit)
