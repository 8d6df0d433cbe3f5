"""Tables of the access log: of proven reads, and of what is given otherwise."""

from __future__ import annotations

from typing import Annotated, Final

from sqlalchemy import BigInteger, Index, Integer
from sqlalchemy.orm import Mapped, mapped_column

from huitong.gateway.database.base import Base, Blob, Count, Digest, Name, TimeNs

#: SQLite counts up by itself only in a column of its own type of whole numbers.
NumberKey = Annotated[
    int,
    mapped_column(
        BigInteger().with_variant(Integer, "sqlite"),
        primary_key=True,
        autoincrement=True,
    ),
]

#: States of a ``ReadBatchRow``.
WAITING: Final = "waiting"
ANCHORED: Final = "anchored"


class ReadRow(Base):
    """A line of the access log: one record that was given to one reader."""

    __tablename__ = "read_lines"

    id: Mapped[NumberKey]
    time_ns: Mapped[TimeNs]
    reader: Mapped[Name]
    record_id: Mapped[Name]
    subject: Mapped[Digest] = mapped_column(index=True)
    """Pseudonym of the data subject; empty if the record has none."""
    line: Mapped[Blob]
    """The encoded ``AccessLine``: the leaf."""
    gift: Mapped[Name | None] = mapped_column(unique=True, default=None)
    """What it was given in, such as the id of an exchange; none for a proven read."""
    batch: Mapped[Count | None]
    """Number of the batch that it is in; none before it is cut."""
    place: Mapped[Count | None]
    """Place in the batch, from 0."""

    __table_args__ = (Index("ix_read_lines_batch_place", "batch", "place"),)


class ReadBatchRow(Base):
    """A batch of lines under one root."""

    __tablename__ = "read_batches"

    sequence: Mapped[Count] = mapped_column(primary_key=True, autoincrement=False)
    """Number of the anchor: 1, 2, … without gaps."""
    root: Mapped[Digest]
    previous_root: Mapped[Digest]
    count: Mapped[Count]
    first_ns: Mapped[TimeNs]
    last_ns: Mapped[TimeNs]
    state: Mapped[Name]
    height: Mapped[Count] = mapped_column(default=0)
    """Block that holds the anchor; 0 before."""
    tx_hash: Mapped[Name] = mapped_column(default="")
