"""``huitong query``: claims that accounts hold, and the rules of transfers."""

from __future__ import annotations

from typing import Any, Final

import click

from huitong.cli.asking import ask
from huitong.cli.errors import cli_errors
from huitong.cli.zones import (
    height_option,
    json_option,
    limit_option,
    message_object,
    node_option,
    show,
    show_many,
)
from huitong.modules.transfer import PORT_ID
from huitong.proto.cosmos.bank.v1beta1 import query_pb2 as bank_pb2
from huitong.proto.cosmos.base.query.v1beta1.pagination_pb2 import PageRequest
from huitong.proto.huitong.transfer.v1 import transfer_pb2 as own_pb2
from huitong.proto.ibc.applications.transfer.v1 import query_pb2 as transfer_pb2

_BANK: Final = "/cosmos.bank.v1beta1.Query/"
_TRANSFER: Final = "/ibc.applications.transfer.v1.Query/"
_after_option = click.option(
    "--after-key",
    "key",
    default="",
    metavar="HEX",
    help="Go on where another page ended.",
)


def _page(limit: int, key: str) -> PageRequest:
    try:
        return PageRequest(limit=limit, key=bytes.fromhex(key))
    except ValueError:
        raise click.BadParameter(f"{key!r} is not hexadecimal") from None


def _show_page(name: str, found: list[Any], next_key: bytes, as_json: bool) -> None:
    """Print entries, and where the next page begins if there is one."""
    entries = [message_object(item) for item in found]
    if as_json:
        show({name: entries, "next": next_key.hex()}, as_json=True)
        return
    show_many(name, entries, as_json=False)
    if next_key:
        click.echo(f"\nmore with --after-key {next_key.hex()}")


@click.command()
@click.argument("address")
@limit_option
@_after_option
@height_option
@node_option
@json_option
@cli_errors
def balances(
    address: str, limit: int, key: str, height: int, node: str, as_json: bool
) -> None:
    """List the claims that ADDRESS holds."""
    request = bank_pb2.QueryAllBalancesRequest(
        address=address, pagination=_page(limit, key)
    )
    response = bank_pb2.QueryAllBalancesResponse
    found = ask(node, _BANK + "AllBalances", request, response, height)
    _show_page("balances", found.balances, found.pagination.next_key, as_json)


@click.command()
@limit_option
@_after_option
@height_option
@node_option
@json_option
@cli_errors
def supply(limit: int, key: str, height: int, node: str, as_json: bool) -> None:
    """List how much of each claim there is in the zone."""
    request = bank_pb2.QueryTotalSupplyRequest(pagination=_page(limit, key))
    response = bank_pb2.QueryTotalSupplyResponse
    found = ask(node, _BANK + "TotalSupply", request, response, height)
    _show_page("supply", found.supply, found.pagination.next_key, as_json)


@click.group()
def transfer() -> None:
    """Vouchers for tokens of other chains, and the rules of transfers."""


@transfer.command()
@height_option
@node_option
@json_option
@cli_errors
def params(height: int, node: str, as_json: bool) -> None:
    """Show which light clients may carry transfers."""
    request, response = own_pb2.QueryParamsRequest(), own_pb2.QueryParamsResponse
    found = ask(node, "/huitong.transfer.v1.Query/Params", request, response, height)
    show(message_object(found.params), as_json=as_json)


@transfer.command()
@limit_option
@_after_option
@height_option
@node_option
@json_option
@cli_errors
def denoms(limit: int, key: str, height: int, node: str, as_json: bool) -> None:
    """List the vouchers that ever came in, each with the way it came."""
    request = transfer_pb2.QueryDenomTracesRequest(pagination=_page(limit, key))
    response = transfer_pb2.QueryDenomTracesResponse
    found = ask(node, _TRANSFER + "DenomTraces", request, response, height)
    _show_page("denoms", found.denom_traces, found.pagination.next_key, as_json)


@transfer.command()
@click.argument("voucher")
@height_option
@node_option
@json_option
@cli_errors
def denom(voucher: str, height: int, node: str, as_json: bool) -> None:
    """Show the way that VOUCHER (ibc/… or its hash) came."""
    request = transfer_pb2.QueryDenomTraceRequest(hash=voucher)
    response = transfer_pb2.QueryDenomTraceResponse
    found = ask(node, _TRANSFER + "DenomTrace", request, response, height)
    show(message_object(found.denom_trace), as_json=as_json)


@transfer.command("denom-hash")
@click.argument("full_denom")
@height_option
@node_option
@json_option
@cli_errors
def denom_hash(full_denom: str, height: int, node: str, as_json: bool) -> None:
    """Show what the voucher for FULL_DENOM is named, for example transfer/channel-0/x."""
    request = transfer_pb2.QueryDenomHashRequest(trace=full_denom)
    response = transfer_pb2.QueryDenomHashResponse
    found = ask(node, _TRANSFER + "DenomHash", request, response, height)
    show({"denom": f"ibc/{found.hash}"}, as_json=as_json)


@transfer.command()
@click.argument("channel_id")
@node_option
@json_option
@cli_errors
def escrow(channel_id: str, node: str, as_json: bool) -> None:
    """Show the address that holds what went out over the channel CHANNEL_ID."""
    request = transfer_pb2.QueryEscrowAddressRequest(
        port_id=PORT_ID, channel_id=channel_id
    )
    response = transfer_pb2.QueryEscrowAddressResponse
    found = ask(node, _TRANSFER + "EscrowAddress", request, response)
    show(message_object(found), as_json=as_json)


@transfer.command("total-escrow")
@click.argument("voucher")
@height_option
@node_option
@json_option
@cli_errors
def total_escrow(voucher: str, height: int, node: str, as_json: bool) -> None:
    """Show how much of VOUCHER is out on other chains, over all channels."""
    request = transfer_pb2.QueryTotalEscrowForDenomRequest(denom=voucher)
    response = transfer_pb2.QueryTotalEscrowForDenomResponse
    found = ask(node, _TRANSFER + "TotalEscrowForDenom", request, response, height)
    show(message_object(found.amount), as_json=as_json)


#: Commands of the group ``query``.
CLAIMS: Final[tuple[click.Command, ...]] = (balances, supply, transfer)
