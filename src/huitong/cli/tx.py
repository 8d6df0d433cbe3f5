"""``huitong tx``: grants, claims, facts, anchors, and transactions made elsewhere."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import click

from huitong.cli.errors import cli_errors
from huitong.cli.numbers import Number
from huitong.cli.tx_facts import anchor, fact
from huitong.cli.zones import (
    channel_option,
    hex_bytes,
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
from huitong.core.fields import DIGEST_SIZE_BYTES
from huitong.core.height import Height
from huitong.core.time import NS_PER_SECOND
from huitong.modules.transfer import PORT_ID
from huitong.proto.cosmos.base.v1beta1.coin_pb2 import Coin
from huitong.proto.huitong.grants.v1 import grants_pb2
from huitong.proto.ibc.applications.transfer.v1 import tx_pb2 as transfer_pb2


@click.group()
def tx() -> None:
    """Send messages of grants, claims, facts, and transactions made elsewhere."""


tx.add_command(fact)
tx.add_command(anchor)


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


# --- grants ---------------------------------------------------------------------------


def _permission_options(command: Any) -> Any:
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


@tx.group()
def grants() -> None:
    """Give and withdraw grants and consents."""


@grants.command()
@_permission_options
@click.option("--type", "record_type", default="", help="Every record of this type.")
@click.option("--record", "record_id", default="", help="This record alone.")
@click.option("--count", type=Number(min=0), default=0, help="Uses; 0: any.")
@click.option("--consent-required", is_flag=True, help="The subject must consent too.")
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


@grants.command()
@_permission_options
@click.option(
    "--subject",
    callback=hex_bytes(DIGEST_SIZE_BYTES),
    metavar="HEX",
    required=True,
    help="Pseudonym of the data subject, as in the record.",
)
@click.option(
    "--evidence",
    callback=hex_bytes(DIGEST_SIZE_BYTES),
    metavar="HEX",
    required=True,
    help="SHA-256 of the signed original.",
)
@signing_options
@cli_errors
def consent(
    reader: str,
    channel_id: str,
    purpose: str,
    fields: tuple[str, ...],
    valid_from: int,
    valid_until: int,
    subject: bytes,
    evidence: bytes,
    **signing: Any,
) -> None:
    """Record a data subject's consent."""
    send(
        lambda signer: grants_pb2.MsgRecordConsent(
            signer=signer,
            subject=subject,
            reader=grants_pb2.Reader(channel_id=channel_id, member_id=reader),
            purpose=purpose,
            fields=sorted(fields),
            valid_from=valid_from,
            valid_until=valid_until,
            evidence_digest=evidence,
        ),
        response=grants_pb2.MsgRecordConsentResponse,
        **signing,
    )


@grants.command("withdraw-consent")
@click.argument("consent_id", type=Number(min=1))
@click.option("--reason", required=True)
@signing_options
@cli_errors
def withdraw_consent(consent_id: int, reason: str, **signing: Any) -> None:
    """Withdraw a consent, at once."""
    send(
        lambda signer: grants_pb2.MsgWithdrawConsent(
            signer=signer, consent_id=consent_id, reason=reason
        ),
        **signing,
    )
