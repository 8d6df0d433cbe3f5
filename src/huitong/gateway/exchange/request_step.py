"""The step that brings a request to the own zone: of one record, or of a standing permission."""

from __future__ import annotations

from huitong.core.time import NS_PER_SECOND
from huitong.gateway.exchange.kinds import step_key
from huitong.gateway.exchange.parts import Parts
from huitong.gateway.exchange.tables import ExchangeRow, SubscriptionRow
from huitong.gateway.outbox.steps import NewStep, chain_step
from huitong.proto.huitong.exchange.v1 import exchange_pb2


def request_step(
    parts: Parts, kind: str, row: ExchangeRow | SubscriptionRow, timeout_s: int
) -> NewStep:
    """Return the step that sends what a row asks for.

    Args:
        parts: of this gateway.
        kind: of the step.
        row: what was ordered.
        timeout_s: how long the packet may be on its way; 0 takes the settings' time.
    """
    account = parts.identity.requester
    timeout_s = timeout_s or parts.settings.packet_timeout_s
    message = exchange_pb2.MsgRequestExchange(
        signer=account,
        channel_id=row.channel_id,
        request=exchange_pb2.RequestPacket.FromString(row.request),
        timeout_timestamp=row.created_ns + timeout_s * NS_PER_SECOND,
    )
    return chain_step(
        kind,
        step_key(kind, row.id),
        message,
        account=account,
        subject=row.id,
        request_id=row.request_id,
    )
