"""Tables of the events."""

from __future__ import annotations

from sqlalchemy import UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from huitong.gateway.database.base import Base, Blob, Count, Name, NumberKey, TimeNs


class EventRow(Base):
    """One event, written in the transaction of the change that it tells of."""

    __tablename__ = "events"

    number: Mapped[NumberKey]
    """Order of writing; transactions may be committed in another one."""
    position: Mapped[Count | None]
    """Public number, from 1 and without gaps; None until it is told."""
    kind: Mapped[Name]
    """``type`` of the CloudEvent."""
    subject: Mapped[Name]
    time_ns: Mapped[TimeNs]
    request_id: Mapped[Name]
    """Id of the call that led to it; empty if none did."""
    data: Mapped[Blob]
    """JSON object."""

    __table_args__ = (UniqueConstraint("position"),)


class EventHeadRow(Base):
    """How far events were told and cleared away; its one row is what writers lock."""

    __tablename__ = "event_heads"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    position: Mapped[Count]
    """Of the newest event that was told; 0 before the first."""
    gone: Mapped[Count]
    """Of the newest event that is no longer kept; 0 while all are."""
