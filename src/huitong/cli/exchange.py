"""``huitong exchange``: request, decide, deliver and confirm exchanges.

These commands write what the zones agree on. The payload itself goes from gateway to
gateway; ``delivery`` has the commands that seal and open it.
"""

from __future__ import annotations

import time
from typing import Any

import click

from huitong.cli.delivery import deliver, receive
from huitong.cli.errors import cli_errors
from huitong.cli.hand_over import hand_over
from huitong.cli.numbers import Number
from huitong.cli.subscription import subscription
from huitong.cli.timeouts import timeout_ns
from huitong.cli.zones import (
    channel_option,
    height_option,
    hex_bytes,
    json_option,
    limit_option,
    message_object,
    node_option,
    send,
    sequence_option,
    show,
    show_many,
    signing_options,
    timeout_option,
    with_zone,
)
from huitong.client import ZoneClient
from huitong.core.fields import DIGEST_SIZE_BYTES, X25519_KEY_SIZE_BYTES
from huitong.core.grades import GRADES
from huitong.core.time import NS_PER_SECOND
from huitong.proto.huitong.exchange.v1 import exchange_pb2 as pb

_QUERY = "/huitong.exchange.v1.Query/"
_OUTCOMES = {"grant": pb.OUTCOME_GRANTED, "refuse": pb.OUTCOME_REFUSED}
_SIDES = {
    "requester": pb.EXCHANGE_SIDE_REQUESTER,
    "provider": pb.EXCHANGE_SIDE_PROVIDER,
}
#: What a person may state without a proof; ``exchange receive`` proves.
_GRADES_BY_HAND = GRADES[1:]
push_option = click.option(
    "--push",
    "push_number",
    type=Number(min=0),
    default=0,
    help="Number of a version pushed under this standing request.",
)


@click.group()
def exchange() -> None:
    """Request, decide, deliver and confirm exchanges."""


exchange.add_command(deliver)
exchange.add_command(receive)
exchange.add_command(subscription)
exchange.add_command(hand_over)


@exchange.command()
@channel_option
@click.option("--requester", required=True, help="Member that asks, on this zone.")
@click.option("--issuer", required=True, help="Member that holds the record.")
@click.option("--record", "record_id", default="", help="Needed unless --type is.")
@click.option("--version", type=Number(min=0), default=0, help="0: the head.")
@click.option("--purpose", required=True, help="For example receivable-financing.")
@click.option("--legal-basis", default="", help="For example contract.")
@click.option("--consent", "consent_id", type=Number(min=0), default=0)
@click.option("--field", "fields", multiple=True, help="Wanted field; none: all.")
@click.option(
    "--reader-key",
    callback=hex_bytes(X25519_KEY_SIZE_BYTES),
    metavar="HEX",
    required=True,
    help="X25519 key that the payload is sealed to.",
)
@click.option("--keep-until", type=int, default=0, help="Seconds since the epoch.")
@click.option(
    "--standing", is_flag=True, help="Each new version until --keep-until, not one."
)
@click.option(
    "--type",
    "record_type",
    default="",
    help="Standing, without --record: every record of this type.",
)
@click.option(
    "--count", "count_max", type=Number(min=0), default=0, help="Standing: at most."
)
@click.option("--request-id", default="", help="To trace it by, in both zones.")
@click.option(
    "--emergency", metavar="REASON", default="", help="It is one; this is why."
)
@timeout_option
@signing_options
@cli_errors
def request(
    channel_id: str,
    requester: str,
    issuer: str,
    record_id: str,
    version: int,
    purpose: str,
    legal_basis: str,
    consent_id: int,
    fields: tuple[str, ...],
    reader_key: bytes,
    keep_until: int,
    standing: bool,
    record_type: str,
    count_max: int,
    request_id: str,
    emergency: str,
    timeout_s: int,
    **signing: Any,
) -> None:
    """Ask for a record of another zone; prints the request's sequence."""
    if not record_id and not record_type:
        raise click.UsageError("--record is needed, or --standing with --type")
    wanted = pb.RequestPacket(
        requester=requester,
        reader_key=reader_key,
        issuer=issuer,
        record_id=record_id,
        version=version,
        purpose=purpose,
        legal_basis=legal_basis,
        consent_id=consent_id,
        fields=sorted(fields),
        term_until=keep_until,
        request_id=request_id,
        standing=standing,
        record_type=record_type,
        count_max=count_max,
        emergency=bool(emergency),
        emergency_reason=emergency,
    )
    send(
        lambda signer: pb.MsgRequestExchange(
            signer=signer,
            channel_id=channel_id,
            request=wanted,
            timeout_timestamp=timeout_ns(timeout_s),
        ),
        response=pb.MsgRequestExchangeResponse,
        **signing,
    )


@exchange.command()
@click.argument("outcome", type=click.Choice(list(_OUTCOMES)))
@channel_option
@sequence_option
@click.option("--reason", default="", help="For people.")
@click.option("--field", "fields", multiple=True, help="Granted field; none: as asked.")
@signing_options
@cli_errors
def decide(
    outcome: str,
    channel_id: str,
    sequence: int,
    reason: str,
    fields: tuple[str, ...],
    **signing: Any,
) -> None:
    """Decide a request that waits for an officer."""
    send(
        lambda signer: pb.MsgDecideExchange(
            signer=signer,
            channel_id=channel_id,
            sequence=sequence,
            outcome=_OUTCOMES[outcome],
            reason=reason,
            fields=sorted(fields),
        ),
        **signing,
    )


@exchange.command("break-glass")
@channel_option
@sequence_option
@click.option("--reason", required=True, help="It is written down and reviewed.")
@click.option("--field", "fields", multiple=True, help="Granted field; none: as asked.")
@signing_options
@cli_errors
def break_glass(
    channel_id: str,
    sequence: int,
    reason: str,
    fields: tuple[str, ...],
    **signing: Any,
) -> None:
    """Grant a waiting emergency at once, without what is needed otherwise.

    The policy for the type of record says who may. Somebody else reviews it in time, or
    your organisation breaks no glass any more.
    """
    send(
        lambda signer: pb.MsgBreakGlass(
            signer=signer,
            channel_id=channel_id,
            sequence=sequence,
            reason=reason,
            fields=sorted(fields),
        ),
        response=pb.MsgBreakGlassResponse,
        **signing,
    )


@exchange.command()
@channel_option
@sequence_option
@push_option
@click.option(
    "--payload-digest",
    callback=hex_bytes(DIGEST_SIZE_BYTES),
    metavar="HEX",
    required=True,
    help="Digest of the record, recomputed from what arrived.",
)
@click.option(
    "--sealed-digest",
    callback=hex_bytes(DIGEST_SIZE_BYTES),
    metavar="HEX",
    required=True,
    help="SHA-256 of the sealed bytes that arrived.",
)
@click.option(
    "--grade",
    type=click.Choice(_GRADES_BY_HAND),
    required=True,
    help="How far you trust it; `proven` comes from `exchange receive` alone.",
)
@timeout_option
@signing_options
@cli_errors
def receipt(
    channel_id: str,
    sequence: int,
    push_number: int,
    payload_digest: bytes,
    sealed_digest: bytes,
    grade: str,
    timeout_s: int,
    **signing: Any,
) -> None:
    """Confirm by hand what arrived and was checked elsewhere.

    The receipt goes to the other zone. `exchange receive` opens, checks, proves and
    confirms in one step.
    """
    send(
        lambda signer: pb.MsgConfirmReceipt(
            signer=signer,
            channel_id=channel_id,
            sequence=sequence,
            payload_digest=payload_digest,
            sealed_digest=sealed_digest,
            received_time=time.time_ns() // NS_PER_SECOND,
            grade=grade,
            timeout_timestamp=timeout_ns(timeout_s),
            push_number=push_number,
        ),
        response=pb.MsgConfirmReceiptResponse,
        **signing,
    )


@exchange.command("show")
@channel_option
@sequence_option
@push_option
@click.option(
    "--side", type=click.Choice(list(_SIDES)), help="What this zone is in it."
)
@height_option
@node_option
@json_option
@cli_errors
def show_exchange(
    channel_id: str,
    sequence: int,
    push_number: int,
    side: str | None,
    height: int,
    node: str,
    as_json: bool,
) -> None:
    """Show one exchange as this zone keeps it."""
    asked = pb.QueryExchangeRequest(
        channel_id=channel_id,
        sequence=sequence,
        side=_side(side),
        push_number=push_number,
    )

    async def ask(client: ZoneClient) -> pb.QueryExchangeResponse:
        return await client.query(
            _QUERY + "Exchange", asked, pb.QueryExchangeResponse, height
        )

    show(message_object(with_zone(node, ask).exchange), as_json=as_json)


@exchange.command("list")
@channel_option
@click.option(
    "--side", type=click.Choice(list(_SIDES)), help="What this zone is in it."
)
@click.option("--status", help="For example requested, granted, received.")
@click.option("--after", type=Number(min=0), default=0)
@limit_option
@node_option
@json_option
@cli_errors
def list_exchanges(
    channel_id: str,
    side: str | None,
    status: str | None,
    after: int,
    limit: int,
    node: str,
    as_json: bool,
) -> None:
    """List the exchanges of a channel."""
    asked = pb.QueryExchangesRequest(
        channel_id=channel_id,
        start_after=after,
        limit=limit,
        status=_status(status),
        side=_side(side),
    )

    async def ask(client: ZoneClient) -> pb.QueryExchangesResponse:
        return await client.query(
            _QUERY + "Exchanges", asked, pb.QueryExchangesResponse
        )

    found = [message_object(item) for item in with_zone(node, ask).exchanges]
    show_many("exchanges", found, as_json=as_json)


def _side(text: str | None) -> pb.ExchangeSide:
    return _SIDES[text] if text else pb.EXCHANGE_SIDE_UNSPECIFIED


def _status(text: str | None) -> pb.ExchangeStatus:
    if text is None:
        return pb.EXCHANGE_STATUS_UNSPECIFIED
    name = "EXCHANGE_STATUS_" + text.upper().replace("-", "_")
    if name not in pb.ExchangeStatus.keys():  # noqa: SIM118 - an enum wrapper, no dict
        known = ", ".join(
            key.removeprefix("EXCHANGE_STATUS_").lower()
            for key in pb.ExchangeStatus.keys()[1:]
        )
        raise click.BadParameter(f"{text!r} is none of {known}", param_hint="--status")
    number: pb.ExchangeStatus = pb.ExchangeStatus.Value(name)  # type: ignore[assignment]
    return number
