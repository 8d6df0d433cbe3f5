"""The events that standing permissions tell beside what the zone itself tells of them."""

from __future__ import annotations

from typing import Any

from sqlalchemy.orm import object_session

from huitong.core.time import format_rfc3339
from huitong.gateway.events.register import (
    SUBSCRIPTION_DECISION_NEEDED,
    SUBSCRIPTION_REFUSED,
    SUBSCRIPTION_STUCK,
    EventType,
)
from huitong.gateway.events.telling import tell
from huitong.gateway.exchange.tables import SubscriptionRow
from huitong.proto.huitong.exchange.v1.exchange_pb2 import Decision


def tell_decision_needed(row: SubscriptionRow) -> None:
    """Tell that an officer has to decide on what another member asks for."""
    _tell(row, SUBSCRIPTION_DECISION_NEEDED)


def tell_refused(row: SubscriptionRow) -> None:
    """Tell that nothing will come of a request."""
    _tell(row, SUBSCRIPTION_REFUSED)


def tell_stuck(row: SubscriptionRow) -> None:
    """Tell that a permission does not go on, and why."""
    _tell(row, SUBSCRIPTION_STUCK)


def _tell(row: SubscriptionRow, event: EventType) -> None:
    session = object_session(row)
    if session is None:
        return  # a row that is not stored changes nothing
    decided = Decision.FromString(row.decision or b"")
    data: dict[str, Any] = {
        "subscription": row.id,
        "side": row.side,
        "stage": row.stage,
        "peer": row.peer,
        "record": row.record_id,
        "record_type": row.record_type,
        "channel": row.channel_id,
        "sequence": row.sequence,
        "deadline": format_rfc3339(row.deadline_ns) if row.deadline_ns else None,
        "reason": row.problem or row.failure or decided.reason or decided.reason_code,
        "codespace": row.problem_codespace or "",
        "code": row.problem_code or 0,
    }
    tell(session, event, row.id, data, request_id=row.request_id or "")
