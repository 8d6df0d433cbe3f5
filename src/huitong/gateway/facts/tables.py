"""Table of the facts that this gateway imports or watches."""

from __future__ import annotations

from sqlalchemy import Index
from sqlalchemy.orm import Mapped, mapped_column

from huitong.gateway.database.base import Base, Blob, Count, Name, Text, TimeNs


class FactRow(Base):
    """One fact; what is proven of it stands in the own zone and not here."""

    __tablename__ = "facts"

    id: Mapped[Name] = mapped_column(primary_key=True)
    """The fact's id, hexadecimal."""
    source: Mapped[Name]
    store: Mapped[Name]
    key: Mapped[Blob]
    state: Mapped[Name]
    is_watched: Mapped[bool]
    step_id: Mapped[Count] = mapped_column(default=0)
    """The step that brings it, or brought it last; 0 before the first."""
    attempts: Mapped[Count] = mapped_column(default=0)
    """Proofs that were ordered; tells their steps apart."""
    looked_ns: Mapped[TimeNs] = mapped_column(default=0)
    """When its source was looked at; 0 before."""
    request_id: Mapped[Name] = mapped_column(default="")
    created_ns: Mapped[TimeNs]
    changed_ns: Mapped[TimeNs]
    problem_codespace: Mapped[Name] = mapped_column(default="")
    problem_code: Mapped[Count] = mapped_column(default=0)
    problem: Mapped[Text] = mapped_column(default="")

    __table_args__ = (Index("ix_facts_is_watched", "is_watched", "state"),)
