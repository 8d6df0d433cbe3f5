"""What the gateway remembers of its sources: how far it read, and each row's fate.

Nothing of a row's values is kept here: its key, a digest, and why it failed. The values
are in the source, and after publication in the vault.
"""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import JSON, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from huitong.gateway.connectors.rows import KEY_CHARACTERS_MAX
from huitong.gateway.database.base import Base, Count, Digest, Name, Text, TimeNs

#: What became of a row.
PUBLISHED: Final = "published"
FAILED: Final = "failed"
SKIPPED: Final = "skipped"


class ConnectorState(Base):
    """How far one source was read."""

    __tablename__ = "connector_state"

    connector: Mapped[Name] = mapped_column(primary_key=True)
    position: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    """Where to go on; None for the beginning."""
    last_run: Mapped[TimeNs]
    """When the last run ended."""
    last_error: Mapped[Text | None]
    """Why it ended early; None if it did not."""


class ConnectorItem(Base):
    """One row of a source."""

    __tablename__ = "connector_item"
    __table_args__ = (Index("ix_connector_item_state", "connector", "state", "key"),)

    connector: Mapped[Name] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(String(KEY_CHARACTERS_MAX), primary_key=True)
    state: Mapped[str] = mapped_column(String(16))
    """``published``, ``failed`` or ``skipped``."""
    fingerprint: Mapped[Digest | None]
    """Digest of the row when it was last looked at; None if it could not be read."""
    record_id: Mapped[str] = mapped_column(String(128))
    """Record that was made of it; empty if none was."""
    reason: Mapped[Text]
    """Why it failed; empty if it did not."""
    attempts: Mapped[Count]
    """How often it failed in a row."""
    since: Mapped[TimeNs]
    """Since when it is in this state."""
