"""Recording an event beside a change: one call, in the change's own transaction.

The events of one transaction are written together, at its end.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, Final, cast

import orjson
from sqlalchemy import Table, insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session

from huitong.gateway.database.commits import after_commit, gather
from huitong.gateway.events.hearing import hear
from huitong.gateway.events.register import EventType
from huitong.gateway.events.tables import EventRow

_EVENTS: Final = cast(Table, EventRow.__table__)


def tell(
    session: AsyncSession | Session,
    event: EventType,
    subject: str,
    data: Mapping[str, Any],
    *,
    request_id: str = "",
) -> None:
    """Write an event; it is told once the session is committed, and never if it is not.

    Args:
        session: of the change.
        event: its type.
        subject: what it is about, 1 to 128 characters.
        data: the members that the type names; JSON values, no payload and no secret.
        request_id: id of the call that led to it.
    """
    values = {
        "position": None,
        "kind": event.name,
        "subject": subject,
        "time_ns": time.time_ns(),
        "request_id": request_id,
        "data": orjson.dumps(dict(data)),
    }
    gather(session, _write, values)


def _write(session: Session, events: list[dict[str, Any]]) -> None:
    session.execute(insert(_EVENTS), events)
    subjects = frozenset(event["subject"] for event in events)
    after_commit(session, lambda: hear(subjects))
