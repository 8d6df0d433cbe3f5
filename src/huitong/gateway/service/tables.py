"""Tables of the service: who does the work in the background."""

from __future__ import annotations

from sqlalchemy.orm import Mapped, mapped_column

from huitong.gateway.database.base import Base, Count, Name, TimeNs


class LeaseRow(Base):
    """The right of one process to do some work alone, for a while."""

    __tablename__ = "leases"

    name: Mapped[Name] = mapped_column(primary_key=True)
    """The work."""
    holder: Mapped[Name]
    """The home folder that does it, by the name in its ``run/instance``."""
    term: Mapped[Count]
    """Grows with each new holder."""
    expires: Mapped[TimeNs]
    """When another may take it, by the clock of the database."""
