"""Tables of the exchanges."""

from __future__ import annotations

from sqlalchemy import Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from huitong.gateway.database.base import Base, Blob, Count, Digest, Name, Text, TimeNs


class MayBeStuck:
    """Columns of what may have a problem."""

    problem_step_id: Mapped[Count] = mapped_column(default=0)
    """The step that is stuck; 0 for none."""
    problem_codespace: Mapped[Name] = mapped_column(default="")
    problem_code: Mapped[Count] = mapped_column(default=0)
    problem: Mapped[Text] = mapped_column(default="")
    problem_since_ns: Mapped[TimeNs] = mapped_column(default=0)


class ExchangeRow(MayBeStuck, Base):
    """One exchange, or one version that was pushed, on either side."""

    __tablename__ = "exchanges"

    id: Mapped[Name] = mapped_column(primary_key=True)
    """Ascending in the order of making."""
    side: Mapped[Name]
    stage: Mapped[Name]
    key: Mapped[Name | None] = mapped_column(unique=True)
    """Of the caller's order; None for what others asked of us."""
    order_digest: Mapped[Digest] = mapped_column(default=b"")
    """SHA-256 of the order, so that another one under the same key is noticed."""
    channel_id: Mapped[Name]
    sequence: Mapped[Count | None]
    push_number: Mapped[Count | None]
    """Of a pushed version, None until it is on chain; 0 for the request itself."""
    subscription_id: Mapped[Name | None] = mapped_column(default=None)
    """The standing permission under which a version is pushed."""
    version: Mapped[Count | None] = mapped_column(default=None)
    """Of what is pushed."""
    peer: Mapped[Name]
    record_id: Mapped[Name]
    record_type: Mapped[Name] = mapped_column(default="")
    """Requester: of what was received, as proven; empty before."""
    request: Mapped[Blob]
    """Encoded ``RequestPacket``."""
    decision: Mapped[Blob] = mapped_column(default=b"")
    """Encoded ``Decision``; empty before there is one."""
    deadline_ns: Mapped[TimeNs] = mapped_column(default=0)
    failure: Mapped[Text] = mapped_column(default="")
    """Why the other zone or the packet failed, for people."""
    sealed_digest: Mapped[Digest] = mapped_column(default=b"")
    """SHA-256 of the sealed bytes in the vault; empty if there are none."""
    sealed_size: Mapped[Count] = mapped_column(default=0)
    stated_height: Mapped[Count] = mapped_column(default=0)
    """Provider: block of the own zone that holds the statement of delivery."""
    grade: Mapped[Name] = mapped_column(default="")
    minimum_grade: Mapped[Name] = mapped_column(default="")
    payload_digest: Mapped[Digest] = mapped_column(default=b"")
    """Requester: of what was received and lies in the vault."""
    checked_height: Mapped[Count] = mapped_column(default=0)
    keeps_sealed: Mapped[bool] = mapped_column(default=False)
    """Whether the sealed bytes still lie in the vault."""
    receipts: Mapped[Count] = mapped_column(default=0)
    """How often the receipt, or the pushed version, had to be sent again."""
    request_id: Mapped[Name] = mapped_column(default="")
    created_ns: Mapped[TimeNs]
    changed_ns: Mapped[TimeNs]

    __table_args__ = (
        UniqueConstraint("channel_id", "sequence", "side", "push_number"),
        UniqueConstraint("subscription_id", "record_id", "version"),
        Index("ix_exchanges_stage", "stage", "side", "changed_ns"),
        Index("ix_exchanges_keeps_sealed", "keeps_sealed", "stage"),
        Index("ix_exchanges_problem_step_id", "problem_step_id"),
    )


class SubscriptionRow(MayBeStuck, Base):
    """One standing permission, on either side."""

    __tablename__ = "subscriptions"

    id: Mapped[Name] = mapped_column(primary_key=True)
    """Ascending in the order of making."""
    side: Mapped[Name]
    stage: Mapped[Name]
    key: Mapped[Name | None] = mapped_column(unique=True)
    """Of the caller's order; None for what others asked of us."""
    order_digest: Mapped[Digest] = mapped_column(default=b"")
    channel_id: Mapped[Name]
    sequence: Mapped[Count | None]
    peer: Mapped[Name]
    record_id: Mapped[Name] = mapped_column(default="")
    record_type: Mapped[Name] = mapped_column(default="")
    """Every record of it, where ``record_id`` is empty."""
    consent_id: Mapped[Count] = mapped_column(default=0)
    grant_id: Mapped[Count] = mapped_column(default=0)
    """The grant that decided it."""
    count_max: Mapped[Count] = mapped_column(default=0)
    request: Mapped[Blob]
    """Encoded ``RequestPacket``."""
    decision: Mapped[Blob] = mapped_column(default=b"")
    """Encoded ``Decision``; empty before there is one."""
    deadline_ns: Mapped[TimeNs] = mapped_column(default=0)
    failure: Mapped[Text] = mapped_column(default="")
    minimum_grade: Mapped[Name] = mapped_column(default="")
    started_height: Mapped[Count] = mapped_column(default=0)
    started_ns: Mapped[TimeNs] = mapped_column(default=0)
    ended_ns: Mapped[TimeNs] = mapped_column(default=0)
    ended_by: Mapped[Name] = mapped_column(default="")
    reason_code: Mapped[Name] = mapped_column(default="")
    """Why it is over."""
    is_end_known: Mapped[bool] = mapped_column(default=False)
    """Whether the other zone knows that it is over."""
    ends: Mapped[Count] = mapped_column(default=0)
    """How often its end had to be told again."""
    request_id: Mapped[Name] = mapped_column(default="")
    created_ns: Mapped[TimeNs]
    changed_ns: Mapped[TimeNs]

    __table_args__ = (
        UniqueConstraint("channel_id", "sequence", "side"),
        Index("ix_subscriptions_stage", "stage", "side"),
        Index("ix_subscriptions_record_id", "record_id", "record_type"),
        Index("ix_subscriptions_problem_step_id", "problem_step_id"),
    )


class PublicationRow(Base):
    """One document that is to become a version of a record."""

    __tablename__ = "publications"

    id: Mapped[Name] = mapped_column(primary_key=True)
    key: Mapped[Name] = mapped_column(unique=True)
    order_digest: Mapped[Digest]
    record_id: Mapped[Name]
    record_type: Mapped[Name]
    payload_digest: Mapped[Digest]
    fields: Mapped[Blob]
    """Names of the fields, as JSON."""
    state: Mapped[Name]
    version: Mapped[Count] = mapped_column(default=0)
    height: Mapped[Count] = mapped_column(default=0)
    tx_hash: Mapped[Name] = mapped_column(default="")
    step_id: Mapped[Count] = mapped_column(default=0)
    created_ns: Mapped[TimeNs]
    changed_ns: Mapped[TimeNs]
    problem_codespace: Mapped[Name] = mapped_column(default="")
    problem_code: Mapped[Count] = mapped_column(default=0)
    problem: Mapped[Text] = mapped_column(default="")

    __table_args__ = (Index("ix_publications_record_id", "record_id", "id"),)
