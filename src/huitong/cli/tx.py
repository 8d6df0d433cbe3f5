"""``huitong tx``: claims, facts, anchors, transactions made elsewhere; groups."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import click

from huitong.cli.errors import cli_errors
from huitong.cli.tx_consent import consent
from huitong.cli.tx_facts import anchor, fact
from huitong.cli.tx_grants import grants
from huitong.cli.tx_policy import policy
from huitong.cli.zones import (
    channel_option,
    json_option,
    node_option,
    send,
    show,
    signing_options,
    timeout_option,
    with_zone,
)
from huitong.client import TxOutcome, ZoneClient
from huitong.core.errors import HuitongError
from huitong.core.height import Height
from huitong.core.time import NS_PER_SECOND
from huitong.modules.transfer import PORT_ID
from huitong.proto.cosmos.base.v1beta1.coin_pb2 import Coin
from huitong.proto.ibc.applications.transfer.v1 import tx_pb2 as transfer_pb2


@click.group()
def tx() -> None:
    """Send messages of grants, consents, claims, facts, and transactions made elsewhere."""


for group in (grants, consent, policy, fact, anchor):
    tx.add_command(group)


@tx.command("send")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@node_option
@json_option
@cli_errors
def send_signed(file: Path, node: str, as_json: bool) -> None:
    """Send the signed transaction in FILE (bytes) and wait for its block."""
    raw = file.read_bytes()

    async def run(client: ZoneClient) -> TxOutcome:
        outcome = await client.wait_tx(await client.broadcast(raw))
        outcome.check_succeeded()
        return outcome

    outcome = with_zone(node, run)
    show({"ok": True, "tx": outcome.hash, "height": outcome.height}, as_json=as_json)


# --- claims ---------------------------------------------------------------------------


def _height_of(ctx: click.Context, parameter: click.Parameter, value: str) -> Height:
    if not value:
        return Height.ZERO
    try:
        return Height.parse(value)
    except HuitongError:
        raise click.BadParameter(f"{value!r} is not of the form REVISION-H") from None


@tx.command()
@click.argument("receiver")
@click.argument("amount")
@click.argument("denom")
@channel_option
@click.option("--memo", default="", help="For people or applications over there.")
@timeout_option
@click.option(
    "--timeout-height",
    callback=_height_of,
    default="",
    metavar="REVISION-H",
    help="Height of the other chain from which on it may no longer take it.",
)
@signing_options
@cli_errors
def transfer(
    receiver: str,
    amount: str,
    denom: str,
    channel_id: str,
    memo: str,
    timeout_s: int,
    timeout_height: Height,
    **signing: Any,
) -> None:
    """Send AMOUNT of the claim DENOM (ibc/…) to RECEIVER on another chain.

    RECEIVER is an address over there. What is refused there, or does not arrive in time,
    comes back. `huitong query balances` shows what there is to send.
    """
    send(
        lambda signer: transfer_pb2.MsgTransfer(
            source_port=PORT_ID,
            source_channel=channel_id,
            token=Coin(denom=denom, amount=amount),
            sender=signer,
            receiver=receiver,
            timeout_height=timeout_height.to_proto(),
            timeout_timestamp=time.time_ns() + timeout_s * NS_PER_SECOND,
            memo=memo,
        ),
        response=transfer_pb2.MsgTransferResponse,
        **signing,
    )
