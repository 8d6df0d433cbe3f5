"""The events that exchanges tell, each beside the change of its row."""

from __future__ import annotations

from typing import Any

from sqlalchemy.orm import object_session

from huitong.core.time import format_rfc3339
from huitong.gateway.events.register import (
    DECISION_NEEDED,
    EXCHANGE_STAGES,
    EXCHANGE_STUCK,
    EventType,
)
from huitong.gateway.events.telling import tell
from huitong.gateway.exchange.orders import Side, Stage
from huitong.gateway.exchange.tables import ExchangeRow
from huitong.proto.huitong.exchange.v1.exchange_pb2 import Decision


def tell_stage(row: ExchangeRow) -> None:
    """Tell to which stage an exchange came, in the session that holds its row."""
    _tell(row, EXCHANGE_STAGES[row.stage])
    if row.side == Side.PROVIDER and row.stage == Stage.REQUESTED:
        _tell(row, DECISION_NEEDED)


def tell_stuck(row: ExchangeRow) -> None:
    """Tell that an exchange does not go on, and why."""
    _tell(row, EXCHANGE_STUCK)


def _tell(row: ExchangeRow, event: EventType) -> None:
    session = object_session(row)
    if session is None:
        return  # a row that is not stored changes nothing
    waits = event is DECISION_NEEDED and bool(row.deadline_ns)
    data: dict[str, Any] = {
        "exchange": row.id,
        "side": row.side,
        "stage": row.stage,
        "peer": row.peer,
        "record": row.record_id,
        "channel": row.channel_id,
        "sequence": row.sequence,
        "deadline": format_rfc3339(row.deadline_ns) if waits else None,
        "reason": _reason(row),
        "codespace": row.problem_codespace or "",
        "code": row.problem_code or 0,
    }
    tell(session, event, row.id, data, request_id=row.request_id or "")


def _reason(row: ExchangeRow) -> str:
    if row.stage == Stage.REFUSED and row.decision:
        return Decision.FromString(row.decision).reason or row.failure or ""
    return row.problem or row.failure or ""
