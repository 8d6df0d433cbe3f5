"""Table of the hand-overs."""

from __future__ import annotations

from sqlalchemy import Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from huitong.gateway.database.base import Base, Blob, Count, Digest, Name, Text, TimeNs


class HandOverRow(Base):
    """One hand-over, on either side."""

    __tablename__ = "hand_overs"

    id: Mapped[Name] = mapped_column(primary_key=True)
    """Ascending in the order of making."""
    side: Mapped[Name]
    stage: Mapped[Name]
    key: Mapped[Name | None] = mapped_column(unique=True)
    """Of the caller's order; None for what others offer."""
    order_digest: Mapped[Digest] = mapped_column(default=b"")
    """SHA-256 of the order, so that another one under the same key is noticed."""
    channel_id: Mapped[Name]
    sequence: Mapped[Count | None]
    peer: Mapped[Name]
    record_id: Mapped[Name]
    reason: Mapped[Text] = mapped_column(default="")
    timeout_s: Mapped[Count] = mapped_column(default=0)
    """Giver: how long the offer may be on its way."""
    reader_key: Mapped[Digest] = mapped_column(default=b"")
    """Giver: what the payload is sealed to."""
    offer: Mapped[Blob] = mapped_column(default=b"")
    """Encoded ``HandOverPacket``; empty before it is on chain."""
    decision: Mapped[Blob] = mapped_column(default=b"")
    """Encoded ``HandOverDecision``; empty before there is one."""
    deadline_ns: Mapped[TimeNs] = mapped_column(default=0)
    failure: Mapped[Text] = mapped_column(default="")
    sealed_digest: Mapped[Digest] = mapped_column(default=b"")
    """SHA-256 of the sealed bytes in the vault; empty if there are none."""
    sealed_size: Mapped[Count] = mapped_column(default=0)
    holds_payload: Mapped[bool] = mapped_column(default=False)
    """Receiver: whether the payload lies in the vault to be looked at."""
    keeps_sealed: Mapped[bool] = mapped_column(default=False)
    """Whether the sealed bytes still lie in the vault."""
    request_id: Mapped[Name] = mapped_column(default="")
    created_ns: Mapped[TimeNs]
    changed_ns: Mapped[TimeNs]
    problem_step_id: Mapped[Count] = mapped_column(default=0)
    """The step that is stuck; 0 for none."""
    problem_codespace: Mapped[Name] = mapped_column(default="")
    problem_code: Mapped[Count] = mapped_column(default=0)
    problem: Mapped[Text] = mapped_column(default="")
    problem_since_ns: Mapped[TimeNs] = mapped_column(default=0)

    __table_args__ = (
        UniqueConstraint("channel_id", "sequence", "side"),
        Index("ix_hand_overs_stage", "stage", "side"),
        Index("ix_hand_overs_keeps_sealed", "keeps_sealed", "stage"),
    )
