"""Tables of the outbox."""

from __future__ import annotations

from typing import Final

from sqlalchemy import ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from huitong.gateway.database.base import (
    Base,
    Blob,
    Count,
    Digest,
    Name,
    NumberKey,
    Text,
    TimeNs,
)

#: States of a ``ChainTransactionRow``.
SIGNED: Final = "signed"
"""Stored; it may be in a mempool, in a block, or nowhere."""
COMMITTED: Final = "committed"
"""In a block, and its sequence is used up, whether or not it succeeded."""
DROPPED: Final = "dropped"
"""It can no longer come into a block; its steps are free again."""


class ChainTransactionRow(Base):
    """A signed transaction of one of the gateway's accounts."""

    __tablename__ = "chain_transactions"

    id: Mapped[NumberKey]
    account: Mapped[Name]
    sequence: Mapped[Count]
    tx_hash: Mapped[Digest] = mapped_column(unique=True)
    raw: Mapped[Blob]
    """The signed bytes, for as long as they may have to be sent again."""
    timeout_height: Mapped[Count]
    """Last block that may hold it."""
    state: Mapped[Name]
    created_ns: Mapped[TimeNs]
    height: Mapped[Count] = mapped_column(default=0)
    code: Mapped[Count] = mapped_column(default=0)
    codespace: Mapped[Name] = mapped_column(default="")
    log: Mapped[Text] = mapped_column(default="")
    gas_used: Mapped[Count] = mapped_column(default=0)

    __table_args__ = (
        Index("ix_chain_transactions_account_state", "account", "state", "sequence"),
    )


class StepRow(Base):
    """Something that is to be done once."""

    __tablename__ = "outbox_steps"

    id: Mapped[NumberKey]
    kind: Mapped[Name]
    key: Mapped[Name]
    lane: Mapped[Name]
    subject: Mapped[Name]
    request_id: Mapped[Name]
    traceparent: Mapped[Name] = mapped_column(default="")
    """Span that led to it; empty if none is recorded."""
    payload: Mapped[Blob]
    is_chain: Mapped[bool]
    state: Mapped[Name]
    attempts: Mapped[Count] = mapped_column(default=0)
    next_attempt_ns: Mapped[TimeNs]
    is_alone: Mapped[bool] = mapped_column(default=False)
    """Whether it goes into a transaction of its own, because one with others failed."""
    created_ns: Mapped[TimeNs]
    changed_ns: Mapped[TimeNs]
    error_codespace: Mapped[Name] = mapped_column(default="")
    error_code: Mapped[Count] = mapped_column(default=0)
    error: Mapped[Text] = mapped_column(default="")
    result: Mapped[Blob] = mapped_column(default=b"")
    transaction_id: Mapped[int | None] = mapped_column(
        ForeignKey("chain_transactions.id")
    )
    message_index: Mapped[Count] = mapped_column(default=0)
    """Place of its message in the transaction."""

    __table_args__ = (
        UniqueConstraint("key"),
        Index("ix_outbox_steps_due", "state", "is_chain", "next_attempt_ns"),
        Index("ix_outbox_steps_subject", "subject"),
        Index("ix_outbox_steps_transaction_id", "transaction_id"),
    )


class FollowedZoneRow(Base):
    """How far the blocks of the own zone were applied."""

    __tablename__ = "followed_zones"

    chain_id: Mapped[Name] = mapped_column(primary_key=True)
    height: Mapped[Count]


class LeaseRow(Base):
    """Which process does what only one may do."""

    __tablename__ = "leases"

    name: Mapped[Name] = mapped_column(primary_key=True)
    holder: Mapped[Name]
    until_ns: Mapped[TimeNs]
