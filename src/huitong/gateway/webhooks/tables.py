"""Tables of the webhooks."""

from __future__ import annotations

from sqlalchemy.orm import Mapped, mapped_column

from huitong.gateway.database.base import Base, Blob, Count, Name, Text, TimeNs


class WebhookRow(Base):
    """One receiver of events."""

    __tablename__ = "webhooks"

    id: Mapped[Name] = mapped_column(primary_key=True)
    name: Mapped[Name]
    url: Mapped[Text]
    types: Mapped[Blob]
    """JSON list of types of events; empty for all that the roles see."""
    roles: Mapped[Text]
    """Names with commas between, sorted."""
    secret: Mapped[Blob]
    """Sealed, see ``secrets``."""
    old_secret: Mapped[Blob]
    """The one before, sealed; empty if there is none."""
    old_until_ns: Mapped[TimeNs]
    """Until when messages are signed with the old one too."""
    position: Mapped[Count]
    """Of the newest event that was looked at for it."""
    made_ns: Mapped[TimeNs]
    made_by: Mapped[Name]
