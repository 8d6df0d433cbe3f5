"""The steps of the provider that follow on a sealed payload."""

from __future__ import annotations

import time

from huitong.core.time import NS_PER_SECOND
from huitong.gateway.exchange.kinds import (
    HAND_OVER,
    HAND_OVER_LARGE,
    PUSH,
    STATE,
    step_key,
)
from huitong.gateway.exchange.parts import Parts
from huitong.gateway.exchange.tables import ExchangeRow
from huitong.gateway.outbox.steps import NewStep, chain_step
from huitong.gateway.peers.limits import BATCH_ITEM_SIZE_BYTES_MAX
from huitong.proto.huitong.exchange.v1 import exchange_pb2 as pb


def statement_step(parts: Parts, row: ExchangeRow) -> NewStep:
    """Return the step that states on the own zone what is handed over."""
    account = parts.identity.publisher
    message = pb.MsgRecordDelivery(
        signer=account,
        channel_id=row.channel_id,
        sequence=row.sequence or 0,
        sealed_digest=row.sealed_digest,
    )
    return chain_step(
        STATE,
        step_key(STATE, row.id),
        message,
        account=account,
        subject=row.id,
        request_id=row.request_id,
    )


def push_step(parts: Parts, row: ExchangeRow, pause_s: int = 0) -> NewStep:
    """Return the step that puts a sealed version on the own zone.

    Args:
        parts: of the exchanges.
        row: the version.
        pause_s: seconds until then.
    """
    now_ns = time.time_ns()
    account = parts.identity.publisher
    timeout_s = pause_s + parts.settings.packet_timeout_s
    message = pb.MsgPushVersion(
        signer=account,
        channel_id=row.channel_id,
        sequence=row.sequence or 0,
        record_id=row.record_id,
        version=row.version or 0,
        sealed_digest=row.sealed_digest,
        timeout_timestamp=now_ns + timeout_s * NS_PER_SECOND,
    )
    return chain_step(
        PUSH,
        step_key(PUSH, row.id, row.receipts),
        message,
        account=account,
        subject=row.id,
        request_id=row.request_id,
        not_before_ns=now_ns + pause_s * NS_PER_SECOND,
    )


def hand_over_step(row: ExchangeRow) -> NewStep:
    """Return the step that brings sealed bytes to the peer.

    What is large takes a while, and keeps nothing small waiting.
    """
    is_large = row.sealed_size > BATCH_ITEM_SIZE_BYTES_MAX
    kind = HAND_OVER_LARGE if is_large else HAND_OVER
    return NewStep(
        kind=kind,
        key=step_key(HAND_OVER, row.id),
        payload=row.sealed_digest,
        lane=row.peer,
        subject=row.id,
        request_id=row.request_id,
    )
