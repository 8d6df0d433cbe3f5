"""``huitong exchange hand-over``: give a record to a member of another zone."""

from __future__ import annotations

from typing import Any

import click

from huitong.cli.errors import cli_errors
from huitong.cli.numbers import Number
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
from huitong.proto.huitong.exchange.v1 import exchange_pb2
from huitong.proto.huitong.exchange.v1 import handover_pb2 as pb

_QUERY = "/huitong.exchange.v1.Query/"
_SIDES = {
    "giver": pb.HAND_OVER_SIDE_GIVER,
    "receiver": pb.HAND_OVER_SIDE_RECEIVER,
}
_STATUSES = {
    "offered": pb.HAND_OVER_STATUS_OFFERED,
    "accepted": pb.HAND_OVER_STATUS_ACCEPTED,
    "returned": pb.HAND_OVER_STATUS_RETURNED,
    "timed-out": pb.HAND_OVER_STATUS_TIMED_OUT,
    "failed": pb.HAND_OVER_STATUS_FAILED,
}
_side_option = click.option(
    "--side", type=click.Choice(list(_SIDES)), help="What this zone is in it."
)


@click.group("hand-over")
def hand_over() -> None:
    """Hand a record over to another zone; accept or return one."""


@hand_over.command()
@channel_option
@click.option("--record", "record_id", required=True)
@click.option("--receiver", required=True, help="Member that takes it, on its zone.")
@click.option(
    "--reader-key",
    callback=hex_bytes(X25519_KEY_SIZE_BYTES),
    metavar="HEX",
    required=True,
    help="The receiver's X25519 key that the payload is sealed to.",
)
@click.option(
    "--sealed-digest",
    callback=hex_bytes(DIGEST_SIZE_BYTES),
    metavar="HEX",
    required=True,
    help="SHA-256 of the sealed bytes that are handed over.",
)
@click.option("--reason", required=True, help="For people.")
@click.option("--request-id", default="", help="To trace it by, in both zones.")
@timeout_option
@signing_options
@cli_errors
def offer(
    channel_id: str,
    record_id: str,
    receiver: str,
    reader_key: bytes,
    sealed_digest: bytes,
    reason: str,
    request_id: str,
    timeout_s: int,
    **signing: Any,
) -> None:
    """Offer a record, as its issuer; locks it until the other zone has answered."""
    send(
        lambda signer: pb.MsgOfferHandOver(
            signer=signer,
            channel_id=channel_id,
            record_id=record_id,
            receiver=receiver,
            reader_key=reader_key,
            sealed_digest=sealed_digest,
            reason=reason,
            timeout_timestamp=timeout_ns(timeout_s),
            request_id=request_id,
        ),
        response=pb.MsgOfferHandOverResponse,
        **signing,
    )


@hand_over.command()
@channel_option
@sequence_option
@click.option(
    "--payload-digest",
    callback=hex_bytes(DIGEST_SIZE_BYTES),
    metavar="HEX",
    required=True,
    help="Digest of the record, recomputed from what arrived.",
)
@click.option("--record", "record_id", default="", help="Another id for it here.")
@click.option("--reason", default="", help="For people.")
@signing_options
@cli_errors
def accept(
    channel_id: str,
    sequence: int,
    payload_digest: bytes,
    record_id: str,
    reason: str,
    **signing: Any,
) -> None:
    """Take a record over, as an officer of the receiver."""
    send(
        lambda signer: pb.MsgDecideHandOver(
            signer=signer,
            channel_id=channel_id,
            sequence=sequence,
            outcome=pb.HAND_OVER_OUTCOME_ACCEPTED,
            reason=reason,
            record_id=record_id,
            payload_digest=payload_digest,
        ),
        **signing,
    )


@hand_over.command("return")
@channel_option
@sequence_option
@click.option("--reason", required=True, help="For people.")
@signing_options
@cli_errors
def return_record(channel_id: str, sequence: int, reason: str, **signing: Any) -> None:
    """Return a record, as an officer of the receiver."""
    send(
        lambda signer: pb.MsgDecideHandOver(
            signer=signer,
            channel_id=channel_id,
            sequence=sequence,
            outcome=pb.HAND_OVER_OUTCOME_RETURNED,
            reason=reason,
        ),
        **signing,
    )


@hand_over.command("show")
@channel_option
@sequence_option
@_side_option
@height_option
@node_option
@json_option
@cli_errors
def show_hand_over(
    channel_id: str,
    sequence: int,
    side: str | None,
    height: int,
    node: str,
    as_json: bool,
) -> None:
    """Show one hand-over as this zone keeps it."""
    asked = exchange_pb2.QueryHandOverRequest(
        channel_id=channel_id, sequence=sequence, side=_side(side)
    )

    async def ask(client: ZoneClient) -> exchange_pb2.QueryHandOverResponse:
        return await client.query(
            _QUERY + "HandOver", asked, exchange_pb2.QueryHandOverResponse, height
        )

    show(message_object(with_zone(node, ask).hand_over), as_json=as_json)


@hand_over.command("list")
@channel_option
@_side_option
@click.option("--status", type=click.Choice(list(_STATUSES)), help="Default: all.")
@click.option("--after", type=Number(min=0), default=0)
@limit_option
@node_option
@json_option
@cli_errors
def list_hand_overs(
    channel_id: str,
    side: str | None,
    status: str | None,
    after: int,
    limit: int,
    node: str,
    as_json: bool,
) -> None:
    """List the hand-overs of a channel; those that this zone gives, without a side."""
    asked = exchange_pb2.QueryHandOversRequest(
        channel_id=channel_id,
        side=_side(side),
        status=_STATUSES[status] if status else pb.HAND_OVER_STATUS_UNSPECIFIED,
        start_after=after,
        limit=limit,
    )

    async def ask(client: ZoneClient) -> exchange_pb2.QueryHandOversResponse:
        return await client.query(
            _QUERY + "HandOvers", asked, exchange_pb2.QueryHandOversResponse
        )

    found = [message_object(item) for item in with_zone(node, ask).hand_overs]
    show_many("hand_overs", found, as_json=as_json)


def _side(text: str | None) -> pb.HandOverSide:
    return _SIDES[text] if text else pb.HAND_OVER_SIDE_UNSPECIFIED
