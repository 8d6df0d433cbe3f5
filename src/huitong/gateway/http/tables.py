"""Tables of the HTTP interface: answers remembered for repeats, and quotas."""

from __future__ import annotations

from sqlalchemy import Index
from sqlalchemy.orm import Mapped, mapped_column

from huitong.gateway.database.base import Base, Blob, Count, Digest, Name, TimeNs


class IdempotencyRow(Base):
    """A request that carried an ``Idempotency-Key``, and its answer."""

    __tablename__ = "idempotency_keys"
    __table_args__ = (Index("ix_idempotency_keys_caller_made", "caller", "made_ns"),)

    caller: Mapped[Name] = mapped_column(primary_key=True)
    """Id of the caller; nobody sees the keys of others."""
    key: Mapped[Name] = mapped_column(primary_key=True)
    made_ns: Mapped[TimeNs] = mapped_column(index=True)
    holder: Mapped[Digest]
    """Names the attempt that works on it, so that a late one cannot overwrite a newer."""
    leased_until_ns: Mapped[TimeNs]
    """While unanswered: until when equal requests are told to wait."""
    request: Mapped[Digest | None]
    """SHA-256 over method, path, query and body; None while unanswered."""
    status: Mapped[int | None]
    headers: Mapped[Blob | None]
    """JSON list of pairs."""
    body: Mapped[Blob | None]
    """None if it was too large to be kept, or shows a secret."""


class QuotaUse(Base):
    """Requests that a caller has used of the quota of a day."""

    __tablename__ = "quota_uses"

    caller: Mapped[Name] = mapped_column(primary_key=True)
    day: Mapped[Count] = mapped_column(primary_key=True)
    """Days since the epoch, UTC."""
    used: Mapped[Count]
