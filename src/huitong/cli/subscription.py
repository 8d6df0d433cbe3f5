"""``huitong exchange subscription``: push, end and read standing permissions."""

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
from huitong.core.fields import DIGEST_SIZE_BYTES
from huitong.proto.huitong.exchange.v1 import exchange_pb2 as pb

_QUERY = "/huitong.exchange.v1.Query/"
_SIDES = {
    "requester": pb.EXCHANGE_SIDE_REQUESTER,
    "provider": pb.EXCHANGE_SIDE_PROVIDER,
}
_STATES = {
    "active": pb.SUBSCRIPTION_STATE_ACTIVE,
    "ended": pb.SUBSCRIPTION_STATE_ENDED,
    "withdrawn": pb.SUBSCRIPTION_STATE_WITHDRAWN,
}
_side_option = click.option(
    "--side", type=click.Choice(list(_SIDES)), help="What this zone is in it."
)
_after_option = click.option("--after", type=Number(min=0), default=0)


@click.group()
def subscription() -> None:
    """Standing permissions: push new versions, end them, find what was missed.

    One begins with `huitong exchange request --standing`.
    """


@subscription.command()
@channel_option
@sequence_option
@click.option("--record", "record_id", required=True)
@click.option("--version", type=Number(min=0), default=0, help="0: the head.")
@click.option(
    "--sealed-digest",
    callback=hex_bytes(DIGEST_SIZE_BYTES),
    metavar="HEX",
    required=True,
    help="SHA-256 of the sealed bytes that are handed over.",
)
@click.option("--request-id", default="", help="To trace it by, in both zones.")
@timeout_option
@signing_options
@cli_errors
def push(
    channel_id: str,
    sequence: int,
    record_id: str,
    version: int,
    sealed_digest: bytes,
    request_id: str,
    timeout_s: int,
    **signing: Any,
) -> None:
    """Push a version to the requester, as the issuer.

    If what the permission rests on is gone, nothing is pushed: number is 0, reason_code
    tells why, and the permission ends in both zones.
    """
    send(
        lambda signer: pb.MsgPushVersion(
            signer=signer,
            channel_id=channel_id,
            sequence=sequence,
            record_id=record_id,
            version=version,
            sealed_digest=sealed_digest,
            timeout_timestamp=timeout_ns(timeout_s),
            request_id=request_id,
        ),
        response=pb.MsgPushVersionResponse,
        **signing,
    )


@subscription.command()
@channel_option
@sequence_option
@click.option(
    "--side",
    type=click.Choice(list(_SIDES)),
    required=True,
    help="What this zone is in it.",
)
@click.option("--reason", default="", help="For people.")
@timeout_option
@signing_options
@cli_errors
def end(
    channel_id: str,
    sequence: int,
    side: str,
    reason: str,
    timeout_s: int,
    **signing: Any,
) -> None:
    """End a permission, or tell its end again if the other zone was not reached."""
    send(
        lambda signer: pb.MsgEndSubscription(
            signer=signer,
            channel_id=channel_id,
            sequence=sequence,
            side=_SIDES[side],
            reason=reason,
            timeout_timestamp=timeout_ns(timeout_s),
        ),
        response=pb.MsgEndSubscriptionResponse,
        **signing,
    )


@subscription.command("show")
@channel_option
@sequence_option
@_side_option
@height_option
@node_option
@json_option
@cli_errors
def show_subscription(
    channel_id: str,
    sequence: int,
    side: str | None,
    height: int,
    node: str,
    as_json: bool,
) -> None:
    """Show one permission as this zone keeps it."""
    asked = pb.QuerySubscriptionRequest(
        channel_id=channel_id, sequence=sequence, side=_side(side)
    )

    async def ask(client: ZoneClient) -> pb.QuerySubscriptionResponse:
        return await client.query(
            _QUERY + "Subscription", asked, pb.QuerySubscriptionResponse, height
        )

    show(message_object(with_zone(node, ask).subscription), as_json=as_json)


@subscription.command("list")
@channel_option
@_side_option
@click.option("--state", type=click.Choice(list(_STATES)), help="Default: all.")
@_after_option
@limit_option
@node_option
@json_option
@cli_errors
def list_subscriptions(
    channel_id: str,
    side: str | None,
    state: str | None,
    after: int,
    limit: int,
    node: str,
    as_json: bool,
) -> None:
    """List the permissions of a channel."""
    asked = pb.QuerySubscriptionsRequest(
        channel_id=channel_id,
        side=_side(side),
        state=_STATES[state] if state else pb.SUBSCRIPTION_STATE_UNSPECIFIED,
        start_after=after,
        limit=limit,
    )

    async def ask(client: ZoneClient) -> pb.QuerySubscriptionsResponse:
        return await client.query(
            _QUERY + "Subscriptions", asked, pb.QuerySubscriptionsResponse
        )

    found = [message_object(item) for item in with_zone(node, ask).subscriptions]
    show_many("subscriptions", found, as_json=as_json)


@subscription.command()
@channel_option
@sequence_option
@_side_option
@_after_option
@limit_option
@node_option
@json_option
@cli_errors
def pushes(
    channel_id: str,
    sequence: int,
    side: str | None,
    after: int,
    limit: int,
    node: str,
    as_json: bool,
) -> None:
    """List the versions that were pushed under a permission."""
    asked = pb.QueryPushesRequest(
        channel_id=channel_id,
        sequence=sequence,
        side=_side(side),
        start_after=after,
        limit=limit,
    )

    async def ask(client: ZoneClient) -> pb.QueryPushesResponse:
        return await client.query(_QUERY + "Pushes", asked, pb.QueryPushesResponse)

    found = [message_object(item) for item in with_zone(node, ask).pushes]
    show_many("pushes", found, as_json=as_json)


@subscription.command()
@channel_option
@sequence_option
@click.option(
    "--push-last",
    type=Number(min=1),
    required=True,
    help="Highest number on the provider's zone, see `show` there.",
)
@_after_option
@limit_option
@node_option
@json_option
@cli_errors
def missed(
    channel_id: str,
    sequence: int,
    push_last: int,
    after: int,
    limit: int,
    node: str,
    as_json: bool,
) -> None:
    """List the numbers of pushes that have not arrived in this zone."""
    asked = pb.QueryMissedPushesRequest(
        channel_id=channel_id,
        sequence=sequence,
        push_last=push_last,
        start_after=after,
        limit=limit,
    )

    async def ask(client: ZoneClient) -> pb.QueryMissedPushesResponse:
        return await client.query(
            _QUERY + "MissedPushes", asked, pb.QueryMissedPushesResponse
        )

    show(message_object(with_zone(node, ask)), as_json=as_json)


def _side(text: str | None) -> pb.ExchangeSide:
    return _SIDES[text] if text else pb.EXCHANGE_SIDE_UNSPECIFIED
