"""Tables of callers: API keys, and the audit log with its head and its anchors."""

from __future__ import annotations

from sqlalchemy import Index
from sqlalchemy.orm import Mapped, mapped_column

from huitong.gateway.database.base import Base, Count, Digest, Name, Text, TimeNs


class ApiKeyRow(Base):
    """An API key; the key itself is nowhere, only its hash."""

    __tablename__ = "api_keys"

    id: Mapped[Name] = mapped_column(primary_key=True)
    """16 hexadecimal digits, a part of the key; not secret."""
    name: Mapped[Name]
    roles: Mapped[Text]
    """Names with commas between, sorted."""
    secret_hash: Mapped[Digest]
    """SHA-256 of the whole key; it has 256 random bits, so a slow hash adds nothing."""
    made_ns: Mapped[TimeNs]
    made_by: Mapped[Name]
    expires_ns: Mapped[TimeNs]
    used_ns: Mapped[TimeNs | None]
    """Last use, to the minute."""
    revoked_ns: Mapped[TimeNs | None]
    replaces: Mapped[Name | None]
    """Id of the key that this one was rotated from."""


class AuditRow(Base):
    """One call. Rows are only ever added; each holds the digest of the one before."""

    __tablename__ = "audit_entries"
    __table_args__ = (Index("ix_audit_entries_caller_sequence", "caller", "sequence"),)

    sequence: Mapped[Count] = mapped_column(primary_key=True, autoincrement=False)
    """1 for the first, without gaps."""
    time_ns: Mapped[TimeNs]
    caller: Mapped[Name]
    """Id of the caller; empty if it did not prove who it is."""
    roles: Mapped[Text]
    address: Mapped[Name]
    """Network address of the sender."""
    method: Mapped[Name]
    path: Mapped[Text]
    """The object; without the query, which may hold what people searched for."""
    operation: Mapped[Name]
    """Id of the operation; empty if the call did not get that far."""
    status: Mapped[int]
    """HTTP status of the answer."""
    problem: Mapped[Name]
    """``codespace/code`` of the refusal, or empty."""
    request_id: Mapped[Name]
    previous: Mapped[Digest]
    digest: Mapped[Digest]


class AuditHeadRow(Base):
    """The last entry; its one row is what writers lock."""

    __tablename__ = "audit_heads"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    sequence: Mapped[Count]
    digest: Mapped[Digest]


class AuditAnchorRow(Base):
    """A head that was put on chain."""

    __tablename__ = "audit_anchors"

    sequence: Mapped[Count] = mapped_column(primary_key=True, autoincrement=False)
    digest: Mapped[Digest]
    anchored_ns: Mapped[TimeNs]
    reference: Mapped[Text]
    """Where it stands, as the anchoring part says: for example a transaction's hash."""
